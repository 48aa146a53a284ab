package coroipc

import (
	"encoding/binary"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/internal/sock"
	"github.com/corosync-go/corosync/libcorosync-go/shm"
)

// ServerConn is the daemon's end of a connection. One goroutine calls it, but for what Watch starts. Errors other than
// EAGAIN and EMSGSIZE are final: Disconnect and Close.
//
// Polling: the descriptor for reading always (ReadSocket), for writing while WantWrite. Requests are announced by the
// function given to Watch.
type ServerConn struct {
	l       *Listener
	fd      int
	creds   Credentials
	service int

	maps [fileCount][]byte
	ctl  control

	write       uint32 // offset in the dispatch buffer; what stands in the control buffer is for the client
	unnotified  int    // events in the ring whose byte is still to be sent
	wantWrite   bool
	held        bool // flow_control_enabled
	drained     bool // nothing waits any more; the next sign of the client's clears held
	handled     uint64
	responses   uint64
	events      uint64
	sendRetries uint64
	holds       uint64

	w *waiter
}

// notification is what bytes on the socket look like; only their number matters.
var notification = func() (b [512]byte) {
	for i := range b {
		b[i] = 1
	}
	return b
}()

// newConn maps the client's files and answers; on error nothing is left but the socket.
func (l *Listener) newConn(p *Pending) (_ *ServerConn, err error) {
	c := &ServerConn{l: l, fd: p.fd, creds: p.creds, service: p.Service()}
	defer func() {
		if err != nil {
			c.unmap()
		}
	}()
	owners := []uint32{p.creds.UID}
	// Files belong to the effective user, credentials name the real one.
	if peer, err := unix.GetsockoptUcred(p.fd, unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
		owners = append(owners, peer.Uid)
	}
	for i, path := range p.setup.paths {
		// All are taken even if one is refused: nobody else would remove those of a client that dies now.
		mem, errTake := shm.Take(path, serverDirs, prefixes[i], int(p.setup.sizes[i]), owners...)
		if err == nil {
			err = errTake
		}
		c.maps[i] = mem
	}
	if err != nil {
		return nil, err
	}
	var ok bool
	if c.ctl, ok = newControl(c.maps[fileControl]); !ok {
		return nil, unix.EINVAL
	}
	msg := appendAnswer(nil, cserr.OK)
	if n, errno := sock.Send(p.fd, msg); errno != 0 || n != len(msg) {
		return nil, unix.ENOTCONN
	}
	return c, nil
}

// Fd shows a hang-up, and bytes that mean nothing, for ReadSocket.
func (c *ServerConn) Fd() int { return c.fd }

// Credentials of the client, as the kernel gave them in the setup.
func (c *ServerConn) Credentials() Credentials { return c.creds }

// Service is the number of the service the client connected to.
func (c *ServerConn) Service() int { return c.service }

// Counters are the numbers that the stats map shows of a connection.
type Counters struct {
	Requests, Responses, Events, SendRetries, FlowControlChanges uint64
	FlowControl                                                  int32
}

// Counters since the connection was made.
func (c *ServerConn) Counters() Counters {
	n := Counters{Requests: c.handled, Responses: c.responses, Events: c.events, SendRetries: c.sendRetries, FlowControlChanges: c.holds}
	if c.held {
		n.FlowControl = 1
	}
	return n
}

// protect is deferred around access to shared memory with the previous SetPanicOnFault: the files are the client's,
// who may truncate them, and then the kernel answers an access with SIGBUS. That ends this connection, not the daemon.
func protect(old bool, err *error, maps ...[]byte) {
	debug.SetPanicOnFault(old)
	r := recover()
	if r == nil {
		return
	}
	fault, ok := r.(interface{ Addr() uintptr })
	if !ok || !shm.Contains(fault.Addr(), maps...) {
		panic(r)
	}
	*err = unix.EFAULT
}

// ReadSocket takes what is on the socket. ENOTCONN: the client is gone. The protocol has nothing for this direction on
// Linux, so bytes are dropped.
func (c *ServerConn) ReadSocket() error {
	if c.fd < 0 {
		return unix.EBADF
	}
	var b [64]byte
	switch n, errno := sock.Recv(c.fd, b[:]); {
	case errno == unix.EAGAIN, errno == unix.EINTR:
		return nil
	case errno != 0, n == 0:
		return unix.ENOTCONN
	}
	return nil
}

// ReadRequests shows up to limit requests to handle, each a private copy with a 3.x header that is valid during the call
// and at least 16 bytes long; its size field is that of the copy. It returns how many; when that is limit there may be more,
// and nothing announces them. Respond must follow each, at once or later. EBADMSG: the client broke the protocol; EFAULT: it broke the memory.
func (c *ServerConn) ReadRequests(limit int, handle func(req []byte)) (n int, err error) {
	if c.fd < 0 {
		return 0, unix.EBADF
	}
	c.w.pending.Store(false)
	if err := c.lower(); err != nil {
		return 0, err
	}
	for n < limit {
		req, err := c.take()
		if err != nil {
			return n, err
		}
		if req == nil {
			return n, nil
		}
		c.handled++
		n++
		handle(req)
		if c.fd < 0 {
			return n, unix.EBADF // the handler closed the connection
		}
	}
	return n, nil
}

// lower clears the flow control word after the queue ran empty.
func (c *ServerConn) lower() (err error) {
	if !c.held || !c.drained {
		return nil
	}
	defer protect(debug.SetPanicOnFault(true), &err, c.maps[fileControl])
	c.held, c.drained = false, false
	c.holds++
	c.ctl.store(ctlFlow, 0)
	c.w.held.Store(false)
	return nil
}

// take copies the request that waits; nil if there is none.
func (c *ServerConn) take() (req []byte, err error) {
	defer protect(debug.SetPanicOnFault(true), &err, c.maps[fileControl], c.maps[fileRequest])
	switch n := c.ctl.request.Value(); {
	case n == 0:
		return nil, nil
	case n > 1:
		return nil, unix.EBADMSG // there is room for one
	}
	if !c.ctl.request.Try() {
		return nil, nil
	}
	buf := c.maps[fileRequest]
	size := binary.NativeEndian.Uint32(buf[sizeAt(c.service):])
	if size < requestHeader || uint64(size) > uint64(len(buf)) {
		return nil, unix.EBADMSG
	}
	req = append(c.l.scratch[:0], buf[:size]...)
	c.l.scratch = req
	// It may have changed since it was looked at.
	binary.NativeEndian.PutUint32(req[sizeAt(c.service):], size)
	if !is3x(c.service) {
		swapHeader(req)
	}
	return req, nil
}

// Respond answers the client's request with a message with a 3.x header, given in parts. EMSGSIZE: it does not fit into
// the client's buffer.
func (c *ServerConn) Respond(parts ...[]byte) (err error) {
	if c.fd < 0 {
		return unix.EBADF
	}
	defer protect(debug.SetPanicOnFault(true), &err, c.maps[fileControl], c.maps[fileResponse])
	buf := c.maps[fileResponse]
	total := 0
	for _, p := range parts {
		total += len(p)
	}
	if total > len(buf) || total < responseHeader {
		return unix.EMSGSIZE
	}
	at := 0
	for _, p := range parts {
		at += copy(buf[at:], p)
	}
	c.head(buf, 0, total)
	if c.ctl.response.Post() {
		shm.Wake(c.ctl.response)
	}
	c.responses++
	return nil
}

// Event puts an event with a 3.x header, given in parts, into the ring. The client does not know before Flush has sent its
// byte. EAGAIN: no room, the caller keeps the event, and those after it, until the client has read. It says Drained when
// none are left. EMSGSIZE: it would never fit.
func (c *ServerConn) Event(parts ...[]byte) (err error) {
	if c.fd < 0 {
		return unix.EBADF
	}
	defer protect(debug.SetPanicOnFault(true), &err, c.maps[fileControl], c.maps[fileDispatch])
	ring := c.maps[fileDispatch]
	total := 0
	for _, p := range parts {
		total += len(p)
	}
	if total > len(ring)-spare || total < responseHeader {
		return unix.EMSGSIZE
	}
	read := c.ctl.load(ctlRead)
	if !valid(read, len(ring)) {
		return unix.EBADMSG
	}
	if room(read, c.write, len(ring)) < total {
		c.sendRetries++
		c.hold()
		return unix.EAGAIN
	}
	at := int(c.write)
	for _, p := range parts {
		at = put(ring, at, p)
	}
	c.head(ring, int(c.write), total)
	c.write = advance(c.write, total, len(ring))
	c.ctl.store(ctlWrite, c.write)
	if c.ctl.dispatch.Post() {
		shm.Wake(c.ctl.dispatch)
	}
	c.unnotified++
	c.events++
	return nil
}

// head turns the header at an offset into the client's. It must say how long the message is: the client counts on that to
// find the next one. Offsets are multiples of 8, so neither word crosses the end of the ring.
func (c *ServerConn) head(ring []byte, at, total int) {
	first, third := ring[at:], ring[(at+8)%len(ring):]
	if !is3x(c.service) {
		copy(third[:4], first[:4])
		third = first
	}
	binary.NativeEndian.PutUint32(third, uint32(total))
}

// hold tells the client that events wait for room.
func (c *ServerConn) hold() {
	c.drained = false
	if !c.held {
		c.held = true
		c.holds++
		c.ctl.store(ctlFlow, 1)
		c.w.held.Store(true)
	}
}

// Drained says that all events are in the ring.
func (c *ServerConn) Drained() { c.drained = c.held }

// Flush tells the client of the events written since the last time: one byte each, in one send. When the socket holds
// no more (a client that does not read, at about 278), WantWrite turns true, and the rest is sent by the Flush that
// the writable descriptor causes. ENOTCONN: the client is gone.
func (c *ServerConn) Flush() error {
	for c.unnotified > 0 {
		if c.fd < 0 {
			return unix.EBADF
		}
		n, errno := sock.Send(c.fd, notification[:min(c.unnotified, len(notification))])
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

// HungUp looks whether the client has gone.
func (c *ServerConn) HungUp() bool { return c.fd < 0 || sock.Poll1(c.fd, unix.POLLIN)&sock.Hangup != 0 }

// Disconnect closes the socket: the client notices, and one that waits for an answer is woken to do so.
func (c *ServerConn) Disconnect() {
	if c.fd < 0 {
		return
	}
	c.sayClosed()
	unix.Shutdown(c.fd, unix.SHUT_RDWR)
	unix.Close(c.fd)
	c.fd = -1
}

func (c *ServerConn) sayClosed() {
	var err error
	defer protect(debug.SetPanicOnFault(true), &err, c.maps[fileControl])
	c.ctl.store(ctlClosed, 1)
	c.ctl.response.Post()
	shm.Wake(c.ctl.response)
	c.ctl.dispatch.Post()
	shm.Wake(c.ctl.dispatch)
}

// Close ends the connection and gives the memory back. Calling it again does nothing.
func (c *ServerConn) Close() {
	c.Disconnect()
	if c.w != nil {
		// The control buffer is the waiter's as well: it goes last.
		c.w.end()
		c.maps[fileControl] = nil
		c.w = nil
	}
	c.unmap()
}

func (c *ServerConn) unmap() {
	for i := range c.maps {
		shm.Unmap(c.maps[i])
		c.maps[i] = nil
	}
}

// waitSlice bounds the sleep of a waiter, because the client can undo the post that is to wake it.
const waitSlice = 2 * time.Second

// waiter waits for the client's posts on a goroutine of its own, and passes them on. It shares the mapping of the control
// buffer with the connection; who is done last unmaps it.
type waiter struct {
	ctl     control
	ready   func() bool
	pending atomic.Bool // announced and not yet looked at
	held    atomic.Bool // events wait for room, so hints are of interest
	stop    atomic.Bool
	users   atomic.Int32 // of the mapping
}

// Watch starts the wait for requests. ready is called, from another goroutine, when ReadRequests should be; it must not
// wait, and returns false when it cannot pass that on now and wants to be asked again. It is called once more after each
// ReadRequests at most.
func (c *ServerConn) Watch(ready func() bool) {
	c.w = &waiter{ctl: c.ctl, ready: ready}
	c.w.users.Store(2)
	go c.w.run()
}

func (w *waiter) run() {
	for !w.stop.Load() {
		if w.wait() != nil {
			// The memory is broken: whoever looks at it next finds out and ends the connection.
			w.announce()
			for !w.stop.Load() {
				time.Sleep(waitSlice / 10)
			}
		}
	}
	w.release()
}

func (w *waiter) release() {
	if w.users.Add(-1) == 0 {
		shm.Unmap(w.ctl.mem)
	}
}

// wait waits for one post and passes it on if there is anything to do.
func (w *waiter) wait() (err error) {
	defer protect(debug.SetPanicOnFault(true), &err, w.ctl.mem)
	if shm.Wait(w.ctl.work, waitSlice, &w.stop) != nil {
		return nil
	}
	// Any number of posts is one reason to look.
	w.ctl.work.TakeAll()
	if !w.stop.Load() && (w.ctl.request.Value() > 0 || w.held.Load()) {
		w.announce()
	}
	return nil
}

// announce makes sure that ReadRequests will be called.
func (w *waiter) announce() {
	if w.pending.Swap(true) {
		return
	}
	for !w.ready() && !w.stop.Load() {
		time.Sleep(time.Millisecond)
	}
}

// end makes the goroutine go, and gives the connection's share of the control buffer back.
func (w *waiter) end() {
	defer w.release()
	w.stop.Store(true)
	var err error
	defer protect(debug.SetPanicOnFault(true), &err, w.ctl.mem)
	w.ctl.work.Post()
	shm.Wake(w.ctl.work)
}
