package srp

import (
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// flowControl is this node's share of the running sums in the token, with the names of the paper. Each node replaces what it
// contributed in its last visit.
type flowControl struct {
	trc uint32 // messages sent in the last visit
	pbl uint32 // backlog in the last visit
	cbl uint32 // backlog now
}

// allowed computes how many messages may be sent in this visit: the visit's limit, what the window has left in this
// rotation, and this node's part of the ring's backlog.
func (f *flowControl) allowed(c *Config, t *wire.Token, backlog uint32) uint32 {
	window := uint32(c.WindowSize)
	n := uint32(c.MaxMessages)
	// In C the difference wraps around when fcc is beyond the window.
	if t.FCC >= window && !c.CRules {
		n = 0
	} else if left := window - t.FCC; left < n {
		n = left
	}
	f.cbl = backlog
	if ring := t.Backlog + f.cbl - f.pbl; ring != 0 {
		if share := uint32(uint64(window) * uint64(f.pbl) / uint64(ring)); share > 0 && share < n {
			n = share
		}
	}
	return n
}

// windowFull reports whether new messages could overflow the sort queue of a node that is behind.
func (m *Machine) windowFull(t *wire.Token, allowed uint32) bool {
	return m.lastReleased.Add(queueSize - allowed - uint32(m.cfg.WindowSize)).LT(t.Seq)
}

// update replaces the contribution of the last visit by that of this one.
func (f *flowControl) update(t *wire.Token, sent uint32) {
	t.FCC += sent - f.trc
	t.Backlog += f.cbl - f.pbl
	f.trc = sent
	f.pbl = f.cbl
}

// backlog is the number of messages that wait for this node's token visit.
func (m *Machine) backlog() uint32 {
	if m.state == Recovery {
		return uint32(m.retrans.count)
	}
	return uint32(max(m.src.Pending(m.waitingTransAck), 0))
}

// sendNew multicasts up to allowed new messages and returns how many. In RECOVERY these are messages of the old ring.
func (m *Machine) sendNew(t *wire.Token, allowed uint32) uint32 {
	q := m.regular
	if m.state == Recovery {
		m.startRetransmit()
		q = m.recovery
	}
	sent := uint32(0)
	for sent < allowed && q.inRange(t.Seq.Next()) {
		var frame []byte
		h := wire.Mcast{SystemFrom: m.id, Seq: t.Seq.Next(), ThisSeqno: m.thisSeqno, Ring: m.ring}
		h.NodeID = m.id
		if m.state == Recovery {
			h.Encapsulated = true
			frame = m.nextRecovered()
		} else {
			frame, h.Guarantee = m.nextFrame()
		}
		if frame == nil {
			break
		}
		wire.PutMcastHeader(frame, &h)
		t.Seq = t.Seq.Next()
		m.thisSeqno++
		q.put(t.Seq, item{frame: frame, systemFrom: m.id, source: m.id})
		m.emit(Output{Kind: Multicast, Frame: frame})
		if !h.Encapsulated {
			m.stats.McastTx++
		}
		m.stats.McastRx++ // in C the message comes back and is counted
		m.high = t.Seq
		sent++
	}
	m.updateARU(q)
	return sent
}
