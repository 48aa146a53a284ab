package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// System is CLOCK_MONOTONIC of the machine: the clock that C corosync takes its timeouts from, and the one whose
// readings are published in cmap (for example as last_updated of a resource).
type System struct{}

// The kernel's reading is taken once; after that the runtime, which reads the same clock without a system call, tells
// what has passed since.
var (
	startInstant = monotonic()
	startTime    = time.Now()
)

// Now returns the current instant.
func (System) Now() Instant { return startInstant + Instant(time.Since(startTime)) }

func monotonic() Instant {
	var ts unix.Timespec
	// The call cannot fail for this clock on any kernel that Go supports.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return Instant(ts.Nano())
}
