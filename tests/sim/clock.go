package sim

import (
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/loop/simloop"
)

// skewed is the loop of a node whose clock runs faster (rate above 1) or slower than the world's. The network is in the
// world's time, all timers are in the node's.
type skewed struct {
	*simloop.Node
	rate float64
}

// near is the world's instant zero for all clocks: they differ by what they drift from there.
const near = clock.Instant(time.Second)

func (s *skewed) local(at clock.Instant) clock.Instant {
	return near + clock.Instant(float64(at-near)*s.rate)
}

// world is the first instant of the world at which the local clock has reached at.
func (s *skewed) world(at clock.Instant) clock.Instant {
	w := near + clock.Instant(float64(at-near)/s.rate)
	for s.local(w) < at {
		w++
	}
	return w
}

func (s *skewed) Now() clock.Instant { return s.local(s.Node.Now()) }

func (s *skewed) After(d time.Duration, fn func()) clock.Timer {
	return s.Node.After(time.Duration(float64(max(d, 0))/s.rate), fn)
}

func (s *skewed) NewAlarm(fn func()) clock.Alarm { return &skewedAlarm{s.Node.NewAlarm(fn), s} }

type skewedAlarm struct {
	clock.Alarm
	s *skewed
}

func (a *skewedAlarm) Set(at clock.Instant) {
	if at != clock.Never {
		at = a.s.world(at)
	}
	a.Alarm.Set(at)
}
