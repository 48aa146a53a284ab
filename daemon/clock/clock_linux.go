package clock

import "golang.org/x/sys/unix"

// System is CLOCK_MONOTONIC of the machine: the clock that C corosync takes its timeouts from, and the one whose
// readings are published in cmap (for example as last_updated of a resource).
type System struct{}

// Now returns the current instant.
func (System) Now() Instant {
	var ts unix.Timespec
	// The call cannot fail for this clock on any kernel that Go supports.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return Instant(ts.Nano())
}
