package srp

import (
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/seq"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// receiveMcast handles a multicast message. If hurry is set, a token is about to be handled, and delivery waits for it.
func (m *Machine) receiveMcast(frame []byte, hurry bool) {
	in := &m.in.mcast
	if err := in.Parse(frame); err != nil {
		m.malformed(frame, err)
		return
	}
	m.stats.McastRx++
	if in.SystemFrom == 0 || len(frame) > wire.MaxFrame {
		m.dropped()
		return
	}
	if in.Ring != m.ring {
		m.foreignMcast(in.SystemFrom)
		return
	}
	if !m.sentBy(in, m.membersOnRing()) {
		m.dropped()
		return
	}
	q := m.regular
	switch m.state {
	case Operational:
		// An encapsulated message that comes now has been received before; all had been when this state was entered.
		if in.Encapsulated {
			m.stats.RxDuplicate++
			return
		}
	case Gather:
		// After a failed attempt at a ring, m.ring is that ring, and the queue still holds the messages of the one before.
		if in.Encapsulated || m.oldSaved {
			m.dropped()
			return
		}
	case Commit:
		m.dropped()
		return
	case Recovery:
		// Nobody sends other messages on this ring before all have seen the last token of the recovery, so one that comes
		// now is not what it seems; in the queue of the old ring it would be taken for a message of that ring.
		if !in.Encapsulated {
			m.dropped()
			return
		}
		q = m.recovery
	}
	if !m.store(q, in, frame) {
		return
	}
	m.high = seq.Max(m.high, in.Seq)
	m.updateARU(q)
	if m.state == Recovery {
		m.noteRecovered(in.Payload)
	}
	if m.state == Operational && !hurry {
		m.deliver()
	}
}

// membersOnRing is who may send on m.ring: from RECOVERY on the new members, before m.memb follows.
func (m *Machine) membersOnRing() nodeSet {
	if m.state == Commit || m.state == Recovery {
		return m.newMemb
	}
	return m.memb
}

// sentBy says whether a message is from one of these. Services keep something of each sender, from a piece of a message to
// keys of the map, which would have no bound if any number could be one.
func (m *Machine) sentBy(in *wire.Mcast, members nodeSet) bool {
	return in.NodeID == in.SystemFrom && members.has(in.SystemFrom)
}

// store puts a copy of a received frame into the queue. It returns false if that has it already, or cannot.
func (m *Machine) store(q *sortQueue, in *wire.Mcast, frame []byte) bool {
	if !q.inRange(in.Seq) || q.get(in.Seq) != nil {
		m.stats.RxDuplicate++
		return false
	}
	b := m.pool.get(len(frame))
	copy(b, frame)
	q.put(in.Seq, item{frame: b, systemFrom: in.SystemFrom, source: in.NodeID, foreign: in.Foreign})
	return true
}

// foreignMcast handles a message of another ring: there is somebody to merge with.
func (m *Machine) foreignMcast(from totem.NodeID) {
	switch m.state {
	case Operational:
		m.proc.add(from)
		m.enterGather(ReasonForeignOperational)
	case Gather:
		if !m.proc.has(from) {
			m.proc.add(from)
			m.enterGather(ReasonForeignGather)
		}
	case Commit, Recovery:
		m.dropped()
	}
}

// updateARU advances aru over what has been received without a gap. There is no limit to the distance.
func (m *Machine) updateARU(q *sortQueue) {
	for m.aru != m.high && q.get(m.aru.Next()) != nil {
		m.aru = m.aru.Next()
	}
}

// deliver hands up what can be delivered in agreed order: everything before the first gap.
func (m *Machine) deliver() { m.deliverTo(m.high) }

func (m *Machine) deliverTo(end seq.Num) {
	for m.delivered != end {
		it := m.regular.get(m.delivered.Next())
		if it == nil {
			return
		}
		m.delivered = m.delivered.Next()
		m.deliverItem(it)
	}
}

// deliverBehindGaps hands up what is held up to end, over gaps, but only what members of deliverMemb have originated: the
// missing messages of other processors might have been the cause of these.
func (m *Machine) deliverBehindGaps(end seq.Num) {
	for n := end.Sub(m.delivered); n > 0 && n <= queueSize; n-- {
		m.delivered = m.delivered.Next()
		if it := m.regular.get(m.delivered); it != nil && m.deliverMemb.has(it.systemFrom) {
			m.deliverItem(it)
		}
	}
}

func (m *Machine) deliverItem(it *item) {
	m.stats.Delivered++
	m.emit(Output{Kind: Deliver, From: it.source, Foreign: it.foreign, Frame: it.frame[wire.McastHeaderLen:]})
}

// releaseDelivered frees messages that everybody has: those that the aru of two tokens in a row has passed, and that have been
// delivered here.
func (m *Machine) releaseDelivered(tokenARU seq.Num) {
	to := seq.Min(seq.Min(tokenARU, m.lastARU), m.delivered)
	if to.LT(m.lastReleased) || to == m.lastReleased {
		return
	}
	m.regular.release(to)
	m.lastReleased = to
}
