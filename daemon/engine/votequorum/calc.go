package votequorum

import (
	"slices"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// majority is the smallest number of votes that is more than half of n.
func majority(n uint32) uint32 { return n/2 + 1 }

// compute returns the quorum and the votes that count towards it, without changing anything.
//
// The votes of the quorum device count only while this node's device casts them. maxExpected, if not zero, stands in for
// the highest expected votes of the members. The result never falls below the present quorum unless allowDecrease.
func (e *Engine) compute(allowDecrease bool, maxExpected uint32) (quorum, total uint32) {
	if e.allowDownscale && allowDecrease && maxExpected != 0 {
		maxExpected = max(e.evBarrier, maxExpected)
	}
	var highest, count uint32
	for _, n := range e.nodes {
		e.log.Debugf("node %d state=%d, votes=%d, expected=%d", n.id, n.state, n.votes, n.expected)
	}
	e.eachMember(func(n *node) {
		highest = max(highest, n.expected)
		total += n.votes
		count++
	})
	if e.us.has(ipcmsg.VotequorumNodeQdeviceCastVote) {
		e.log.Debugf("node 0 state=1, votes=%d", e.qdevice.votes)
		total += e.qdevice.votes
		count++
	}
	if maxExpected > 0 {
		highest = maxExpected
	}
	quorum = max(majority(highest), majority(total))
	if !allowDecrease {
		quorum = max(e.quorum, quorum)
	}
	if e.twoNode && count <= 2 {
		quorum = 1
	}
	return quorum, total
}

// recalculate brings quorum up to date with the node table and decides. byNodes makes the number of members (with the
// device, if it has votes) everybody's expected votes.
func (e *Engine) recalculate(allowDecrease, byNodes bool) {
	var total, count uint32
	e.eachMember(func(n *node) {
		total += n.votes
		count++
	})
	if e.qdevice.votes != 0 {
		total += e.qdevice.votes
		count++
	}
	if !byNodes {
		count = 0
	}
	e.log.Debugf("total_votes=%d, expected_votes=%d", total, e.us.expected)
	if total > e.us.expected {
		e.us.expected = total
		e.notifyExpectedVotes()
	}
	if e.evTracking && e.us.expected > e.evTrackingBarrier {
		e.setTrackingBarrier(e.us.expected)
		if e.store != nil {
			e.store.Save(e.evTrackingBarrier)
		}
	}
	e.quorum, total = e.compute(allowDecrease, count)
	e.setMembersExpected(count)
	e.decide(total)
}

// setMembersExpected sets the expected votes of all members; zero changes nothing.
func (e *Engine) setMembersExpected(expected uint32) {
	if expected != 0 {
		e.eachMember(func(n *node) { n.expected = expected })
	}
}

// decide says whether these votes are a quorum, and tells when the answer changed. During a sync the answer is told at its
// end.
func (e *Engine) decide(total uint32) {
	if e.waitForAll && e.waitForAllStatus {
		if total != e.us.expected {
			e.log.Noticef("Waiting for all cluster members. Current votes: %d expected_votes: %d", total, e.us.expected)
			return
		}
		e.setWaitForAllStatus(false)
	}
	quorate := e.quorum <= total
	if quorate {
		e.noteExtremes()
	}
	// A tie is an even split of what was expected, in which the other part cannot have quorum by the count of nodes that
	// went away.
	if e.tie != atbNone && total == e.us.expected/2 && len(e.previous)-len(e.members) < int(e.quorum) && e.breakTie() {
		quorate = true
	}
	if e.qdeviceMasterWins && !quorate && e.masterHere() {
		e.log.Debugf("node is quorate as part of master_wins partition")
		quorate = true
	}
	changed := quorate != e.quorate
	if changed && quorate {
		e.log.Debugf("quorum regained, resuming activity")
	} else if changed {
		e.log.Debugf("quorum lost, blocking activity")
	}
	e.quorate = quorate
	e.us.set(ipcmsg.VotequorumNodeQuorate, quorate)
	if e.waitForAll {
		e.setWaitForAllStatus(!quorate)
	}
	if changed && !e.syncing {
		e.announce()
	}
}

// announce publishes the decision: to the quorum service first, then to this service's own trackers.
func (e *Engine) announce() {
	e.api.PublishQuorum(service.QuorumState{Quorate: e.quorate, Ring: e.ring, Members: e.members})
	e.notifyQuorum()
}

// noteExtremes remembers the lowest and highest node id of a quorate membership for the tie breaker.
func (e *Engine) noteExtremes() {
	e.lowest, e.highest = e.us.id, e.us.id
	e.lowestSet = true
	e.eachMember(func(n *node) {
		e.lowest = min(e.lowest, n.id)
		e.highest = max(e.highest, n.id)
	})
	e.log.Debugf("lowest node id: %d us: %d", e.lowest, e.us.id)
	e.publish32("lowest_node_id", uint32(e.lowest))
	e.log.Debugf("highest node id: %d us: %d", e.highest, e.us.id)
	e.publish32("highest_node_id", uint32(e.highest))
}

// memberWith reports whether the node is a member.
func (e *Engine) memberWith(id totem.NodeID) bool {
	n := e.find(id)
	return n != nil && n != e.qdevice && n.state == stateMember
}

// holdsLowest reports whether the lowest node of the last quorate membership is a member here.
func (e *Engine) holdsLowest() bool { return e.lowestSet && e.memberWith(e.lowest) }

// breakTie decides an even split. With a list, the first listed node that is here gives this part the quorum, unless a
// node listed before it was in the last membership: it may be alive in the other part.
func (e *Engine) breakTie() bool {
	switch e.tie {
	case atbLowest:
		ok := e.holdsLowest()
		e.log.Debugf("ATB_LOWEST decision: %d", b2u8(ok))
		return ok
	case atbHighest:
		ok := e.lowestSet && e.memberWith(e.highest)
		e.log.Debugf("ATB_HIGHEST decision: %d", b2u8(ok))
		return ok
	case atbList:
		for i, id := range e.tieList {
			if !slices.Contains(e.members, id) {
				continue
			}
			for _, before := range e.tieList[:i] {
				if slices.Contains(e.previous, before) {
					e.log.Debugf("ATB_LIST found node %d in previous partition but not here, quorum denied", before)
					return false
				}
			}
			e.log.Debugf("ATB_LIST found node %d in current partition, we can be quorate", id)
			return true
		}
		e.log.Debugf("ATB_LIST found no list nodes in current partition, we cannot be quorate")
	}
	return false
}

// masterHere reports whether a member's device votes for this partition with master_wins.
func (e *Engine) masterHere() bool {
	const both = ipcmsg.VotequorumNodeQdeviceMasterWins | ipcmsg.VotequorumNodeQdeviceCastVote
	return slices.ContainsFunc(e.nodes, func(n *node) bool { return n.state == stateMember && n.flags&both == both })
}

func (e *Engine) setWaitForAllStatus(waiting bool) {
	e.waitForAllStatus = waiting
	e.us.set(ipcmsg.VotequorumNodeWFAStatus, waiting)
	e.publish8("wait_for_all_status", waiting)
}

func (e *Engine) setBarrier(expected uint32) {
	e.evBarrier = expected
	e.publish32("ev_barrier", expected)
}

func (e *Engine) setTrackingBarrier(expected uint32) {
	e.evTrackingBarrier = expected
	e.publish32("ev_tracking_barrier", expected)
}

func (e *Engine) setQdeviceCanOperate(on bool) {
	e.qdeviceCanOperate = on
	e.publish8("qdevice_can_operate", on)
}
