package ipcserver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/qbipc"
)

const maxMessage = 64 << 10

// world is a server on a running loop with a router and an engine of its own. Fields of the router and the engine are
// read and written on the loop only, see do.
type world struct {
	t      testing.TB
	loop   *loop.Loop
	server *Server
	svc    *service.Loaded
	done   chan struct{}

	ready  bool
	word   int32
	batch  int
	hold   bool // answer Later to function 2
	quiet  bool // do not write down what came
	got    []uint32
	inits  int
	exits  int
	refuse error
	conns  []service.Conn
}

var worlds atomic.Int32

func newWorld(t testing.TB, cfg Config) *world {
	t.Helper()
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, loop: l, ready: true, batch: 50, done: make(chan struct{})}
	name := fmt.Sprintf("gotest-%d-%d", os.Getpid(), worlds.Add(1))
	w.svc = &service.Loaded{Info: service.Info{ID: 2, Short: name}, Engine: w, Lib: make([]service.LibFunc, 4)}
	cfg.Loop, cfg.Router, cfg.DB, cfg.Log = l, w, icmap.New(), logsys.ToTest(t, logsys.Crit).Logger("MAIN")
	_ = cfg.DB.SetUint8(fmt.Sprintf("uidgid.uid.%d", os.Getuid()), 1)
	w.server = New(cfg)
	if err := w.server.Open(w.svc); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(w.done)
		if err := l.Run(); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		w.do(w.server.Close)
		l.Stop()
		<-w.done
		l.Close()
	})
	return w
}

// do runs fn on the loop and waits for it.
func (w *world) do(fn func()) {
	w.t.Helper()
	c := make(chan struct{})
	if err := w.loop.Post(func() { defer close(c); fn() }); err != nil {
		w.t.Fatal(err)
	}
	<-c
}

// eventually waits until ok holds on the loop.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for range 5000 {
		var yes bool
		if w.do(func() { yes = ok() }); yes {
			return
		}
		time.Sleep(time.Millisecond)
	}
	w.t.Fatalf("never: %s", what)
}

func (w *world) Ready() bool                        { return w.ready }
func (w *world) Service(service.ID) *service.Loaded { return w.svc }
func (w *world) Flow(*service.Loaded) (int32, int)  { return w.word, w.batch }
func (w *world) Ring() totem.RingID                 { return totem.RingID{Rep: 1, Seq: 8} }
func (w *world) Info() service.Info                 { return w.svc.Info }
func (w *world) Init(service.API) error             { return nil }
func (w *world) Exit()                              {}
func (w *world) Lib() []service.LibFunc             { return nil }
func (w *world) Exec() []service.ExecFunc           { return nil }
func (w *world) LibExit(c service.Conn)             { w.exits++ }
func (w *world) LibInit(c service.Conn) error {
	w.inits++
	w.conns = append(w.conns, c)
	return w.refuse
}

// Request: function 0 echoes, 1 sends as many events as its value, 2 has no answer and may be held, 3 closes.
func (w *world) Request(_ *service.Loaded, c service.Conn, req []byte) service.Verdict {
	v := binary.NativeEndian.Uint32(req[4:])
	switch binary.NativeEndian.Uint32(req) {
	case 0:
		c.Reply(message(100, v))
	case 1:
		for i := range v {
			c.Event(message(200, i), req[16:])
		}
		c.Reply(message(101, v))
	case 2:
		if w.hold {
			return service.Later
		}
		if !w.quiet {
			w.got = append(w.got, v)
		}
		if service.Acknowledges(c) {
			c.Reply(message(102, v))
		}
	case 3:
		c.Close()
	default:
		return service.Invalid
	}
	return service.Done
}

func message(id, v uint32) []byte {
	b := make([]byte, 24)
	binary.NativeEndian.PutUint32(b, id)
	binary.NativeEndian.PutUint32(b[4:], v)
	binary.NativeEndian.PutUint32(b[8:], 24)
	return b
}

func (w *world) dial() *client {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := qbipc.Dial(ctx, w.svc.Short, maxMessage)
	if err != nil {
		w.t.Fatal(err)
	}
	k := &client{Client: c}
	w.t.Cleanup(k.Close)
	return k
}

// client is closed once only.
type client struct {
	*qbipc.Client
	once sync.Once
}

func (c *client) Close() { c.once.Do(func() { _ = c.Client.Close() }) }

func call(t *testing.T, c *client, id, v uint32) uint32 {
	t.Helper()
	if err := c.Send(1, [][]byte{message(id, v)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	b, err := c.Receive(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	return binary.NativeEndian.Uint32(b[4:])
}

func TestRequestReplyEvent(t *testing.T) {
	w := newWorld(t, Config{})
	c := w.dial()
	for i := range uint32(200) {
		if v := call(t, c, 0, i); v != i {
			t.Fatalf("answer %d to %d", v, i)
		}
	}
	call(t, c, 1, 10)
	for i := range uint32(10) {
		b, err := c.Event(context.Background(), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if v := binary.NativeEndian.Uint32(b[4:]); v != i {
			t.Fatalf("event %d, want %d", v, i)
		}
		c.ReleaseEvent()
	}
	var st []ConnStats
	w.do(func() { st = w.server.Conns() })
	if len(st) != 1 || st[0].Requests != 201 || st[0].Responses != 201 || st[0].Dispatched != 10 ||
		!strings.HasPrefix(st[0].Prefix, fmt.Sprintf("stats.ipcs.service2.%d.0x", os.Getpid())) || st[0].Procname == "" {
		t.Errorf("statistics %+v", st)
	}
	c.Close()
	w.eventually("client gone", func() bool { return w.exits == 1 && w.server.Totals() == Totals{0, 1, 0} })
}

func TestGates(t *testing.T) {
	w := newWorld(t, Config{})
	try := func() error {
		c, err := qbipc.Dial(context.Background(), w.svc.Short, maxMessage)
		if err == nil {
			c.Close()
		}
		return err
	}
	for _, g := range []struct {
		name string
		set  func()
		want error
	}{
		{"not ready", func() { w.ready = false }, unix.EAGAIN},
		{"open", func() { w.ready = true }, nil},
		{"too many", func() { w.server.maxConns = 0 }, unix.EMFILE},
		{"open again", func() { w.server.maxConns = 10 }, nil},
		{"service gone", func() { w.svc = &service.Loaded{Info: w.svc.Info, Engine: w} }, unix.ENOSYS},
	} {
		w.do(g.set)
		if err := try(); !errors.Is(err, g.want) {
			t.Errorf("%s: %v, want %v", g.name, err, g.want)
		}
	}
	w.do(func() {
		db := w.server.cfg.DB
		_ = db.SetUint8("uidgid.config.uid.1001", 1)
		_ = db.SetUint8("uidgid.gid.2002", 1)
		_ = db.SetUint8("uidgid.config.gid.2003", 0)
		for _, p := range []struct {
			uid, gid uint32
			want     bool
		}{{0, 5, true}, {5, 0, true}, {1001, 5, true}, {5, 2002, true}, {5, 2003, false}, {1001 + 1, 5, false}} {
			if got := w.server.permitted(p.uid, p.gid); got != p.want {
				t.Errorf("%d:%d permitted %v", p.uid, p.gid, got)
			}
		}
	})
}

func TestFlowControl(t *testing.T) {
	w := newWorld(t, Config{})
	c := w.dial()
	call(t, c, 0, 1)
	w.do(func() { w.word = 2; w.server.FlowChanged() })
	if err := c.Send(2, [][]byte{message(2, 1)}); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("send at limit 2: %v", err)
	}
	// At limit 1 the request is written and waits, the daemon does not spin on it.
	if err := c.Send(1, [][]byte{message(2, 7)}); err != nil {
		t.Fatal(err)
	}
	w.eventually("paused", func() bool { return len(w.server.paused) == 1 })
	w.do(func() {
		if len(w.got) != 0 {
			t.Error("request read while flow control is on")
		}
		w.word = 0
		w.server.FlowChanged()
	})
	w.eventually("request handled", func() bool { return len(w.got) == 1 && w.got[0] == 7 && len(w.server.paused) == 0 })
	if v := call(t, c, 0, 9); v != 9 {
		t.Errorf("answer %d", v)
	}
}

// TestLater: what cannot be sent now stays in the client's ring until the ring refuses more; nothing is lost, and the
// order is kept.
func TestLater(t *testing.T) {
	w := newWorld(t, Config{})
	c := w.dial()
	w.do(func() { w.hold = true })
	var sent uint32
	pad := make([]byte, 1000)
	for {
		err := c.Send(2, [][]byte{message(2, sent), pad})
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		sent++
	}
	if sent < 10 {
		t.Fatalf("only %d sent", sent)
	}
	w.do(func() {
		w.hold = false
		w.server.FlowChanged()
	})
	w.eventually("all handled", func() bool { return len(w.got) == int(sent) })
	for i, v := range w.got {
		if v != uint32(i) {
			t.Fatalf("position %d holds %d", i, v)
		}
	}
}

func TestSlowReader(t *testing.T) {
	w := newWorld(t, Config{MaxQueueBytes: 4 << 20})
	c, other := w.dial(), w.dial()
	const n = 2000
	pad := make([]byte, 1000)
	if err := c.Send(1, [][]byte{message(1, n), pad}); err != nil {
		t.Fatal(err)
	}
	w.eventually("queue in use", func() bool {
		for _, s := range w.server.Conns() {
			if s.Queueing == 1 && s.Queued > n/2 {
				return true
			}
		}
		return false
	})
	call(t, other, 0, 1)
	for i := range uint32(n) {
		b, err := c.Event(context.Background(), 5*time.Second)
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if v := binary.NativeEndian.Uint32(b[4:]); v != i || len(b) != 24+8+len(pad) {
			t.Fatalf("event %d is %d, %d bytes", i, v, len(b))
		}
		c.ReleaseEvent()
	}
	w.eventually("queue empty", func() bool { return len(w.server.queued) == 0 })

	// One that does not read at all is disconnected at the bound; the other goes on.
	if err := c.Send(1, [][]byte{message(1, 6000), pad}); err != nil {
		t.Fatal(err)
	}
	w.eventually("overrun", func() bool { return w.server.Totals() == Totals{1, 1, 1} })
	call(t, other, 0, 2)
}

func TestPipelining(t *testing.T) {
	w := newWorld(t, Config{})
	one, two := w.dial(), w.dial()
	for _, c := range []struct {
		name string
		run  func()
		want bool
	}{
		{"first calls", func() { call(t, one, 0, 1) }, false},
		{"one each", func() { call(t, one, 0, 1); call(t, two, 0, 1) }, false},
		{"two in a row", func() { call(t, one, 0, 1); call(t, one, 0, 2) }, true},
		{"nothing", func() {}, false},
	} {
		c.run()
		w.do(func() {
			if got := w.server.Pipelining(); got != c.want {
				t.Errorf("%s: %v", c.name, got)
			}
		})
	}
}

// A client whose events pile up is slowed down, but not stuck.
func TestThrottle(t *testing.T) {
	w := newWorld(t, Config{})
	c := w.dial()
	pad := make([]byte, 1000)
	const n = 2 * throttleBytes / 1000
	if err := c.Send(1, [][]byte{message(1, n), pad}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := c.Receive(ctx, nil); err != nil {
		t.Fatal(err)
	}
	var conn *conn
	// It is held up, or has been for throttleFirst and may send one more: which of the two depends on when one looks.
	throttled := func() bool {
		conn = w.server.conns[0]
		return conn.oneMore || conn.throttled && conn.word == service.FlowOffBulk
	}
	w.eventually("throttled", throttled)
	// The client reads nothing, and yet its requests are handled.
	for i := range uint32(5) {
		if got := call(t, c, 0, i); got != i {
			t.Fatalf("answer %d to request %d", got, i)
		}
	}
	if got := call(t, c, 1, 1); got != 1 {
		t.Fatal(got)
	}
	w.eventually("throttled again", throttled)
	for i := range n + 1 {
		if _, err := c.Event(context.Background(), 5*time.Second); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		c.ReleaseEvent()
	}
	w.eventually("open", func() bool {
		return !conn.throttled && !conn.oneMore && conn.word == service.FlowOpen && !conn.paused
	})
}

func TestCloseByEngineAndShut(t *testing.T) {
	w := newWorld(t, Config{})
	a, b := w.dial(), w.dial()
	if err := a.Send(1, [][]byte{message(3, 0)}); err != nil {
		t.Fatal(err)
	}
	w.eventually("closed by the engine", func() bool { return w.exits == 1 })
	if a.Connected() {
		t.Error("client does not notice")
	}
	call(t, b, 0, 1)
	w.do(func() { w.server.Shut(w.svc) })
	if b.Connected() {
		t.Error("client does not notice the end of the service")
	}
	w.do(func() {
		if w.exits != 2 || len(w.server.conns) != 0 {
			t.Errorf("exits %d conns %d", w.exits, len(w.server.conns))
		}
	})
	if _, err := qbipc.Dial(context.Background(), w.svc.Short, maxMessage); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("connect after the end: %v", err)
	}
}

func TestLibInitRefuses(t *testing.T) {
	w := newWorld(t, Config{})
	w.do(func() { w.refuse = errors.New("no") })
	// The client has its answer before the engine is asked: it opens the connection or finds it gone already.
	if c, err := qbipc.Dial(context.Background(), w.svc.Short, maxMessage); err == nil {
		w.eventually("gone", func() bool { return !c.Connected() })
		_ = c.Close()
	}
	w.eventually("tried", func() bool { return w.inits == 1 && len(w.server.conns) == 0 })
	if w.exits != 0 {
		t.Error("exit hook of a refused client")
	}
}

func TestQueue(t *testing.T) {
	size := func(n uint32) int {
		if n%50 == 7 {
			return blockBytes + int(n)
		}
		return int(n) % 30000
	}
	q := queue{pool: &pool{}}
	next, want := uint32(0), uint32(0)
	for round := range 200 {
		for range round % 17 {
			q.push([][]byte{message(1, next), make([]byte, size(next))})
			next++
		}
		for q.count > round%5 {
			b := q.front()
			if v := binary.NativeEndian.Uint32(b[4:]); v != want || len(b) != 24+size(want) {
				t.Fatalf("got %d (%d bytes), want %d", v, len(b), want)
			}
			want++
			q.pop()
		}
	}
	for q.count > 0 {
		q.pop()
		want++
	}
	if want != next || q.bytes != 0 || len(q.blocks) != 0 {
		t.Errorf("%d of %d, %d bytes left", want, next, q.bytes)
	}
}
