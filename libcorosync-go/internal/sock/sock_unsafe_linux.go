package sock

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// abstractLen is the longest name in the abstract namespace: sun_path without its leading NUL and without the last
// byte, which C programs leave as terminator.
const abstractLen = 107

// Hangup are the poll results of a socket whose other end is gone.
const Hangup = unix.POLLHUP | unix.POLLERR | unix.POLLNVAL

// Address is a sockaddr_un with the length that bind and connect are told. x/sys refuses names of full length.
type Address struct {
	raw unix.RawSockaddrUnix
	len uintptr
}

// path is sun_path, whose element type differs between architectures.
func (a *Address) path() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&a.raw.Path)), len(a.raw.Path))
}

// Abstract pads the name with NULs: libqb and corosync 1.x pass the length of the whole sockaddr_un, and in the abstract
// namespace every byte of it belongs to the name.
func Abstract(name string) (*Address, error) {
	if len(name) == 0 || len(name) > abstractLen {
		return nil, unix.ENAMETOOLONG
	}
	a := &Address{raw: unix.RawSockaddrUnix{Family: unix.AF_UNIX}, len: unix.SizeofSockaddrUnix}
	copy(a.path()[1:], name)
	return a, nil
}

// Path is a socket in the file system; the length counts the path without a NUL.
func Path(path string) (*Address, error) {
	if len(path) > abstractLen {
		return nil, unix.ENAMETOOLONG
	}
	a := &Address{raw: unix.RawSockaddrUnix{Family: unix.AF_UNIX}, len: uintptr(2 + len(path))}
	copy(a.path(), path)
	return a, nil
}

// Bind gives a socket its address.
func Bind(fd int, a *Address) error { return addressCall(unix.SYS_BIND, fd, a) }

// Connect is for a socket in non-blocking mode.
func Connect(fd int, a *Address) error { return addressCall(unix.SYS_CONNECT, fd, a) }

func addressCall(call uintptr, fd int, a *Address) error {
	if _, _, errno := unix.Syscall(call, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)), a.len); errno != 0 {
		return errno
	}
	return nil
}

// SetPasscred switches the credentials that the kernel attaches to what is received.
func SetPasscred(fd, on int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, on)
}

// Send and Recv are for sockets in non-blocking mode, so the scheduler need not know; they allocate nothing.
func Send(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// Recv receives what is there.
func Recv(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// Poll1 polls one descriptor without waiting.
func Poll1(fd int, events int16) int16 {
	p := [1]unix.PollFd{{Fd: int32(fd), Events: events}}
	var ts unix.Timespec
	_, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return p[0].Revents
}

// PPoll polls, waiting up to timeout (negative: for ever), and says whether anything is ready. Unlike that of x/sys it
// allocates nothing.
func PPoll(p []unix.PollFd, timeout time.Duration) bool {
	var ts unix.Timespec
	tp := unsafe.Pointer(nil)
	if timeout >= 0 {
		ts = unix.NsecToTimespec(int64(timeout))
		tp = unsafe.Pointer(&ts)
	}
	n, _, errno := unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), uintptr(tp), 0, 0, 0)
	return errno == 0 && n > 0
}
