package cpg

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// check verifies that the process table and the groups say the same.
func (e *Engine) check(t *testing.T) {
	t.Helper()
	n := 0
	for name, g := range e.groups {
		if g.name != name || len(g.members)+len(g.clients) == 0 {
			t.Fatalf("group %q under %q, %d members, %d clients", g.name, name, len(g.members), len(g.clients))
		}
		if !slices.IsSortedFunc(g.members, compareMember) {
			t.Fatalf("members of %q not sorted: %v", name, g.members)
		}
		n += len(g.members)
	}
	if n != len(e.procs) {
		t.Fatalf("%d members, %d processes", n, len(e.procs))
	}
	if !slices.IsSortedFunc(e.procs, func(a, b process) int { return compareMember(a.member, b.member) }) {
		t.Fatalf("processes not sorted: %v", e.procs)
	}
	for _, p := range e.procs {
		if e.groups[p.group.name] != p.group || !p.group.has(p.member) {
			t.Fatalf("process %v not in its group", p)
		}
	}
	for _, cl := range e.clients {
		if (cl.state == unjoined) != (cl.group == nil) {
			t.Fatalf("connection in state %d", cl.state)
		}
	}
}

// FuzzMessages feeds exec messages and requests, cut out of the input, to an engine with two clients.
func FuzzMessages(f *testing.F) {
	ne := binary.NativeEndian
	name := []byte("g")
	for _, b := range [][]byte{
		ipcmsg.ExecCPGProc{Group: name, PID: 5, Reason: 1}.Append(nil, ne),
		ipcmsg.ExecCPGProc{Leave: true, Group: name, PID: 5, Reason: 2}.Append(nil, ne),
		ipcmsg.AppendExecCPGJoinList(nil, []ipcmsg.ExecCPGJoinListEntry{{PID: 7, Group: name}}, ne),
		ipcmsg.ExecCPGMcastMsg{Group: name, PID: 5, Payload: []byte("x")}.Append(nil, ne),
		ipcmsg.ExecCPGPartialMcastMsg{Group: name, PID: 5, Payload: []byte("x")}.Append(nil, ne),
		ipcmsg.ExecCPGDownlistMsg{OldMembers: 2, Left: []uint32{2}}.Append(nil, ne),
	} {
		for from := byte(0); from < 3; from++ {
			f.Add(from, b)
		}
	}
	for _, b := range [][]byte{
		ipcmsg.CPGJoinRequest{Group: name, PID: 5, Flags: 1}.Append(nil),
		ipcmsg.CPGLeaveRequest{Group: name, PID: 5}.Append(nil),
		ipcmsg.CPGMcastRequest{Payload: []byte("x")}.Append(nil),
		ipcmsg.CPGPartialMcastRequest{Type: 1, Payload: []byte("x")}.Append(nil),
		ipcmsg.CPGMembershipRequest{Group: name}.Append(nil),
		ipcmsg.AppendRequest(nil, ipcmsg.CPGReqFinalize),
		ipcmsg.CPGIterInitRequest{Group: name, Type: 2}.Append(nil),
		ipcmsg.CPGHandleRequest{ID: ipcmsg.CPGReqIterationNext, Handle: 1}.Append(nil),
		ipcmsg.CPGHandleRequest{ID: ipcmsg.CPGReqZCExecute, Handle: 1}.Append(nil),
	} {
		f.Add(byte(4), b)
	}
	f.Fuzz(func(t *testing.T, how byte, msg []byte) {
		e := New()
		c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(e) })
		c.Form(1)
		n := c.Node(1)
		a, b := n.Connect(service.CPG), n.Connect(service.CPG)
		a.Request(ipcmsg.CPGJoinRequest{Group: []byte("g"), PID: 5}.Append(nil))
		c.Run()
		members := []totem.NodeID{1, 2}
		e.SyncInit(members[:1], members, totem.RingID{Rep: 1, Seq: 9})
		if how&4 != 0 {
			b.Request(msg)
			a.Request(msg)
		} else {
			n.Router.Deliver("a", totem.NodeID(how&3), msg, how&8 != 0)
		}
		e.check(t)
		e.SyncActivate()
		e.check(t)
		e.SyncInit(members[:1], members[:1], totem.RingID{Rep: 1, Seq: 13})
		e.SyncActivate()
		e.SyncComplete()
		c.Run()
		e.check(t)
		a.Disconnect()
		b.Disconnect()
		c.Run()
		e.check(t)
	})
}

// TestCrowd: a member that names processes without end fills the table and no more, the clients of this node still join,
// and the synchronisation that takes all of them out again ends.
func TestCrowd(t *testing.T) {
	e := New()
	c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(e) })
	c.Form(1)
	n := c.Node(1)
	ne := binary.NativeEndian
	begin := time.Now()
	for pid := range uint32(maxProcesses + 1000) {
		n.Router.Deliver("a", 2, ipcmsg.ExecCPGProc{Group: []byte{byte('a' + pid%6)}, PID: pid}.Append(nil, ne), false)
	}
	if len(e.procs) != maxProcesses {
		t.Errorf("%d processes", len(e.procs))
	}
	a := n.Connect(service.CPG)
	a.Request(ipcmsg.CPGJoinRequest{Group: []byte("g"), PID: 5}.Append(nil))
	c.Run()
	if g := e.lookup([]byte("g")); g == nil || !g.has(member{1, 5}) {
		t.Error("no room for a client of this node")
	}
	members := []totem.NodeID{1, 2}
	e.SyncInit(members, members, totem.RingID{Rep: 1, Seq: 9})
	list := make([]ipcmsg.ExecCPGJoinListEntry, 5000)
	for i := range 10 {
		for j := range list {
			list[j] = ipcmsg.ExecCPGJoinListEntry{PID: uint32(1<<20 + i*len(list) + j), Group: []byte("h")}
		}
		n.Router.Deliver("a", 2, ipcmsg.AppendExecCPGJoinList(nil, list, ne), false)
	}
	if len(e.sync.collected) != maxCollected {
		t.Errorf("%d collected", len(e.sync.collected))
	}
	for pid := range uint32(maxWaiting) {
		n.Router.Deliver("a", 2, ipcmsg.ExecCPGProc{Leave: true, Group: []byte("i"), PID: pid}.Append(nil, ne), false)
	}
	e.SyncActivate()
	e.check(t)
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}
