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

// pwait2 makes the system call. A wait that cannot sleep does not tell the scheduler, which saves it the handling of a
// thread that might block.
func (p *poller) pwait2(d time.Duration) (int, error) {
	var ts *timespec64
	if d >= 0 {
		ts = &timespec64{int64(d / time.Second), int64(d % time.Second)}
	}
	var r uintptr
	var errno unix.Errno
	if d == 0 {
		r, _, errno = unix.RawSyscall6(sysEpollPwait2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])),
			uintptr(len(p.events)), uintptr(unsafe.Pointer(ts)), 0, 0)
	} else {
		r, _, errno = unix.Syscall6(sysEpollPwait2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])),
			uintptr(len(p.events)), uintptr(unsafe.Pointer(ts)), 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}
