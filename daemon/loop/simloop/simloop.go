package simloop

import (
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
)

// TurnTime is how long a turn takes before the next one that was asked for with Next. It is not zero, so that a
// component that always asks for one more turn does not stop the time.
const TurnTime = time.Microsecond

// World is the time that a set of simulated nodes share. The zero value is not usable; see New.
type World struct {
	now    clock.Instant
	events eventHeap
	order  uint64
	free   []*event
}

// New returns a world whose time starts at one second.
func New() *World { return &World{now: clock.Instant(time.Second)} }

// Now returns the virtual time.
func (w *World) Now() clock.Instant { return w.now }

func (w *World) set(e *event, at clock.Instant) {
	e.held = false
	place := entry{max(at, w.now), w.order, e}
	w.order++
	if e.index >= 0 {
		w.events.fix(e.index, place)
	} else {
		w.events.push(place)
	}
}

func (w *World) remove(e *event) {
	e.held = false
	if e.index >= 0 {
		w.events.remove(e.index)
	}
}

// once makes a call that cannot be taken back.
func (w *World) once(n *Node, input bool, at clock.Instant, fn func()) {
	var e *event
	if k := len(w.free); k > 0 {
		e = w.free[k-1]
		w.free = w.free[:k-1]
	} else {
		e = new(event)
	}
	*e = event{node: n, fn: fn, index: -1, input: input, recycle: true}
	w.set(e, at)
}

// Do is After for a call that is never stopped.
func (w *World) Do(d time.Duration, fn func()) { w.once(nil, false, w.now.Add(max(d, 0)), fn) }

// After calls fn once, d from now, outside of any node: what the network or the test itself does.
func (w *World) After(d time.Duration, fn func()) clock.Timer {
	a := &alarm{world: w}
	a.event = event{fn: fn, index: -1}
	w.set(&a.event, w.now.Add(max(d, 0)))
	return a
}

// Step moves the time to the next event and makes it happen. False means that there is none.
func (w *World) Step() bool {
	if len(w.events) == 0 {
		return false
	}
	e := w.events.remove(0)
	w.now = e.at
	if e.node == nil {
		w.done(e.event)()
	} else {
		e.node.turn(e.event)
	}
	return true
}

// done ends an event that is due and returns its function.
func (w *World) done(e *event) func() {
	fn := e.fn
	if e.recycle {
		e.fn = nil
		w.free = append(w.free, e)
	}
	return fn
}

// RunFor lets d of virtual time pass.
func (w *World) RunFor(d time.Duration) {
	end := w.now.Add(d)
	for len(w.events) > 0 && w.events[0].at <= end {
		w.Step()
	}
	w.now = end
}

// RunUntil runs until done reports true after an event, for at most limit of virtual time. It reports whether done did.
func (w *World) RunUntil(limit time.Duration, done func() bool) bool {
	end := w.now.Add(limit)
	for !done() {
		if len(w.events) == 0 || w.events[0].at > end {
			w.now = end
			return done()
		}
		w.Step()
	}
	return true
}

// Pending returns the number of events that are waiting.
func (w *World) Pending() int { return len(w.events) }

// Node is the owner loop of one simulated process.
type Node struct {
	world  *World
	hooks  []func()
	late   func() time.Duration
	dead   bool
	paused bool
	held   [2][]*event // what came due while paused, in order: inputs, others
}

// NewNode returns the loop of a new process.
func (w *World) NewNode() *Node { return &Node{world: w} }

// Now returns the virtual time.
func (n *Node) Now() clock.Instant { return n.world.now }

// After calls fn once in a turn of this node, d from now.
func (n *Node) After(d time.Duration, fn func()) clock.Timer {
	a := n.newAlarm(fn)
	a.Set(n.world.now.Add(max(d, 0)))
	return a
}

// NewAlarm returns an alarm that is not set.
func (n *Node) NewAlarm(fn func()) clock.Alarm { return n.newAlarm(fn) }

// Next calls fn in the next turn.
func (n *Node) Next(fn func()) { n.world.once(n, false, n.world.now.Add(TurnTime), fn) }

// SetLate makes the node come late, by what fn says each time, to inputs and timers, as a process that waits for a
// processor. What it asks for with Next is not affected.
func (n *Node) SetLate(fn func() time.Duration) { n.late = fn }

// due is when the node comes to what happens at the given instant.
func (n *Node) due(at clock.Instant) clock.Instant {
	if n.late == nil {
		return at
	}
	return max(at, n.world.now).Add(n.late())
}

// Input calls fn in a turn at the current instant, as for a descriptor that has become readable. After a pause, inputs
// come before timers, as in the real loop.
func (n *Node) Input(fn func()) {
	n.world.once(n, true, n.due(n.world.now), fn)
}

// Post is Next; it exists so that a Node stands in for a loop.Loop. It never fails.
func (n *Node) Post(fn func()) error {
	n.Next(fn)
	return nil
}

// OnTurnEnd adds fn to the calls made at the end of every turn.
func (n *Node) OnTurnEnd(fn func()) { n.hooks = append(n.hooks, fn) }

// Pause stops the process: its turns wait until Resume.
func (n *Node) Pause() { n.paused = true }

// Resume lets a paused process go on: first it makes the turns that have come due.
func (n *Node) Resume() {
	if !n.paused {
		return
	}
	n.paused = false
	held := n.held
	n.held = [2][]*event{}
	for _, list := range held {
		for _, e := range list {
			if e.held {
				n.world.set(e, n.world.now)
			}
		}
	}
}

// Kill ends the process: no turn is made any more.
func (n *Node) Kill() {
	n.dead = true
	n.held = [2][]*event{}
}

// Alive reports whether the process has not been killed.
func (n *Node) Alive() bool { return !n.dead }

func (n *Node) turn(e *event) {
	if n.dead {
		return
	}
	if n.paused {
		kind := 1
		if e.input {
			kind = 0
		}
		e.held = true
		n.held[kind] = append(n.held[kind], e)
		return
	}
	n.world.done(e)()
	for _, hook := range n.hooks {
		hook()
	}
}

// alarm is an event that can be set again.
type alarm struct {
	event
	world *World
}

func (n *Node) newAlarm(fn func()) *alarm {
	a := &alarm{world: n.world}
	a.event = event{node: n, fn: fn, index: -1}
	return a
}

// Set moves the call to the given instant.
func (a *alarm) Set(at clock.Instant) {
	if at == clock.Never {
		a.Stop()
		return
	}
	if a.node != nil {
		at = a.node.due(at)
	}
	a.world.set(&a.event, at)
}

// Stop prevents the call if it has not been made yet.
func (a *alarm) Stop() { a.world.remove(&a.event) }
