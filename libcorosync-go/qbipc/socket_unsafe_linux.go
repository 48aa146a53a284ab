package qbipc

import (
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SocketDir holds the sockets when they live in the file system. It is fixed when libqb is built: /tmp is Debian's
// choice, upstream's is /var/run; packages set it with -ldflags -X.
var SocketDir = "/tmp"

// forceMarker makes every libqb program of the host use sockets in the file system.
const forceMarker = "/etc/libqb/force-filesystem-sockets"

// abstractLen is the longest name in the abstract namespace: sun_path without its leading NUL and without the last
// byte, which libqb leaves as terminator.
const abstractLen = 107

// filesystemSockets looks for the marker once per process, like libqb.
var filesystemSockets = sync.OnceValue(func() bool {
	_, err := os.Stat(forceMarker)
	return err == nil
})

// address is a sockaddr_un with the length that bind and connect are told. x/sys refuses names of full length.
type address struct {
	raw unix.RawSockaddrUnix
	len uintptr
}

// path is sun_path, whose element type differs between architectures.
func (a *address) path() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&a.raw.Path)), len(a.raw.Path))
}

// abstractAddr pads the name with NULs: libqb passes the length of the whole sockaddr_un, and in the abstract
// namespace every byte of it belongs to the name.
func abstractAddr(name string) (*address, error) {
	if len(name) == 0 || len(name) > abstractLen {
		return nil, unix.ENAMETOOLONG
	}
	a := &address{raw: unix.RawSockaddrUnix{Family: unix.AF_UNIX}, len: unix.SizeofSockaddrUnix}
	copy(a.path()[1:], name)
	return a, nil
}

// pathAddr is a socket in the file system; the length counts the path without a NUL.
func pathAddr(path string) (*address, error) {
	if len(path) > abstractLen {
		return nil, unix.ENAMETOOLONG
	}
	a := &address{raw: unix.RawSockaddrUnix{Family: unix.AF_UNIX}, len: uintptr(2 + len(path))}
	copy(a.path(), path)
	return a, nil
}

// serviceAddr is the address of a service, and its path if it is in the file system.
func serviceAddr(service string) (addr *address, path string, err error) {
	if !filesystemSockets() {
		addr, err = abstractAddr(service)
		return addr, "", err
	}
	path = SocketDir + "/" + service
	addr, err = pathAddr(path)
	return addr, path, err
}

func bind(fd int, a *address) error { return addressCall(unix.SYS_BIND, fd, a) }

// connect is for a socket in non-blocking mode.
func connect(fd int, a *address) error { return addressCall(unix.SYS_CONNECT, fd, a) }

func addressCall(call uintptr, fd int, a *address) error {
	if _, _, errno := unix.Syscall(call, uintptr(fd), uintptr(unsafe.Pointer(&a.raw)), a.len); errno != 0 {
		return errno
	}
	return nil
}

func setPasscred(fd, on int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, on)
}

// send and recv are for sockets in non-blocking mode, so the scheduler need not know; they allocate nothing.
func send(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

func recv(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// poll1 polls one descriptor without waiting.
func poll1(fd int, events int16) int16 {
	p := [1]unix.PollFd{{Fd: int32(fd), Events: events}}
	var ts unix.Timespec
	_, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return p[0].Revents
}

// ppoll polls, waiting up to timeout (negative: for ever), and says whether anything is ready. Unlike that of x/sys it
// allocates nothing.
func ppoll(p []unix.PollFd, timeout time.Duration) bool {
	var ts unix.Timespec
	tp := unsafe.Pointer(nil)
	if timeout >= 0 {
		ts = unix.NsecToTimespec(int64(timeout))
		tp = unsafe.Pointer(&ts)
	}
	n, _, errno := unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), uintptr(tp), 0, 0, 0)
	return errno == 0 && n > 0
}

const hangup = unix.POLLHUP | unix.POLLERR | unix.POLLNVAL

// Credentials are what the kernel attached to the peer's first message: its thread group, and its real, not
// effective, user and group.
type Credentials struct {
	PID int32
	UID uint32
	GID uint32
}

// recvCreds receives into b, and takes credentials that came along. It returns 0 bytes at the end of the stream.
func recvCreds(fd int, b []byte, creds *Credentials) (n int, found bool, err error) {
	var oob [64]byte
	n, oobn, _, _, err := unix.Recvmsg(fd, b, oob[:], unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return 0, false, err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return n, false, nil
	}
	for i := range msgs {
		if u, err := unix.ParseUnixCredentials(&msgs[i]); err == nil {
			*creds, found = Credentials{PID: u.Pid, UID: u.Uid, GID: u.Gid}, true
		} else if fds, err := unix.ParseUnixRights(&msgs[i]); err == nil {
			for _, fd := range fds { // nobody passes descriptors here; do not keep what a stranger sent
				unix.Close(fd)
			}
		}
	}
	return n, found, nil
}
