// Package clock is time as the daemon sees it: an [Instant] is a count of monotonic nanoseconds, and everything that
// wants to know the time is handed one.
//
// It only names what a scheduler does ([Scheduler], [Turns]); the timers are in daemon/loop. It knows no wall clock. The pure packages take an Instant as a
// parameter and never call a [Clock]; the owner loop reads the clock once per turn.
package clock
