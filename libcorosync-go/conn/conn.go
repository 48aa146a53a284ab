package conn

import (
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// DefaultMaxMessage is what the corosync libraries ask for: the largest request, reply or event in bytes.
const DefaultMaxMessage = 1 << 20

// Protocol says how to speak to the daemon.
type Protocol int

const (
	// Auto takes what COROSYNC_IPC names (qb or coroipc), else the default protocol.
	Auto Protocol = iota
	// QB is the libqb protocol of corosync 2.x and 3.x.
	QB
	// CoroIPC is the protocol of corosync 1.x, with the messages of 3.x.
	CoroIPC
)

// Options of Dial. The zero value is what the C libraries do.
type Options struct {
	MaxMessage int      // bytes; 0 means DefaultMaxMessage
	Protocol   Protocol // Auto unless a protocol is wanted by name
}

// Bulk classes a send by the flow-control level that holds it back.
type Bulk bool

const (
	// Ordinary sends are refused at flow-control level 1 only; at level 2 they wait in the daemon's ring.
	Ordinary Bulk = false
	// Multicast is for cpg_mcast_joined and the fragments of large messages: refused at levels 1 and 2.
	Multicast Bulk = true
)

// limit is the highest flow-control level that holds a send back (libqb's fc_enable_max).
func (b Bulk) limit() int {
	if b {
		return 2
	}
	return 1
}

// Transport is what a protocol offers for one connection. Conn calls Send and Receive under one lock, Event and
// ReleaseEvent under another; Shutdown and Connected come from anywhere until Close, which comes last and once.
// Errors are errno values (syscall.Errno), or that of a context that ended.
type Transport interface {
	// Send puts one message on its way without waiting. EAGAIN: held back by flow control or no room, nothing sent;
	// EMSGSIZE; ENOTCONN.
	Send(flowLimit int, iov [][]byte) error
	// Receive appends the next reply to dst, waiting until ctx ends or the daemon is gone. ENOTCONN, EBADMSG.
	Receive(ctx context.Context, dst []byte) ([]byte, error)
	// Event returns the oldest event, waiting up to timeout (0: not at all, negative: for ever); it may be a view
	// into shared memory, valid until ReleaseEvent. EAGAIN: none came; ENOTCONN.
	Event(ctx context.Context, timeout time.Duration) ([]byte, error)
	ReleaseEvent()
	// Shutdown ends the conversation: waiting calls return ENOTCONN, later ones too. Memory stays mapped.
	Shutdown()
	Connected() bool
	Fd() int
	MaxMessage() int
	Close() error
}

// acknowledger is a Transport whose daemon answers every message, those of Conn.Send too.
type acknowledger interface{ Acknowledges() bool }

// batcher is a Transport that gains from knowing that events will be taken until there are none, so that what Fd shows
// need not follow each of them; switched off, Fd is exact again. Called under Event's lock.
type batcher interface{ BatchEvents(on bool) }

// Conn is a connection. Errors of its methods wrap an errno; cserr.From maps them as the C libraries do.
type Conn struct {
	t Transport

	reqMu sync.Mutex // one request at a time: Send and Receive of t
	owed  int        // replies to abandoned requests, still to come
	iov   [8][]byte  // staging, so that variadic arguments stay on the caller's stack
	trash []byte     // abandoned replies end here
	// receipt is the memory for those of Send.
	receipt []byte

	evMu sync.Mutex // one dispatcher at a time inside Event and ReleaseEvent
	held bool       // an event is out with the caller

	mu      sync.Mutex // guards the rest; taken last
	closing bool       // Close was called
	unmap   sync.Once
}

// New makes a connection of a transport that is already set up.
func New(t Transport) *Conn { return &Conn{t: t} }

// Send sends a message that has no reply, given in parts, without waiting for more than the daemon's receipt, which
// coroipc has. EAGAIN (cserr.TryAgain): the daemon's flow control forbids it or the ring is full, and nothing was sent.
// EMSGSIZE, ENOTCONN. With a receipt there may be an error that would otherwise stay unknown, as a cserr.Error.
func (c *Conn) Send(class Bulk, iov ...[]byte) error {
	c.reqMu.Lock()
	defer c.reqMu.Unlock()
	if a, ok := c.t.(acknowledger); !ok || !a.Acknowledges() {
		return c.send(class, iov)
	}
	receipt, err := c.converse(context.Background(), class, c.receipt[:0], iov)
	if err != nil {
		return err
	}
	c.receipt = receipt
	h, err := ipcmsg.ParseResponseHeader(receipt)
	switch {
	case err != nil:
		return syscall.EBADMSG
	case h.Error == cserr.TryAgain:
		return syscall.EAGAIN
	}
	return h.Error.Err()
}

func (c *Conn) send(class Bulk, iov [][]byte) error {
	if c.isClosing() {
		return syscall.EBADF
	}
	v := append(c.iov[:0], iov...)
	err := c.t.Send(class.limit(), v)
	clear(v)
	return err
}

// Request sends a request and waits for its reply, which is appended to dst[:0] and returned; a dst of sufficient
// capacity makes the call free of allocation. The reply is the caller's. Without deadline or cancellation in ctx it
// waits as long as the daemon lives. When ctx ends first the error is ctx's, and the late reply will be discarded.
func (c *Conn) Request(ctx context.Context, dst []byte, iov ...[]byte) ([]byte, error) {
	return c.request(ctx, Ordinary, dst, iov)
}

// RequestBulk is Request for fragments of large multicasts: refused (EAGAIN) at flow-control level 2 as well. Coroipc has no
// such levels, its replies refuse.
func (c *Conn) RequestBulk(ctx context.Context, dst []byte, iov ...[]byte) ([]byte, error) {
	reply, err := c.request(ctx, Multicast, dst, iov)
	if a, ok := c.t.(acknowledger); err == nil && ok && a.Acknowledges() {
		if h, errHeader := ipcmsg.ParseResponseHeader(reply); errHeader == nil && h.Error == cserr.TryAgain {
			return nil, syscall.EAGAIN
		}
	}
	return reply, err
}

func (c *Conn) request(ctx context.Context, class Bulk, dst []byte, iov [][]byte) ([]byte, error) {
	c.reqMu.Lock()
	defer c.reqMu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.converse(ctx, class, dst, iov)
}

// converse sends a request and waits for its reply. Called with reqMu held.
func (c *Conn) converse(ctx context.Context, class Bulk, dst []byte, iov [][]byte) ([]byte, error) {
	err := c.send(class, iov)
	for err == syscall.EAGAIN && c.owed > 0 {
		// Some protocols have room for one conversation, and one is still under way that was given up.
		late, errLate := c.t.Receive(ctx, c.trash[:0])
		if errLate != nil {
			return nil, errLate
		}
		c.owed--
		c.trash = late
		err = c.send(class, iov)
	}
	if err != nil {
		return nil, err
	}
	for {
		into := dst
		if c.owed > 0 {
			into = c.trash
		}
		reply, err := c.t.Receive(ctx, into[:0])
		switch {
		case err == nil && c.owed > 0:
			c.owed--
			c.trash = reply
			continue
		case err != nil && c.isClosing():
			return nil, syscall.EBADF
		case err != nil && ctx.Err() != nil:
			c.owed++
		}
		return reply, err
	}
}

// Event returns the oldest event the daemon sent: timeout 0 does not wait, a negative one waits for ever. The bytes
// are valid until ReleaseEvent, which must follow before the next Event. EAGAIN: none in time. ENOTCONN: the daemon
// is gone. EBADF: closed here, also while waiting. EBUSY: the last event was not released.
func (c *Conn) Event(timeout time.Duration) ([]byte, error) {
	return c.event(context.Background(), timeout)
}

// EventContext is Event that waits until ctx ends, whose error it then returns.
func (c *Conn) EventContext(ctx context.Context) ([]byte, error) { return c.event(ctx, -1) }

func (c *Conn) event(ctx context.Context, timeout time.Duration) ([]byte, error) {
	c.evMu.Lock()
	defer c.evMu.Unlock()
	if c.held {
		return nil, syscall.EBUSY
	}
	if c.isClosing() {
		return nil, syscall.EBADF
	}
	b, err := c.t.Event(ctx, timeout)
	if err != nil {
		if c.isClosing() {
			return nil, syscall.EBADF
		}
		return nil, err
	}
	c.held = true
	return b, nil
}

// ReleaseEvent gives the memory of the last event back to the daemon. Without one it does nothing. An event may be
// used and released after Close.
func (c *Conn) ReleaseEvent() {
	c.evMu.Lock()
	defer c.evMu.Unlock()
	if !c.held {
		return
	}
	c.held = false
	if c.isClosing() {
		c.unmap.Do(func() { c.t.Close() })
		return
	}
	c.t.ReleaseEvent()
}

// batch wraps a run of Event calls, which then cost a system call less each.
func (c *Conn) batch(on bool) {
	c.evMu.Lock()
	defer c.evMu.Unlock()
	if b, ok := c.t.(batcher); ok && !c.isClosing() {
		b.BatchEvents(on)
	}
}

// Fd is the descriptor that polls readable when an event waits or the daemon is gone. It stays the connection's.
func (c *Conn) Fd() int { return c.t.Fd() }

// MaxMessage is the negotiated size limit of a message in bytes, header included.
func (c *Conn) MaxMessage() int { return c.t.MaxMessage() }

// Connected looks, without waiting, whether the daemon is still there.
func (c *Conn) Connected() bool { return !c.isClosing() && c.t.Connected() }

// Close ends the connection; calls waiting in other goroutines return EBADF. Closing twice is an error, EBADF.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return syscall.EBADF
	}
	c.closing = true
	c.mu.Unlock()
	c.t.Shutdown()
	c.reqMu.Lock()
	defer c.reqMu.Unlock()
	c.evMu.Lock()
	defer c.evMu.Unlock()
	if !c.held {
		c.unmap.Do(func() { c.t.Close() })
	}
	return nil
}

func (c *Conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// Code is the cs_error_t a C library would return for an error of this package.
func Code(err error) cserr.Error { return cserr.From(err) }
