package qbipc

import (
	"os"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/cabi"
	"github.com/corosync-go/corosync/libcorosync-go/ring"
	"github.com/corosync-go/corosync/libcorosync-go/shm"
)

// Verdict is what a handler says of a request it was shown.
type Verdict int

const (
	// Next: consumed, show the next one.
	Next Verdict = iota
	// Stop: consumed, but show no more for now.
	Stop
	// Leave: not consumed; the same request is shown again by the next ReadRequests.
	Leave
)

// ServerConn is the daemon's end of a connection. One goroutine calls it. Errors other than EAGAIN and EMSGSIZE are
// final: Disconnect and Close.
//
// Polling: reading always, except while flow control is on, when a level-triggered poll would spin on the bytes that
// stay unread (hang-up is reported regardless); writing while WantWrite.
type ServerConn struct {
	l     *Listener
	fd    int
	creds Credentials
	max   int // bytes

	dir   *shm.Dir
	files [3]ringFiles // response, event, request: the order of libqb's cleanup

	request, response, event *ring.Ring
	dg                       *serverDgram // instead, in the socket transport

	fc          int32
	answered    bool // the request being handled is off the ring already
	inHandler   bool
	debt        int // requests consumed whose notification byte has not come yet
	unnotified  int // events in the ring whose byte is still to be sent
	wantWrite   bool
	handled     uint64
	fcChanges   uint64
	sendRetries uint64
	responses   uint64
	events      uint64
}

type ringFiles struct {
	base      string // "qb-request-cmap"
	hdr, data []byte
	r         *ring.Ring
}

// notification is what bytes on the socket look like; only their number matters.
var notification [512]byte

// newConn builds the rings and answers the handshake; on error nothing is left but the socket.
func (l *Listener) newConn(p *Pending) (_ *ServerConn, err error) {
	want := max(p.want, 1)
	if want > MessageCap {
		return nil, os.NewSyscallError("handshake", unix.ENOSPC)
	}
	c := &ServerConn{l: l, fd: p.fd, creds: p.creds, max: int(want)}
	if c.dir, err = shm.MakeDir(os.Getpid(), int(p.creds.PID), p.fd); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.release()
		}
	}()
	var answer authResponse
	if l.kind == typeSocket {
		answer, err = l.newDgramConn(c)
	} else {
		answer, err = l.newRings(c)
	}
	if err != nil {
		return nil, err
	}
	if err = c.dir.HandOver(int(p.creds.UID), int(p.creds.GID)); err != nil {
		return nil, err
	}
	answer.maxMessage, answer.connection = want, uint64(p.fd)+1
	msg := answer.append(nil)
	n, errno := send(p.fd, msg)
	if errno != 0 {
		return nil, os.NewSyscallError("send", errno)
	}
	if n != len(msg) {
		return nil, os.NewSyscallError("send", unix.ENOBUFS)
	}
	return c, nil
}

// newRings makes the files of the shared memory transport.
func (l *Listener) newRings(c *ServerConn) (answer authResponse, err error) {
	uid, gid := int(c.creds.UID), int(c.creds.GID)
	if c.request, err = c.newRing(2, "request", ring.Reader, uid, gid); err != nil {
		return answer, err
	}
	if c.response, err = c.newRing(0, "response", ring.Writer, uid, gid); err != nil {
		return answer, err
	}
	if c.event, err = c.newRing(1, "event", ring.Writer, uid, gid); err != nil {
		return answer, err
	}
	return authResponse{
		kind:     typeSHM,
		request:  c.dir.Path() + "/" + c.files[2].base,
		response: c.dir.Path() + "/" + c.files[0].base,
		event:    c.dir.Path() + "/" + c.files[1].base,
	}, nil
}

func (c *ServerConn) newRing(i int, kind string, role ring.Role, uid, gid int) (*ring.Ring, error) {
	f := &c.files[i]
	f.base = "qb-" + kind + "-" + c.l.service
	var err error
	if f.hdr, err = c.dir.Create(f.base+"-header", ring.HeaderBytes+ring.UserBytes, uid, gid); err != nil {
		return nil, err
	}
	if f.data, err = c.dir.Create(f.base+"-data", ring.DataBytes(c.max, os.Getpagesize()), uid, gid); err != nil {
		return nil, err
	}
	path := c.dir.Path() + "/" + f.base
	f.r, err = ring.Create(f.hdr, f.data, c.max, role, path+"-header", path+"-data")
	return f.r, err
}

// Fd is readable when requests wait or the client is gone: the setup socket, or in the socket transport an epoll
// instance, which shows a hang-up as readable too, and under flow control only that.
func (c *ServerConn) Fd() int {
	if c.dg != nil {
		return c.dg.poll
	}
	return c.fd
}

// Credentials of the client, as the kernel gave them in the handshake.
func (c *ServerConn) Credentials() Credentials { return c.creds }

// Service is the name of the service the client connected to.
func (c *ServerConn) Service() string { return c.l.service }

// MaxMessage is the negotiated size of the largest message in bytes.
func (c *ServerConn) MaxMessage() int { return c.max }

// Counters are the numbers that the stats map shows of a connection.
type Counters struct {
	Requests, Responses, Events, SendRetries, FlowControlChanges uint64
	FlowControl                                                  int32
}

// Counters since the connection was made.
func (c *ServerConn) Counters() Counters {
	return Counters{c.handled, c.responses, c.events, c.sendRetries, c.fcChanges, c.fc}
}

// protect is deferred around access to shared memory with the previous SetPanicOnFault: the files are the client's,
// who may truncate them, and then the kernel answers an access with SIGBUS. That ends this connection, not the daemon.
func (c *ServerConn) protect(old bool, err *error) {
	debug.SetPanicOnFault(old)
	r := recover()
	if r == nil {
		return
	}
	fault, ok := r.(interface{ Addr() uintptr })
	if ok && c.dg != nil && shm.Contains(fault.Addr(), c.dg.ctl) {
		*err = unix.EFAULT
		return
	}
	if !ok || !shm.Contains(fault.Addr(), c.files[0].hdr, c.files[0].data, c.files[1].hdr, c.files[1].data,
		c.files[2].hdr, c.files[2].data) {
		panic(r)
	}
	*err = unix.EFAULT
}

// ReadRequests shows up to limit waiting requests to handle, each a private copy that is valid during the call and at
// least 16 bytes long, header included; its size field may still lie. It stops early when handle says so, and shows nothing
// while flow control is on. n is the number consumed. A request is consumed, at the latest, when handle returns; Respond
// does it before. The client sends one byte for each request after it; all those of this call are received in one go.
//
// Errors: ENOTCONN, the client is gone or asked to be disconnected (what it had left in the ring is still shown first);
// EBADMSG, it broke the protocol; EFAULT, it broke the memory.
func (c *ServerConn) ReadRequests(limit int, handle func(req []byte) Verdict) (n int, err error) {
	if c.fd < 0 {
		return 0, unix.EBADF
	}
	if c.dg != nil {
		return c.readDgrams(limit, handle)
	}
	consumed := 0
	idle := false // the ring was seen empty
	for consumed < limit && c.fc == 0 {
		req, err := c.peek()
		if err == ring.ErrEmpty {
			idle = true
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
			return consumed, unix.EBADF // the handler closed the connection
		}
		if v == Leave && !c.answered {
			break
		}
		if err := c.consume(); err != nil {
			return consumed, err
		}
		consumed++
		if v != Next {
			break
		}
	}
	c.debt += consumed
	return consumed, c.receiveBytes(idle && consumed == 0)
}

// peek copies the oldest request into the listener's scratch buffer.
func (c *ServerConn) peek() (req []byte, err error) {
	defer c.protect(debug.SetPanicOnFault(true), &err)
	head, tail, err := c.request.Peek()
	if err == ring.ErrCorrupt {
		return nil, unix.EBADMSG
	}
	if err != nil {
		return nil, err
	}
	if len(head)+len(tail) < messageHeaderBytes {
		return nil, unix.ENOTCONN // an empty request is libqb's other way to say goodbye
	}
	c.l.scratch = append(append(c.l.scratch[:0], head...), tail...)
	return c.l.scratch, nil
}

func (c *ServerConn) consume() (err error) {
	if c.answered {
		return nil
	}
	c.answered = true
	c.handled++
	if c.dg != nil {
		c.dropDgram()
		return c.count(ctlRequest, -1)
	}
	defer c.protect(debug.SetPanicOnFault(true), &err)
	c.request.Consume()
	return nil
}

// receiveBytes takes as many bytes off the socket as requests were consumed, no more: bytes of requests that stay in the
// ring keep the descriptor readable. A byte may be late, as the client commits first and sends afterwards; it stays
// owed. A readable socket without request or debt is a hang-up, or a stray byte that would make the poll spin.
func (c *ServerConn) receiveBytes(idle bool) error {
	var b [512]byte
	if c.debt == 0 && idle {
		n, errno := recv(c.fd, b[:1])
		switch {
		case errno == unix.EAGAIN || errno == unix.EINTR:
			return nil
		case errno != 0 || n == 0:
			return unix.ENOTCONN
		}
		if c.pendingRequests() > 0 {
			c.debt-- // its request came between the two looks
		}
		return nil
	}
	for c.debt > 0 {
		n, errno := recv(c.fd, b[:min(c.debt, len(b))])
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			return nil
		case errno != 0 || n == 0:
			return unix.ENOTCONN
		}
		c.debt -= n
	}
	return nil
}

func (c *ServerConn) pendingRequests() (n int) {
	var err error
	defer c.protect(debug.SetPanicOnFault(true), &err)
	return int(c.request.Sem().Value())
}

// Pending is the number of requests the client says are waiting; a hint, it may lie.
func (c *ServerConn) Pending() (n int) {
	if c.dg == nil {
		return c.pendingRequests()
	}
	var err error
	defer c.protect(debug.SetPanicOnFault(true), &err)
	return int(atomic.LoadInt32(c.dg.ctl.sent(ctlRequest)))
}

// Respond answers the client's oldest unanswered request with a message given in parts. Within a handler it first
// takes the request off the ring, so that the client finds room for its next one. EAGAIN: the response ring is full,
// which a client that asks once and waits cannot cause; EMSGSIZE.
func (c *ServerConn) Respond(iov ...[]byte) (err error) {
	if c.fd < 0 {
		return unix.EBADF
	}
	if c.inHandler {
		if err := c.consume(); err != nil {
			return err
		}
	}
	if d := c.dg; d != nil {
		if err = c.sendDgram(d.request, &d.responseTo, d.base+"-response", ctlResponse, iov); err == nil {
			c.responses++
		}
		return err
	}
	defer c.protect(debug.SetPanicOnFault(true), &err)
	wake, err := c.response.WriteParts(iov)
	if err != nil {
		return c.writeError(err)
	}
	if wake {
		shm.Wake(c.response.Sem())
	}
	c.responses++
	return nil
}

// Event puts an event, given in parts, into the event ring. The client does not know before Flush has sent its byte;
// a loop calls Flush once for all events of a turn. EAGAIN: the ring is full, the caller keeps the event, and those
// after it, until the client has read; nothing announces that, try again by timer. EMSGSIZE.
func (c *ServerConn) Event(iov ...[]byte) (err error) {
	if c.fd < 0 {
		return unix.EBADF
	}
	if d := c.dg; d != nil {
		if err = c.sendDgram(d.event, &d.eventTo, d.base+"-event", ctlEvent, iov); err == nil {
			c.events++
		}
		return err
	}
	defer c.protect(debug.SetPanicOnFault(true), &err)
	wake, err := c.event.WriteParts(iov)
	if err != nil {
		return c.writeError(err)
	}
	if wake {
		shm.Wake(c.event.Sem())
	}
	c.unnotified++
	c.events++
	return nil
}

// writeError maps what a ring says of a write.
func (c *ServerConn) writeError(err error) error {
	switch err {
	case ring.ErrFull:
		c.sendRetries++
		return unix.EAGAIN
	case ring.ErrTooBig:
		return unix.EMSGSIZE
	}
	return unix.EBADMSG
}

// Flush tells the client of the events written since the last time: one byte each, in one send. When the socket holds
// no more (a client that does not read, at about 278), WantWrite turns true, and the rest is sent by the Flush that
// the writable descriptor causes. ENOTCONN: the client is gone.
func (c *ServerConn) Flush() error {
	for c.unnotified > 0 {
		if c.fd < 0 {
			return unix.EBADF
		}
		n, errno := send(c.fd, notification[:min(c.unnotified, len(notification))])
		switch errno {
		case 0:
			c.unnotified -= n
		case unix.EINTR:
		case unix.EAGAIN, unix.ENOBUFS:
			c.wantWrite = true
			return nil
		default:
			return unix.ENOTCONN
		}
	}
	c.wantWrite = false
	return nil
}

// NeedFlush tells whether events wait for Flush; WantWrite whether the descriptor must be polled for writing first.
func (c *ServerConn) NeedFlush() bool { return c.unnotified > 0 && !c.wantWrite }
func (c *ServerConn) WantWrite() bool { return c.wantWrite }

// FlowControl is the value last set.
func (c *ServerConn) FlowControl() int { return int(c.fc) }

// SetFlowControl publishes the flow-control level: 0 open; 1 closed to all; 2 closed to multicasts, while other
// requests may be written and wait. At 1 and 2 ReadRequests shows nothing. Back at 0, requests may be waiting for
// which the descriptor is readable already.
func (c *ServerConn) SetFlowControl(level int) (err error) {
	if c.fc == int32(level) || c.fd < 0 {
		return nil
	}
	c.fc = int32(level)
	c.fcChanges++
	if c.dg != nil {
		return c.setDgramFlowControl()
	}
	defer c.protect(debug.SetPanicOnFault(true), &err)
	c.request.SetUser(c.fc)
	return nil
}

// HungUp looks whether the client has gone.
func (c *ServerConn) HungUp() bool { return c.fd < 0 || poll1(c.fd, unix.POLLIN)&hangup != 0 }

// Disconnect closes the socket: the client notices. The memory stays until Close, so that the application's exit
// hook runs before the files disappear.
func (c *ServerConn) Disconnect() {
	if c.fd >= 0 {
		unix.Shutdown(c.fd, unix.SHUT_RDWR)
		unix.Close(c.fd)
		c.fd = -1
		if c.response != nil {
			c.wakeClient()
		}
		if c.dg != nil {
			c.dg.close()
		}
	}
}

// wakeClient makes a client of this package that waits for a reply look at the socket, by waking it for nothing. One of
// libqb's goes back to sleep, and notices within 2 s.
func (c *ServerConn) wakeClient() {
	var err error
	defer c.protect(debug.SetPanicOnFault(true), &err)
	shm.Wake(c.response.Sem())
}

// Close ends the connection and removes its files. Calling it again does nothing.
func (c *ServerConn) Close() {
	c.Disconnect()
	c.release()
}

// release closes and removes files and mappings.
func (c *ServerConn) release() {
	if c.dir == nil {
		return
	}
	names := make([]string, 0, 2*len(c.files))
	if c.dg != nil {
		c.dg.close()
		names = append(names, c.dg.controlFile)
	}
	for i := range c.files {
		f := &c.files[i]
		if f.r != nil {
			c.markClosed(f.r)
		}
		if f.base != "" {
			names = append(names, f.base+"-data", f.base+"-header")
		}
	}
	c.dir.Remove(names...)
	c.dir = nil
	for i := range c.files {
		shm.Unmap(c.files[i].hdr)
		shm.Unmap(c.files[i].data)
		c.files[i] = ringFiles{}
	}
	if c.dg != nil {
		c.dg.unmap()
	}
}

// markClosed tells a client that looks before it sends.
func (c *ServerConn) markClosed(r *ring.Ring) {
	var err error
	defer c.protect(debug.SetPanicOnFault(true), &err)
	r.SetRef(0)
}
