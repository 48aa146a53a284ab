package shm

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/ring"
)

// The shared forms: the other side is another process.
const (
	futexWait = 0
	futexWake = 1
)

// Wake wakes one process that waits on the semaphore: to be called when ring says so.
func Wake(s ring.Sem) {
	unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(s.Futex())), futexWake, 1, 0, 0, 0)
}

// Wait takes one from the semaphore, sleeping up to timeout. stop, if not nil, is looked at before each sleep; who
// sets it calls Wake. Because that wake may come just before the sleep, timeout bounds how late stop is seen.
// ETIMEDOUT; EINTR for stop, or when somebody woke without posting, who then wants the caller to look around.
func Wait(s ring.Sem, timeout time.Duration, stop *atomic.Bool) error {
	if s.Try() {
		return nil
	}
	s.Register()
	deadline := time.Now().Add(timeout)
	left := timeout
	for {
		if stop != nil && stop.Load() {
			s.Unregister()
			return unix.EINTR
		}
		if left <= 0 {
			s.Unregister()
			return unix.ETIMEDOUT
		}
		ts := unix.NsecToTimespec(int64(left))
		// Timeouts, signals and a value that is no longer 0 all end in the checks below.
		_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(s.Futex())), futexWait, 0, uintptr(unsafe.Pointer(&ts)), 0, 0)
		if s.TryRegistered() {
			return nil
		}
		if errno == 0 {
			s.Unregister()
			return unix.EINTR
		}
		left = time.Until(deadline)
	}
}
