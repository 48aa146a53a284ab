package srp

import (
	"math"
	"slices"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// continuousGatherMax is the number of consensus timeouts in a row after which the operator is told (MAX_NO_CONT_GATHER).
const continuousGatherMax = 3

// ringSeqMax bounds what is believed of other nodes' ring sequence numbers. It leaves room for rings to come, so that no frame
// can make the number wrap around.
const ringSeqMax = math.MaxUint64 - 1<<32

// enterGather starts to look for the members of a new ring, or starts again.
func (m *Machine) enterGather(why Reason) {
	switch m.state {
	case Operational:
		// What can be delivered on the old ring is, also if a token was about to come first.
		if m.ring == m.oldRing {
			m.deliver()
		}
	case Recovery:
		m.log.Debugf("Restoring instance->my_aru %v my high seq received %v", m.oldARU, m.oldHigh)
		m.aru, m.high = m.oldARU, m.oldHigh
	}
	if m.state != Gather {
		m.gatherSince = m.now
	}
	if m.state == Operational {
		m.restless = m.now.Sub(m.ringSince) < m.cfg.Consensus
	}
	m.discardToken = true
	m.originated = false
	m.tokenHeld = false
	m.proc.add(m.id)
	m.sendJoinDelayed()
	m.start(timerJoin, m.cfg.Join)
	m.start(timerConsensus, m.consensusTimeout())
	for _, t := range []timer{timerRetransmit, timerToken, timerWarning, timerMerge, timerHold, timerHeartbeat} {
		m.timers.stop(t)
	}
	m.consensus = append(m.consensus[:0], m.id)
	m.log.Debugf("entering GATHER state from %d(%s).", why, why)
	m.state = Gather
	m.stats.GatherEntered++
	if why == ReasonConsensusTimeoutExpired {
		m.stats.ContinuousGather++
	}
}

// consensusTimeout is the configured one, and up to a quarter more when the last ring did not last. Nodes that have declared
// each other failed can otherwise go on in step, each in GATHER while the other has just formed a ring of its own (simulation,
// seed 51490).
func (m *Machine) consensusTimeout() time.Duration {
	if !m.restless || m.cfg.CRules {
		return m.cfg.Consensus
	}
	return m.cfg.Consensus + time.Duration(m.rnd.Int63n(int64(m.cfg.Consensus/4)+1))
}

// sendJoinDelayed sends a JOIN, after a random delay if one is configured: large clusters do not start all at once then. A
// delay that is running already stays; the JOIN will tell what is known at its end.
func (m *Machine) sendJoinDelayed() {
	if m.cfg.SendJoin == 0 {
		m.sendJoin()
		return
	}
	if !m.timers.running(timerSendJoin) {
		m.start(timerSendJoin, time.Duration(m.rnd.Int63n(int64(m.cfg.SendJoin))))
	}
}

func (m *Machine) sendJoin() {
	j := wire.Join{
		Header:     wire.Header{NodeID: m.id},
		SystemFrom: m.id,
		RingSeq:    m.ring.Seq,
		Proc:       m.proc,
		Failed:     m.failed,
	}
	m.stats.MembJoinTx++
	from := len(m.control)
	m.control = j.Append(m.control)
	m.emit(Output{Kind: Multicast, Loop: true, Frame: m.control[from:len(m.control):len(m.control)]})
}

// Leave announces that this node stops. The announcement is all that is left to do.
func (m *Machine) Leave(now clock.Instant) {
	if !m.begin(now) {
		return
	}
	m.left = true
	m.timers.stopAll()
	if !m.started {
		return
	}
	m.log.Debugf("sending join/leave message")
	m.failed.add(m.id)
	m.scratch.setMinus(m.proc, nodeSet{m.id})
	j := wire.Join{SystemFrom: m.id, RingSeq: m.ring.Seq, Proc: m.scratch}
	// Receivers take the last entry for the one that leaves.
	for _, id := range m.failed {
		if id != m.id {
			j.Failed = append(j.Failed, id)
		}
	}
	j.Failed = append(j.Failed, m.id)
	m.stats.MembJoinTx++
	from := len(m.control)
	m.control = j.Append(m.control)
	m.emit(Output{Kind: Multicast, Frame: m.control[from:len(m.control):len(m.control)]})
}

// receiveJoin handles a JOIN or LEAVE.
func (m *Machine) receiveJoin(frame []byte) {
	j := &m.in.join
	if err := j.Parse(frame); err != nil {
		m.malformed(frame, err)
		return
	}
	m.stats.MembJoinRx++
	if j.SystemFrom == 0 {
		m.dropped()
		return
	}
	m.in.procs.set(j.Proc)
	m.in.fails.set(j.Failed)
	if j.RingSeq > m.seqMax && j.RingSeq <= ringSeqMax {
		m.seqMax = j.RingSeq
	}
	switch m.state {
	case Operational:
		// A JOIN of a member that was sent before this ring was formed is history. One that declares this node failed is
		// left to the token: acting on it, two partitions could chase each other forever.
		if m.in.fails.has(m.id) || m.memb.has(j.SystemFrom) && j.RingSeq < m.ring.Seq {
			return
		}
		m.processJoin(j)
		if m.state == Operational {
			m.enterGather(ReasonJoinOperational)
		}
	case Gather:
		m.processJoin(j)
	case Commit, Recovery:
		if !m.newMemb.has(j.SystemFrom) || j.RingSeq < m.ring.Seq {
			return
		}
		m.noteLeave(j)
		if m.state == Recovery && !m.cfg.CRules && !m.in.fails.hasAll(m.failed) {
			// All members had the same lists, so that one with fewer failures has installed this ring and begun anew. Here
			// they are history just as much. In C a node that others keep from ending its recovery brings up old failures in
			// each GATHER, and with them two parts of a cluster can go on to form rings without each other forever.
			m.proc = append(m.proc[:0], m.newMemb...)
			m.failed = m.failed[:0]
		}
		if !m.knows(j) && j.SystemFrom != m.id {
			m.merge(j)
		}
		if m.state == Recovery {
			m.stats.RecoveryTokenLost++
			m.enterGather(ReasonJoinRecovery)
		} else {
			m.enterGather(ReasonJoinCommit)
		}
	}
}

// processJoin compares the lists of a JOIN with those of this node. If they are equal the sender agrees; if they tell
// something new, it is added and everybody must agree again.
func (m *Machine) processJoin(j *wire.Join) {
	m.noteLeave(j)
	if m.in.procs.equal(m.proc) && m.in.fails.equal(m.failed) {
		if !j.IsLeave() {
			m.consensus.add(j.SystemFrom)
		}
		m.formRing()
		return
	}
	// A JOIN that bears this node's name but not its lists was sent by somebody else, or in an earlier life.
	if m.knows(j) || j.SystemFrom == m.id {
		return
	}
	// In C a list that is not believed starts GATHER again as well, and is answered with a JOIN. Nodes that do not believe each
	// other then restart their consensus timers for as long as the JOINs go back and forth, of which there are ever more.
	if m.merge(j) || m.state == Operational || m.cfg.CRules {
		m.enterGather(ReasonMergeDuringJoin)
	}
}

func (m *Machine) noteLeave(j *wire.Join) {
	if !j.IsLeave() {
		return
	}
	m.log.Debugf("Received LEAVE message from %d", j.Leaver())
	m.leavers.add(j.Leaver())
}

// knows reports whether a JOIN brings nothing new or is not to be believed.
func (m *Machine) knows(j *wire.Join) bool {
	return m.proc.hasAll(m.in.procs) && m.failed.hasAll(m.in.fails) || m.failed.has(j.SystemFrom)
}

// merge adds what a JOIN tells. Who declares this node failed is itself failed for this node; other failures are believed from
// members of this ring only. It returns whether that changed anything.
func (m *Machine) merge(j *wire.Join) bool {
	// What a node of another ring said before it can have heard of this GATHER is not believed yet; if it means it, it will say
	// it again. Otherwise two nodes that once declared each other failed can go on to do so with every ring they form.
	if !m.cfg.CRules && m.in.fails.has(m.id) && !m.memb.has(j.SystemFrom) && m.now.Sub(m.gatherSince) < m.cfg.Join {
		return false
	}
	before := len(m.proc) + len(m.failed)
	m.proc.addAll(m.in.procs)
	if m.in.fails.has(m.id) {
		m.failed.add(j.SystemFrom)
	} else if m.memb.has(j.SystemFrom) {
		m.failed.addAll(m.in.fails)
	}
	return len(m.proc)+len(m.failed) != before
}

// agreed reports whether all that are not failed have sent the lists that this node has.
func (m *Machine) agreed() bool {
	for _, id := range m.proc {
		if !m.failed.has(id) && !m.consensus.has(id) {
			return false
		}
	}
	return true
}

// formRing creates the commit token if there is consensus and this node is the lowest of the new ring. A node that failed to
// receive forms a ring of its own when the others agree to go on without it.
func (m *Machine) formRing() {
	if !m.agreed() {
		return
	}
	if m.failedToRecv {
		m.failedToRecv = false
		m.proc = append(m.proc[:0], m.id)
		m.failed = m.failed[:0]
	}
	m.scratch.setMinus(m.proc, m.failed)
	if len(m.scratch) > 0 && m.scratch[0] == m.id {
		m.createCommitToken(m.scratch)
		m.enterCommit()
	}
}

// consensusExpired ends the wait for nodes that did not answer: they are considered dead. If all have answered, the commit
// token is what is missing, and the token timer waits for it.
func (m *Machine) consensusExpired() {
	m.stats.ConsensusTimeouts++
	if m.agreed() {
		m.consensus = append(m.consensus[:0], m.id)
		m.startToken()
		return
	}
	m.scratch.setMinus(m.proc, m.consensus)
	if len(m.failed)+len(m.scratch) > totem.MaxNodes {
		// Only a forged list is this long. Without room for those that are silent, GATHER would never end; who is failed and
		// nobody considers makes no difference.
		m.failed = slices.DeleteFunc(m.failed, func(id totem.NodeID) bool { return !m.proc.has(id) })
	}
	m.failed.addAll(m.scratch)
	m.enterGather(ReasonConsensusTimeout)
}
