package cpg

import (
	"encoding/binary"
	"slices"

	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// order returns the byte order of a sender.
func order(foreign bool) binary.ByteOrder {
	switch {
	case !foreign:
		return binary.NativeEndian
	case binary.NativeEndian.Uint16([]byte{1, 0}) == 1:
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// malformed counts and logs a message that cannot be parsed, the first ones and then ever fewer.
func (e *Engine) malformed(from totem.NodeID, err error) {
	if e.bad++; e.bad&(e.bad-1) == 0 {
		e.api.Log().Warningf("message from node %d ignored: %v (%d so far)", uint32(from), err, e.bad)
	}
}

func (e *Engine) execProcJoin(from totem.NodeID, msg []byte, foreign bool) {
	x, err := ipcmsg.ParseExecCPGProc(msg, order(foreign))
	if err != nil {
		e.malformed(from, err)
		return
	}
	if e.api.Log().Enabled(logsys.Debug) {
		e.api.Log().Debugf("got procjoin message from cluster node %d for pid %d", uint32(from), x.PID)
	}
	m := member{from, x.PID}
	if !e.roomFor(m, x.Group) {
		return
	}
	g := e.get(string(x.Group))
	if !e.add(m, g) {
		return
	}
	e.notify(g, []ipcmsg.CPGAddress{address(m, ipcmsg.CPGReasonJoin)}, nil)
}

// roomFor says whether the table takes another process. Local connections that wait for their join are bounded otherwise.
func (e *Engine) roomFor(m member, name []byte) bool {
	if len(e.procs) < maxProcesses {
		return true
	}
	if g := e.lookup(name); g != nil && m.node == e.api.NodeID() && slices.ContainsFunc(g.clients, func(c *client) bool { return c.pid == m.pid }) {
		return true
	}
	if e.crowd++; e.crowd&(e.crowd-1) == 0 {
		e.api.Log().Errorf("process %d of node %d does not fit into the table of %d processes (%d so far)",
			m.pid, uint32(m.node), maxProcesses, e.crowd)
	}
	return false
}

func (e *Engine) execProcLeave(from totem.NodeID, msg []byte, foreign bool) {
	x, err := ipcmsg.ParseExecCPGProc(msg, order(foreign))
	if err != nil {
		e.malformed(from, err)
		return
	}
	if e.api.Log().Enabled(logsys.Debug) {
		e.api.Log().Debugf("got procleave message from cluster node %d for pid %d", uint32(from), x.PID)
	}
	m := member{from, x.PID}
	if !e.CRules {
		e.sync.departed(m, x.Group)
	}
	if from == e.api.NodeID() && x.Reason == ipcmsg.CPGReasonProcDown {
		e.departed(leave{pid: x.PID, group: string(x.Group)})
	}
	// A node that stops during a synchronisation announces processes that are not known here yet, and never will be: 3.1
	// tells clients that they left. A local one waits for the word.
	if g := e.lookup(x.Group); g != nil && !g.has(m) && from != e.api.NodeID() && !e.CRules {
		e.api.Log().Debugf("procleave of an unknown process")
	} else if g != nil {
		e.notify(g, nil, []ipcmsg.CPGAddress{address(m, x.Reason)})
		e.drop(m, g)
	} else {
		e.initialConfchg()
	}
	if from == e.api.NodeID() && x.Reason == ipcmsg.CPGReasonLeave {
		e.left(x.PID, string(x.Group))
	}
}

// left ends the LEAVE request of a local connection.
func (e *Engine) left(pid uint32, name string) {
	for _, cl := range slices.Clone(e.clients) {
		if cl.state != leaveStarted || cl.leavePID != pid || cl.leaveGroup != name {
			continue
		}
		if cl.pid != pid || cl.group.name != name {
			// It left a group in which it was not: it is where it was.
			cl.state = joinCompleted
			continue
		}
		g := cl.group
		g.clients = remove(g.clients, cl)
		cl.state, cl.group, cl.pid = unjoined, nil, 0
		e.release(g)
	}
}

func (e *Engine) execJoinList(from totem.NodeID, msg []byte, foreign bool) {
	list, err := ipcmsg.ParseExecCPGJoinList(msg, order(foreign))
	if err != nil {
		e.malformed(from, err)
		return
	}
	e.api.Log().Debugf("got joinlist message from node %d", uint32(from))
	for i := range list.Len() {
		if len(e.sync.collected) >= maxCollected {
			e.api.Log().Errorf("joinlist of node %d does not fit", uint32(from))
			return
		}
		x := list.At(i)
		e.sync.collected = append(e.sync.collected, entry{member{from, x.PID}, string(x.Group)})
	}
}

func (e *Engine) execDownlistOld(from totem.NodeID, _ []byte, _ bool) {
	e.api.Log().Debugf("downlist OLD from node %d", uint32(from))
}

// execDownlist logs. Every node goes by its own computation of who left.
func (e *Engine) execDownlist(from totem.NodeID, msg []byte, foreign bool) {
	if len(msg) < ipcmsg.ExecCPGDownlistSize {
		return
	}
	e.api.Log().Debugf("downlist left_list: %d received", order(foreign).Uint32(msg[24:]))
}

func (e *Engine) execMcast(from totem.NodeID, msg []byte, foreign bool) {
	x, err := ipcmsg.ParseExecCPGMcast(msg, order(foreign))
	if err != nil {
		e.malformed(from, err)
		return
	}
	g := e.lookup(x.Group)
	if !e.deliverable(g, from) {
		return
	}
	e.head = ipcmsg.CPGDeliverEvent{Group: x.Group, NodeID: uint32(from), PID: x.PID, Payload: x.Payload}.AppendHead(e.head[:0])
	e.deliver(g, x.Payload)
}

func (e *Engine) execPartialMcast(from totem.NodeID, msg []byte, foreign bool) {
	x, err := ipcmsg.ParseExecCPGPartialMcast(msg, order(foreign))
	if err != nil {
		e.malformed(from, err)
		return
	}
	g := e.lookup(x.Group)
	if !e.deliverable(g, from) {
		return
	}
	e.head = ipcmsg.CPGPartialDeliverEvent{
		Group: x.Group, TotalLen: x.TotalLen, NodeID: uint32(from), PID: x.PID, Type: x.Type, Payload: x.Payload,
	}.AppendHead(e.head[:0])
	e.deliver(g, x.Payload)
}

// deliverable says whether a message of a node for g goes to anybody here.
func (e *Engine) deliverable(g *group, from totem.NodeID) bool {
	if g == nil || len(g.clients) == 0 {
		return false
	}
	if !g.hasNode(from) {
		if e.strange++; e.strange&(e.strange-1) == 0 {
			e.api.Log().Warningf("Unknown node -> we will not deliver message")
		}
		return false
	}
	return true
}

// deliver hands the event that begins in e.head to the local members.
func (e *Engine) deliver(g *group, payload []byte) {
	e.parts = [2][]byte{e.head, payload}
	for _, cl := range slices.Backward(g.clients) {
		if cl.state == joinCompleted || cl.state == leaveStarted {
			cl.conn.Event(e.parts[:]...)
		}
	}
	e.parts = [2][]byte{}
}
