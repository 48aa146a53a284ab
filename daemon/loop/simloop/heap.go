package simloop

import "github.com/corosync-go/corosync/daemon/clock"

// event is one call in the future.
type event struct {
	node    *Node // nil: belongs to the world
	fn      func()
	index   int  // place in the heap, -1 when not in it
	input   bool // stands for a descriptor that is readable
	recycle bool // nobody refers to it: free once it is due
	held    bool // came due while its node was paused, and has not been taken back since
}

// entry is an event's place in the order of all events.
type entry struct {
	at    clock.Instant
	order uint64
	*event
}

func (a *entry) before(b *entry) bool { return a.at < b.at || a.at == b.at && a.order < b.order }

// eventHeap has the earliest entry first; the children of i are the four from 4i+1 on.
type eventHeap []entry

func (h eventHeap) up(i int, e entry) {
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&h[parent]) {
			break
		}
		h[i] = h[parent]
		h[i].index = i
		i = parent
	}
	h[i] = e
	e.index = i
}

func (h eventHeap) down(i int, e entry) {
	for {
		first := 4*i + 1
		if first >= len(h) {
			break
		}
		least := first
		for k := first + 1; k < min(first+4, len(h)); k++ {
			if h[k].before(&h[least]) {
				least = k
			}
		}
		if !h[least].before(&e) {
			break
		}
		h[i] = h[least]
		h[i].index = i
		i = least
	}
	h[i] = e
	e.index = i
}

func (h *eventHeap) push(e entry) {
	*h = append(*h, e)
	h.up(len(*h)-1, e)
}

// fix puts e, whose event is at place i already, where it belongs.
func (h eventHeap) fix(i int, e entry) {
	if e.before(&h[i]) {
		h.up(i, e)
	} else {
		h.down(i, e)
	}
}

func (h *eventHeap) remove(i int) entry {
	old := *h
	e, last := old[i], old[len(old)-1]
	old[len(old)-1] = entry{}
	*h = old[:len(old)-1]
	if i < len(*h) {
		if i > 0 && last.before(&old[(i-1)/4]) {
			h.up(i, last)
		} else {
			h.down(i, last)
		}
	}
	e.index = -1
	return e
}
