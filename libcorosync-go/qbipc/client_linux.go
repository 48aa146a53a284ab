package qbipc

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/ring"
	"github.com/corosync-go/corosync/libcorosync-go/shm"
)

const (
	// livenessSlice bounds how long a wait for a reply goes without a look at the socket: no one posts the
	// semaphore when the daemon dies. libqb looks every 2 s.
	livenessSlice = 200 * time.Millisecond
	// byteWait bounds the wait for the byte that follows an event already in the ring.
	byteWait = time.Second
	// reclaimTries times reclaimPause bounds the wait for a server that has answered and not yet made room.
	reclaimTries = 20
	reclaimPause = 50 * time.Microsecond
	// endTries times endPause bounds the wait for the process of a server that has hung up.
	endTries = 4
	endPause = 10 * time.Millisecond
	// settleBytes is how many bytes of events may stay unread in batch mode; the socket holds about 278.
	settleBytes = 128
	// serviceMax is the longest service name libqb's file names allow.
	serviceMax = 235
)

// Client is a library's end of a connection. One goroutine may be in Send or Receive and another in Event or
// ReleaseEvent at the same time; Shutdown, Connected, Fd and MaxMessage are free. Close comes after all of them.
type Client struct {
	fd      int
	max     int // bytes
	server  Credentials
	request *ring.Ring
	reply   *ring.Ring
	event   *ring.Ring
	dg      *clientDgram // instead of the rings, in the socket transport
	maps    [6][]byte
	paths   [6]string
	shared  bool   // somebody else may move the cursors in between
	answer  []byte // what has come of the handshake's answer

	down      atomic.Bool // Shutdown was called
	closed    atomic.Bool // Close has been called: the rest is unmapped
	lost      atomic.Bool // the server is gone
	interrupt atomic.Bool // wakes Receive: Shutdown, or a context that ended

	replyJoined []byte // a reply that crossed the end of its ring

	// Dispatcher's side.
	wake   atomic.Int32 // eventfd+1 that ends a wait for events, made when first needed
	joined []byte       // an event that crossed the end of its ring
	taken  bool
	batch  bool // bytes of events are received when the ring is empty
	debt   int  // events taken whose byte is still to be received
}

// Dial connects to a service ("cmap", ...) and asks for messages of maxMessage bytes. ctx bounds the handshake. Errors
// carry an errno: that of connect (ECONNREFUSED: no daemon), or the daemon's answer, see Pending.Refuse.
func Dial(ctx context.Context, service string, maxMessage int) (*Client, error) {
	c, err := Start(service, maxMessage)
	if err != nil {
		return nil, err
	}
	answer, err := c.readAnswer(ctx)
	if err == nil {
		err = c.accept(answer)
	}
	if err != nil {
		c.abort()
		return nil, err
	}
	return c, nil
}

// greet connects and sends the request.
func (c *Client) greet(addr *address, maxMessage int) error {
	for {
		err := connect(c.fd, addr)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("connect", err)
		}
		break
	}
	if err := setPasscred(c.fd, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	req := authRequest{maxMessage: uint32(max(maxMessage, responseBytes))}.append(nil)
	if n, errno := send(c.fd, req); errno != 0 || n != len(req) {
		return os.NewSyscallError("send", errno)
	}
	return nil
}

// accept takes up the connection that the server's answer describes.
func (c *Client) accept(answer []byte) error {
	setPasscred(c.fd, 0)
	res, err := parseAuthResponse(answer)
	if err != nil {
		return os.NewSyscallError("handshake", unix.EBADMSG)
	}
	if res.errno != 0 {
		return os.NewSyscallError("connect", res.errno)
	}
	switch res.kind {
	case typeSHM:
		return c.open(res)
	case typeSocket:
		return c.openDgram(res)
	case 2, 3: // message queues, which libqb never finished
		return os.NewSyscallError("connect", unix.ENOTSUP)
	}
	return os.NewSyscallError("connect", unix.EINVAL)
}

// readAnswer waits for the 12328 bytes, as long as the server and ctx allow.
func (c *Client) readAnswer(ctx context.Context) ([]byte, error) {
	wake, stop, err := wakeOn(ctx, &c.wake)
	if err != nil {
		return nil, err
	}
	defer stop()
	buf := make([]byte, responseBytes)
	for have := 0; have < len(buf); {
		n, _, err := recvCreds(c.fd, buf[have:], &c.server)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			waitReadable(c.fd, wake, -1)
		case err != nil:
			return nil, os.NewSyscallError("recv", err)
		case n == 0:
			return nil, os.NewSyscallError("recv", unix.ENOTCONN)
		default:
			have += n
		}
	}
	return buf, nil
}

func (c *Client) closeWake() {
	if fd := c.wake.Swap(0); fd != 0 {
		unix.Close(int(fd) - 1)
	}
}

// open maps the rings that the server made.
func (c *Client) open(res authResponse) (err error) {
	c.max = int(res.maxMessage)
	if c.max <= 0 || res.maxMessage > 1<<30 {
		return os.NewSyscallError("handshake", unix.EBADMSG)
	}
	for i, f := range []struct {
		name string
		role ring.Role
		r    **ring.Ring
	}{{res.request, ring.Writer, &c.request}, {res.response, ring.Reader, &c.reply}, {res.event, ring.Reader, &c.event}} {
		if *f.r, err = c.openRing(i, f.name, f.role); err != nil {
			return err
		}
	}
	c.request.AddRef(1)
	c.reply.AddRef(1)
	c.event.AddRef(1)
	return nil
}

func (c *Client) openRing(i int, base string, role ring.Role) (*ring.Ring, error) {
	if !strings.Contains(base, "/") { // servers before libqb 1.0.4
		base = shm.Root + "/qb-" + base
	}
	hdrPath := base + "-header"
	hdr, err := shm.Open(hdrPath, ring.HeaderBytes)
	if err != nil {
		return nil, err
	}
	c.maps[2*i], c.paths[2*i] = hdr, hdrPath
	dataPath, ok := ring.DataPath(hdr)
	if !ok || dataPath != base+"-data" { // it is removed by this name if the server dies
		return nil, os.NewSyscallError("open", unix.EINVAL)
	}
	data, err := shm.Open(dataPath, 0)
	if err != nil {
		return nil, err
	}
	c.maps[2*i+1], c.paths[2*i+1] = data, dataPath
	r, err := ring.Open(hdr, data, c.max, role)
	if err != nil {
		return nil, os.NewSyscallError("open", unix.EINVAL)
	}
	return r, nil
}

// Fd is readable when an event waits; the setup socket, which also tells when the server is gone, or in the socket
// transport the event socket.
func (c *Client) Fd() int {
	if c.dg != nil {
		return c.dg.event
	}
	return c.fd
}

// MaxMessage is the negotiated size limit in bytes.
func (c *Client) MaxMessage() int { return c.max }

// Server is the credentials of the daemon; zero if the kernel sent none.
func (c *Client) Server() Credentials { return c.server }

// Connected looks, without waiting, whether the server is there.
func (c *Client) Connected() bool {
	if c.down.Load() || c.lost.Load() {
		return false
	}
	if poll1(c.fd, unix.POLLIN)&hangup != 0 {
		c.lost.Store(true)
		return false
	}
	return true
}

// Send writes one request. EAGAIN: flow control is on at a level of flowLimit or less, or the ring is full; nothing
// was written. EMSGSIZE, ENOTCONN.
func (c *Client) Send(flowLimit int, iov [][]byte) error {
	if c.down.Load() || c.lost.Load() {
		return unix.ENOTCONN
	}
	if c.dg != nil {
		return c.dg.send(c, flowLimit, iov)
	}
	if c.request.Ref() != 2 {
		return unix.ENOTCONN
	}
	if c.shared {
		c.request.Resync()
	}
	if fc := c.request.User(); fc > 0 && fc <= int32(flowLimit) {
		return unix.EAGAIN
	}
	wake, err := c.request.WriteParts(iov)
	for i := 0; err == ring.ErrFull && i < reclaimTries && c.request.Sem().Value() == 0; i++ {
		// Everything was taken: the C server answers a request before it takes it off the ring, so room for a large
		// one may come a moment after the last reply.
		time.Sleep(reclaimPause)
		wake, err = c.request.WriteParts(iov)
	}
	switch err {
	case nil:
	case ring.ErrFull:
		return unix.EAGAIN
	case ring.ErrTooBig:
		return unix.EMSGSIZE
	default:
		c.lost.Store(true)
		return unix.EBADMSG
	}
	if wake {
		shm.Wake(c.request.Sem())
	}
	return c.notify()
}

// notify sends the byte that belongs to the request just written. It must go out: the C server waits for it. So when
// the socket is full (a server that has not read for some 278 requests) this waits too.
func (c *Client) notify() error {
	for {
		_, errno := send(c.fd, notification[:1])
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		case unix.EAGAIN:
			if c.down.Load() {
				return unix.ENOTCONN
			}
			p := [1]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}
			unix.Poll(p[:], int(livenessSlice/time.Millisecond))
		default:
			c.lost.Store(true)
			return unix.ENOTCONN
		}
	}
}

// Receive appends the next reply to dst. It waits until the reply comes, ctx ends (its error is returned, and the
// reply is still to come), or the server is gone.
func (c *Client) Receive(ctx context.Context, dst []byte) ([]byte, error) {
	if d := c.dg; d != nil {
		return d.next(ctx, c, &d.out, d.request, ctlResponse, &d.wake, dst, -1)
	}
	sem := c.reply.Sem()
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, func() { c.interrupt.Store(true); shm.Wake(sem) })
		defer stop()
	}
	for {
		err := shm.Wait(sem, livenessSlice, &c.interrupt)
		if err == nil {
			break
		}
		if err == unix.EINTR && !c.down.Load() {
			c.interrupt.Store(false) // that of a context, perhaps of an earlier call
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !c.Connected() {
			if sem.Try() { // the server's last word
				break
			}
			return nil, unix.ENOTCONN
		}
	}
	head, tail, err := c.reply.PeekTaken()
	if err != nil {
		c.lost.Store(true)
		return nil, unix.EBADMSG
	}
	dst = append(append(dst, head...), tail...)
	c.reply.Reclaim()
	return dst, nil
}

// Event returns the oldest event, a view that is valid until ReleaseEvent, waiting up to timeout (negative: for ever)
// or until ctx ends. Events that came before the server's end are still returned. EAGAIN: none; ENOTCONN.
func (c *Client) Event(ctx context.Context, timeout time.Duration) ([]byte, error) {
	if d := c.dg; d != nil {
		if c.taken { // shown, and not released: as with a ring it is still the oldest
			return d.held, nil
		}
		b, err := d.next(ctx, c, &d.in, d.event, ctlEvent, &c.wake, d.held[:0], timeout)
		if err == nil {
			d.held, c.taken = b, true
		}
		return b, err
	}
	head, tail, err := c.event.Peek()
	if err == ring.ErrEmpty && timeout != 0 {
		head, tail, err = c.awaitEvent(ctx, timeout)
	}
	switch {
	case err == ring.ErrEmpty:
		return nil, c.noEvent()
	case errors.Is(err, ring.ErrCorrupt):
		c.lost.Store(true)
		return nil, unix.EBADMSG
	case err != nil:
		return nil, err
	}
	if c.debt++; !c.batch {
		c.takeByte()
	} else if c.debt >= settleBytes {
		c.settle()
	}
	c.taken = true
	if len(tail) == 0 {
		return head, nil
	}
	c.joined = append(append(c.joined[:0], head...), tail...)
	return c.joined, nil
}

// noEvent is the answer to an empty ring.
func (c *Client) noEvent() error {
	if c.down.Load() || c.lost.Load() {
		return unix.ENOTCONN
	}
	if c.debt > 0 {
		c.settle()
	}
	switch ready := poll1(c.fd, unix.POLLIN); {
	case ready&hangup != 0:
		c.lost.Store(true)
		return unix.ENOTCONN
	case ready&unix.POLLIN != 0 && c.event.Sem().Value() == 0:
		c.settle()
	}
	return unix.EAGAIN
}

func (c *Client) awaitEvent(ctx context.Context, timeout time.Duration) (head, tail []byte, err error) {
	wake, stop, err := wakeOn(ctx, &c.wake)
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	var deadline time.Time
	if timeout > 0 {
		deadline = time.Now().Add(timeout)
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if c.down.Load() {
			return nil, nil, unix.ENOTCONN
		}
		if c.debt > 0 {
			c.settle()
		}
		ready := waitReadable(c.fd, wake, timeout)
		if head, tail, err = c.event.Peek(); err != ring.ErrEmpty {
			return head, tail, err
		}
		if ready&hangup != 0 {
			c.lost.Store(true)
			return nil, nil, unix.ENOTCONN
		}
		if ready&unix.POLLIN != 0 {
			c.settle()
		}
		if timeout > 0 {
			if timeout = time.Until(deadline); timeout <= 0 {
				return nil, nil, ring.ErrEmpty
			}
		}
	}
}

// settle receives the bytes that belong to events already taken, as far as they have come. A readable descriptor
// without event or debt has a byte that nothing came with, or its end: one byte is read then, so that nobody spins.
func (c *Client) settle() {
	var b [settleBytes]byte
	for {
		n, errno := recv(c.fd, b[:min(max(c.debt, 1), len(b))])
		switch {
		case errno == unix.EINTR:
			continue
		case errno == 0 && n == 0:
			c.lost.Store(true)
		case errno == 0:
			if c.debt = max(0, c.debt-n); c.debt > 0 {
				continue
			}
		}
		return
	}
}

// takeByte receives the byte that belongs to an event, exactly one, so that the descriptor is readable as long as
// events wait. The server sends it after the event; it may be on its way.
func (c *Client) takeByte() {
	if c.settle(); c.debt > 0 && !c.lost.Load() {
		waitReadable(c.fd, -1, byteWait)
		c.settle()
	}
}

// BatchEvents makes Event receive the bytes of events when the ring is empty, all at once, instead of one with each
// event. It is for a caller who takes events until there are none before the descriptor is polled: until then the
// descriptor may be readable without an event. Switching it off makes the descriptor exact again.
func (c *Client) BatchEvents(on bool) {
	c.batch = on
	if !on && c.debt > 0 {
		c.takeByte()
	}
}

// ReleaseEvent gives the last event's place in the ring back.
func (c *Client) ReleaseEvent() {
	if c.taken {
		c.taken = false
		if c.dg == nil {
			c.event.Consume()
		}
	}
}

// Shutdown ends the conversation: the server notices, Receive and Event under way return ENOTCONN. The mappings stay.
func (c *Client) Shutdown() {
	c.Connected() // remember for Close how the server was
	c.down.Store(true)
	c.interrupt.Store(true)
	if !c.heldElsewhere() {
		unix.Shutdown(c.fd, unix.SHUT_RDWR)
	}
	if c.dg != nil {
		c.dg.shutdown()
		return
	}
	shm.Wake(c.reply.Sem())
}

// Close releases everything. Files that a dead server left are removed, since nobody else will. Further calls do nothing.
func (c *Client) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	if !c.down.Load() {
		c.Shutdown()
	}
	if !c.heldElsewhere() {
		unix.Close(c.fd)
	}
	c.closeWake()
	if c.dg != nil {
		c.dg.close(true)
		return nil
	}
	orphaned := c.lost.Load() && (c.server.PID == 0 || c.serverGone())
	for _, r := range []*ring.Ring{c.request, c.reply, c.event} {
		if orphaned {
			r.SetRef(-1)
		} else {
			r.SetRef(0)
		}
	}
	if orphaned {
		shm.RemoveFiles(c.paths[:]...)
	}
	if !c.heldElsewhere() {
		c.unmap()
	}
	return nil
}

// heldElsewhere tells whether the end of descriptors and mappings is for others: see Share.
func (c *Client) heldElsewhere() bool { return c.shared && c.dg == nil }

// serverGone asks a few times, as a dying process lasts a little longer than its sockets.
func (c *Client) serverGone() bool {
	for i := 0; ; i++ {
		if unix.Kill(int(c.server.PID), 0) == unix.ESRCH {
			return true
		}
		if c.shared || i == endTries {
			return false
		}
		time.Sleep(endPause)
	}
}

func (c *Client) unmap() {
	for i := range c.maps {
		shm.Unmap(c.maps[i])
		c.maps[i] = nil
	}
}
