package conntest

import (
	"bytes"
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
)

// Daemon is the other end of a connection: a function that answers requests, and a queue of events.
type Daemon struct {
	// Answer returns the reply to a request, or nil if it has none. It runs while the requester waits.
	Answer func(request []byte) []byte
	// SendError, if set, is asked before every send; what it returns is the result of the send unless nil.
	SendError func(flowLimit int) error

	mu      sync.Mutex
	replies [][]byte
	events  [][]byte
	wake    chan struct{} // closed and replaced when the state changes
	gone    bool
	closed  bool
	pump    func() // makes a wire look at events and gone
}

// New returns a daemon that answers with f.
func New(f func(request []byte) []byte) *Daemon {
	return &Daemon{Answer: f, wake: make(chan struct{})}
}

// Dial returns a connection to the daemon. A daemon has one.
func (d *Daemon) Dial() *conn.Conn {
	if kind == "memory" {
		return conn.New((*transport)(d))
	}
	return conn.New(dialWire(d))
}

// Push queues a copy of an event.
func (d *Daemon) Push(event []byte) {
	d.mu.Lock()
	d.events = append(d.events, bytes.Clone(event))
	d.changed()
	pump := d.pump
	d.mu.Unlock()
	if pump != nil {
		go pump() // not from here: an answer may push
	}
}

// Die ends the connection as a dead daemon does: events that wait are still read.
func (d *Daemon) Die() {
	d.mu.Lock()
	d.gone = true
	d.changed()
	pump := d.pump
	d.mu.Unlock()
	if pump != nil {
		pump()
	}
}

// Closed tells whether the client released the connection.
func (d *Daemon) Closed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}

func (d *Daemon) changed() {
	close(d.wake)
	d.wake = make(chan struct{})
}

// transport is the client's view of a Daemon.
type transport Daemon

func (t *transport) Send(flowLimit int, iov [][]byte) error {
	d := (*Daemon)(t)
	if !t.Connected() {
		return syscall.ENOTCONN
	}
	if d.SendError != nil {
		if err := d.SendError(flowLimit); err != nil {
			return err
		}
	}
	if reply := d.Answer(bytes.Join(iov, nil)); reply != nil {
		d.mu.Lock()
		d.replies = append(d.replies, reply)
		d.changed()
		d.mu.Unlock()
	}
	return nil
}

func (t *transport) Receive(ctx context.Context, dst []byte) ([]byte, error) {
	d := (*Daemon)(t)
	b, err := d.next(ctx, -1, &d.replies)
	return append(dst, b...), err
}

func (t *transport) Event(ctx context.Context, timeout time.Duration) ([]byte, error) {
	d := (*Daemon)(t)
	return d.next(ctx, timeout, &d.events)
}

func (d *Daemon) next(ctx context.Context, timeout time.Duration, queue *[][]byte) ([]byte, error) {
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		d.mu.Lock()
		if q := *queue; len(q) > 0 {
			*queue = q[1:]
			d.mu.Unlock()
			return q[0], nil
		}
		gone, wake := d.gone, d.wake
		d.mu.Unlock()
		if gone {
			return nil, syscall.ENOTCONN
		}
		if timeout == 0 {
			return nil, syscall.EAGAIN
		}
		select {
		case <-wake:
		case <-expired:
			return nil, syscall.EAGAIN
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (t *transport) ReleaseEvent()   {}
func (t *transport) Shutdown()       { (*Daemon)(t).Die() }
func (t *transport) Fd() int         { return -1 }
func (t *transport) MaxMessage() int { return conn.DefaultMaxMessage }

func (t *transport) Connected() bool {
	d := (*Daemon)(t)
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.gone
}

func (t *transport) Close() error {
	d := (*Daemon)(t)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	return nil
}
