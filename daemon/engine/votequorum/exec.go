package votequorum

import (
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Exec returns the handlers of ordered messages in the order of their numbers.
func (e *Engine) Exec() []service.ExecFunc {
	return []service.ExecFunc{
		ipcmsg.ExecVotequorumNodeInfo:           e.execNodeInfo,
		ipcmsg.ExecVotequorumReconfigure:        e.execReconfigure,
		ipcmsg.ExecVotequorumQdeviceReg:         e.execQdeviceReg,
		ipcmsg.ExecVotequorumQdeviceReconfigure: e.execQdeviceReconfigure,
	}
}

func (e *Engine) malformed(from totem.NodeID, err error) {
	e.log.Warningf("Discarding a message from node %d: %v", from, err)
}

// execNodeInfo takes what a node says of its votes. This node's own announcement goes the same way: its flags become what
// they were when it was sent, which every node sees alike.
func (e *Engine) execNodeInfo(from totem.NodeID, msg []byte, foreign bool) {
	m, err := ipcmsg.ParseExecVotequorumNodeInfo(msg, ipcmsg.Order(foreign))
	if err != nil {
		e.malformed(from, err)
		return
	}
	e.log.Debugf("got nodeinfo message from cluster node %d", from)
	e.log.Debugf("nodeinfo message[%d]: votes: %d, expected: %d flags: %d", m.NodeID, m.Votes, m.ExpectedVotes, m.Flags)
	id := totem.NodeID(m.NodeID)
	if id == qdeviceNodeID {
		e.deviceVotesFrom(from, m.Votes)
		return
	}
	if id != from {
		// No node speaks for another; a forged one could stop a sync by giving this node a quorum device.
		e.log.Warningf("Discarding the votes of node %d as told by node %d", id, from)
		return
	}
	e.logFlags(m.Flags)
	n := e.find(id)
	known := n != nil
	if !known {
		if n = e.add(id); n == nil {
			return
		}
		n.state = stateDead
	}
	old := *n
	n.flags, n.votes, n.state = m.Flags, m.Votes, stateMember
	allowDecrease, byNodes := false, false
	if n.has(ipcmsg.VotequorumNodeLeaving) {
		n.state = stateLeaving
		allowDecrease, byNodes = true, true
	}
	if !e.quorate && n.has(ipcmsg.VotequorumNodeQuorate) {
		// A partition with quorum knows better what to expect.
		allowDecrease = true
		e.us.expected = m.ExpectedVotes
	}
	if n.has(ipcmsg.VotequorumNodeQuorate) || e.evTracking {
		n.expected = m.ExpectedVotes
	} else {
		n.expected = e.us.expected
	}
	if e.lastManStanding && n.votes > 1 {
		e.log.Warningf("Last Man Standing feature is supported only when all cluster nodes votes are set to 1. Disabling LMS.")
		e.lastManStanding, e.lmsDue = false, false
		e.stopTimer(&e.lmsTimer)
	}
	if !known || n == e.us || n.has(ipcmsg.VotequorumNodeFirst) || old != *n {
		e.recalculate(allowDecrease, byNodes)
	}
	if e.waitForAll && !n.has(ipcmsg.VotequorumNodeWFAStatus) && n.has(ipcmsg.VotequorumNodeQuorate) {
		e.setWaitForAllStatus(false)
	}
}

// deviceVotesFrom takes a node's idea of the device's votes: the highest one counts, but a partition without quorum
// believes one that has it.
func (e *Engine) deviceVotesFrom(from totem.NodeID, votes uint32) {
	sender := e.find(from)
	if sender == nil {
		// Every node announces itself before the device; who does not is not heard.
		return
	}
	old := e.qdevice.votes
	if e.quorate || !sender.has(ipcmsg.VotequorumNodeQuorate) {
		votes = max(votes, old)
	}
	e.qdevice.votes = votes
	if votes != old {
		e.recalculate(false, false)
	}
}

func (e *Engine) execReconfigure(from totem.NodeID, msg []byte, foreign bool) {
	m, err := ipcmsg.ParseExecVotequorumReconfigure(msg, ipcmsg.Order(foreign))
	if err != nil {
		e.malformed(from, err)
		return
	}
	e.log.Debugf("got reconfigure message from cluster node %d for %d", from, m.NodeID)
	switch m.Param {
	case ipcmsg.VotequorumParamExpectedVotes:
		e.setMembersExpected(m.Value)
		e.notifyExpectedVotes()
		e.setBarrier(m.Value)
		if e.evTracking {
			e.us.expected = max(e.us.expected, e.evTrackingBarrier)
		}
		e.recalculate(true, false)
	case ipcmsg.VotequorumParamNodeVotes:
		n := e.find(totem.NodeID(m.NodeID))
		if n == nil {
			return
		}
		n.votes = m.Value
		e.recalculate(true, false)
	case ipcmsg.VotequorumParamCancelWFA:
		e.setWaitForAllStatus(false)
		e.log.Infof("wait_for_all_status reset by user on node %d.", m.NodeID)
		e.recalculate(false, false)
	}
}

func (e *Engine) execQdeviceReg(from totem.NodeID, msg []byte, foreign bool) {
	m, err := ipcmsg.ParseExecVotequorumQdeviceReg(msg, ipcmsg.Order(foreign))
	if err != nil {
		e.malformed(from, err)
		return
	}
	name := string(m.Name)
	e.log.Debugf("Received qdevice op %d req from node %d [%s]", m.Operation, from, name)
	switch m.Operation {
	case ipcmsg.VotequorumQdeviceOpRegister:
		if from != e.us.id {
			if e.qdeviceName == "" {
				e.log.Debugf("Remote qdevice name recorded")
				e.qdeviceName = name
			}
			return
		}
		e.ownRegistration(name)
	case ipcmsg.VotequorumQdeviceOpUnregister:
		registered := false
		e.eachMember(func(n *node) { registered = registered || n.has(ipcmsg.VotequorumNodeQdeviceRegistered) })
		if !registered {
			e.qdeviceName = ""
		}
	}
}

// ownRegistration answers the client whose registration has come back in order. The announcements of later syncs come
// back too; a registered device ignores them.
func (e *Engine) ownRegistration(name string) {
	if e.us.has(ipcmsg.VotequorumNodeQdeviceRegistered) {
		return
	}
	conn := e.qdeviceRegistration
	if conn == nil {
		e.log.Warningf("Unable to determine origin of the qdevice register call!")
		return
	}
	e.qdeviceRegistration = nil
	if e.qdeviceName == "" {
		e.qdeviceName = name
	}
	if name != e.qdeviceName {
		e.log.Warningf("A new qdevice with different name (new: %s old: %s) is trying to register!", name, e.qdeviceName)
		e.replyStatus(conn, cserr.Exist)
		return
	}
	e.us.set(ipcmsg.VotequorumNodeQdeviceRegistered, true)
	e.sendNodeInfo(e.qdevice)
	e.sendNodeInfo(e.us)
	e.replyStatus(conn, cserr.OK)
}

func (e *Engine) execQdeviceReconfigure(from totem.NodeID, msg []byte, _ bool) {
	m, err := ipcmsg.ParseExecVotequorumQdeviceReconfigure(msg)
	if err != nil {
		e.malformed(from, err)
		return
	}
	e.log.Debugf("Received qdevice name change req from node %d [from: %s to: %s]", from, m.OldName, m.NewName)
	if string(m.OldName) == e.qdeviceName {
		e.log.Debugf("Allowing qdevice rename")
		e.qdeviceName = string(m.NewName)
	}
}
