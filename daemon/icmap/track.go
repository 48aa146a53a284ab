package icmap

import "slices"

// Event says what happened to a key, and which changes a tracker wants. The
// numbers are those of CMAP_TRACK_* and travel to clients.
type Event int32

// The events. EventPrefix is no event but an option of Track.
const (
	EventDelete Event = 1
	EventModify Event = 2
	EventAdd    Event = 4
	EventPrefix Event = 8 // track all keys that start with the given one

	EventAny = EventDelete | EventModify | EventAdd
)

// Func is told of one change. ev holds exactly one of delete, modify and add.
// Without a new or old value (delete, add, and the old one of a Counter) that
// Value is zero. The values are read-only and hold only during the call.
type Func func(ev Event, key string, new, old Value)

// Tracker is one registration; Untrack ends it.
type Tracker struct {
	key  string
	kind Event
	fn   Func
	now  bool
	dead bool
}

// Key returns the key or prefix that is tracked.
func (t *Tracker) Key() string { return t.key }

// Kind returns the events asked for, with EventPrefix if it is one.
func (t *Tracker) Kind() Event { return t.kind }

// bucket holds the trackers of one string in the order of registration.
type bucket struct {
	plain, prefix []*Tracker
}

// event is a change whose deferred trackers are still to be called.
type event struct {
	ev       Event
	it       *item
	new, old Value
	fast     bool // new is read from it at delivery
	to       []*Tracker
}

// maxFlush bounds the calls of one Flush, so that two trackers that write each
// other's keys cost a share of each turn and do not stop the node.
const maxFlush = 1 << 16

// Track registers fn for changes of key, or with EventPrefix of all keys that
// start with key ("" is all keys). fn is called by Flush at the end of the
// owner's turn, once per change, in the order of changes. The key need not
// exist. ErrInvalid: unknown bits in kind. A "" key without EventPrefix is
// accepted and never fires, as in C.
func (m *Map) Track(key string, kind Event, fn Func) (*Tracker, error) {
	return m.track(key, kind, fn, false)
}

// TrackNow registers fn as Track does, but fn is called inside the setter,
// after the new value is stored, and before the key is removed on a delete. It
// is for the few who must be heard before the setter returns: notifications
// that must reach a client ahead of its reply, and the config version, which
// is multicast with the old value when it is deleted. fn must not call back
// into the code that sets; setting other keys is allowed.
func (m *Map) TrackNow(key string, kind Event, fn Func) (*Tracker, error) {
	return m.track(key, kind, fn, true)
}

func (m *Map) track(key string, kind Event, fn Func, now bool) (*Tracker, error) {
	if fn == nil || kind&^(EventAny|EventPrefix) != 0 {
		return nil, ErrInvalid
	}
	t := &Tracker{key: key, kind: kind, fn: fn, now: now}
	m.trackGen++
	if key == "" {
		m.nullKey = append(m.nullKey, t)
		return t, nil
	}
	b := m.tracks[key]
	if b == nil {
		b = &bucket{}
		m.tracks[key] = b
	}
	if kind&EventPrefix != 0 {
		b.prefix = append(b.prefix, t)
	} else {
		b.plain = append(b.plain, t)
	}
	return t, nil
}

// Untrack ends t at once: changes already queued are not told any more. It may
// be called from any callback, and twice.
func (m *Map) Untrack(t *Tracker) {
	if t == nil || t.dead {
		return
	}
	t.dead = true
	m.trackGen++
	drop := func(s []*Tracker) []*Tracker {
		if i := slices.Index(s, t); i >= 0 {
			// A new slice: the old one may be the list somebody walks.
			return slices.Delete(slices.Clone(s), i, i+1)
		}
		return s
	}
	if t.key == "" {
		m.nullKey = drop(m.nullKey)
		return
	}
	b := m.tracks[t.key]
	if b == nil {
		return
	}
	b.plain, b.prefix = drop(b.plain), drop(b.prefix)
	if len(b.plain)+len(b.prefix) == 0 {
		delete(m.tracks, t.key)
	}
}

// watchers lists who tracks it, in the order in which the C daemon calls them:
// the string of the key itself, then its prefixes from long to short, then the
// trackers of all keys; on one string the plain ones, newest first, then the
// prefix ones, oldest first; of the trackers of all keys the newest first.
func (m *Map) watchers(it *item) []*Tracker {
	if it.watchGen == m.trackGen {
		return it.watchers
	}
	var to []*Tracker
	if len(m.tracks) > 0 {
		if b := m.tracks[it.key]; b != nil {
			for i := len(b.plain) - 1; i >= 0; i-- {
				to = append(to, b.plain[i])
			}
		}
		for n := len(it.key); n > 0; n-- {
			if b := m.tracks[it.key[:n]]; b != nil {
				to = append(to, b.prefix...)
			}
		}
	}
	for i := len(m.nullKey) - 1; i >= 0; i-- {
		if m.nullKey[i].kind&EventPrefix != 0 {
			to = append(to, m.nullKey[i])
		}
	}
	it.watchers, it.watchGen = to, m.trackGen
	return to
}

// changed tells the immediate trackers and queues for the others.
func (m *Map) changed(it *item, ev Event, new, old Value) {
	to := m.watchers(it)
	later := false
	for _, t := range to {
		if t.kind&ev == 0 || t.dead {
			continue
		}
		if t.now {
			t.fn(ev, it.key, new, old)
		} else {
			later = true
		}
	}
	if later {
		// A counter writes its data in place, so what is queued needs a copy.
		m.enqueue(event{ev: ev, it: it, new: new.Clone(), old: old.Clone(), to: to})
	}
}

func (m *Map) changedFast(it *item) {
	to := m.watchers(it)
	if len(to) == 0 {
		return
	}
	later := false
	for _, t := range to {
		if t.kind&EventModify == 0 || t.dead {
			continue
		}
		// Even TrackNow waits for the end of the turn here: nobody needs a
		// message counter at once, and one call per turn bounds the cost.
		later = true
	}
	if !later || it.fastTurn == m.turn {
		return
	}
	it.fastTurn = m.turn
	m.enqueue(event{ev: EventModify, it: it, fast: true, to: to})
}

func (m *Map) enqueue(e event) {
	m.queue = append(m.queue, e)
	if len(m.queue) == 1 && !m.busy && m.Wake != nil {
		m.Wake()
	}
}

// Pending says whether Flush has something to do.
func (m *Map) Pending() bool { return len(m.queue) > 0 }

// Flush calls the trackers of all changes since the last one, in the order of
// the changes. Changes that trackers make are told in the same Flush, after
// what is queued already. A Flush inside a tracker does nothing. After maxFlush
// changes it stops, calls Wake, and the rest waits for the next call.
func (m *Map) Flush() {
	if m.busy {
		return
	}
	m.busy = true
	m.turn++
	n := 0
	for ; n < len(m.queue) && n < maxFlush; n++ {
		e := m.queue[n]
		m.queue[n] = event{}
		if e.fast {
			e.new = e.it.value().Clone()
		}
		for _, t := range e.to {
			if t.kind&e.ev == 0 || t.dead || t.now && !e.fast {
				continue
			}
			t.fn(e.ev, e.it.key, e.new, e.old)
		}
	}
	m.queue = slices.Delete(m.queue, 0, n)
	m.busy = false
	if len(m.queue) > 0 && m.Wake != nil {
		m.Wake()
	}
}
