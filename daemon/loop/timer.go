package loop

import (
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
)

// timer is an entry of the heap. It implements [clock.Alarm].
type timer struct {
	heap  *timerHeap
	fn    func()
	at    clock.Instant
	order uint64 // of setting: equal deadlines fire in this order
	index int    // place in the heap, -1 when not set
}

// timerHeap is a binary heap of pending timers. Setting a timer again moves it within the heap.
type timerHeap struct {
	list  []*timer
	order uint64
}

// After calls fn once, d from now.
func (l *Loop) After(d time.Duration, fn func()) clock.Timer {
	t := &timer{heap: &l.heap, fn: fn, index: -1}
	t.Set(l.now.Add(max(d, 0)))
	return t
}

// NewAlarm returns an alarm that is not set. Setting it does not allocate.
func (l *Loop) NewAlarm(fn func()) clock.Alarm {
	return &timer{heap: &l.heap, fn: fn, index: -1}
}

// Set moves the call to the instant at.
func (t *timer) Set(at clock.Instant) {
	if at == clock.Never {
		t.Stop()
		return
	}
	h := t.heap
	t.at = at
	t.order = h.order
	h.order++
	if t.index < 0 {
		t.index = len(h.list)
		h.list = append(h.list, t)
		h.up(t.index)
		return
	}
	h.down(t.index)
	h.up(t.index)
}

// Stop prevents the call if it has not been made yet.
func (t *timer) Stop() {
	if t.index >= 0 {
		t.heap.remove(t.index)
	}
}

// first returns the earliest deadline.
func (h *timerHeap) first() clock.Instant {
	if len(h.list) == 0 {
		return clock.Never
	}
	return h.list[0].at
}

// expire calls the timers whose deadline is not later than now. Timers that these calls set to an instant that has
// passed wait for the next turn.
func (h *timerHeap) expire(now clock.Instant) {
	limit := h.order
	for len(h.list) > 0 {
		t := h.list[0]
		if t.at > now || t.order >= limit {
			return
		}
		h.remove(0)
		t.fn()
	}
}

func (h *timerHeap) less(a, b *timer) bool {
	return a.at < b.at || a.at == b.at && a.order < b.order
}

func (h *timerHeap) swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].index, h.list[j].index = i, j
}

func (h *timerHeap) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(h.list[i], h.list[parent]) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *timerHeap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h.list) {
			return
		}
		if r := child + 1; r < len(h.list) && h.less(h.list[r], h.list[child]) {
			child = r
		}
		if !h.less(h.list[child], h.list[i]) {
			return
		}
		h.swap(i, child)
		i = child
	}
}

func (h *timerHeap) remove(i int) {
	t := h.list[i]
	last := len(h.list) - 1
	if i != last {
		h.swap(i, last)
	}
	h.list[last] = nil
	h.list = h.list[:last]
	t.index = -1
	if i != last {
		h.down(i)
		h.up(i)
	}
}
