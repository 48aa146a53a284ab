package coroipc

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/internal/sock"
	"github.com/corosync-go/corosync/libcorosync-go/shm"
)

const (
	// livenessSlice bounds how long a wait for an answer goes without a look at the socket: no one posts the semaphore
	// when the daemon dies. The C library looks every 2 s.
	livenessSlice = 200 * time.Millisecond
	// byteWait bounds the wait for the byte that follows an event already in the ring.
	byteWait = time.Second
	// settleBytes is how many bytes of events may stay unread in batch mode; the socket holds about 278.
	settleBytes = 128
)

// Client is a library's end of a connection. One goroutine may be in Send, Receive or Acknowledged and another in Event or
// ReleaseEvent at the same time; Shutdown, Connected, Fd and MaxMessage are free. Close comes after all of them.
//
// Messages have the headers of their service: those of 1.x up to number 31, of 3.x from Service3x on.
type Client struct {
	fd      int
	service int
	maps    [fileCount][]byte
	ctl     control

	down      atomic.Bool // Shutdown was called
	closed    atomic.Bool // Close has been called: the rest is unmapped
	lost      atomic.Bool // the server is gone
	interrupt atomic.Bool // wakes Receive: Shutdown, or a context that ended
	opening   *opening    // until the server has answered
	shared    bool        // somebody else may have a conversation and take events in between

	// Requester's side. The buffers have room for one conversation.
	asked bool     // a request is under way; of no interest if shared
	late  [][]byte // answers that nobody waited for any more, and that made room for the next request

	// Dispatcher's side.
	wake   atomic.Int32 // eventfd+1 that ends a wait for events, made when first needed
	read   uint32       // offset in the dispatch buffer
	joined []byte       // an event that crossed the end of its ring
	taken  int          // bytes of the event that is out, 0 if none
	batch  bool         // bytes of events are received when the ring is empty
	debt   int          // events taken whose byte is still to be received; negative: bytes whose event is not yet seen
}

// Dial connects to a service by its number and asks for buffers of maxMessage bytes, rounded up to pages; twice that for
// events, so that a large one does not wait for another to be read. ctx bounds the setup. Errors carry an errno: that of
// connect (ECONNREFUSED: no daemon), of the files (ENOSPC: no shared memory), or the daemon's answer.
func Dial(ctx context.Context, service, maxMessage int) (*Client, error) {
	return DialAt(ctx, SocketName, service, maxMessage)
}

// DialAt is Dial of a socket with another name in the abstract namespace.
func DialAt(ctx context.Context, name string, service, maxMessage int) (*Client, error) {
	return dial(ctx, name, service, sizesFor(maxMessage))
}

func dial(ctx context.Context, name string, service int, sizes [fileCount]int) (*Client, error) {
	c, err := start(name, service, sizes)
	if err != nil {
		return nil, err
	}
	wake, stop, err := sock.WakeOn(ctx, &c.wake)
	if err != nil {
		c.Abort()
		return nil, err
	}
	defer stop()
	for {
		err := c.Step()
		if e, bare := err.(unix.Errno); !bare || e != unix.EAGAIN {
			if err != nil {
				return nil, err
			}
			return c, nil
		}
		if err := ctx.Err(); err != nil {
			c.Abort()
			return nil, err
		}
		p := [...]unix.PollFd{{Fd: int32(c.fd), Events: c.Wants()}, {Fd: int32(wake), Events: unix.POLLIN}}
		sock.PPoll(p[:], -1)
	}
}

func (c *Client) closeWake() {
	if fd := c.wake.Swap(0); fd != 0 {
		unix.Close(int(fd) - 1)
	}
}

// Fd is readable when an event waits or the server is gone.
func (c *Client) Fd() int { return c.fd }

// MaxMessage is the size limit of a request or an answer in bytes.
func (c *Client) MaxMessage() int { return min(len(c.maps[fileRequest]), len(c.maps[fileResponse])) }

// FlowControlled says whether events wait in the daemon for room (cpg_flow_control_state_get of 1.x).
func (c *Client) FlowControlled() bool { return c.ctl.load(ctlFlow) != 0 }

// Acknowledges says that every request is answered, for package conn.
func (c *Client) Acknowledges() bool { return true }

// Connected looks, without waiting, whether the server is there.
func (c *Client) Connected() bool {
	if c.down.Load() || c.lost.Load() {
		return false
	}
	if sock.Poll1(c.fd, unix.POLLIN)&sock.Hangup != 0 || c.ctl.load(ctlClosed) != 0 {
		c.lost.Store(true)
		return false
	}
	return true
}

// Send writes one request. EAGAIN: the one before is still under way, which nobody waits for; nothing was written.
// EMSGSIZE, ENOTCONN. The flow control of this protocol is in the answers, so flowLimit means nothing.
func (c *Client) Send(_ int, iov [][]byte) error {
	if c.down.Load() || c.lost.Load() || c.ctl.load(ctlClosed) != 0 {
		return unix.ENOTCONN
	}
	if c.asked && !c.shared {
		if !c.ctl.response.Try() {
			return unix.EAGAIN
		}
		answer, err := c.answer(nil)
		if err != nil {
			return err
		}
		c.late = append(c.late, answer)
	}
	buf := c.maps[fileRequest]
	total := 0
	for _, b := range iov {
		total += len(b)
	}
	if total > len(buf) {
		return unix.EMSGSIZE
	}
	at := 0
	for _, b := range iov {
		at += copy(buf[at:], b)
	}
	binary.NativeEndian.PutUint32(c.maps[fileResponse][sizeAt(c.service):], 0)
	c.asked = true
	c.ctl.request.Post() // nobody sleeps on this one
	if !c.shared {
		c.ask()
	}
	return nil
}

// ask has the server look at the connection.
func (c *Client) ask() {
	if c.ctl.work.Post() {
		shm.Wake(c.ctl.work)
	}
}

// Receive appends the next answer to dst. It waits until the answer comes, ctx ends (its error is returned, and the
// answer is still to come), or the server is gone.
func (c *Client) Receive(ctx context.Context, dst []byte) ([]byte, error) {
	if len(c.late) > 0 {
		dst = append(dst, c.late[0]...)
		c.late = c.late[1:]
		return dst, nil
	}
	sem := c.ctl.response
	if ctx.Done() != nil {
		stop := context.AfterFunc(ctx, func() { c.interrupt.Store(true); shm.Wake(sem) })
		defer stop()
	}
	for {
		err := shm.Wait(sem, livenessSlice, &c.interrupt)
		if err == nil {
			return c.answer(dst)
		}
		if err == unix.EINTR && !c.down.Load() {
			c.interrupt.Store(false) // that of a context, perhaps of an earlier call
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !c.Connected() {
			if sem.Try() { // the server's last word
				return c.answer(dst)
			}
			return nil, unix.ENOTCONN
		}
	}
}

// answer takes the answer out of its buffer after its semaphore was taken.
func (c *Client) answer(dst []byte) ([]byte, error) {
	b, err := c.answered()
	if err != nil {
		return nil, err
	}
	return append(dst, b...), nil
}

// answered is the answer in its buffer, which the next request makes invalid. The server posts once more when it ends, which
// may be right behind its last answer: Send has made the length 0, so it tells whether there is one.
func (c *Client) answered() ([]byte, error) {
	buf := c.maps[fileResponse]
	n := binary.NativeEndian.Uint32(buf[sizeAt(c.service):])
	if n == 0 && c.ctl.load(ctlClosed) != 0 {
		c.lost.Store(true)
		return nil, unix.ENOTCONN
	}
	c.asked = false
	if n < responseHeader || uint64(n) > uint64(len(buf)) {
		c.lost.Store(true)
		return nil, unix.EBADMSG
	}
	return buf[:n], nil
}

// Event returns the oldest event, a view that is valid until ReleaseEvent, waiting up to timeout (negative: for ever)
// or until ctx ends. Events that came before the server's end are still returned. EAGAIN: none; ENOTCONN.
func (c *Client) Event(ctx context.Context, timeout time.Duration) ([]byte, error) {
	if !c.waiting() && timeout != 0 {
		if err := c.awaitEvent(ctx, timeout); err != nil {
			return nil, err
		}
	}
	if !c.waiting() {
		return nil, c.noEvent()
	}
	if err := c.find(); err != nil {
		return nil, err
	}
	if c.debt++; !c.batch {
		c.takeByte()
	} else if c.debt >= settleBytes {
		c.settle()
	}
	return c.event(), nil
}

// find sees how long the oldest event is, and takes it out.
func (c *Client) find() error {
	ring := c.maps[fileDispatch]
	if c.shared {
		c.read = c.ctl.load(ctlRead)
	}
	n := 0
	if valid(c.read, len(ring)) {
		var head [responseHeader]byte
		a, b := view(ring, int(c.read), responseHeader)
		copy(head[copy(head[:], a):], b)
		n = int(binary.NativeEndian.Uint32(head[sizeAt(c.service):]))
	}
	if n < responseHeader || n > len(ring)-spare {
		c.lost.Store(true)
		return unix.EBADMSG
	}
	c.taken = n
	return nil
}

// event is the one that was found, in one piece.
func (c *Client) event() []byte {
	a, b := view(c.maps[fileDispatch], int(c.read), c.taken)
	if len(b) == 0 {
		return a
	}
	c.joined = append(append(c.joined[:0], a...), b...)
	return c.joined
}

// waiting says whether an event is in the ring. The server posts once more when it is gone.
func (c *Client) waiting() bool {
	n := c.ctl.dispatch.Value()
	return n > 1 || n == 1 && c.ctl.load(ctlClosed) == 0
}

// noEvent is the answer to an empty ring.
func (c *Client) noEvent() error {
	if c.down.Load() || c.lost.Load() {
		return unix.ENOTCONN
	}
	if c.debt > 0 {
		c.settle()
	}
	c.hint()
	switch ready := sock.Poll1(c.fd, unix.POLLIN); {
	case ready&sock.Hangup != 0:
		c.lost.Store(true)
		return unix.ENOTCONN
	case ready&unix.POLLIN != 0 && !c.waiting():
		c.settle()
	}
	return unix.EAGAIN
}

func (c *Client) awaitEvent(ctx context.Context, timeout time.Duration) error {
	wake, stop, err := sock.WakeOn(ctx, &c.wake)
	if err != nil {
		return err
	}
	defer stop()
	var deadline time.Time
	if timeout > 0 {
		deadline = time.Now().Add(timeout)
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.down.Load() {
			return unix.ENOTCONN
		}
		if c.debt > 0 {
			c.settle()
		}
		c.hint()
		ready := sock.WaitReadable(c.fd, wake, timeout)
		if c.waiting() {
			return nil
		}
		if ready&sock.Hangup != 0 {
			c.lost.Store(true)
			return unix.ENOTCONN
		}
		if ready&unix.POLLIN != 0 {
			c.settle()
		}
		if timeout > 0 {
			if timeout = time.Until(deadline); timeout <= 0 {
				return nil
			}
		}
	}
}

// hint asks the server for the events that wait for room, if there are any and there is room. Without it they might wait
// for ever.
func (c *Client) hint() {
	if c.shared || c.ctl.load(ctlFlow) == 0 {
		return
	}
	size := len(c.maps[fileDispatch])
	if write := c.ctl.load(ctlWrite); valid(write, size) && mostlyFree(c.read, write, size) {
		c.ask()
	}
}

// settle receives the bytes that belong to events already taken, as far as they have come. A readable descriptor
// without event or debt has a byte whose event is about to be seen, or its end: one byte is read then, so that nobody spins.
func (c *Client) settle() {
	var b [settleBytes]byte
	for {
		n, errno := sock.Recv(c.fd, b[:min(max(c.debt, 1), len(b))])
		switch {
		case errno == unix.EINTR:
			continue
		case errno == 0 && n == 0:
			c.lost.Store(true)
		case errno == 0:
			if c.debt -= n; c.debt > 0 {
				continue
			}
		}
		return
	}
}

// takeByte receives the byte that belongs to an event, exactly one, so that the descriptor is readable as long as
// events wait. The server may send it after the event; it may be on its way.
func (c *Client) takeByte() {
	if c.debt <= 0 {
		return // it came before its event
	}
	if c.settle(); c.debt > 0 && !c.lost.Load() {
		sock.WaitReadable(c.fd, -1, byteWait)
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
	if c.taken == 0 {
		return
	}
	c.ctl.dispatch.Try()
	c.read = advance(c.read, c.taken, len(c.maps[fileDispatch]))
	c.ctl.store(ctlRead, c.read)
	c.taken = 0
	c.hint()
}

// Shutdown ends the conversation: the server notices, Receive and Event under way return ENOTCONN. The mappings stay.
func (c *Client) Shutdown() {
	c.down.Store(true)
	c.interrupt.Store(true)
	if !c.shared {
		unix.Shutdown(c.fd, unix.SHUT_RDWR)
	}
	shm.Wake(c.ctl.response)
}

// Close releases everything. Further calls do nothing.
func (c *Client) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	if !c.down.Load() {
		c.Shutdown()
	}
	c.closeWake()
	if !c.shared {
		unix.Close(c.fd)
		c.unmap()
	}
	return nil
}

func (c *Client) unmap() {
	for i := range c.maps {
		shm.Unmap(c.maps[i])
		c.maps[i] = nil
	}
}
