package qbipc

import (
	"os"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/cabi"
	"github.com/corosync-go/corosync/libcorosync-go/shm"
)

// serverDgram is what a ServerConn of the socket transport has instead of rings. Its Fd is an epoll instance over the
// setup socket, which tells of hang-up, and the request socket.
type serverDgram struct {
	poll           int
	request, event int
	base           string // B of the names
	ctl            control
	responseTo     bool // request is connected to the client's socket
	eventTo        bool
	io             dgramIO
	controlFile    string // name in the directory
}

// newDgramConn is newConn of the socket transport.
func (l *Listener) newDgramConn(c *ServerConn) (answer authResponse, err error) {
	d := &serverDgram{poll: -1, request: -1, event: -1, controlFile: "qb-control-" + l.service}
	c.dg = d
	uid, gid := int(c.creds.UID), int(c.creds.GID)
	mem, err := c.dir.Create(d.controlFile, controlBytes, uid, gid)
	if err != nil {
		return answer, err
	}
	d.ctl = mem
	d.base = c.dir.Path() + "/qb-" + l.service
	if d.request, err = newDgram(d.base+"-request", c.max); err != nil {
		return answer, err
	}
	// The name can be read in /proc, and the socket takes datagrams from anybody until it is connected.
	if err = setPasscred(d.request, 1); err != nil {
		return answer, os.NewSyscallError("setsockopt", err)
	}
	if d.event, err = newDgram(d.base+"-event-tx", c.max); err != nil {
		return answer, err
	}
	if d.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return answer, os.NewSyscallError("epoll_create", err)
	}
	for _, fd := range []int{c.fd, d.request} {
		ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err = unix.EpollCtl(d.poll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
			return answer, os.NewSyscallError("epoll_ctl", err)
		}
	}
	return authResponse{
		kind:     typeSocket,
		request:  c.dir.Path() + "/" + d.controlFile,
		response: d.base,
	}, nil
}

// readDgrams is ReadRequests of the socket transport.
func (c *ServerConn) readDgrams(limit int, handle func(req []byte) Verdict) (int, error) {
	consumed := 0
	for consumed < limit && c.fc == 0 {
		req, err := c.peekDgram()
		if err == unix.EAGAIN {
			break
		}
		if err != nil {
			return consumed, err
		}
		if cabi.I32(req, 0) == IDDisconnect {
			return consumed, unix.ENOTCONN
		}
		c.answered, c.inHandler = false, true
		v := handle(req)
		c.inHandler = false
		if c.fd < 0 {
			return consumed, unix.EBADF
		}
		if v == Leave && !c.answered {
			return consumed, nil
		}
		if err := c.consume(); err != nil {
			return consumed, err
		}
		consumed++
		if v != Next {
			break
		}
	}
	if consumed > 0 {
		return consumed, nil
	}
	// Readable without a request: the end, or a byte that has no meaning here.
	var b [16]byte
	switch n, errno := recv(c.fd, b[:]); {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return 0, nil
	case errno != 0 || n == 0:
		return 0, unix.ENOTCONN
	}
	return 0, nil
}

// peekDgram shows the oldest request of the client; what others sent is dropped.
func (c *ServerConn) peekDgram() ([]byte, error) {
	d := c.dg
	if cap(c.l.scratch) < c.max {
		c.l.scratch = make([]byte, 0, c.max)
	}
	buf := c.l.scratch[:c.max]
	for {
		var from Credentials
		n, errno := d.io.recv(d.request, buf, unix.MSG_PEEK, &from)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			return nil, unix.EAGAIN
		case errno != 0:
			return nil, unix.ENOTCONN
		case from.UID != c.creds.UID || from.GID != c.creds.GID:
			c.dropDgram()
			continue
		case n > c.max:
			return nil, unix.EBADMSG
		case n < messageHeaderBytes:
			return nil, unix.ENOTCONN
		}
		return buf[:n], nil
	}
}

// dropDgram takes the oldest datagram off the request socket.
func (c *ServerConn) dropDgram() {
	for {
		if _, errno := c.dg.io.recv(c.dg.request, nil, 0, nil); errno != unix.EINTR {
			return
		}
	}
}

// count changes one of the shared counters of messages under way.
func (c *ServerConn) count(channel int, n int32) (err error) {
	defer c.protect(debug.SetPanicOnFault(true), &err)
	c.dg.ctl.add(channel, n)
	return nil
}

// sendDgram sends a reply or an event. to says whether the socket knows its peer yet: the client binds its sockets
// after it got the answer to the handshake, so until then an event is EAGAIN.
func (c *ServerConn) sendDgram(fd int, to *bool, name string, channel int, iov [][]byte) error {
	size := 0
	for _, b := range iov {
		size += len(b)
	}
	if size > c.max {
		return unix.EMSGSIZE
	}
	if !*to {
		addr, err := abstractAddr(name)
		if err != nil {
			return err
		}
		switch err := connect(fd, addr); err {
		case nil:
			*to = true
		case unix.ECONNREFUSED, unix.ENOENT, unix.EAGAIN, unix.EINTR:
			c.sendRetries++
			return unix.EAGAIN
		default:
			return unix.ENOTCONN
		}
	}
	for {
		switch errno := c.dg.io.send(fd, iov); errno {
		case 0:
			return c.count(channel, 1)
		case unix.EINTR:
		case unix.EAGAIN, unix.ENOBUFS:
			c.sendRetries++
			return unix.EAGAIN
		case unix.EMSGSIZE, unix.E2BIG:
			return errno
		default:
			return unix.ENOTCONN
		}
	}
}

// setDgramFlowControl publishes the level, and takes the request socket in or out of the poll.
func (c *ServerConn) setDgramFlowControl() (err error) {
	ev := unix.EpollEvent{Fd: int32(c.dg.request)}
	if c.fc == 0 {
		ev.Events = unix.EPOLLIN
	}
	if err := unix.EpollCtl(c.dg.poll, unix.EPOLL_CTL_MOD, c.dg.request, &ev); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	defer c.protect(debug.SetPanicOnFault(true), &err)
	atomic.StoreInt32(c.dg.ctl.fc(), c.fc)
	return nil
}

func (d *serverDgram) close() {
	for _, fd := range []*int{&d.poll, &d.request, &d.event} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
}

func (d *serverDgram) unmap() {
	shm.Unmap(d.ctl)
	d.ctl = nil
}
