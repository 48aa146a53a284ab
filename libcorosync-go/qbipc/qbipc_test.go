package qbipc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/cabi"
)

// host is a server made of this package and a poll loop, the least that a daemon would do.
type host struct {
	t      testing.TB
	l      *Listener
	wake   int
	post   chan func()
	refuse syscall.Errno
	handle func(c *ServerConn, req []byte) Verdict
	conns  map[int]*ServerConn
	turns  int
	gone   atomic.Int32
	done   chan struct{}
}

var hostNumber atomic.Int32

func startHost(t testing.TB, handle func(*ServerConn, []byte) Verdict) *host {
	return startHostAt(t, fmt.Sprintf("gotest%d-%d", os.Getpid(), hostNumber.Add(1)), 0, handle)
}

func startHostAt(t testing.TB, service string, refuse syscall.Errno, handle func(*ServerConn, []byte) Verdict) *host {
	t.Helper()
	l, err := Listen(service)
	if err != nil {
		t.Skip("cannot listen: ", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, l: l, wake: wake, post: make(chan func(), 16), refuse: refuse, handle: handle,
		conns: map[int]*ServerConn{}, done: make(chan struct{})}
	go h.run()
	t.Cleanup(h.stop)
	return h
}

// do runs f on the loop and waits for it.
func (h *host) do(f func()) {
	ran := make(chan struct{})
	h.post <- func() { f(); close(ran) }
	unix.Write(h.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	<-ran
}

func (h *host) stop() {
	select {
	case <-h.done:
		return
	default:
	}
	h.post <- nil
	unix.Write(h.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	<-h.done
}

func (h *host) run() {
	defer close(h.done)
	pending := map[int]*Pending{}
	var fds []unix.PollFd
	for {
		fds = append(fds[:0], unix.PollFd{Fd: int32(h.wake), Events: unix.POLLIN}, unix.PollFd{Fd: int32(h.l.Fd()), Events: unix.POLLIN})
		for fd := range pending {
			fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
		for fd, c := range h.conns {
			e := int16(0)
			if c.FlowControl() == 0 {
				e |= unix.POLLIN
			}
			if c.WantWrite() {
				e |= unix.POLLOUT
			}
			fds = append(fds, unix.PollFd{Fd: int32(fd), Events: e})
		}
		unix.Poll(fds, -1)
		h.turns++
		for _, p := range fds {
			fd := int(p.Fd)
			switch {
			case p.Revents == 0:
			case fd == h.wake:
				var b [8]byte
				unix.Read(fd, b[:])
				for len(h.post) > 0 {
					f := <-h.post
					if f == nil {
						for _, c := range h.conns {
							c.Close()
						}
						h.l.Close()
						unix.Close(h.wake)
						return
					}
					f()
				}
			case fd == h.l.Fd():
				if p, err := h.l.Accept(); err == nil {
					pending[p.Fd()] = p
				}
			case pending[fd] != nil:
				p := pending[fd]
				ready, err := p.Read()
				if err != nil {
					p.Close()
					delete(pending, fd)
				} else if ready {
					delete(pending, fd)
					if h.refuse != 0 {
						p.Refuse(h.refuse)
					} else if c, err := p.Accept(); err == nil {
						h.conns[c.Fd()] = c
					} else if !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ENOSPC) {
						h.t.Error("accept:", err)
					}
				}
			case h.conns[fd] != nil:
				c := h.conns[fd]
				_, err := c.ReadRequests(50, func(req []byte) Verdict { return h.handle(c, req) })
				if err != nil || p.Revents&hangup != 0 {
					c.Close()
					delete(h.conns, fd)
					h.gone.Add(1)
				}
			}
		}
		for _, c := range h.conns {
			if c.NeedFlush() || c.WantWrite() {
				c.Flush()
			}
		}
	}
}

// message is a request or event with a given body.
func message(id int32, body ...byte) []byte {
	w := cabi.NewWriter(nil)
	w.I32(id)
	w.Align(8)
	w.I32(int32(24 + len(body)))
	w.Align(8)
	w.U64(0)
	w.Bytes(body)
	return w.Result()
}

func echo(c *ServerConn, req []byte) Verdict {
	if err := c.Respond(req[:16], req[16:]); err != nil {
		return Stop
	}
	return Next
}

func dial(t testing.TB, h *host) *Client {
	t.Helper()
	c, err := Dial(context.Background(), h.l.Service(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRequestResponse(t *testing.T) {
	h := startHost(t, echo)
	c := dial(t, h)
	if c.MaxMessage() != 1<<20 || int(c.Server().PID) != os.Getpid() {
		t.Error(c.MaxMessage(), c.Server())
	}
	ctx := context.Background()
	var reply []byte
	for i := range 3000 {
		req := message(int32(i), bytes.Repeat([]byte{byte(i)}, i*7%3000)...)
		if err := c.Send(1, [][]byte{req[:10], req[10:]}); err != nil {
			t.Fatal(err)
		}
		var err error
		if reply, err = c.Receive(ctx, reply[:0]); err != nil || !bytes.Equal(reply, req) {
			t.Fatal(i, err, len(reply), len(req))
		}
	}
	big := message(1, make([]byte, 1<<20-24)...)
	for range 5 {
		if err := c.Send(1, [][]byte{big}); err != nil {
			t.Fatal(err)
		}
		if r, err := c.Receive(ctx, nil); err != nil || !bytes.Equal(r, big) {
			t.Fatal(err)
		}
	}
	if err := c.Send(1, [][]byte{big, {1}}); err != unix.EMSGSIZE {
		t.Error(err)
	}
	if _, err := c.Event(ctx, 0); err != unix.EAGAIN {
		t.Error("an event out of nothing:", err)
	}
	dirs, _ := filepath.Glob(fmt.Sprintf("/dev/shm/qb-%d-*/qb-*-%s-*", os.Getpid(), h.l.Service()))
	if len(dirs) != 6 {
		t.Error(dirs)
	}
	c.Close()
	for h.gone.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if left, _ := filepath.Glob(fmt.Sprintf("/dev/shm/qb-%d-*/qb-*-%s-*", os.Getpid(), h.l.Service())); len(left) != 0 {
		t.Error("left behind:", left)
	}
}

func TestRefused(t *testing.T) {
	if _, err := Dial(context.Background(), "gotest-nobody-here", 1); !errors.Is(err, unix.ECONNREFUSED) {
		t.Error(err)
	}
	for _, errno := range []syscall.Errno{unix.EAGAIN, unix.EACCES, unix.ENOSYS, unix.EMFILE} {
		h := startHostAt(t, fmt.Sprintf("gotest%d-refuse", os.Getpid()), errno, echo)
		if _, err := Dial(context.Background(), h.l.Service(), 1); !errors.Is(err, errno) {
			t.Error(err, "want", errno)
		}
		h.stop()
	}
	h := startHost(t, echo)
	h.do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		// The loop is busy here, so nobody answers.
		if _, err := Dial(ctx, h.l.Service(), 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestEvents(t *testing.T)      { testEvents(t, false) }
func TestEventsBatch(t *testing.T) { testEvents(t, true) }

func testEvents(t *testing.T, batch bool) {
	h := startHost(t, func(c *ServerConn, req []byte) Verdict {
		n := int(cabi.U32(req, 24))
		for i := range n {
			b := message(5, make([]byte, 4+i%500)...)
			binary.NativeEndian.PutUint32(b[24:], uint32(i))
			if err := c.Event(b[:24], b[24:]); err != nil {
				t.Error(i, err)
			}
		}
		return Next
	})
	c := dial(t, h)
	defer c.Close()
	c.BatchEvents(batch)
	if batch {
		defer func() {
			if c.debt != 0 {
				t.Error("bytes owed:", c.debt)
			}
		}()
	}
	const n = 2000 // more bytes than the socket holds
	req := message(0, 0, 0, 0, 0)
	binary.NativeEndian.PutUint32(req[24:], n)
	if err := c.Send(1, [][]byte{req}); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		b, err := c.Event(context.Background(), 5*time.Second)
		if err != nil || len(b) != 28+i%500 || binary.NativeEndian.Uint32(b[24:]) != uint32(i) {
			t.Fatal(i, err, len(b))
		}
		c.ReleaseEvent()
	}
	if _, err := c.Event(context.Background(), time.Millisecond); err != unix.EAGAIN {
		t.Error(err)
	}
	if poll1(c.Fd(), unix.POLLIN) != 0 {
		t.Error("bytes left over")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	if _, err := c.Event(ctx, -1); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	h.stop()
	if _, err := c.Event(context.Background(), -1); err != unix.ENOTCONN {
		t.Error(err)
	}
	if err := c.Send(1, [][]byte{req}); err != unix.ENOTCONN {
		t.Error(err)
	}
}

// TestEventStays: an event that was shown is the oldest until it is released, over both transports.
func TestEventStays(t *testing.T) {
	for _, sockets := range []bool{false, true} {
		h := startHost(t, func(c *ServerConn, req []byte) Verdict {
			for i := range byte(2) {
				if err := c.Event(message(5, i, 0, 0, 0)); err != nil {
					t.Error(err)
				}
			}
			return Next
		})
		if sockets {
			h.do(h.l.UseSockets)
		}
		c := dial(t, h)
		if err := c.Send(1, [][]byte{message(0)}); err != nil {
			t.Fatal(err)
		}
		for i := range byte(2) {
			for range 3 {
				if b, err := c.Event(context.Background(), 5*time.Second); err != nil || len(b) != 28 || b[24] != i {
					t.Errorf("sockets %v, event %d: %v %v", sockets, i, err, b)
				}
			}
			c.ReleaseEvent()
		}
		if _, err := c.Event(context.Background(), 0); err != unix.EAGAIN {
			t.Errorf("sockets %v: %v", sockets, err)
		}
		c.Close()
		h.stop()
	}
}

// TestBothAtOnce has a requester and a dispatcher on each of several connections, over both transports.
func TestBothAtOnce(t *testing.T) {
	for _, sockets := range []bool{false, true} {
		h := startHost(t, func(c *ServerConn, req []byte) Verdict {
			if c.Respond(req) != nil {
				return Stop
			}
			for c.Event(req) == unix.EAGAIN {
				time.Sleep(10 * time.Microsecond)
			}
			return Next
		})
		if sockets {
			h.do(h.l.UseSockets)
		}
		const n = 2000
		done := make(chan error)
		for k := range 3 {
			c := dial(t, h)
			c.BatchEvents(k == 1)
			t.Cleanup(func() { c.Close() })
			go func() {
				var reply []byte
				for i := range n {
					err := c.Send(1, [][]byte{message(int32(i), make([]byte, i%100)...)})
					if err == nil {
						reply, err = c.Receive(context.Background(), reply[:0])
					}
					if err == nil && cabi.I32(reply, 0) != int32(i) {
						err = errors.New("wrong reply")
					}
					if err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
			go func() {
				for i := range n {
					b, err := c.Event(context.Background(), 10*time.Second)
					if err == nil && cabi.I32(b, 0) != int32(i) {
						err = errors.New("wrong event")
					}
					if err != nil {
						done <- err
						return
					}
					c.ReleaseEvent()
				}
				done <- nil
			}()
		}
		for range 6 {
			if err := <-done; err != nil {
				t.Fatal(sockets, err)
			}
		}
	}
}

func TestEventRingFull(t *testing.T) {
	full := make(chan int, 1)
	h := startHost(t, func(c *ServerConn, req []byte) Verdict {
		b, n := message(5, make([]byte, 100000)...), 0
		for ; c.Event(b) == nil; n++ {
		}
		if err := c.Event(b); err != unix.EAGAIN {
			t.Error(err)
		}
		if err := c.Event(b, make([]byte, 1<<20)); err != unix.EMSGSIZE {
			t.Error(err)
		}
		full <- n
		return Next
	})
	c := dial(t, h)
	defer c.Close()
	c.Send(1, [][]byte{message(0)})
	if n := <-full; n != 10 {
		t.Error(n)
	}
	for range 10 {
		if _, err := c.Event(context.Background(), time.Second); err != nil {
			t.Fatal(err)
		}
		c.ReleaseEvent()
	}
}

// bothTransports runs a test over shared memory and over sockets.
func bothTransports(t *testing.T, test func(t *testing.T, transport func(*host))) {
	t.Run("shm", func(t *testing.T) { test(t, func(*host) {}) })
	t.Run("socket", func(t *testing.T) { test(t, func(h *host) { h.do(h.l.UseSockets) }) })
}

func TestFlowControl(t *testing.T) { bothTransports(t, testFlowControl) }

func testFlowControl(t *testing.T, transport func(*host)) {
	h := startHost(t, echo)
	transport(h)
	c := dial(t, h)
	defer c.Close()
	set := func(v int) {
		h.do(func() {
			for _, s := range h.conns {
				s.SetFlowControl(v)
			}
		})
	}
	req := [][]byte{message(1)}
	set(1)
	if err := c.Send(1, req); err != unix.EAGAIN {
		t.Error(err)
	}
	set(2)
	if err := c.Send(2, req); err != unix.EAGAIN {
		t.Error(err)
	}
	for range 5 {
		if err := c.Send(1, req); err != nil {
			t.Error(err)
		}
	}
	var before int
	h.do(func() {
		before = h.turns
		for _, s := range h.conns {
			if s.Pending() != 5 {
				t.Error(s.Pending())
			}
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	if _, err := c.Receive(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("answered under flow control:", err)
	}
	cancel()
	h.do(func() {
		if h.turns-before > 3 {
			t.Error("loop spins:", h.turns-before)
		}
	})
	set(0)
	for range 5 {
		if _, err := c.Receive(context.Background(), nil); err != nil {
			t.Error(err)
		}
	}
}

// TestVerdicts: a request that is left is shown again, and the bytes on the socket stay in step.
func TestVerdicts(t *testing.T) { bothTransports(t, testVerdicts) }

func testVerdicts(t *testing.T, transport func(*host)) {
	var shown []int32
	left := false
	h := startHost(t, func(c *ServerConn, req []byte) Verdict {
		id := cabi.I32(req, 0)
		shown = append(shown, id)
		if id == 2 && !left {
			left = true
			return Leave
		}
		c.Respond(req)
		if id == 3 {
			return Stop
		}
		return Next
	})
	transport(h)
	c := dial(t, h)
	defer c.Close()
	h.do(func() {
		for id := range int32(5) {
			if err := c.Send(1, [][]byte{message(id)}); err != nil {
				t.Error(err)
			}
		}
	})
	for id := range int32(5) {
		r, err := c.Receive(context.Background(), nil)
		if err != nil || cabi.I32(r, 0) != id {
			t.Fatal(id, err)
		}
	}
	h.do(func() {
		if fmt.Sprint(shown) != "[0 1 2 2 3 4]" {
			t.Error(shown)
		}
		for _, s := range h.conns {
			if s.debt != 0 || poll1(s.fd, unix.POLLIN) != 0 {
				t.Error("bytes out of step:", s.debt)
			}
		}
	})
}

func TestDisconnect(t *testing.T) { bothTransports(t, testDisconnect) }

func testDisconnect(t *testing.T, transport func(*host)) {
	h := startHost(t, func(c *ServerConn, req []byte) Verdict { return Next })
	transport(h)
	c := dial(t, h)
	done := make(chan error, 2)
	go func() {
		_, err := c.Receive(context.Background(), nil)
		done <- err
	}()
	go func() {
		_, err := c.Event(context.Background(), -1)
		done <- err
	}()
	h.stop()
	for range 2 {
		if err := <-done; err != unix.ENOTCONN {
			t.Error(err)
		}
	}
	if c.Connected() {
		t.Error("still connected")
	}
	c.Close()

	h = startHost(t, echo)
	transport(h)
	c = dial(t, h)
	defer c.Close()
	if _, err := c.Event(context.Background(), 0); err != unix.EAGAIN {
		t.Error(err)
	}
	bye := message(IDDisconnect)
	c.Send(1, [][]byte{bye})
	if _, err := c.Receive(context.Background(), nil); err != unix.ENOTCONN {
		t.Error(err)
	}
}

func TestZeroAlloc(t *testing.T) { bothTransports(t, testZeroAlloc) }

func testZeroAlloc(t *testing.T, transport func(*host)) {
	h := startHost(t, func(c *ServerConn, req []byte) Verdict {
		c.Respond(req[:16], req[16:])
		c.Event(req[:24], req[24:])
		return Next
	})
	transport(h)
	c := dial(t, h)
	defer c.Close()
	ctx := context.Background()
	iov := [][]byte{message(1, 1, 2, 3, 4)}
	reply := make([]byte, 0, 1000)
	n := testing.AllocsPerRun(500, func() {
		c.Send(1, iov)
		if _, err := c.Receive(ctx, reply); err != nil {
			t.Error(err)
		}
		if _, err := c.Event(ctx, time.Second); err != nil {
			t.Error(err)
		}
		c.ReleaseEvent()
	})
	// The test's own loop makes a closure per wake-up; nothing else may.
	if n > 2 {
		t.Error("allocations per round trip:", n)
	}
}
