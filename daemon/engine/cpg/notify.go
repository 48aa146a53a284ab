package cpg

import (
	"slices"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

func address(m member, reason uint32) ipcmsg.CPGAddress {
	return ipcmsg.CPGAddress{NodeID: uint32(m.node), PID: m.pid, Reason: reason}
}

// limit cuts a list to what client libraries have room for.
func limit(list []ipcmsg.CPGAddress) []ipcmsg.CPGAddress {
	return list[:min(len(list), ipcmsg.CPGMembersMax)]
}

// notify tells the local members of a group of a change. left may still be in the table; joined are in it already.
func (e *Engine) notify(g *group, joined, left []ipcmsg.CPGAddress) {
	self := uint32(e.api.NodeID())
	for _, j := range joined {
		if j.NodeID != self {
			continue
		}
		for _, cl := range g.clients {
			if cl.pid == j.PID {
				cl.state = joinCompleted
			}
		}
	}
	var event []byte
	for _, cl := range slices.Backward(g.clients) {
		if cl.state != joinCompleted && cl.state != leaveStarted {
			continue
		}
		if event == nil {
			event = e.confchg(g, joined, left)
		}
		cl.conn.Event(event)
		cl.transitions++
	}
	e.initialConfchg()
}

// confchg builds the event of a change.
func (e *Engine) confchg(g *group, joined, left []ipcmsg.CPGAddress) []byte {
	ev := ipcmsg.CPGConfchgEvent{Group: []byte(g.name), Left: limit(left), Joined: limit(joined)}
	for _, m := range g.members {
		if !slices.ContainsFunc(left, func(a ipcmsg.CPGAddress) bool { return a.NodeID == uint32(m.node) && a.PID == m.pid }) {
			ev.Members = append(ev.Members, address(m, ipcmsg.CPGReasonUndefined))
		}
	}
	ev.Members = limit(ev.Members)
	return ev.Append(nil)
}

// initialConfchg sends the totem configuration to the connections that asked for one and have not had it. The change of
// another group may bring it before the connection's own join, as in the C daemon. A change that comes in the middle of a
// synchronisation, from a C daemon, brings the configuration before it; there with the id of the next ring.
func (e *Engine) initialConfchg() {
	var event []byte
	for _, cl := range slices.Backward(e.clients) {
		if cl.initialSent || cl.flags&ipcmsg.CPGFlagDeliverInitialTotemConf == 0 {
			continue
		}
		cl.initialSent = true
		if event == nil {
			ring := e.sync.oldRing
			if e.CRules {
				ring = e.sync.ring
			}
			event = totemConfchg(ring, e.sync.old)
		}
		cl.conn.Event(event)
	}
}

func totemConfchg(ring totem.RingID, members []totem.NodeID) []byte {
	ev := ipcmsg.CPGTotemConfchgEvent{RingID: ipcmsg.RingID{NodeID: uint32(ring.Rep), Seq: ring.Seq}}
	for _, id := range members {
		ev.Members = append(ev.Members, uint32(id))
	}
	return ev.Append(nil)
}
