package cfg

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

func newCluster(t *testing.T, n int) *servicetest.Cluster {
	c := servicetest.New(t, n, func(n *servicetest.Node) { n.Load(New()) })
	var ids []totem.NodeID
	for id := range n {
		ids = append(ids, totem.NodeID(id+1))
	}
	c.Form(ids...)
	return c
}

func connect(n *servicetest.Node) *servicetest.Conn { return n.Connect(service.CFG) }

func errorOf(t *testing.T, reply []byte) cserr.Error {
	t.Helper()
	h, err := ipcmsg.ParseResponseHeader(reply)
	if err != nil {
		t.Fatal(err)
	}
	return h.Error
}

func status(t *testing.T, c *servicetest.Conn, req []byte) cserr.Error {
	t.Helper()
	return errorOf(t, c.Call(req))
}

func word(fn int32, v uint32) []byte { return ipcmsg.CfgWordRequest{ID: fn, Value: v}.Append(nil) }

func bare(fn int32) []byte { return ipcmsg.AppendRequest(nil, fn) }

func check(t *testing.T, what string, got, want cserr.Error) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// answers takes the answers that came since the last call, as errors.
func answers(t *testing.T, c *servicetest.Conn) (list []cserr.Error) {
	t.Helper()
	for _, r := range c.Replies {
		list = append(list, errorOf(t, r))
	}
	c.Replies = nil
	return list
}

// asked takes the questions that came since the last call, as errors.
func asked(t *testing.T, c *servicetest.Conn, flags uint32) (list []cserr.Error) {
	t.Helper()
	for _, b := range c.TakeEvents() {
		e, err := ipcmsg.ParseCfgTestShutdownEvent(b)
		if err != nil || e.Flags != flags {
			t.Errorf("event %+v, %v, want flags %d", e, err, flags)
		}
		list = append(list, errorOf(t, b))
	}
	return list
}

const (
	try   = ipcmsg.CfgReqTryShutdown
	reply = ipcmsg.CfgReqReplyToShutdown
	start = ipcmsg.CfgReqTrackStart
	stop  = ipcmsg.CfgReqTrackStop
)

var startReq = ipcmsg.CfgTrackStartRequest{}.Append(nil)

// negotiation is one node with a requester and trackers.
type scene struct {
	t        *testing.T
	c        *servicetest.Cluster
	req      *servicetest.Conn
	trackers []*servicetest.Conn
}

func newScene(t *testing.T, trackers int) *scene {
	s := &scene{t: t, c: newCluster(t, 1)}
	s.req = connect(s.c.Node(1))
	for range trackers {
		tr := connect(s.c.Node(1))
		check(t, "track", status(t, tr, startReq), cserr.OK)
		s.trackers = append(s.trackers, tr)
	}
	return s
}

func (s *scene) try(flags uint32) {
	s.req.Replies = nil
	s.req.Request(word(try, flags))
}

func (s *scene) vote(i int, yes uint32) {
	s.t.Helper()
	check(s.t, "vote", status(s.t, s.trackers[i], word(reply, yes)), cserr.OK)
}

// end checks what the requester was told and whether the node stops.
func (s *scene) end(what string, stops bool, want ...cserr.Error) {
	s.t.Helper()
	s.c.Run()
	if got := answers(s.t, s.req); !slices.Equal(got, want) {
		s.t.Errorf("%s: requester told %v, want %v", what, got, want)
	}
	if got := len(s.c.Node(1).Host.ShutdownFor) > 0; got != stops {
		s.t.Errorf("%s: node stops %v", what, got)
	}
}

func TestShutdown(t *testing.T) {
	const request, regardless, immediate = ipcmsg.CfgShutdownRequest, ipcmsg.CfgShutdownRegardless, ipcmsg.CfgShutdownImmediate

	s := newScene(t, 0)
	s.try(request)
	s.end("nobody to ask", true, cserr.OK)
	s.try(request)
	s.end("once more", true, cserr.Exist)

	s = newScene(t, 2)
	s.try(immediate)
	s.end("immediate", true, cserr.OK)
	if len(s.trackers[0].Events) != 0 {
		t.Error("immediate: somebody was asked")
	}

	s = newScene(t, 2)
	s.try(request)
	for _, tr := range s.trackers {
		if got := asked(t, tr, request); !slices.Equal(got, []cserr.Error{cserr.OK}) {
			t.Errorf("asked %v", got)
		}
	}
	other := connect(s.c.Node(1))
	check(t, "second request", status(t, other, word(try, request)), cserr.Exist)
	s.vote(0, 1)
	s.end("one yes", false)
	s.vote(1, 1)
	s.end("two yes", true, cserr.OK)

	s = newScene(t, 2)
	s.try(request)
	s.vote(0, 1)
	s.vote(1, 0)
	s.end("one no", false, cserr.Busy)
	check(t, "late vote", status(t, s.trackers[0], word(reply, 1)), cserr.Access)
	s.try(request)
	s.end("ask again", false)

	s = newScene(t, 2)
	s.try(regardless)
	asked(t, s.trackers[0], regardless)
	s.vote(0, 0)
	s.vote(1, 0)
	s.end("regardless", true, cserr.OK)

	// A vote of the same tracker counts again.
	s = newScene(t, 2)
	s.try(request)
	s.vote(0, 1)
	s.vote(0, 1)
	s.end("two votes of one", true, cserr.OK)

	check(t, "vote without a question", status(t, newScene(t, 1).trackers[0], word(reply, 1)), cserr.Access)
}

func TestShutdownTimeout(t *testing.T) {
	s := newScene(t, 1)
	s.try(0)
	asked(t, s.trackers[0], 0)
	s.c.Advance(5*time.Second - 1)
	s.end("just before", false)
	s.c.Advance(1)
	s.end("too late", false, cserr.Busy)
	if got := asked(t, s.trackers[0], 0); len(got) != 0 {
		t.Errorf("a tracker that never asked itself is told %v", got)
	}
	// A tracker that asked before is told.
	check(t, "track", status(t, s.req, startReq), cserr.OK)
	s.try(1)
	s.c.Advance(5 * time.Second)
	s.end("regardless", true, cserr.OK)
	if got := asked(t, s.req, 1); !slices.Equal(got, []cserr.Error{cserr.Timeout}) {
		t.Errorf("a tracker that asked itself is told %v", got)
	}
	if got := asked(t, s.trackers[0], 1); !slices.Equal(got, []cserr.Error{cserr.OK}) {
		t.Errorf("another tracker is told %v", got)
	}

	s = newScene(t, 1)
	if err := s.c.Node(1).DB.SetUint32("cfg.shutdown_timeout", 100); err != nil {
		t.Fatal(err)
	}
	s.try(0)
	s.c.Advance(100 * time.Millisecond)
	s.end("configured timeout", false, cserr.Busy)
}

func TestShutdownTrackers(t *testing.T) {
	// A newcomer is asked at once, before its answer; only once, though it may start twice.
	s := newScene(t, 1)
	s.try(0)
	late := connect(s.c.Node(1))
	s.trackers = append(s.trackers, late)
	check(t, "late", status(t, late, startReq), cserr.OK)
	check(t, "late again", status(t, late, startReq), cserr.OK)
	if got := asked(t, late, 0); !slices.Equal(got, []cserr.Error{cserr.OK}) {
		t.Errorf("newcomer asked %v", got)
	}
	s.vote(0, 1)
	s.end("newcomer silent", false)
	s.vote(1, 1)
	s.end("newcomer agrees", true, cserr.OK)

	// Leaving is a yes, whatever was said before.
	for what, leave := range map[string]func(*servicetest.Conn){
		"stop":       func(c *servicetest.Conn) { check(t, "stop", status(t, c, bare(stop)), cserr.OK) },
		"disconnect": func(c *servicetest.Conn) { c.Disconnect() },
	} {
		s = newScene(t, 2)
		s.try(0)
		s.vote(0, 0)
		leave(s.trackers[0])
		s.end(what+" after no", false)
		s.vote(1, 1)
		s.end(what+" then yes", true, cserr.OK)

		// The requester withdraws.
		s = newScene(t, 1)
		s.try(0)
		leave(s.req)
		s.c.Advance(time.Minute)
		s.req.Replies = nil
		s.end("requester: "+what, false)
		check(t, "vote after withdrawal", status(t, s.trackers[0], word(reply, 1)), cserr.Access)
	}
	check(t, "stop without start", status(t, connect(s.c.Node(1)), bare(stop)), cserr.OK)

	// A requester that tracks is not asked itself.
	s = newScene(t, 1)
	check(t, "track", status(t, s.req, startReq), cserr.OK)
	s.try(0)
	if got := asked(t, s.req, 0); len(got) != 0 {
		t.Errorf("requester asked %v", got)
	}
	s.vote(0, 1)
	s.end("requester tracks", true, cserr.OK)
}

func TestShutdownIsLocal(t *testing.T) {
	c := newCluster(t, 3)
	check(t, "try", status(t, connect(c.Node(2)), word(try, 0)), cserr.OK)
	c.Run()
	for id := totem.NodeID(1); id <= 3; id++ {
		if got := len(c.Node(id).Host.ShutdownFor); got != map[totem.NodeID]int{2: 1}[id] {
			t.Errorf("node %d stops %d times", id, got)
		}
	}
}

func TestKill(t *testing.T) {
	c := newCluster(t, 2)
	conn := connect(c.Node(1))
	kill := func(id uint32) []byte {
		return ipcmsg.CfgKillNodeRequest{NodeID: id, Reason: []byte("because")}.Append(nil)
	}
	check(t, "unknown", status(t, conn, kill(9)), cserr.NotExist)
	check(t, "known", status(t, conn, kill(2)), cserr.OK)
	m, err := ipcmsg.ParseExecCfgKillNode(c.Node(1).Ring.Waiting()[0], binary.NativeEndian)
	if err != nil || m.NodeID != 2 || string(m.Reason) != "because" {
		t.Errorf("%+v, %v", m, err)
	}
	c.Run()
	if a, b := c.Node(1).Host.ExitStatus, c.Node(2).Host.ExitStatus; len(a) != 0 || !slices.Equal(b, []int{255}) {
		t.Errorf("exits %v and %v", a, b)
	}
	c.Form(1)
	check(t, "left", status(t, conn, kill(2)), cserr.NotExist)
}

func TestReload(t *testing.T) {
	c := newCluster(t, 2)
	conn := connect(c.Node(1))
	conn.Request(bare(ipcmsg.CfgReqReloadConfig))
	if len(conn.Replies) != 0 {
		t.Error("answered before the message came back")
	}
	c.Run()
	if got := answers(t, conn); !slices.Equal(got, []cserr.Error{cserr.OK}) {
		t.Errorf("answers %v", got)
	}
	c.Node(1).Host.ReloadErr = errors.New("line 3")
	conn.Request(bare(ipcmsg.CfgReqReloadConfig))
	c.Run()
	if got := answers(t, conn); !slices.Equal(got, []cserr.Error{cserr.InvalidParam}) {
		t.Errorf("answers to a bad file %v", got)
	}
	// The client goes away meanwhile.
	conn.Request(bare(ipcmsg.CfgReqReloadConfig))
	conn.Disconnect()
	c.Run()
	if len(conn.Replies) != 0 {
		t.Error("a client that is gone was answered")
	}
	if a, b := c.Node(1).Host.Reloads, c.Node(2).Host.Reloads; a != 3 || b != 3 {
		t.Errorf("reloads %d and %d", a, b)
	}
}

func TestCryptoPhases(t *testing.T) {
	c := newCluster(t, 2)
	for id := totem.NodeID(1); id <= 2; id++ {
		c.Node(id).Host.ReloadCrypto = true
	}
	conn := connect(c.Node(1))
	conn.Request(bare(ipcmsg.CfgReqReloadConfig))
	c.Run()
	for id := totem.NodeID(1); id <= 2; id++ {
		if got := c.Node(id).Host.Phases; !slices.Equal(got, []int{1, 2}) {
			t.Errorf("node %d: phases %v", id, got)
		}
	}
}

func TestStatus(t *testing.T) {
	c := newCluster(t, 2)
	n := c.Node(1)
	conn := connect(n)
	n.Host.Links = []service.RingStatus{{Name: "0 10.0.0.1", Status: "OK"}, {Name: "1 10.1.0.1", Status: "n3"}}
	r, err := ipcmsg.ParseCfgRingStatusResponse(conn.Call(bare(ipcmsg.CfgReqRingStatusGet)))
	if err != nil || len(r.Interfaces) != 2 || r.Interfaces[1] != (ipcmsg.CfgInterface{Name: "1 10.1.0.1", Status: "n3"}) {
		t.Errorf("%+v, %v", r, err)
	}
	n.Host.Links[0].Name = strings.Repeat("x", 128)
	check(t, "long name", status(t, conn, bare(ipcmsg.CfgReqRingStatusGet)), cserr.NameTooLong)
	check(t, "reenable", status(t, conn, bare(ipcmsg.CfgReqRingReenable)), cserr.NotSupported)

	node := func(id, version uint32) []byte {
		return ipcmsg.CfgNodeStatusRequest{NodeID: id, Version: version}.Append(nil)
	}
	n.Host.Statuses = map[totem.NodeID]service.NodeStatus{2: {Reachable: true, OnwireVer: 1}}
	s := n.Host.Statuses[2]
	s.Links[1] = service.LinkStatus{Enabled: true, MTU: 1410, Src: "10.0.0.1", Dst: "10.0.0.2"}
	n.Host.Statuses[2] = s
	b := conn.Call(node(2, 1))
	st, err := ipcmsg.ParseCfgNodeStatus(b)
	if err != nil || len(b) != 4200 || !st.Reachable || st.NodeID != 2 || st.OnwireVer != 1 || st.Links[1].MTU != 1410 || st.Links[1].Dst != "10.0.0.2" {
		t.Errorf("%d bytes: %+v, %v", len(b), st, err)
	}
	b = conn.Call(node(2, 2))
	check(t, "version 2", errorOf(t, b), cserr.NotSupported)
	if len(b) != 32 {
		t.Errorf("error in %d bytes", len(b))
	}
	check(t, "unknown node", status(t, conn, node(3, 1)), cserr.FailedOperation)

	a, err := ipcmsg.ParseCfgNodeAddrsResponse(conn.Call(word(ipcmsg.CfgReqGetNodeAddrs, 0)))
	if err != nil || !slices.Equal(a.Addrs, []netip.Addr{netip.MustParseAddr("10.0.0.1")}) {
		t.Errorf("%+v, %v", a, err)
	}
	check(t, "addresses of nobody", status(t, conn, word(ipcmsg.CfgReqGetNodeAddrs, 77)), cserr.NotExist)
	l, err := ipcmsg.ParseCfgLocalGetResponse(conn.Call(bare(ipcmsg.CfgReqLocalGet)))
	if err != nil || l.NodeID != 1 {
		t.Errorf("%+v, %v", l, err)
	}
	check(t, "reopen", status(t, conn, bare(ipcmsg.CfgReqReopenLogFiles)), cserr.OK)
	n.Host.ReopenLogsErr = errors.New("disk full")
	if got := status(t, conn, bare(ipcmsg.CfgReqReopenLogFiles)); got == cserr.OK || n.Host.LogsReopened != 2 {
		t.Errorf("reopen: %v, %d times", got, n.Host.LogsReopened)
	}
}

func TestShortRequests(t *testing.T) {
	c := newCluster(t, 1)
	conn := connect(c.Node(1))
	for _, fn := range []int32{ipcmsg.CfgReqKillNode, try, reply, ipcmsg.CfgReqGetNodeAddrs, ipcmsg.CfgReqNodeStatusGet} {
		if got := status(t, conn, bare(fn)); got != cserr.InvalidParam {
			t.Errorf("function %d: %v", fn, got)
		}
	}
	e := c.Node(1).Router.Service(service.CFG).Engine.(*Engine)
	for _, call := range e.Exec() {
		if call == nil {
			t.Fatal("missing handler")
		}
	}
	e.execKillNode(2, make([]byte, 16), false)
	e.execReloadConfig(2, make([]byte, 16), true)
	e.execCryptoReconfig(1, make([]byte, 16), false)
	if h := c.Node(1).Host; h.Reloads+len(h.ExitStatus)+len(h.Phases) != 0 {
		t.Error("acted on short messages")
	}
}

func TestFlowControl(t *testing.T) {
	required := map[int]bool{0: true, 1: true, 2: true, 3: true, 4: true, 7: true, 10: true, 11: true}
	for fn, f := range New().Lib() {
		if f.FlowControl != required[fn] || f.NoReply {
			t.Errorf("function %d: flow control %v", fn, f.FlowControl)
		}
	}
}
