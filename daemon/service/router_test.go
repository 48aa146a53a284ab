package service_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/daemon/totem"
)

// engine records what it is asked.
type engine struct {
	info    service.Info
	api     service.API
	lib     []service.LibFunc
	exec    []service.ExecFunc
	log     *[]string
	initErr error
	process []bool // results of SyncProcess, true when used up
}

func (e *engine) note(format string, args ...any) {
	*e.log = append(*e.log, fmt.Sprintf("%s %s", e.info.Short, fmt.Sprintf(format, args...)))
}

func (e *engine) Info() service.Info             { return e.info }
func (e *engine) Init(api service.API) error     { e.api = api; return e.initErr }
func (e *engine) Exit()                          { e.note("exit") }
func (e *engine) Lib() []service.LibFunc         { return e.lib }
func (e *engine) Exec() []service.ExecFunc       { return e.exec }
func (e *engine) LibInit(c service.Conn) error   { return nil }
func (e *engine) LibExit(c service.Conn)         { e.note("lib exit") }
func (e *engine) Confchg(c *totem.Configuration) { e.note("confchg %v %v", c.Type, c.Members) }

// syncEngine takes part in synchronisation too.
type syncEngine struct{ engine }

func (e *syncEngine) SyncInit(trans, members []totem.NodeID, ring totem.RingID) {
	e.note("init %v %v %v", trans, members, ring)
}
func (e *syncEngine) SyncProcess() bool {
	done := true
	if len(e.process) > 0 {
		done, e.process = e.process[0], e.process[1:]
	}
	e.note("process %v", done)
	return done
}
func (e *syncEngine) SyncActivate() { e.note("activate") }
func (e *syncEngine) SyncAbort()    { e.note("abort") }

func request(fn int32, n int) []byte {
	b := make([]byte, max(n, 16))
	binary.NativeEndian.PutUint32(b, uint32(fn))
	binary.NativeEndian.PutUint32(b[8:], uint32(len(b)))
	return b
}

func execMsg(id service.ID, fn int, n int) []byte {
	return request(int32(id)<<16|int32(fn), n)
}

func bareError(b []byte) uint32 {
	if len(b) != 24 || binary.NativeEndian.Uint32(b) != 0 || binary.NativeEndian.Uint32(b[8:]) != 24 {
		return 0
	}
	return binary.NativeEndian.Uint32(b[16:])
}

func TestLoadPublishesKeys(t *testing.T) {
	var log []string
	e := &engine{info: service.Info{ID: service.CFG, Short: "cfg", Subsys: "CFG", AllowInquorate: true}, log: &log}
	e.exec = make([]service.ExecFunc, 2)
	c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(e) })
	n := c.Node(1)
	var keys []string
	for k, v := range n.DB.All("") {
		keys = append(keys, k+" "+v.String())
	}
	want := []string{
		"internal_configuration.service.1.name str = corosync_cfg",
		"internal_configuration.service.1.ver u32 = 0",
		"runtime.services.cfg.0.rx u64 = 0", "runtime.services.cfg.0.tx u64 = 0",
		"runtime.services.cfg.1.rx u64 = 0", "runtime.services.cfg.1.tx u64 = 0",
		"runtime.services.cfg.service_id u16 = 1",
	}
	if !slices.Equal(keys, want) {
		t.Errorf("keys %q, want %q", keys, want)
	}
	if err := n.Router.Load(e); !errors.Is(err, service.ErrLoaded) {
		t.Errorf("second load: %v", err)
	}
	n.Router.Unload(service.CFG)
	if n.Router.Service(service.CFG) != nil || n.DB.Has("internal_configuration.service.1.name") {
		t.Error("service still there after unload")
	}
}

func TestExecRouting(t *testing.T) {
	var log []string
	var got [][]byte
	e := &engine{info: service.Info{ID: service.PLOAD, Short: "pload"}, log: &log}
	e.exec = []service.ExecFunc{func(from totem.NodeID, msg []byte, foreign bool) {
		got = append(got, append([]byte{byte(from)}, msg...))
	}}
	c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(e) })
	n := c.Node(1)
	c.Form(1)
	if err := e.api.Mcast(totem.Agreed, execMsg(service.PLOAD, 0, 20)); err != nil {
		t.Fatal(err)
	}
	c.Run()
	if len(got) != 1 || len(got[0]) != 21 || got[0][0] != 1 {
		t.Fatalf("delivered %x", got)
	}
	tx, _ := n.DB.GetUint64("runtime.services.pload.0.tx")
	rx, _ := n.DB.GetUint64("runtime.services.pload.0.rx")
	if tx != 1 || rx != 1 {
		t.Errorf("tx %d rx %d", tx, rx)
	}
	// None of these may reach a handler or panic.
	for _, m := range [][]byte{nil, make([]byte, 15), execMsg(service.PLOAD, 1, 16), execMsg(service.CPG, 0, 16),
		execMsg(64, 0, 16), execMsg(0x7fff, 0, 16)} {
		n.Router.Deliver("a", 1, m, false)
	}
	n.Router.Deliver("b", 1, execMsg(service.PLOAD, 0, 16), false)
	if len(got) != 1 {
		t.Errorf("delivered %d", len(got))
	}
	// From a node of the other byte order the number is swapped.
	m := execMsg(service.PLOAD, 0, 16)
	slices.Reverse(m[:4])
	n.Router.Deliver("a", 9, m, true)
	if len(got) != 2 {
		t.Error("foreign message not delivered")
	}
}

func TestAdmission(t *testing.T) {
	var log []string
	called := 0
	var n *servicetest.Node
	e := &engine{info: service.Info{ID: service.CPG, Short: "cpg", AllowInquorate: true}, log: &log}
	call := func(c service.Conn, req []byte) { called++; c.Reply(make([]byte, 24)) }
	e.lib = []service.LibFunc{
		0: {Call: call},
		1: {Call: call, FlowControl: true},
		2: {Call: func(service.Conn, []byte) {
			called++
			if n.Ring.Reserved == 0 {
				t.Error("nothing reserved during the handler")
			}
		}, FlowControl: true, NoReply: true},
	}
	gated := &engine{info: service.Info{ID: service.WD, Short: "wd"}, log: &log, lib: e.lib[:1]}
	c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(e); n.Load(gated) },
		func(cfg *service.Config) { cfg.QuorumProvider = true })
	n = c.Node(1)
	conn := n.Connect(service.CPG)
	long := func(fn int32) []byte { return request(fn, n.Ring.Max-1) }
	lying := request(0, 16)
	binary.NativeEndian.PutUint32(lying[8:], 17)
	small := request(0, 16)
	binary.NativeEndian.PutUint32(small[8:], 15)

	type row struct {
		name    string
		syncing bool
		noRoom  bool
		req     []byte
		verdict service.Verdict
		err     uint32 // of the bare reply
		called  int
	}
	rows := []row{
		{"plain during sync", true, true, request(0, 16), service.Done, 0, 1},
		{"flow control during sync", true, false, request(1, 16), service.Overload, 6, 0},
		{"silent during sync", true, false, request(2, 16), service.Later, 0, 0},
		{"plain", false, true, request(0, 16), service.Done, 0, 1},
		{"flow control", false, false, request(1, 16), service.Done, 0, 1},
		{"flow control, no room", false, true, request(1, 16), service.Overload, 6, 0},
		{"silent", false, false, request(2, 16), service.Done, 0, 1},
		{"silent, no room", false, true, request(2, 16), service.Later, 0, 0},
		{"unknown function", false, false, request(3, 16), service.Invalid, 7, 0},
		{"negative function", false, false, request(-1, 16), service.Invalid, 7, 0},
		{"too long", false, false, long(1), service.Invalid, 7, 0},
		{"too long, not flow controlled", false, false, long(0), service.Invalid, 7, 0},
		{"too long, silent", false, false, long(2), service.Invalid, 0, 0},
		{"too short", false, false, make([]byte, 15), service.Invalid, 7, 0},
		{"size beyond the message", false, false, lying, service.Invalid, 7, 0},
		{"size below the header", false, false, small, service.Invalid, 7, 0},
	}
	formed := false
	for _, r := range rows {
		if !r.syncing && !formed {
			formed = true
			c.Form(1)
		}
		called = 0
		conn.Replies = nil
		n.Ring.NoRoom = r.noRoom
		v := conn.Request(r.req)
		n.Ring.NoRoom = false
		if v != r.verdict || called != r.called {
			t.Errorf("%s: verdict %d called %d, want %d %d", r.name, v, called, r.verdict, r.called)
		}
		var e uint32
		if len(conn.Replies) > 0 {
			e = bareError(conn.Replies[0])
		}
		if e != r.err {
			t.Errorf("%s: bare error %d, want %d (%d replies)", r.name, e, r.err, len(conn.Replies))
		}
		if n.Ring.Reserved != 0 {
			t.Errorf("%s: %d bytes still reserved", r.name, n.Ring.Reserved)
		}
	}

	// A service that needs quorum.
	g := n.Connect(service.WD)
	if v := g.Request(request(0, 16)); v != service.Overload || bareError(g.Replies[0]) != 6 {
		t.Errorf("inquorate: verdict %d", v)
	}
	s := n.Router.Service(service.WD)
	if w, _ := n.Router.Flow(s); w != service.FlowOff {
		t.Errorf("inquorate: flow %d", w)
	}
	n.Router.PublishQuorum(service.QuorumState{Quorate: true})
	if v := g.Request(request(0, 16)); v != service.Done {
		t.Errorf("quorate: verdict %d", v)
	}
}

func TestFlow(t *testing.T) {
	var log []string
	cpg := &engine{info: service.Info{ID: service.CPG, Short: "cpg", AllowInquorate: true}, log: &log}
	cpg.lib = []service.LibFunc{{Call: func(service.Conn, []byte) {}, FlowControl: true, NoReply: true}}
	vq := &engine{info: service.Info{ID: service.Votequorum, Short: "votequorum", AllowInquorate: true}, log: &log}
	c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(cpg); n.Load(vq) })
	n := c.Node(1)
	flow := func() (w [2]int32, batch int) {
		w[0], batch = n.Router.Flow(n.Router.Service(service.CPG))
		w[1], _ = n.Router.Flow(n.Router.Service(service.Votequorum))
		return w, batch
	}
	if w, _ := flow(); w != [2]int32{2, 0} {
		t.Errorf("during sync %v", w)
	}
	c.Form(1)
	conn := n.Connect(service.CPG)
	for _, s := range []struct {
		percent int
		word    [2]int32
		batch   int
	}{{10, [2]int32{}, 50}, {35, [2]int32{}, 50}, {45, [2]int32{}, 5}, {55, [2]int32{}, 5}, {65, [2]int32{}, 1},
		{74, [2]int32{}, 1}, {75, [2]int32{2, 2}, 0}, {72, [2]int32{2, 2}, 0}, {65, [2]int32{}, 1}, {29, [2]int32{}, 50}} {
		n.Ring.Percent = s.percent
		before := n.FlowChanges
		w0, b0 := flow()
		conn.Request(request(0, 16))
		w, b := flow()
		if w != s.word || b != s.batch {
			t.Errorf("%d%%: word %v batch %d, want %v %d", s.percent, w, b, s.word, s.batch)
		}
		if (w != w0 || b != b0) && n.FlowChanges == before {
			t.Errorf("%d%%: change not told", s.percent)
		}
	}
	// A critical level ends without any request or token.
	n.Ring.Percent = 90
	conn.Request(request(0, 16))
	n.Ring.Percent = 0
	c.Advance(1e9)
	if w, _ := flow(); w != [2]int32{} {
		t.Errorf("after a second %v", w)
	}
	// A request that was left for later is announced when messages have been sent.
	n.Ring.NoRoom = true
	if v := conn.Request(request(0, 16)); v != service.Later {
		t.Fatalf("verdict %d", v)
	}
	n.Ring.NoRoom = false
	before := n.FlowChanges
	c.Rotate()
	if n.FlowChanges != before+1 {
		t.Error("room not told")
	}
}

func TestMembersAndHooks(t *testing.T) {
	var log []string
	c := servicetest.New(t, 3, func(n *servicetest.Node) {
		if n.ID == 1 {
			n.Load(&syncEngine{engine{info: service.Info{ID: service.CPG, Name: "cpg", Short: "cpg"}, log: &log}})
			n.Load(&engine{info: service.Info{ID: service.CFG, Short: "cfg"}, log: &log})
			n.Load(&syncEngine{engine{info: service.Info{ID: service.CMAP, Name: "cmap", Short: "cmap"}, log: &log,
				process: []bool{false, true}}})
		}
	})
	n := c.Node(1)
	if n.Router.Ready() || n.Ready != 0 {
		t.Error("ready before the first ring")
	}
	c.Form(1, 2)
	want := []string{
		"cmap confchg transitional []", "cfg confchg transitional []", "cpg confchg transitional []",
		"cmap confchg regular [1 2]", "cfg confchg regular [1 2]", "cpg confchg regular [1 2]",
		"cmap init [] [1 2] 1.4", "cpg init [] [1 2] 1.4",
		"cmap process false", "cmap process true", "cmap activate", "cpg process true", "cpg activate",
	}
	if !slices.Equal(log, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(want, "\n"))
	}
	if !n.Router.Ready() || n.Ready != 1 || n.Ring.Acks != 1 || c.Node(2).Ring.Acks != 1 {
		t.Errorf("ready %v %d, acks %d %d", n.Router.Ready(), n.Ready, n.Ring.Acks, c.Node(2).Ring.Acks)
	}
	c.Form(1, 3)
	c.Form(1, 2, 3)
	for k, want := range map[string]string{
		"runtime.members.1.status": "str = joined", "runtime.members.2.status": "str = joined",
		"runtime.members.1.join_count": "u32 = 1", "runtime.members.2.join_count": "u32 = 2",
		"runtime.members.2.ip": "str = r(0) ip(10.0.0.2) ",
	} {
		if v, _ := n.DB.Get(k); v.String() != want {
			t.Errorf("%s: %v, want %s", k, v, want)
		}
	}
	c.Form(1)
	if v, _ := n.DB.GetString("runtime.members.3.status"); v != "left" {
		t.Errorf("node 3 is %q", v)
	}
	if n.Ready != 1 {
		t.Errorf("ready told %d times", n.Ready)
	}
}

func TestSyncAbort(t *testing.T) {
	var log []string
	c := servicetest.New(t, 2, func(n *servicetest.Node) {
		if n.ID == 1 {
			n.Load(&syncEngine{engine{info: service.Info{ID: service.CMAP, Short: "cmap"}, log: &log,
				process: []bool{false, false}}})
		}
	})
	c.FormQuiet(1)
	for len(log) < 4 { // two confchg, init, the first process
		c.Rotate()
	}
	log = nil
	c.Form(1, 2)
	want := []string{
		"cmap confchg transitional [1]", "cmap abort", "cmap confchg regular [1 2]",
		"cmap init [1] [1 2] 1.8", "cmap process false", "cmap process true", "cmap activate",
	}
	if !slices.Equal(log, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(want, "\n"))
	}
}

func TestShutdownOrder(t *testing.T) {
	var log []string
	c := servicetest.New(t, 1, func(n *servicetest.Node) {
		for _, i := range []service.Info{
			{ID: service.CMAP, Short: "cmap", Priority: 1}, {ID: service.Votequorum, Short: "votequorum", Priority: 2},
			{ID: service.CPG, Short: "cpg", Priority: 1},
		} {
			n.Load(&engine{info: i, log: &log})
		}
	})
	n := c.Node(1)
	c.Form(1)
	n.Connect(service.CPG)
	log = nil
	done := 0
	n.Router.Shutdown(func() { done++ })
	n.Router.Shutdown(func() { t.Error("second call of done") })
	if len(log) != 0 {
		t.Error("a service was unloaded before the next turn")
	}
	c.Advance(1)
	want := []string{"votequorum exit", "cmap exit", "cpg exit", "cpg lib exit"}
	if !slices.Equal(log, want) || done != 1 {
		t.Errorf("got %q done %d", log, done)
	}
}

// TestShutdownSends: what a service multicasts on leaving is sent before the next one is unloaded, unless no token comes.
func TestShutdownSends(t *testing.T) {
	for _, token := range []bool{true, false} {
		var log []string
		a := &leaver{engine{info: service.Info{ID: service.CMAP, Short: "cmap"}, log: &log}}
		b := &engine{info: service.Info{ID: service.CPG, Short: "cpg"}, log: &log}
		c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(a); n.Load(b) })
		n := c.Node(1)
		c.Form(1)
		n.Ring.Stopped = !token
		log = nil
		n.Router.Shutdown(func() { log = append(log, "done") })
		c.Advance(1e6)
		want := []string{"cmap exit", "cpg exit", "done"}
		if !token {
			want = want[:1]
		}
		if !slices.Equal(log, want) || n.Ring.Queued() != 0 == token {
			t.Errorf("token %v: got %q, %d queued", token, log, n.Ring.Queued())
		}
		c.Advance(1e9)
		if len(log) != 3 {
			t.Errorf("token %v: after a second %q", token, log)
		}
	}
}

// leaver multicasts when it is unloaded.
type leaver struct{ engine }

func (e *leaver) Exit() {
	e.engine.Exit()
	_ = e.api.Mcast(totem.Agreed, execMsg(service.CMAP, 0, 16))
}

func TestDeliverAllocatesNothing(t *testing.T) {
	var log []string
	e := &engine{info: service.Info{ID: service.CPG, Short: "cpg"}, log: &log}
	e.exec = []service.ExecFunc{func(totem.NodeID, []byte, bool) {}}
	e.lib = []service.LibFunc{{Call: func(service.Conn, []byte) {}, FlowControl: true}}
	c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(e) })
	c.Form(1)
	n := c.Node(1)
	conn := n.Connect(service.CPG)
	s := n.Router.Service(service.CPG)
	msg, req := execMsg(service.CPG, 0, 200), request(0, 64)
	if a := testing.AllocsPerRun(100, func() { n.Router.Deliver("a", 1, msg, false) }); a != 0 {
		t.Errorf("%v allocations per delivery", a)
	}
	if a := testing.AllocsPerRun(100, func() { n.Router.Request(s, conn, req) }); a != 0 {
		t.Errorf("%v allocations per request", a)
	}
}

// A daemon that stops before its first synchronisation has ended does not become ready any more: some of what it would serve
// is unloaded.
func TestStopBeforeReady(t *testing.T) {
	c := servicetest.New(t, 1, func(*servicetest.Node) {})
	c.FormQuiet(1)
	n := c.Node(1)
	n.Router.Shutdown(nil)
	c.Run()
	if n.Router.Ready() || n.Ready != 0 {
		t.Error("a daemon that stops admits clients")
	}
}
