package loop

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Events of a descriptor. Errors and hang-ups are always reported.
const (
	Readable uint32 = unix.EPOLLIN
	Writable uint32 = unix.EPOLLOUT
	HungUp   uint32 = unix.EPOLLHUP | unix.EPOLLERR
)

// Priority orders the descriptors that are ready in one turn.
type Priority uint8

// The priorities, first to last.
const (
	High   Priority = iota // the ring: a token must not wait for clients, unless it would leave without their messages
	Medium                 // ordinary work
	Low                    // what may wait: new clients, slow readers
	priorities
)

// Watch is a registered descriptor. The descriptor itself belongs to who registered it, and must stay open until Remove.
type Watch struct {
	loop *Loop
	fd   int
	prio Priority
	mask uint32
	fn   func(events uint32)
	slot int32 // -1 when removed
}

// watches is the table of registered descriptors. An epoll event carries the slot and the generation of the slot, so
// that an event fetched for a descriptor that an earlier handler of the same turn removed is recognised, even if the
// slot or the descriptor number is in use again.
type watches struct {
	slots []watchSlot
	free  []int32
	ready [priorities][]readyEvent
	early func() bool // see Early; nil means never
}

type watchSlot struct {
	w   *Watch
	gen int32
}

type readyEvent struct {
	slot, gen int32
	events    uint32
}

// Watch registers fd: fn is called with the events that are ready, in every turn in which some are (level-triggered).
func (l *Loop) Watch(fd int, mask uint32, prio Priority, fn func(events uint32)) (*Watch, error) {
	if prio >= priorities {
		prio = Low
	}
	w := &Watch{loop: l, fd: fd, prio: prio, mask: mask, fn: fn}
	t := &l.watch
	if n := len(t.free); n > 0 {
		w.slot = t.free[n-1]
	} else {
		w.slot = int32(len(t.slots))
	}
	var gen int32
	if int(w.slot) < len(t.slots) {
		gen = t.slots[w.slot].gen
	}
	ev := unix.EpollEvent{Events: mask, Fd: w.slot, Pad: gen}
	if err := unix.EpollCtl(l.poll.fd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return nil, fmt.Errorf("loop: watch descriptor %d: %w", fd, err)
	}
	if int(w.slot) < len(t.slots) {
		t.free = t.free[:len(t.free)-1]
		t.slots[w.slot].w = w
	} else {
		t.slots = append(t.slots, watchSlot{w: w})
	}
	return w, nil
}

// SetEvents changes the events that are wanted.
func (w *Watch) SetEvents(mask uint32) error {
	if w.slot < 0 || w.mask == mask {
		return nil
	}
	ev := unix.EpollEvent{Events: mask, Fd: w.slot, Pad: w.loop.watch.slots[w.slot].gen}
	if err := unix.EpollCtl(w.loop.poll.fd, unix.EPOLL_CTL_MOD, w.fd, &ev); err != nil {
		return fmt.Errorf("loop: change events of descriptor %d: %w", w.fd, err)
	}
	w.mask = mask
	return nil
}

// SetPriority changes the priority, from the next turn on.
func (w *Watch) SetPriority(p Priority) { w.prio = min(p, priorities-1) }

// Remove ends the registration: fn is not called again, not even in the current turn. Call it before closing the
// descriptor. It may be called repeatedly.
func (w *Watch) Remove() {
	if w == nil || w.slot < 0 {
		return
	}
	// An error means that the descriptor was closed already, which removed it from the epoll set.
	_ = unix.EpollCtl(w.loop.poll.fd, unix.EPOLL_CTL_DEL, w.fd, nil)
	t := &w.loop.watch
	t.slots[w.slot].w = nil
	t.slots[w.slot].gen++
	t.free = append(t.free, w.slot)
	w.slot = -1
}

// lookup returns the watch an event was fetched for, or nil if it is gone.
func (t *watches) lookup(slot, gen int32) *Watch {
	if slot < 0 || int(slot) >= len(t.slots) || t.slots[slot].gen != gen {
		return nil
	}
	return t.slots[slot].w
}

// Early sets the question whether a medium descriptor that is ready together with high ones may go before them. It is
// asked before each; from the first no on, the order of priorities holds. A token that finds nothing to send costs every
// client a whole rotation, so the ring lets requests through while it has room in the coming visit.
func (l *Loop) Early(ask func() bool) { l.watch.early = ask }

func (t *watches) dispatch(events []unix.EpollEvent) {
	for i := range t.ready {
		t.ready[i] = t.ready[i][:0]
	}
	for i := range events {
		e := &events[i]
		if w := t.lookup(e.Fd, e.Pad); w != nil {
			t.ready[w.prio] = append(t.ready[w.prio], readyEvent{slot: e.Fd, gen: e.Pad, events: e.Events})
		}
	}
	medium := t.ready[Medium]
	for t.early != nil && len(t.ready[High]) > 0 && len(medium) > 0 && t.early() {
		t.call(medium[:1])
		medium = medium[1:]
	}
	t.call(t.ready[High])
	t.call(medium)
	t.call(t.ready[Low])
}

func (t *watches) call(ready []readyEvent) {
	for _, e := range ready {
		if w := t.lookup(e.slot, e.gen); w != nil {
			w.fn(e.events)
		}
	}
}
