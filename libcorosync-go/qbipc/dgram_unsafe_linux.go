package qbipc

import (
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The socket transport: datagram sockets in the place of rings, for hosts whose administrator asked for it
// (system.qb_ipc_type: socket). One datagram is one message.
//
//	socket                bound to         connected to
//	requests, server      B-request        B-response, before the first reply
//	events, server        B-event-tx       B-event, before the first event
//	requests, client      B-response       B-request
//	events, client        B-event          B-event-tx
//
// B is a path in the connection's directory, but the names are abstract, even where the service's own socket is not.
// A control file of 24 bytes, mapped by both, holds for requests, replies and events each {int32 sent, int32
// flow_control}: messages not yet received, and the word of which that of requests is used.
const (
	controlBytes = 24

	ctlRequest  = 0
	ctlResponse = 8
	ctlEvent    = 16
)

// control is the mapped file; its words are the peer's as well.
type control []byte

func (c control) sent(channel int) *int32 { return (*int32)(unsafe.Pointer(&c[channel])) }
func (c control) fc() *int32              { return (*int32)(unsafe.Pointer(&c[ctlRequest+4])) }

func (c control) add(channel int, n int32) { atomic.AddInt32(c.sent(channel), n) }

// newDgram makes a bound datagram socket whose buffers hold a message of max bytes.
func newDgram(name string, max int) (int, error) {
	addr, err := abstractAddr(name)
	if err != nil {
		return -1, os.NewSyscallError("bind", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		fd, err = aboveStandard(fd)
	}
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := bind(fd, addr); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	for _, opt := range []int{unix.SO_SNDBUF, unix.SO_RCVBUF} {
		if have, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, opt); err == nil && have <= max {
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt, max) // as far as the system allows
		}
	}
	return fd, nil
}

// dgramIO is the memory that the kernel reads and writes during a call, kept so that no call allocates. One goroutine
// at a time uses it.
type dgramIO struct {
	iov [16]unix.Iovec
	msg unix.Msghdr
	oob [64]byte
}

// send sends the parts as one datagram. The number of parts is limited; more are E2BIG.
func (d *dgramIO) send(fd int, parts [][]byte) syscall.Errno {
	n := 0
	for _, b := range parts {
		if len(b) == 0 {
			continue
		}
		if n == len(d.iov) {
			return unix.E2BIG
		}
		d.iov[n].Base = &b[0]
		d.iov[n].SetLen(len(b))
		n++
	}
	d.msg = unix.Msghdr{Iov: &d.iov[0]}
	d.msg.SetIovlen(n)
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&d.msg)), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
	clear(d.iov[:n])
	return errno
}

// recv receives one datagram into b. n is its full length, more than len(b) if it was cut. With credentials on at the
// socket, creds are those of its sender.
func (d *dgramIO) recv(fd int, b []byte, flags int, creds *Credentials) (n int, errno syscall.Errno) {
	d.iov[0].Base = unsafe.SliceData(b)
	d.iov[0].SetLen(len(b))
	d.msg = unix.Msghdr{Iov: &d.iov[0]}
	d.msg.SetIovlen(1)
	if creds != nil {
		d.msg.Control = &d.oob[0]
		d.msg.SetControllen(len(d.oob))
	}
	r, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&d.msg)),
		uintptr(flags|unix.MSG_DONTWAIT|unix.MSG_TRUNC|unix.MSG_CMSG_CLOEXEC))
	clear(d.iov[:1])
	if errno != 0 {
		return 0, errno
	}
	if creds != nil {
		*creds = Credentials{PID: -1, UID: ^uint32(0), GID: ^uint32(0)}
		h := (*unix.Cmsghdr)(unsafe.Pointer(&d.oob[0]))
		data := unix.CmsgLen(0)
		if uint64(d.msg.Controllen) >= uint64(unix.CmsgLen(unix.SizeofUcred)) && h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_CREDENTIALS {
			u := (*unix.Ucred)(unsafe.Pointer(&d.oob[data]))
			*creds = Credentials{PID: u.Pid, UID: u.Uid, GID: u.Gid}
		}
		// Descriptors that somebody passed would come as a further message, which the buffer has room for: do not
		// keep them.
		if off := unix.CmsgSpace(unix.SizeofUcred); uint64(d.msg.Controllen) > uint64(off) {
			closeRights(d.oob[off:min(int(d.msg.Controllen), len(d.oob))])
		}
	}
	return int(r), 0
}

func closeRights(oob []byte) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for i := range msgs {
		if fds, err := unix.ParseUnixRights(&msgs[i]); err == nil {
			for _, fd := range fds {
				unix.Close(fd)
			}
		}
	}
}
