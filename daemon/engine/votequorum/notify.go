package votequorum

import (
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// notifyQuorum tells all trackers the decision and the state of every node ever seen.
func (e *Engine) notifyQuorum() {
	for _, cl := range e.trackers {
		e.sendQuorum(cl, cl.context)
	}
}

func (e *Engine) sendQuorum(cl *client, context uint64) {
	list := make([]ipcmsg.VotequorumNode, 0, len(e.listed)+1)
	for _, n := range e.listed {
		list = append(list, ipcmsg.VotequorumNode{NodeID: uint32(n.id), State: uint32(n.state)})
	}
	if e.us.has(ipcmsg.VotequorumNodeQdeviceRegistered) {
		list = append(list, ipcmsg.VotequorumNode{NodeID: uint32(qdeviceNodeID), State: uint32(stateUnknown)})
	}
	e.scratch = ipcmsg.VotequorumQuorumEvent{Quorate: e.quorate, Context: context, Nodes: list}.Append(e.scratch[:0])
	cl.conn.Event(e.scratch)
}

// notifyNodeList tells all trackers the membership that is being synchronised.
func (e *Engine) notifyNodeList() {
	for _, cl := range e.trackers {
		e.sendNodeList(cl, cl.context)
	}
}

func (e *Engine) sendNodeList(cl *client, context uint64) {
	members := make([]uint32, len(e.members))
	for i, id := range e.members {
		members[i] = uint32(id)
	}
	e.scratch = ipcmsg.VotequorumNodeListEvent{
		Context: context, RingID: ipcmsg.RingID{NodeID: uint32(e.ring.Rep), Seq: e.ring.Seq}, Members: members,
	}.Append(e.scratch[:0])
	cl.conn.Event(e.scratch)
}

func (e *Engine) notifyExpectedVotes() {
	e.log.Debugf("Sending expected votes callback")
	for _, cl := range e.trackers {
		e.scratch = ipcmsg.VotequorumExpectedVotesEvent{
			Context: cl.context, ExpectedVotes: e.us.expected,
		}.Append(e.scratch[:0])
		cl.conn.Event(e.scratch)
	}
}
