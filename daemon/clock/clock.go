package clock

import (
	"math"
	"time"
)

// Instant is a point of monotonic time in nanoseconds since an arbitrary start. The zero value means "not set" where a
// deadline is optional; a Clock never returns zero.
type Instant int64

// Never is later than every instant a clock returns: the deadline of a timer that is not running.
const Never Instant = math.MaxInt64

// Add returns t+d, saturating at Never.
func (t Instant) Add(d time.Duration) Instant {
	if t == Never {
		return Never
	}
	if d > 0 && t > Never-Instant(d) {
		return Never
	}
	return t + Instant(d)
}

// Sub returns the duration t-u.
func (t Instant) Sub(u Instant) time.Duration { return time.Duration(t - u) }

// Before reports whether t is earlier than u.
func (t Instant) Before(u Instant) bool { return t < u }

// Clock tells the time. Implementations are called by the goroutine that owns the daemon only.
type Clock interface {
	Now() Instant
}

// Manual is a clock moved by hand, for tests and simulation. The zero value is not usable; see NewManual.
type Manual struct{ now Instant }

// NewManual returns a manual clock that starts at one second, so that no instant near the start is zero or negative.
func NewManual() *Manual { return &Manual{now: Instant(time.Second)} }

// Now returns the current instant.
func (m *Manual) Now() Instant { return m.now }

// Advance moves the clock on by d, which must not be negative.
func (m *Manual) Advance(d time.Duration) { m.now = m.now.Add(d) }

// Set moves the clock to t, which must not lie in its past.
func (m *Manual) Set(t Instant) { m.now = t }
