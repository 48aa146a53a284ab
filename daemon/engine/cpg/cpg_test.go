package cpg_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/engine/cpg"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

func setup(n *servicetest.Node) { n.Load(cpg.New()) }

// cluster is n nodes with the service, in one ring unless quiet.
func cluster(t *testing.T, n int) *servicetest.Cluster {
	c := servicetest.New(t, n, setup)
	var ids []totem.NodeID
	for i := 1; i <= n; i++ {
		ids = append(ids, totem.NodeID(i))
	}
	c.Form(ids...)
	return c
}

// process is a connection with calls and events as text.
type process struct {
	*servicetest.Conn
	t   *testing.T
	pid uint32
}

func connect(t *testing.T, c *servicetest.Cluster, node totem.NodeID, pid uint32) *process {
	t.Helper()
	return &process{c.Node(node).Connect(service.CPG), t, pid}
}

func (p *process) header(req []byte) cserr.Error {
	p.t.Helper()
	h, err := ipcmsg.ParseResponseHeader(p.Call(req))
	if err != nil {
		p.t.Fatal(err)
	}
	return h.Error
}

func (p *process) join(group string, flags ...uint32) cserr.Error {
	p.t.Helper()
	r := ipcmsg.CPGJoinRequest{Group: []byte(group), PID: p.pid}
	if len(flags) > 0 {
		r.Flags = flags[0]
	}
	return p.header(r.Append(nil))
}

func (p *process) leave(group string) cserr.Error {
	p.t.Helper()
	return p.header(ipcmsg.CPGLeaveRequest{Group: []byte(group), PID: p.pid}.Append(nil))
}

func (p *process) mcast(text string) service.Verdict {
	return p.Request(ipcmsg.CPGMcastRequest{Guarantee: ipcmsg.CPGAgreed, Payload: []byte(text)}.Append(nil))
}

func addrs(list []ipcmsg.CPGAddress) string {
	var s []string
	for _, a := range list {
		if a.Reason == 0 {
			s = append(s, fmt.Sprintf("%d/%d", a.NodeID, a.PID))
		} else {
			s = append(s, fmt.Sprintf("%d/%d:%d", a.NodeID, a.PID, a.Reason))
		}
	}
	return "[" + strings.Join(s, " ") + "]"
}

// events prints and takes what the connection was sent.
func (p *process) events() []string {
	p.t.Helper()
	var list []string
	for _, b := range p.TakeEvents() {
		h, err := ipcmsg.ParseResponseHeader(b)
		if err != nil || int(h.Size) != len(b) {
			p.t.Fatalf("event of %d bytes says %+v, %v", len(b), h, err)
		}
		switch h.ID {
		case ipcmsg.CPGEventConfchg:
			e, err := ipcmsg.ParseCPGConfchgEvent(b)
			if err != nil {
				p.t.Fatal(err)
			}
			list = append(list, fmt.Sprintf("confchg %s %s joined %s left %s", e.Group, addrs(e.Members), addrs(e.Joined), addrs(e.Left)))
		case ipcmsg.CPGEventDeliver:
			e, err := ipcmsg.ParseCPGDeliverEvent(b)
			if err != nil {
				p.t.Fatal(err)
			}
			list = append(list, fmt.Sprintf("deliver %s %d/%d %s", e.Group, e.NodeID, e.PID, e.Payload))
		case ipcmsg.CPGEventPartialDeliver:
			e, err := ipcmsg.ParseCPGPartialDeliverEvent(b)
			if err != nil {
				p.t.Fatal(err)
			}
			list = append(list, fmt.Sprintf("part %d of %d: %d/%d %s", e.Type, e.TotalLen, e.NodeID, e.PID, e.Payload))
		case ipcmsg.CPGEventTotemConfchg:
			e, err := ipcmsg.ParseCPGTotemConfchgEvent(b)
			if err != nil {
				p.t.Fatal(err)
			}
			list = append(list, fmt.Sprintf("totem %d.%d %v", e.RingID.NodeID, e.RingID.Seq, e.Members))
		default:
			p.t.Fatalf("event %d", h.ID)
		}
	}
	return list
}

func (p *process) expect(step string, want ...string) {
	p.t.Helper()
	got := p.events()
	if !slices.Equal(got, want) {
		p.t.Fatalf("%s:\ngot\n  %s\nwant\n  %s", step, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func (p *process) members(group string) string {
	p.t.Helper()
	b := p.Call(ipcmsg.CPGMembershipRequest{Group: []byte(group)}.Append(nil))
	if len(b) != ipcmsg.CPGMembershipResponseSize {
		p.t.Fatalf("membership response of %d bytes", len(b))
	}
	r, err := ipcmsg.ParseCPGMembershipResponse(b)
	if err != nil || r.Error != cserr.OK {
		p.t.Fatal(err, r.Error)
	}
	return addrs(r.Members)
}

func order() binary.ByteOrder { return binary.NativeEndian }

func want(t *testing.T, what string, got, want cserr.Error) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestJoinMcastLeave(t *testing.T) {
	c := cluster(t, 2)
	a, b := connect(t, c, 1, 10), connect(t, c, 2, 20)
	want(t, "join", a.join("g"), cserr.OK)
	want(t, "join again before delivery", a.join("g"), cserr.Exist)
	want(t, "leave before delivery", a.leave("g"), cserr.Busy)
	// A message may follow the join at once; it is delivered after it.
	a.mcast("early")
	c.Run()
	a.expect("a joins", "confchg g [1/10] joined [1/10:1] left []", "deliver g 1/10 early")
	want(t, "join again", a.join("g"), cserr.Exist)
	want(t, "join another", a.join("h"), cserr.Exist)
	other := connect(t, c, 1, 10)
	want(t, "same pid, other connection", other.join("g"), cserr.Exist)

	want(t, "b joins", b.join("g"), cserr.OK)
	c.Run()
	a.expect("b joins", "confchg g [1/10 2/20] joined [2/20:1] left []")
	b.expect("b joins", "confchg g [1/10 2/20] joined [2/20:1] left []")
	other.expect("no member", nil...)

	a.mcast("one")
	b.mcast("two")
	c.Run()
	for _, p := range []*process{a, b} {
		p.expect("messages", "deliver g 1/10 one", "deliver g 2/20 two")
	}
	if m := other.members("g"); m != "[1/10 2/20]" {
		t.Errorf("members %s", m)
	}
	if m := other.members("nobody"); m != "[]" {
		t.Errorf("members %s", m)
	}

	want(t, "leave", b.leave("g"), cserr.OK)
	want(t, "leave twice", b.leave("g"), cserr.NotExist)
	b.mcast("dropped")
	c.Run()
	for _, p := range []*process{a, b} {
		p.expect("b leaves", "confchg g [1/10] joined [] left [2/20:2]")
	}
	a.mcast("alone")
	c.Run()
	b.expect("after leaving", nil...)
	a.expect("after leaving", "deliver g 1/10 alone")
	want(t, "leave after leaving", b.leave("g"), cserr.NotExist)
	want(t, "join another group after leaving", b.join("h"), cserr.OK)
	c.Run()
	b.expect("other group", "confchg h [2/20] joined [2/20:1] left []")
	b.Disconnect()
	c.Run()
	if m := other.members("h"); m != "[]" {
		t.Errorf("members of h %s", m)
	}
}

func TestDisconnect(t *testing.T) {
	c := cluster(t, 2)
	a, b, d := connect(t, c, 1, 10), connect(t, c, 2, 20), connect(t, c, 1, 11)
	for _, p := range []*process{a, b, d} {
		want(t, "join", p.join("g"), cserr.OK)
	}
	c.Run()
	for _, p := range []*process{a, b, d} {
		p.events()
	}
	b.Disconnect()
	want(t, "finalize", d.header(ipcmsg.AppendRequest(nil, ipcmsg.CPGReqFinalize)), cserr.OK)
	c.Run()
	a.expect("b gone", "confchg g [1/10 1/11] joined [] left [2/20:5]")
	d.expect("finalized", nil...)
	// The name of a finalized connection blocks nothing but the entry in the table does until it is gone.
	d2 := connect(t, c, 1, 11)
	want(t, "rejoin", d2.join("g"), cserr.TryAgain)
	d.Disconnect()
	c.Run()
	a.expect("d gone", "confchg g [1/10] joined [] left [1/11:5]")
	want(t, "rejoin", d2.join("g"), cserr.OK)
	d2.Disconnect() // between request and delivery
	c.Run()
	a.expect("d2 comes and goes", "confchg g [1/10 1/11] joined [1/11:1] left []", "confchg g [1/10] joined [] left [1/11:5]")
}

// TestWrongLeave: a LEAVE that names another group is answered and announced, and leaves the member where it is.
func TestWrongLeave(t *testing.T) {
	c := cluster(t, 1)
	a, b := connect(t, c, 1, 10), connect(t, c, 1, 11)
	a.join("g")
	b.join("g")
	c.Run()
	a.events()
	want(t, "leave", a.leave("other"), cserr.OK)
	b.mcast("x")
	c.Run()
	a.expect("still a member", "deliver g 1/11 x")
	a.leave("other")
	b.events()
	a.Disconnect()
	c.Run()
	b.expect("gone", "confchg g [1/11] joined [] left [1/10:5]")
}

func TestNames(t *testing.T) {
	c := cluster(t, 1)
	long := strings.Repeat("x", 128)
	a, b, d := connect(t, c, 1, 10), connect(t, c, 1, 11), connect(t, c, 1, 12)
	want(t, "128 bytes", a.join(long), cserr.OK)
	want(t, "with NUL", b.join("abc\x00"), cserr.OK)
	want(t, "without NUL", d.join("abc"), cserr.OK)
	c.Run()
	a.expect("join", "confchg "+long+" [1/10] joined [1/10:1] left []")
	b.expect("join", "confchg abc\x00 [1/11] joined [1/11:1] left []")
	d.expect("join", "confchg abc [1/12] joined [1/12:1] left []")

	tooLong := ipcmsg.CPGJoinRequest{PID: 1}.Append(nil)
	tooLong[16] = 129
	p := connect(t, c, 1, 13)
	want(t, "129 bytes", p.header(tooLong), cserr.NameTooLong)
	want(t, "leave without join", p.leave("g"), cserr.NotExist)
	empty := connect(t, c, 1, 14)
	want(t, "empty name", empty.join(""), cserr.OK)
	c.Run()
	empty.Disconnect()
	c.Run()
	if m := p.members(""); m != "[]" {
		t.Errorf("members of the empty name %s", m)
	}
}

func TestInitialTotemConfchg(t *testing.T) {
	c := cluster(t, 2)
	a := connect(t, c, 1, 10)
	a.join("g", ipcmsg.CPGFlagDeliverInitialTotemConf)
	c.Run()
	a.expect("join", "confchg g [1/10] joined [1/10:1] left []", "totem 1.4 [1 2]")
	b := connect(t, c, 2, 20)
	b.join("g")
	c.Run()
	a.expect("once only", "confchg g [1/10 2/20] joined [2/20:1] left []")
	b.expect("not asked for", "confchg g [1/10 2/20] joined [2/20:1] left []")
}

func TestPartitionAndMerge(t *testing.T) {
	c := cluster(t, 3)
	a, b, d := connect(t, c, 1, 10), connect(t, c, 2, 20), connect(t, c, 3, 30)
	idle := connect(t, c, 1, 99)
	b2 := connect(t, c, 2, 21)
	a.join("g")
	b.join("g")
	d.join("g")
	c.Run()
	b2.join("a")
	c.Run()
	d2 := connect(t, c, 3, 31)
	d2.join("a")
	c.Run()
	for _, p := range []*process{a, b, d, b2, d2} {
		p.events()
	}
	c.Form(1, 2)
	c.Form(3)
	a.expect("partition", "confchg g [1/10 2/20] joined [] left [3/30:3]", "totem 1.8 [1 2]")
	b2.expect("partition", "confchg a [2/21] joined [] left [3/31:3]", "totem 1.8 [1 2]")
	idle.expect("a connection in no group", "totem 1.8 [1 2]")
	d.expect("partition", "confchg g [3/30] joined [] left [1/10:3 2/20:3]", "totem 3.8 [3]")
	a.mcast("left")
	d.mcast("right")
	c.Run()
	a.expect("in the partition", "deliver g 1/10 left")
	d.expect("in the partition", "deliver g 3/30 right")
	b.events()

	c.Form(1, 2, 3)
	a.expect("merge", "confchg g [1/10 2/20 3/30] joined [3/30:4] left []", "totem 1.12 [1 2 3]")
	b2.expect("merge", "confchg a [2/21 3/31] joined [3/31:4] left []", "totem 1.12 [1 2 3]")
	d.events()
	d2.expect("merge", "confchg a [3/31] joined [] left [2/21:3]", "totem 3.8 [3]",
		"confchg a [2/21 3/31] joined [2/21:4] left []", "totem 1.12 [1 2 3]")
	for _, p := range []*process{a, b, d} {
		if m := p.members("g"); m != "[1/10 2/20 3/30]" {
			t.Errorf("members %s", m)
		}
	}
}

// TestRestart: a node that comes back within one membership change went down first.
func TestRestart(t *testing.T) {
	c := cluster(t, 2)
	a, b := connect(t, c, 1, 10), connect(t, c, 2, 20)
	a.join("g")
	b.join("g")
	c.Run()
	a.events()
	c.Restart(2, setup)
	c.Form(1, 2)
	a.expect("restart", "confchg g [1/10] joined [] left [2/20:3]", "totem 1.8 [1 2]")
	n := connect(t, c, 2, 20)
	if m := n.members("g"); m != "[1/10]" {
		t.Errorf("the new node knows %s", m)
	}
	n.join("g")
	c.Run()
	n.expect("join", "confchg g [1/10 2/20] joined [2/20:1] left []")
}

// TestAbortedSync: a synchronisation is overtaken by the next membership; the joinlists collected before do not count.
func TestAbortedSync(t *testing.T) {
	c := cluster(t, 3)
	a, b, d := connect(t, c, 1, 10), connect(t, c, 2, 20), connect(t, c, 3, 30)
	for _, p := range []*process{a, b, d} {
		p.join("g")
	}
	c.Run()
	c.Form(1)
	c.Form(2, 3)
	for _, p := range []*process{a, b, d} {
		p.events()
	}
	for rotations := range 8 {
		c.FormQuiet(1, 2, 3)
		for range rotations {
			c.Rotate()
		}
		c.Form(1, 2)
		c.Form(3)
		for _, p := range []*process{a, b} {
			if m := p.members("g"); m != "[1/10 2/20]" {
				t.Fatalf("after %d rotations: %s", rotations, m)
			}
		}
		if m := d.members("g"); m != "[3/30]" {
			t.Fatalf("after %d rotations: %s", rotations, m)
		}
		// Whatever was activated in between, each process was told a consistent story.
		for _, p := range []*process{a, b, d} {
			replay(t, p)
		}
		c.Form(1)
		c.Form(2, 3)
		for _, p := range []*process{a, b, d} {
			p.events()
		}
	}
}

// replay checks that each group change of a process follows from the one before.
func replay(t *testing.T, p *process) {
	t.Helper()
	var now map[string]bool
	for _, b := range p.TakeEvents() {
		e, err := ipcmsg.ParseCPGConfchgEvent(b)
		if h, _ := ipcmsg.ParseResponseHeader(b); h.ID != ipcmsg.CPGEventConfchg {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		next := map[string]bool{}
		for _, m := range e.Members {
			next[addrs([]ipcmsg.CPGAddress{m})] = true
		}
		if now != nil {
			for _, j := range e.Joined {
				j.Reason = 0
				now[addrs([]ipcmsg.CPGAddress{j})] = true
			}
			for _, l := range e.Left {
				l.Reason = 0
				delete(now, addrs([]ipcmsg.CPGAddress{l}))
			}
			if fmt.Sprint(now) != fmt.Sprint(next) {
				t.Fatalf("members %v, expected %v", next, now)
			}
		}
		now = next
	}
}

// TestDisconnectDuringSync: a process that goes away at any point of a synchronisation is a member nowhere afterwards.
func TestDisconnectDuringSync(t *testing.T) {
	for rotations := range 8 {
		t.Run(fmt.Sprint(rotations), func(t *testing.T) {
			c := cluster(t, 2)
			a, b := connect(t, c, 1, 10), connect(t, c, 2, 20)
			a.join("g")
			b.join("g")
			c.Run()
			c.Form(1)
			c.Form(2)
			late := connect(t, c, 2, 21)
			late.join("g") // still in the send queue when the ring changes
			a.events()
			c.FormQuiet(1, 2)
			for range rotations {
				c.Rotate()
			}
			b.Disconnect()
			late.Disconnect()
			c.Run()
			if m := a.members("g"); m != "[1/10]" {
				t.Errorf("ghost: %s", m)
			}
			if m := connect(t, c, 2, 1).members("g"); m != "[1/10]" {
				t.Errorf("ghost on its own node: %s", m)
			}
			replay(t, a)
		})
	}
}

// TestStopDuringSync: a node stops while it is synchronised, with a join and a message in its ordinary queue. Its processes
// must not be announced as gone ahead of these: the end of the node is theirs.
func TestStopDuringSync(t *testing.T) {
	for rotations := range 12 {
		t.Run(fmt.Sprint(rotations), func(t *testing.T) {
			c := cluster(t, 2)
			a, b := connect(t, c, 1, 10), connect(t, c, 2, 20)
			a.join("g")
			b.join("g")
			c.Run()
			c.Form(1)
			c.Form(2)
			late := connect(t, c, 2, 21)
			late.join("g") // still in the send queue when the ring changes
			a.events()
			c.FormQuiet(1, 2)
			for range rotations {
				c.Rotate()
			}
			syncing := c.Node(2).Router.Syncing()
			c.Node(2).Router.Shutdown(nil)
			for range 20 {
				c.Advance(time.Millisecond)
			}
			c.Run()
			gone := false
			for _, e := range a.events() {
				left := strings.Contains(e, "left [2/")
				if gone && !left && strings.Contains(e, "joined [2/") {
					t.Errorf("joined after the node's processes had left: %s", e)
				}
				gone = gone || left
			}
			if syncing && gone {
				t.Error("processes are announced as gone during the synchronisation")
			}
		})
	}
}

// TestForeignLeaveDuringSync: a C node announces a process as gone in the middle of a synchronisation, before or after
// its joinlist with that process.
func TestForeignLeaveDuringSync(t *testing.T) {
	ne := order()
	leave := ipcmsg.ExecCPGProc{Leave: true, Group: []byte("g"), PID: 20, Reason: ipcmsg.CPGReasonProcDown}.Append(nil, ne)
	list := ipcmsg.AppendExecCPGJoinList(nil, []ipcmsg.ExecCPGJoinListEntry{{PID: 20, Group: []byte("g")}, {PID: 21, Group: []byte("g")}}, ne)
	for _, msgs := range [][][]byte{{leave, list}, {list, leave}} {
		e := cpg.New()
		c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(e) })
		c.Form(1)
		p := connect(t, c, 1, 10)
		p.join("g")
		c.Run()
		p.events()
		e.SyncInit([]totem.NodeID{1}, []totem.NodeID{1, 2}, totem.RingID{Rep: 1, Seq: 9})
		for _, m := range msgs {
			c.Node(1).Router.Deliver("a", 2, m, false)
		}
		e.SyncActivate()
		if m := p.members("g"); m != "[1/10 2/21]" {
			t.Errorf("members %s", m)
		}
		got := p.events()
		if last := got[len(got)-2]; last != "confchg g [1/10 2/21] joined [2/21:4] left []" {
			t.Errorf("events %q", got)
		}
	}
}

// TestInitialTotemConfchgInSync: a change of the group in the middle of a synchronisation tells a client that has just joined
// of the configuration before it, with that one's id.
func TestInitialTotemConfchgInSync(t *testing.T) {
	e := cpg.New()
	c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(e) })
	c.Form(1)
	p := connect(t, c, 1, 10)
	p.join("g", ipcmsg.CPGFlagDeliverInitialTotemConf)
	e.SyncInit([]totem.NodeID{1}, []totem.NodeID{1, 2}, totem.RingID{Rep: 1, Seq: 99})
	c.Node(1).Router.Deliver("a", 2, ipcmsg.ExecCPGProc{Leave: true, Group: []byte("h"), PID: 20, Reason: ipcmsg.CPGReasonProcDown}.Append(nil, order()), false)
	p.expect("in the middle", "totem 1.4 [1]")
}

// TestZombies: a process that its own node does not list any more is gone.
func TestZombies(t *testing.T) {
	e := cpg.New()
	c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(e) })
	c.Form(1)
	p := connect(t, c, 1, 10)
	p.join("g")
	c.Run()
	both := []totem.NodeID{1, 2}
	lists := func(seq uint64, pids ...uint32) {
		e.SyncInit(both, both, totem.RingID{Rep: 1, Seq: seq})
		var l []ipcmsg.ExecCPGJoinListEntry
		for _, pid := range pids {
			l = append(l, ipcmsg.ExecCPGJoinListEntry{PID: pid, Group: []byte("g")})
		}
		c.Node(1).Router.Deliver("a", 2, ipcmsg.AppendExecCPGJoinList(nil, l, order()), false)
		e.SyncActivate()
	}
	lists(9, 20, 21)
	p.events()
	lists(13, 21)
	p.expect("zombie", "confchg g [1/10 2/21] joined [] left [2/20:5]", "totem 1.13 [1 2]")
}

func TestPartial(t *testing.T) {
	c := cluster(t, 2)
	a, b := connect(t, c, 1, 10), connect(t, c, 2, 20)
	part := func(p *process, kind uint32, text string) cserr.Error {
		return p.header(ipcmsg.CPGPartialMcastRequest{TotalLen: 6, Type: kind, Payload: []byte(text)}.Append(nil))
	}
	want(t, "not joined", part(a, ipcmsg.CPGPartialFirst, "ab"), cserr.NotExist)
	a.join("g")
	c.Run()
	want(t, "first", part(a, ipcmsg.CPGPartialFirst, "ab"), cserr.OK)
	want(t, "continued", part(a, ipcmsg.CPGPartialContinued, "cd"), cserr.OK)
	want(t, "last", part(a, ipcmsg.CPGPartialLast, "ef"), cserr.OK)
	c.Run()
	a.expect("parts", "confchg g [1/10] joined [1/10:1] left []",
		"part 1 of 6: 1/10 ab", "part 2 of 6: 1/10 cd", "part 3 of 6: 1/10 ef")
	want(t, "first", part(a, ipcmsg.CPGPartialFirst, "ab"), cserr.OK)
	b.join("g")
	c.Run()
	want(t, "after a change", part(a, ipcmsg.CPGPartialContinued, "cd"), cserr.Interrupt)
	want(t, "a new message", part(a, ipcmsg.CPGPartialFirst, "ab"), cserr.OK)
}

func TestIterations(t *testing.T) {
	c := cluster(t, 2)
	for _, j := range []struct {
		node  totem.NodeID
		pid   uint32
		group string
	}{{1, 10, "g"}, {1, 11, "h"}, {2, 20, "g"}, {2, 21, "g"}, {2, 22, "k"}} {
		connect(t, c, j.node, j.pid).join(j.group)
		c.Run()
	}
	p := connect(t, c, 1, 99)
	walk := func(kind uint32, group string) string {
		r, err := ipcmsg.ParseCPGIterInitResponse(p.Call(ipcmsg.CPGIterInitRequest{Group: []byte(group), Type: kind}.Append(nil)))
		if err != nil || r.Error != cserr.OK {
			t.Fatal(err, r.Error)
		}
		var s []string
		ends := 0
		for {
			n, err := ipcmsg.ParseCPGIterNextResponse(p.Call(ipcmsg.CPGHandleRequest{ID: ipcmsg.CPGReqIterationNext, Handle: r.Handle}.Append(nil)))
			if err != nil {
				t.Fatal(err)
			}
			if n.Error == cserr.NoSections {
				if ends++; ends == 2 { // behind its end it begins anew
					break
				}
				continue
			}
			if n.Error != cserr.OK {
				t.Fatal(n.Error)
			}
			s = append(s, fmt.Sprintf("%s:%d/%d", n.Group, n.NodeID, n.PID))
		}
		want(t, "finalize", p.header(ipcmsg.CPGHandleRequest{ID: ipcmsg.CPGReqIterationFinalize, Handle: r.Handle}.Append(nil)), cserr.OK)
		want(t, "finalize twice", p.header(ipcmsg.CPGHandleRequest{ID: ipcmsg.CPGReqIterationFinalize, Handle: r.Handle}.Append(nil)), cserr.Library)
		want(t, "next after finalize", p.header(ipcmsg.CPGHandleRequest{ID: ipcmsg.CPGReqIterationNext, Handle: r.Handle}.Append(nil)), cserr.Library)
		once := s[:len(s)/2]
		if again := s[len(s)/2:]; !slices.Equal(again, once) {
			t.Errorf("the second time %v, the first %v", again, once)
		}
		return strings.Join(once, " ")
	}
	for _, w := range []struct {
		kind        uint32
		group, want string
	}{
		{ipcmsg.CPGIterNameOnly, "", "k:0/0 h:0/0 g:0/0"},
		{ipcmsg.CPGIterOneGroup, "g", "g:1/10 g:2/21 g:2/20"},
		{ipcmsg.CPGIterOneGroup, "none", ""},
		{ipcmsg.CPGIterAll, "", "k:2/22 h:1/11 g:1/10 g:2/21 g:2/20"},
		{77, "", "k:2/22 h:1/11 g:1/10 g:2/21 g:2/20"},
	} {
		if got := walk(w.kind, w.group); got != w.want {
			t.Errorf("iteration %d %q: %s, want %s", w.kind, w.group, got, w.want)
		}
	}
	r, _ := ipcmsg.ParseCPGLocalGetResponse(p.Call(ipcmsg.AppendRequest(nil, ipcmsg.CPGReqLocalGet)))
	if r.NodeID != 1 {
		t.Errorf("local node %d", r.NodeID)
	}
}

func TestGroupLimit(t *testing.T) {
	c := cluster(t, 1)
	for pid := range uint32(ipcmsg.CPGMembersMax) {
		want(t, "join", connect(t, c, 1, pid+1).join("g"), cserr.OK)
		c.Run()
	}
	p := connect(t, c, 1, 1000)
	want(t, "one too many", p.join("g"), cserr.NoResources)
	want(t, "another group", p.join("h"), cserr.OK)
}

// TestShutdown: a daemon that stops announces its processes, even during a synchronisation.
func TestShutdown(t *testing.T) {
	for _, syncing := range []bool{false, true} {
		c := cluster(t, 2)
		a, b := connect(t, c, 1, 10), connect(t, c, 2, 20)
		a.join("g")
		b.join("g")
		c.Run()
		if syncing {
			c.FormQuiet(1, 2)
		}
		a.events()
		c.Node(2).Router.Shutdown(nil)
		c.Advance(1)
		got := a.events()
		if !slices.Contains(got, "confchg g [1/10] joined [] left [2/20:5]") {
			t.Errorf("syncing %v: %q", syncing, got)
		}
	}
}

// TestMessagesOnTheWire: the bytes are those captured from corosync 3.1.7.
func TestMessagesOnTheWire(t *testing.T) {
	c := servicetest.New(t, 1, setup)
	var wire [][]byte
	r := c.Node(1).Ring
	c.Form(1)
	p := connect(t, c, 1, 32335)
	p.join("grp")
	wire = append(wire, r.Waiting()...)
	c.Run()
	p.mcast("hello")
	wire = append(wire, r.Waiting()...)
	join := make([]byte, 168)
	copy(join, []byte{0, 0, 2, 0, 0, 0, 0, 0, 0xa8})
	copy(join[16:], "\x03\x00\x00\x00\x00\x00\x00\x00grp")
	copy(join[152:], []byte{0x4f, 0x7e})
	join[160] = 1
	mcast := make([]byte, 184, 189)
	copy(mcast, []byte{3, 0, 2, 0, 0, 0, 0, 0, 0xbd})
	copy(mcast[16:], "\x03\x00\x00\x00\x00\x00\x00\x00grp")
	mcast[152] = 5
	copy(mcast[160:], []byte{0x4f, 0x7e})
	mcast[168] = 1
	mcast[176] = byte(p.ID())
	mcast = append(mcast, "hello"...)
	if len(wire) != 2 || !bytes.Equal(wire[0], join) || !bytes.Equal(wire[1], mcast) {
		t.Errorf("wire\n% x\nwant\n% x\n% x", wire, join, mcast)
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	c := cluster(t, 1)
	n := c.Node(1)
	p := connect(t, c, 1, 10)
	p.join("g")
	c.Run()
	req := ipcmsg.CPGMcastRequest{Payload: make([]byte, 64)}.Append(nil)
	p.Request(req)
	msg := n.Ring.Waiting()[0]
	s := n.Router.Service(service.CPG)
	n.Ring.Sink, p.Sink = true, true
	if a := testing.AllocsPerRun(100, func() { n.Router.Deliver("a", 1, msg, false) }); a != 0 {
		t.Errorf("%v allocations per delivery", a)
	}
	if a := testing.AllocsPerRun(100, func() { n.Router.Request(s, p.Conn, req) }); a != 0 {
		t.Errorf("%v allocations per request", a)
	}
}
