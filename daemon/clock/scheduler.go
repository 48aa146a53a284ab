package clock

import "time"

// Timer is a pending call.
type Timer interface {
	// Stop prevents the call if it has not been made yet. It may be called at any time, also repeatedly.
	Stop()
}

// Alarm is a call that can be set again and again without allocating: what a component with one next deadline holds.
type Alarm interface {
	Timer
	// Set moves the call to the given instant, whether it is pending or not. An instant that has passed means the next
	// turn; [Never] is the same as Stop.
	Set(at Instant)
}

// Scheduler runs things later on the owner goroutine. daemon/loop implements it; the simulator has its own.
type Scheduler interface {
	// Now is the time of the current turn.
	Now() Instant
	// After calls fn once, d from now, on the owner goroutine. Zero and negative durations mean the next turn.
	After(d time.Duration, fn func()) Timer
}

// Turns is what a component needs of the owner loop when it runs inside it: all of [Scheduler], and the means to do so
// without an allocation for each call.
type Turns interface {
	Scheduler
	// NewAlarm returns an alarm that is not set.
	NewAlarm(fn func()) Alarm
	// Next calls fn in the next turn, after what has become readable by then. The loop does not sleep before.
	Next(fn func())
	// OnTurnEnd adds fn to the calls made at the end of every turn, in order of registration.
	OnTurnEnd(fn func())
}
