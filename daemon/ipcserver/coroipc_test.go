package ipcserver

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/coroipc"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

const testWait = 20 * time.Second

// newCoroWorld is a world with the door of the 1.x protocol.
func newCoroWorld(t testing.TB, cfg Config) *world {
	w := newWorld(t, cfg)
	w.do(func() {
		if err := w.server.OpenCoroipc(w.svc.Short + "-1x"); err != nil {
			t.Error(err)
		}
		w.svc.Lib[2].NoReply, w.svc.Lib[2].Bulk = true, true
	})
	return w
}

func (w *world) dialCoro(service int) (*coroipc.Client, error) {
	ctx, cancel := context.WithTimeout(context.Background(), testWait)
	defer cancel()
	c, err := coroipc.DialAt(ctx, w.svc.Short+"-1x", service, maxMessage)
	if err == nil {
		w.t.Cleanup(func() { c.Close() })
	}
	return c, err
}

// cpg3x is the number of the world's service, whose ID is that of cpg.
const cpg3x = coroipc.Service3x + 2

func ask(t *testing.T, c *coroipc.Client, id, v uint32) []byte {
	t.Helper()
	if err := c.Send(1, [][]byte{message(id, v)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testWait)
	defer cancel()
	b, err := c.Receive(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func value(b []byte) uint32 { return binary.NativeEndian.Uint32(b[4:]) }

// TestCoroipc: requests, the multicast that is answered here, and more events than the ring holds.
func TestCoroipc(t *testing.T) {
	w := newCoroWorld(t, Config{})
	c, err := w.dialCoro(cpg3x)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint32(500) {
		if v := value(ask(t, c, 0, i)); v != i {
			t.Fatalf("answer %d to %d", v, i)
		}
	}
	if b := ask(t, c, 2, 7); idOf(b) != 102 || value(b) != 7 {
		t.Errorf("% x", b)
	}
	if h, _ := ipcmsg.ParseResponseHeader(ask(t, c, 0, 1)); h.Size != 24 {
		t.Error(h)
	}
	const events = 20000 // the ring has room for some 4000
	ask(t, c, 1, events)
	for i := range uint32(events) {
		b, err := c.Event(context.Background(), testWait)
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if v := value(b); v != i || len(b) != 32 {
			t.Fatalf("event %d: %d, %d bytes", i, v, len(b))
		}
		c.ReleaseEvent()
	}
	w.eventually("nothing waits", func() bool {
		st := w.server.Conns()
		return len(st) == 1 && st[0].Queueing == 0 && st[0].Dispatched == events && st[0].FlowChanges > 0
	})
	c.Close()
	w.eventually("client gone", func() bool { return w.exits == 1 && w.server.coroipc == 0 && len(w.server.conns) == 0 })
}

// TestCoroipcGates: who is let in, and what the others are told.
func TestCoroipcGates(t *testing.T) {
	w := newCoroWorld(t, Config{})
	for _, g := range []struct {
		name   string
		set    func()
		number int
		want   error
	}{
		{"open", func() {}, coroipc.ServiceCPG, nil},
		{"3.x", func() {}, cpg3x, nil},
		{"unknown", func() {}, 1, unix.ENOSYS},
		{"not loaded", func() {}, coroipc.ServiceCFG, unix.ENOSYS},
		{"3.x, not loaded", func() {}, coroipc.Service3x + 5, unix.ENOSYS},
		{"out of range", func() {}, 64, unix.ENOSYS},
		{"negative", func() {}, -1, unix.ENOSYS},
		{"not ready", func() { w.ready = false }, coroipc.ServiceCPG, unix.EAGAIN},
		{"too many", func() { w.ready, w.server.maxConns = true, 0 }, coroipc.ServiceCPG, unix.EMFILE},
		{"too many threads", func() { w.server.maxConns, w.server.coroipc = 100, maxCoroipc }, coroipc.ServiceCPG, unix.EMFILE},
		{"for 1.x only", func() { w.server.coroipc = 0; w.svc.Only1x = true }, cpg3x, unix.ENOSYS},
		{"refused by the engine", func() { w.svc.Only1x, w.refuse = false, errors.New("no") }, cpg3x, nil},
	} {
		w.do(g.set)
		c, err := w.dialCoro(g.number)
		if !errors.Is(err, g.want) {
			t.Errorf("%s: %v, want %v", g.name, err, g.want)
		}
		if err != nil {
			continue
		}
		if w.refuse != nil {
			// Its answer to the setup was good; then it is disconnected.
			if _, err := c.Event(context.Background(), testWait); err != unix.ENOTCONN {
				t.Errorf("%s: %v", g.name, err)
			}
		}
		c.Close()
		w.eventually("client gone", func() bool { return len(w.server.conns) == 0 })
	}
}

// TestCoroipcThrottle: a client that does not read is told to try again, and gets on as soon as it reads.
func TestCoroipcThrottle(t *testing.T) {
	w := newCoroWorld(t, Config{})
	c, err := w.dialCoro(cpg3x)
	if err != nil {
		t.Fatal(err)
	}
	const n = throttleBytes / 20 // of 28 bytes in the queue each
	ask(t, c, 1, n)
	refused := 0
	for refused == 0 {
		if h, _ := ipcmsg.ParseResponseHeader(ask(t, c, 2, 1)); h.Error == cserr.TryAgain {
			refused++
		}
	}
	if v := value(ask(t, c, 0, 9)); v != 9 {
		t.Error("other requests are served all the same:", v)
	}
	for i := range n {
		if _, err := c.Event(context.Background(), testWait); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		c.ReleaseEvent()
	}
	if b := ask(t, c, 2, 3); idOf(b) != 102 {
		t.Errorf("% x", b)
	}
}

// TestCoroipcEnds: the daemon disconnects a client, unloads its service, or stops.
func TestCoroipcEnds(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"close":  func(w *world) { w.conns[0].Close() },
		"unload": func(w *world) { w.server.Shut(w.svc) },
		"stop":   func(w *world) { w.server.Close() },
		"overflow": func(w *world) {
			w.server.cfg.MaxQueueBytes = 10
			w.conns[0].Event(make([]byte, 2*maxMessage-100))
			w.conns[0].Event(make([]byte, 1000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCoroWorld(t, Config{})
			c, err := w.dialCoro(coroipc.ServiceCPG)
			if err != nil {
				t.Fatal(err)
			}
			w.eventually("the client is in", func() bool { return len(w.conns) == 1 })
			w.do(func() { end(w) })
			if _, err := c.Receive(context.Background(), nil); err != unix.ENOTCONN {
				t.Error(err)
			}
			w.eventually("it is out", func() bool { return w.exits == 1 && len(w.server.conns) == 0 })
			if name == "unload" {
				if _, err := w.dialCoro(coroipc.ServiceCPG); !errors.Is(err, unix.ENOSYS) {
					t.Error(err)
				}
			}
		})
	}
}

// TestCoroipcFlowWord: over this protocol the word of a service stops nobody; each request is judged when it comes.
func TestCoroipcFlowWord(t *testing.T) {
	w := newCoroWorld(t, Config{})
	w.do(func() { w.word = service.FlowOffBulk; w.server.FlowChanged() })
	c, err := w.dialCoro(cpg3x)
	if err != nil {
		t.Fatal(err)
	}
	if v := value(ask(t, c, 0, 9)); v != 9 {
		t.Error(v)
	}
	w.do(func() { w.batch = 0; w.server.FlowChanged() })
	if v := value(ask(t, c, 0, 8)); v != 8 {
		t.Error(v)
	}
}
