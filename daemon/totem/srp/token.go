package srp

import (
	"github.com/corosync-go/corosync/daemon/totem/seq"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// receiveToken handles the ordering token. It returns true if the token was accepted: messages were sent and the token passed
// on, held, or given up.
//
// The order of what is done in a visit is that of the C daemon, with one exception: hold and merge detection are not moved by
// tokens of other rings or by duplicates.
func (m *Machine) receiveToken(frame []byte) bool {
	t := &m.in.token
	if err := t.Parse(frame); err != nil {
		m.malformed(frame, err)
		return false
	}
	m.stats.OrfTokenRx++
	if m.discardToken || m.state != Operational && m.state != Recovery || t.Ring != m.ring {
		return false
	}
	if t.TokenSeq.LTE(m.tokenSeq) {
		if m.cfg.CRules {
			m.detectIdle(t.Seq)
		}
		m.stats.RxDuplicate++
		return false
	}
	// A token that is behind this node, or ahead of it by more than a queue, was not made by this protocol. Neither was one
	// whose aru somebody has lowered who is not here to raise it again.
	if t.Seq.Sub(m.aru) >= queueSize || t.ARUAddr != 0 && !m.newMemb.has(t.ARUAddr) {
		m.dropped()
		return false
	}

	m.detectIdle(t.Seq)
	m.tokenHeld = m.seqUnchanged > m.cfg.SeqnoUnchangedConst || !m.isRep() && m.seqUnchanged == m.cfg.SeqnoUnchangedConst
	forward := !(m.isRep() && m.tokenHeld)
	q := m.recovery
	if m.state == Operational {
		q = m.regular
		m.releaseDelivered(t.ARU)
	}

	m.src.Flush()
	previousARU := m.lastARU
	m.lastARU = t.ARU
	backlog := m.backlog()
	m.visits.record(m.now, backlog)
	allowed := m.flow.allowed(&m.cfg, t, backlog)
	if allowed > 1 && m.cfg.buggify("one message per visit") {
		allowed = 1
	}
	served := m.serveRequests(t, q, allowed)
	allowed -= served
	m.request(t, q)
	if m.cfg.CancelTokenHoldOnRetransmit && m.tokenHeld && (len(t.RTR) > 0 || served > 0) {
		m.tokenHeld = false
		forward = true
	}
	if m.windowFull(t, allowed) || m.cfg.buggify("window full") {
		allowed = 0
	}
	sent := m.sendNew(t, allowed)
	m.flow.update(t, served+sent)
	m.updateTokenARU(t, previousARU)
	if m.aruCount > m.cfg.FailRecvConst && t.ARUAddr == m.id {
		m.failToReceive()
		return true
	}
	if m.recoveryStuck(t) {
		m.tokenLost()
		return true
	}

	m.tokenSeq = t.TokenSeq
	t.TokenSeq = t.TokenSeq.Next()
	if m.state == Recovery {
		m.recoveryVisit(t)
	}
	m.passToken(t, forward)
	if m.state == Operational {
		m.deliver()
	}
	m.startToken()
	m.startRetransmit()
	if m.isRep() && m.tokenHeld {
		m.start(timerHold, m.cfg.Hold)
	}
	m.emit(Output{Kind: TokenSent})
	m.timers.stop(timerHeartbeat)
	if forward && m.heartbeat > 0 {
		m.start(timerHeartbeat, m.heartbeat)
	}
	return true
}

// detectIdle counts tokens that bring nothing new. They lead to a MERGE_DETECT and to holding the token.
func (m *Machine) detectIdle(s seq.Num) {
	if s == m.lastSeq {
		if !m.timers.running(timerMerge) {
			m.start(timerMerge, m.cfg.Merge)
		}
		m.seqUnchanged++
	} else {
		m.timers.stop(timerMerge)
		m.timers.stop(timerHold)
		m.seqUnchanged = 0
	}
	m.lastSeq = s
}

// updateTokenARU lowers the ring's aru to this node's, or raises it again if this node had lowered it.
func (m *Machine) updateTokenARU(t *wire.Token, previous seq.Num) {
	if m.aru.LT(t.ARU) || t.ARUAddr == m.id || t.ARUAddr == 0 {
		t.ARU = m.aru
		t.ARUAddr = m.id
		if t.ARU == t.Seq {
			t.ARUAddr = 0
		}
	}
	if t.ARU == previous && t.ARUAddr != 0 {
		m.aruCount++
	} else {
		m.aruCount = 0
	}
}

// passToken builds the token for the next node.
func (m *Machine) passToken(t *wire.Token, forward bool) {
	t.NodeID = m.id
	t.Target = m.target
	from := len(m.control)
	m.control = t.Append(m.control)
	m.sendToken(m.control[from:len(m.control):len(m.control)], forward)
	if forward {
		m.stats.OrfTokenTx++
	}
}

// failToReceive leaves a ring in which this node cannot keep up. Unlike in the paper, where the others declare it failed, it
// puts itself on its list; when the others have accepted that, it forms a ring of its own.
func (m *Machine) failToReceive() {
	m.log.Errorf("FAILED TO RECEIVE")
	m.stats.FailedToRecv++
	m.failedToRecv = true
	m.failed.add(m.id)
	m.enterGather(ReasonFailedToReceive)
}
