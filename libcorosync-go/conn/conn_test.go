package conn

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// fake is a transport whose replies and events come from channels.
type fake struct {
	sent    chan string
	limits  []int
	replies chan string
	events  chan string
	down    chan struct{}
	once    sync.Once
	closed  int
	freed   int
	sendErr error
}

func newFake() *fake {
	return &fake{sent: make(chan string, 100), replies: make(chan string, 100), events: make(chan string, 100), down: make(chan struct{})}
}

func (f *fake) Send(limit int, iov [][]byte) error {
	if f.sendErr != nil {
		return f.sendErr
	}
	s := ""
	for _, b := range iov {
		s += string(b)
	}
	f.limits = append(f.limits, limit)
	f.sent <- s
	return nil
}

func (f *fake) Receive(ctx context.Context, dst []byte) ([]byte, error) {
	select {
	case s := <-f.replies:
		return append(dst, s...), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-f.down:
		return nil, syscall.ENOTCONN
	}
}

func (f *fake) Event(ctx context.Context, timeout time.Duration) ([]byte, error) {
	if timeout == 0 {
		select {
		case s := <-f.events:
			return []byte(s), nil
		default:
			return nil, syscall.EAGAIN
		}
	}
	select {
	case s := <-f.events:
		return []byte(s), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-f.down:
		return nil, syscall.ENOTCONN
	}
}

func (f *fake) ReleaseEvent()   { f.freed++ }
func (f *fake) Shutdown()       { f.once.Do(func() { close(f.down) }) }
func (f *fake) Connected() bool { return true }
func (f *fake) Fd() int         { return 7 }
func (f *fake) MaxMessage() int { return 100 }
func (f *fake) Close() error    { f.closed++; return nil }

func TestRequest(t *testing.T) {
	f := newFake()
	c := New(f)
	f.replies <- "one"
	dst := make([]byte, 0, 10)
	r, err := c.Request(context.Background(), dst, []byte("a"), []byte("b"))
	if err != nil || string(r) != "one" || &r[0] != &dst[:1][0] || <-f.sent != "ab" {
		t.Error(string(r), err)
	}
	f.replies <- "two"
	if r, err := c.RequestBulk(context.Background(), nil, []byte("x")); err != nil || string(r) != "two" {
		t.Error(err)
	}
	c.Send(Ordinary, []byte("y"))
	c.Send(Multicast, []byte("z"))
	if want := []int{1, 2, 1, 2}; len(f.limits) != 4 || f.limits[1] != want[1] || f.limits[2] != want[2] || f.limits[3] != want[3] {
		t.Error(f.limits)
	}
	f.sendErr = syscall.EAGAIN
	if _, err := c.Request(context.Background(), nil, nil); Code(err) != cserr.TryAgain {
		t.Error(err)
	}
}

// TestAbandoned: the reply to a request whose context ended is not taken for the next one's.
func TestAbandoned(t *testing.T) {
	f := newFake()
	c := New(f)
	for range 2 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		if _, err := c.Request(ctx, nil, []byte("slow")); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		cancel()
	}
	if _, err := c.Request(func() context.Context {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return ctx
	}(), nil, []byte("never sent")); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	f.replies <- "late 1"
	f.replies <- "late 2"
	f.replies <- "right"
	if r, err := c.Request(context.Background(), nil, []byte("next")); err != nil || string(r) != "right" {
		t.Error(string(r), err)
	}
}

func TestEventAndClose(t *testing.T) {
	f := newFake()
	c := New(f)
	if _, err := c.Event(0); err != syscall.EAGAIN {
		t.Error(err)
	}
	f.events <- "e1"
	f.events <- "e2"
	if b, err := c.Event(-1); err != nil || string(b) != "e1" {
		t.Error(err)
	}
	if _, err := c.Event(0); err != syscall.EBUSY {
		t.Error("second event before release:", err)
	}
	c.ReleaseEvent()
	c.ReleaseEvent()
	if f.freed != 1 {
		t.Error("released", f.freed)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if b, err := c.EventContext(ctx); err != nil || string(b) != "e2" {
		t.Error(err)
	}
	if err := c.Close(); err != nil || f.closed != 0 {
		t.Error("memory gone while an event is held:", err)
	}
	c.ReleaseEvent()
	if err := c.Close(); err != syscall.EBADF || f.closed != 1 || f.freed != 1 {
		t.Error(err, f.closed, f.freed)
	}
	for _, err := range []error{
		c.Send(Ordinary), func() error { _, err := c.Event(0); return err }(),
		func() error { _, err := c.Request(context.Background(), nil); return err }(),
	} {
		if err != syscall.EBADF {
			t.Error(err)
		}
	}
	if c.Connected() {
		t.Error("connected")
	}
}

func TestCloseWakes(t *testing.T) {
	f := newFake()
	c := New(f)
	done := make(chan error, 2)
	go func() { _, err := c.Event(-1); done <- err }()
	go func() { _, err := c.Request(context.Background(), nil, []byte("q")); done <- err }()
	<-f.sent
	c.Close()
	for range 2 {
		if err := <-done; err != syscall.EBADF {
			t.Error(err)
		}
	}
	if f.closed != 1 {
		t.Error(f.closed)
	}
}

func TestDialUnknownProtocol(t *testing.T) {
	if _, err := Dial(context.Background(), "cmap", &Options{Protocol: 99}); !errors.Is(err, syscall.EPROTONOSUPPORT) {
		t.Error(err)
	}
	if _, err := Dial(context.Background(), "gotest-nobody", &Options{Protocol: QB}); Code(err) != cserr.Library {
		t.Error(err)
	}
}
