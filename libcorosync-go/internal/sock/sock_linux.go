package sock

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Credentials are what the kernel attached to the peer's first message: its thread group, and its real, not
// effective, user and group.
type Credentials struct {
	PID int32
	UID uint32
	GID uint32
}

// RecvCreds receives into b, and takes credentials that came along. It returns 0 bytes at the end of the stream.
func RecvCreds(fd int, b []byte, creds *Credentials) (n int, found bool, err error) {
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

// AboveStandard moves a descriptor away from 0, 1 and 2, which belong to the program around.
func AboveStandard(fd int) (int, error) {
	if fd > 2 {
		return fd, nil
	}
	up, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	unix.Close(fd)
	return up, err
}

// WakeOn gives an eventfd that becomes readable when ctx ends, or -1 if it never does. keep holds the descriptor for
// the next time, plus one. stop ends the watch.
func WakeOn(ctx context.Context, keep *atomic.Int32) (fd int, stop func(), err error) {
	if ctx.Done() == nil {
		return -1, func() {}, nil
	}
	if fd = int(keep.Load()) - 1; fd < 0 {
		if fd, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err == nil {
			fd, err = AboveStandard(fd)
		}
		if err != nil {
			return -1, nil, os.NewSyscallError("eventfd", err)
		}
		keep.Store(int32(fd) + 1)
	}
	ran := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		unix.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		close(ran)
	})
	// Nobody may still be about to write when the descriptor is closed, and its number perhaps somebody else's.
	return fd, func() {
		if !cancel() {
			<-ran
		}
	}, nil
}

// WaitReadable polls fd, and wake if not negative, for timeout (negative: for ever). It returns what fd is ready for;
// 0 for a timeout, a signal or the other descriptor.
func WaitReadable(fd, wake int, timeout time.Duration) int16 {
	p := [...]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
	if !PPoll(p[:], timeout) {
		return 0
	}
	if p[1].Revents != 0 {
		var b [8]byte
		unix.Read(wake, b[:])
	}
	return p[0].Revents
}

// Accept takes one waiting client, not blocking, and asks for its credentials. EAGAIN: none left. EMFILE, ENFILE: out of
// descriptors, the client stays in the backlog.
func Accept(listener int) (int, error) {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			SetPasscred(fd, 1)
			return fd, nil
		case unix.EINTR, unix.ECONNABORTED:
		default:
			return -1, err
		}
	}
}
