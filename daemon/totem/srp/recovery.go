package srp

import (
	"github.com/corosync-go/corosync/daemon/totem/seq"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// recoverySource yields the messages of the old ring that this node sends again, encapsulated, on the new one. The old queue
// does not change during RECOVERY, so the messages stay there until it is their turn.
type recoverySource struct {
	next  seq.Num // where to go on looking
	count int     // messages left
}

// noteRecovered takes a message that another member has sent again from what this node is going to send: all members will
// have it from there. In C every member sends all it has, and if that is more than the queue of the new ring holds, the
// recovery never ends.
func (m *Machine) noteRecovered(inner []byte) {
	if m.retrans.count == 0 || m.cfg.CRules {
		return
	}
	in := &m.in.mcast
	if in.Parse(inner) != nil || in.Ring != m.oldRing || in.Seq.Sub(m.retrans.next) > m.oldHigh.Sub(m.retrans.next) {
		return
	}
	if it := m.recoverable(in.Seq); it != nil && !it.recovered {
		it.recovered = true
		m.retrans.count--
	}
}

// enterRecovery is entered with the complete commit token in m.commit.
func (m *Machine) enterRecovery() {
	m.log.Debugf("entering RECOVERY state.")
	m.discardToken = false
	m.originated = false
	m.recovery.reset(m.startSeq.Next())
	m.retrans = recoverySource{}
	m.sendCommitToken()
	m.tokenSeq = m.startSeq.Prev()
	c := &m.commit
	m.emit(Output{Kind: ProcessorCount, N: len(c.Addrs)})

	m.trans = m.trans[:0]
	complete := true
	low := m.oldHigh
	for i, id := range c.Addrs {
		e := &c.Members[i]
		m.log.Debugf("position [%d] member %d: previous ringid (%v) aru %v high delivered %v received flag %d",
			i, id, e.Ring, e.ARU, e.HighDelivered, e.ReceivedFlg)
		if e.Ring != m.oldRing || !m.memb.has(id) {
			continue
		}
		m.trans = append(m.trans, id)
		complete = complete && e.ReceivedFlg != 0
		low = seq.Min(low, e.ARU)
	}
	if complete {
		m.log.Debugf("Did not need to originate any messages in recovery.")
	} else {
		m.deliverMemb = append(m.deliverMemb[:0], m.trans...)
		m.originateFrom(low)
	}

	m.aru, m.high, m.installSeq, m.lastReleased = m.startSeq, m.startSeq, m.startSeq, m.startSeq
	m.aruCount = 0
	m.seqUnchanged = 0
	m.recoveryVisits = 0
	m.setRetransFlg = false
	if !m.cfg.CRules {
		m.retransFlgCount, m.rotationCount = 0, 0
	}
	m.startToken()
	m.startRetransmit()
	m.state = Recovery
	m.stats.RecoveryEntered++
	m.stats.ContinuousGather = 0
}

// originateFrom prepares to send again all messages of the old ring after low that this node has. Every member does, so
// duplicates are to be expected.
func (m *Machine) originateFrom(low seq.Num) {
	n := m.oldHigh.Sub(low)
	if n > queueSize {
		// An aru that is this far behind was not sent by this protocol: everything that is here must do.
		n = queueSize
		low = seq.New(m.oldHigh.Uint32() - queueSize)
	}
	m.log.Debugf("copying all old ring messages from %v-%v.", low.Next(), m.oldHigh)
	m.retrans.next = low.Next()
	for s := low.Next(); n > 0; n, s = n-1, s.Next() {
		if it := m.recoverable(s); it != nil {
			it.recovered = false
			m.retrans.count++
		}
	}
	m.log.Debugf("Originated %d messages in RECOVERY.", m.retrans.count)
}

// recoverable returns the message s of the old ring if it can be encapsulated.
func (m *Machine) recoverable(s seq.Num) *item {
	if it := m.regular.get(s); it != nil && len(it.frame)+wire.McastHeaderLen <= wire.MaxFrame {
		return it
	}
	return nil
}

// nextRecovered returns the next old message in a buffer with room for the outer header in front; nil if there is none.
func (m *Machine) nextRecovered() []byte {
	for m.retrans.count > 0 {
		it := m.recoverable(m.retrans.next)
		m.retrans.next = m.retrans.next.Next()
		if it == nil || it.recovered {
			continue
		}
		m.retrans.count--
		b := m.pool.get(wire.McastHeaderLen + len(it.frame))
		copy(b[wire.McastHeaderLen:], it.frame)
		return b
	}
	return nil
}

// sendFirstToken creates the ordering token of the new ring, once the commit token has told everybody.
func (m *Machine) sendFirstToken() {
	m.log.Debugf("Sending initial ORF token")
	t := &m.in.token
	*t = wire.Token{RTR: t.RTR[:0]}
	t.Seq = m.startSeq
	t.TokenSeq = m.startSeq
	// All members lower it: this node when the token comes back, the others when they see it.
	t.ARU = m.startSeq.Prev()
	t.ARUAddr = m.id
	t.Ring = m.ring
	m.setRetransFlg = m.retrans.count > 0
	if m.setRetransFlg {
		t.RetransFlg = 1
	}
	m.passToken(t, true)
	m.startToken()
	m.startRetransmit()
}

// recoveryStuckRotations is how many rotations without a new message a recovery may take while retrans_flg says that there are
// some. Who has one sends it at its next visit, so a few are enough; the number is that of an idle ring in OPERATIONAL.
const recoveryStuckRotations = 30

// recoveryStuck reports whether the recovery is not going to end: retrans_flg is set, but nobody will clear it; or there were more
// visits than a full queue takes with one message each.
func (m *Machine) recoveryStuck(t *wire.Token) bool {
	if m.state != Recovery || m.cfg.CRules {
		return false
	}
	m.recoveryVisits++
	return t.RetransFlg != 0 && m.seqUnchanged > recoveryStuckRotations || m.recoveryVisits > queueSize+m.cfg.FailRecvConst
}

// recoveryVisit decides whether the recovery is over. It is when everybody's messages have been sent (retrans_flg was clear at
// two visits: install_seq is the last one) and everybody has them (the token's aru was there at two more).
func (m *Machine) recoveryVisit(t *wire.Token) {
	if m.retrans.count > 0 {
		if t.RetransFlg == 0 {
			t.RetransFlg = 1
			m.setRetransFlg = true
		}
	} else if t.RetransFlg == 1 && m.setRetransFlg {
		t.RetransFlg = 0
		m.setRetransFlg = false
	}
	if t.RetransFlg == 0 {
		m.retransFlgCount++
	} else {
		m.retransFlgCount = 0
	}
	m.log.Debugf("token retrans flag is %d my set retrans flag%t retrans queue empty %t count %d, aru %v",
		t.RetransFlg, m.setRetransFlg, m.retrans.count == 0, m.retransFlgCount, t.ARU)
	if m.retransFlgCount == 2 {
		m.installSeq = t.Seq
	}
	m.log.Debugf("install seq %v aru %v high seq received %v", m.installSeq, m.aru, m.high)
	if m.retransFlgCount >= 2 && !m.receivedFlg && m.installSeq.LTE(m.aru) {
		m.receivedFlg = true
		m.deliverMemb = append(m.deliverMemb[:0], m.trans...)
	}
	if m.retransFlgCount >= 3 && m.installSeq.LTE(t.ARU) {
		m.rotationCount++
	} else {
		m.rotationCount = 0
	}
	if m.rotationCount == 2 {
		m.retransFlgCount, m.rotationCount = 0, 0
		m.enterOperational()
	}
}
