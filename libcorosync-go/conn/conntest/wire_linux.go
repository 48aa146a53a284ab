package conntest

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/coroipc"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/libcorosync-go/qbipc"
)

// kind is how Dial connects: in memory, or over one of the protocols.
var kind = "memory"

// Main runs the tests of a package three times: with a daemon in memory, over libqb's protocol and over coroipc. It is for
// TestMain.
func Main(m *testing.M) {
	flag.Parse()
	kinds := []string{"memory", "qb", "coroipc"}
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		kinds = kinds[:1]
	}
	code := 0
	for _, kind = range kinds {
		if c := m.Run(); c != 0 {
			fmt.Printf("that was with a daemon over %s\n", kind)
			code = c
		}
	}
	os.Exit(code)
}

// wireTimeout bounds what a wire waits for.
const wireTimeout = 20 * time.Second

var wires atomic.Int32

// serverEnd is the daemon's end of a protocol.
type serverEnd interface {
	Fd() int
	Respond(parts ...[]byte) error
	Event(parts ...[]byte) error
	Flush() error
	Close()
}

// wire is a client's end of a protocol whose other end is a Daemon. It seems synchronous, as the one in memory is: when Send
// returns, the daemon has seen the request, and what was pushed is there for Event.
type wire struct {
	conn.Transport
	d     *Daemon
	acked bool

	do   chan func() // runs on the goroutine of the server's end
	quit chan struct{}
	end  serverEnd
	sent int // requests

	// Owned by the server's end.
	seen  int
	ended bool
}

// dialWire connects over the protocol.
func dialWire(d *Daemon) conn.Transport {
	w := &wire{d: d, acked: kind == "coroipc", do: make(chan func()), quit: make(chan struct{})}
	name := fmt.Sprintf("conntest-%d-%d", os.Getpid(), wires.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), wireTimeout)
	defer cancel()
	var err error
	if w.acked {
		err = w.connectCoroipc(ctx, name)
	} else {
		err = w.connectQB(ctx, name)
	}
	if err != nil {
		panic(fmt.Sprintf("no connection over %s: %v", kind, err))
	}
	go w.run()
	go w.poll(w.end.Fd())
	d.mu.Lock()
	d.pump = func() { w.call(w.push) }
	d.mu.Unlock()
	return w
}

// poll waits for a descriptor while the connection is used.
func poll(fd int) (revents int16, ok bool) {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(p, 100)
	return p[0].Revents, n == 1 && err == nil
}

// admit waits for a client of either protocol and reads what it asks for.
func admit[P interface {
	Read() (bool, error)
	Fd() int
}](ctx context.Context, l interface {
	Accept() (P, error)
	Fd() int
}) (p P, err error) {
	for ctx.Err() == nil {
		p, err = l.Accept()
		if err == unix.EAGAIN {
			poll(l.Fd())
			continue
		}
		for ready := false; err == nil && !ready; {
			if ready, err = p.Read(); !ready {
				poll(p.Fd())
			}
		}
		return p, err
	}
	return p, ctx.Err()
}

func (w *wire) connectQB(ctx context.Context, name string) error {
	l, err := qbipc.Listen(name)
	if err != nil {
		return err
	}
	defer l.Close()
	admitted := make(chan error, 1)
	go func() {
		admitted <- func() error {
			p, err := admit(ctx, l)
			if err != nil {
				return err
			}
			c, err := p.Accept()
			w.end = c
			return err
		}()
	}()
	c, err := qbipc.Dial(ctx, name, conn.DefaultMaxMessage)
	if err != nil {
		return err
	}
	w.Transport = c
	return <-admitted
}

func (w *wire) connectCoroipc(ctx context.Context, name string) error {
	l, err := coroipc.ListenAt(name)
	if err != nil {
		return err
	}
	defer l.Close()
	admitted := make(chan error, 1)
	go func() {
		admitted <- func() error {
			p, err := admit(ctx, l)
			if err != nil {
				return err
			}
			c, err := p.Accept()
			if err != nil {
				return err
			}
			c.Watch(func() bool { w.call(w.work); return true })
			w.end = c
			return nil
		}()
	}()
	c, err := coroipc.DialAt(ctx, name, coroipc.Service3x, conn.DefaultMaxMessage)
	if err != nil {
		return err
	}
	w.Transport = c
	return <-admitted
}

// run is the goroutine of the server's end.
func (w *wire) run() {
	for {
		select {
		case f := <-w.do:
			f()
		case <-w.quit:
			w.end.Close()
			return
		}
	}
}

// call runs f on that goroutine and waits for it; after the end it does nothing.
func (w *wire) call(f func()) {
	done := make(chan struct{})
	select {
	case w.do <- func() { f(); close(done) }:
		<-done
	case <-w.quit:
	}
}

// poll passes on what the socket shows until the connection ends.
func (w *wire) poll(fd int) {
	for {
		select {
		case <-w.quit:
			return
		default:
		}
		if revents, ok := poll(fd); ok {
			w.call(w.work)
			if revents&unix.POLLHUP != 0 {
				return
			}
		}
	}
}

// work handles requests.
func (w *wire) work() {
	w.push()
	switch c := w.end.(type) {
	case *qbipc.ServerConn:
		_, _ = c.ReadRequests(100, func(req []byte) qbipc.Verdict { w.handle(req); return qbipc.Next })
	case *coroipc.ServerConn:
		_, _ = c.ReadRequests(100, w.handle) // a client has one request at a time
	}
}

func (w *wire) handle(req []byte) {
	reply := w.d.Answer(bytes.Clone(req))
	w.push() // what an answer is about comes before it
	if reply == nil && w.acked {
		reply = ipcmsg.AppendResponse(nil, 0, cserr.OK)
	}
	if w.acked {
		reply = w.frame(reply)
	}
	if reply != nil {
		if err := w.end.Respond(reply); err != nil {
			panic(fmt.Sprintf("answer of %d bytes: %v", len(reply), err))
		}
	}
	w.seen++
}

// push sends the events that were queued, and ends the connection if the daemon died.
func (w *wire) push() {
	d := w.d
	d.mu.Lock()
	events, gone := d.events, d.gone
	d.events = nil
	d.mu.Unlock()
	for _, e := range events {
		if w.acked {
			e = w.frame(e)
		}
		if err := w.end.Event(e); err != nil {
			panic(fmt.Sprintf("event of %d bytes: %v", len(e), err))
		}
	}
	if len(events) > 0 {
		_ = w.end.Flush() // an error shows as a hang-up
	}
	if gone {
		w.ended = true
		w.end.Close()
	}
}

// frame makes a message one that coroipc can carry, which has its length from the message: with a whole header that says
// how long it is.
func (w *wire) frame(b []byte) []byte {
	b = append(b, make([]byte, max(0, ipcmsg.ResponseHeaderSize-len(b)))...)
	binary.NativeEndian.PutUint32(b[8:], uint32(len(b)))
	return b
}

func (w *wire) Acknowledges() bool { return w.acked }

func (w *wire) BatchEvents(on bool) { w.Transport.(interface{ BatchEvents(bool) }).BatchEvents(on) }

func (w *wire) Send(flowLimit int, iov [][]byte) error {
	if w.d.SendError != nil {
		if err := w.d.SendError(flowLimit); err != nil {
			return err
		}
	}
	w.call(func() {}) // what the test changed is changed for Answer: memory shared with a peer orders nothing for the race detector
	if err := w.Transport.Send(flowLimit, iov); err != nil {
		return err
	}
	w.sent++
	for end := time.Now().Add(wireTimeout); ; time.Sleep(50 * time.Microsecond) {
		seen, ended := w.sent, false
		w.call(func() { seen, ended = w.seen, w.ended })
		switch {
		case seen >= w.sent:
			return nil
		case ended:
			return unix.ENOTCONN
		}
		if time.Now().After(end) {
			panic("a request did not arrive")
		}
	}
}

func (w *wire) Event(ctx context.Context, timeout time.Duration) ([]byte, error) {
	w.call(w.push)
	return w.Transport.Event(ctx, timeout)
}

func (w *wire) Close() error {
	w.d.mu.Lock()
	w.d.closed, w.d.pump = true, nil
	w.d.mu.Unlock()
	err := w.Transport.Close()
	close(w.quit)
	return err
}
