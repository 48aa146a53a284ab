package loop

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sysEpollPwait2 has this number on every architecture (Linux 5.11).
const sysEpollPwait2 = 441

// timespec64 is the kernel's struct timespec with 64-bit seconds, which this call takes on every architecture.
type timespec64 struct{ sec, nsec int64 }

// shortWait is how long a wait lasts at first. It is longer than a tick of the usual kernels (4 ms at 250 Hz): a timer
// that would be the next one of its processor makes the kernel set the hardware anew at each wait and again at its end,
// and in a virtual machine both leave the guest.
const shortWait = 5 * time.Millisecond

// pwait2 makes the system call. A busy ring wakes the loop every few tens of microseconds, so the wait is first made
// without telling the Go scheduler, which saves it the handling of a thread that might block, and its watchdog from
// waking at the same pace. A collection that wants the loop to stop meanwhile interrupts the call by a signal, or waits for
// shortWait at most. Only a wait that is longer gives up the right to run Go code.
func (p *poller) pwait2(d time.Duration) (int, error) {
	if d >= 0 && d <= shortWait {
		return p.pwaitRaw(d)
	}
	if n, err := p.pwaitRaw(shortWait); n != 0 || err != nil {
		return n, err
	}
	var ts *timespec64
	if d >= 0 {
		ts = makeTimespec(d - shortWait)
	}
	n, _, errno := unix.Syscall6(sysEpollPwait2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])),
		uintptr(len(p.events)), uintptr(unsafe.Pointer(ts)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (p *poller) pwaitRaw(d time.Duration) (int, error) {
	ts := makeTimespec(d)
	n, _, errno := unix.RawSyscall6(sysEpollPwait2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])),
		uintptr(len(p.events)), uintptr(unsafe.Pointer(ts)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func makeTimespec(d time.Duration) *timespec64 {
	return &timespec64{int64(d / time.Second), int64(d % time.Second)}
}
