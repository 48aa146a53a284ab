package votequorum

import (
	"slices"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// SyncInit marks who is gone and, where a quorum device votes for this node, starts to wait for its vote on the new
// membership. The transitional list plays no part: a node that came back in the same step has its votes announced again.
func (e *Engine) SyncInit(_, members []totem.NodeID, ring totem.RingID) {
	e.syncing = true
	e.nodeInfoSent = false
	e.waitForPoll = false
	e.lmsDue, e.lmsCounts = false, false
	if len(members) > 1 {
		e.us.set(ipcmsg.VotequorumNodeFirst, false)
	}
	left := false
	for _, id := range e.members {
		if slices.Contains(members, id) {
			continue
		}
		left = true
		if n := e.find(id); n != nil {
			n.state = stateDead
		}
	}
	if e.lastManStanding {
		count := uint32(len(members))
		e.lmsCounts = count >= e.quorum && left
		if e.lmsCounts || count <= e.quorum && e.tie != atbNone && e.holdsLowest() {
			e.stopTimer(&e.lmsTimer)
			e.lmsTimer = e.api.After(e.lmsWindow, e.lastManStandingExpired)
		}
	}
	e.previous = append(e.previous[:0], e.members...)
	e.members = append(e.members[:0], members...)
	e.ring = ring
	const watched = ipcmsg.VotequorumNodeQdeviceRegistered | ipcmsg.VotequorumNodeQdeviceAlive
	if e.us.flags&watched == watched {
		e.stopTimer(&e.qdeviceTimer)
		e.qdeviceTimer = e.api.After(e.qdeviceSyncTimeout, e.qdeviceExpired)
		e.waitForPoll = true
		e.log.Infof("waiting for quorum device %s poll (but maximum for %d ms)",
			e.qdeviceName, e.qdeviceSyncTimeout.Milliseconds())
	}
}

// SyncProcess announces this node's votes and then, if a device is to vote, waits for it.
func (e *Engine) SyncProcess() bool {
	if !e.nodeInfoSent {
		e.sendNodeInfo(e.us)
		e.sendNodeInfo(e.qdevice)
		if e.qdeviceName != "" {
			if err := e.sendQdeviceReg(ipcmsg.VotequorumQdeviceOpRegister, e.qdeviceName); err != nil {
				e.log.Errorf("Unable to announce the quorum device: %v", err)
			}
		}
		e.notifyNodeList()
		e.nodeInfoSent = true
	}
	return !(e.us.has(ipcmsg.VotequorumNodeQdeviceRegistered) && e.waitForPoll)
}

// SyncActivate decides for the new membership and always tells.
func (e *Engine) SyncActivate() {
	e.recalculate(false, false)
	e.announce()
	e.syncing = false
	if e.lmsDue {
		e.lastManStandingExpired()
	}
}

// SyncAbort keeps everything: the next SyncInit starts over.
func (e *Engine) SyncAbort() {}

// lastManStandingExpired lets the members that have held together for the window be all that is expected.
//
// 3.1 counts even while a synchronisation is under way in which some have not told their votes: a node that has lost one and
// meets another in a synchronisation that outlasts the window, and is then cut short, is all alone all that it expects. Or
// before it was decided whether there is quorum at all, so that two of seven are all that is expected when the window of the
// five before them ends just then. Here the count waits for the end of a synchronisation, and does not happen if that is cut
// short, unless the votes of all are known and enough.
func (e *Engine) lastManStandingExpired() {
	e.lmsTimer = nil
	e.lmsDue = e.syncing && !e.CRules && !(e.lmsCounts && e.allCounted())
	if e.lmsDue {
		return
	}
	if e.quorate {
		e.recalculate(true, true)
	}
}

// allCounted reports whether the votes of all members are known.
func (e *Engine) allCounted() bool {
	return !slices.ContainsFunc(e.members, func(id totem.NodeID) bool { return !e.memberWith(id) })
}

// qdeviceExpired takes the vote of a silent device away and ends a sync that waits for it.
func (e *Engine) qdeviceExpired() {
	e.qdeviceTimer = nil
	if !e.us.has(ipcmsg.VotequorumNodeQdeviceAlive) {
		return
	}
	e.us.set(ipcmsg.VotequorumNodeQdeviceAlive|ipcmsg.VotequorumNodeQdeviceCastVote, false)
	e.log.Infof("lost contact with quorum device %s", e.qdeviceName)
	e.sendNodeInfo(e.us)
	e.waitForPoll = false
}
