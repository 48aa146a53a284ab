package srp

import (
	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// Wake releases a held token, because there is something to send.
func (m *Machine) Wake(now clock.Instant) {
	if m.begin(now) && m.tokenHeld {
		m.cancelHold()
		m.end()
	}
}

// cancelHold asks the representative, which may be this node, to send on the token that it holds.
func (m *Machine) cancelHold() {
	if !m.tokenHeld {
		return
	}
	m.tokenHeld = false
	c := wire.HoldCancel{Header: wire.Header{NodeID: m.id}, Ring: m.ring}
	m.stats.TokenHoldCancelTx++
	from := len(m.control)
	m.control = c.Append(m.control)
	m.emit(Output{Kind: Multicast, Frame: m.control[from:len(m.control):len(m.control)]})
	// In C the frame comes back and has its effect then. The others see the same, and the message leaves a turn earlier.
	m.stats.TokenHoldCancelRx++
	m.holdCancelled()
}

// receiveHoldCancel handles a TOKEN_HOLD_CANCEL.
func (m *Machine) receiveHoldCancel(frame []byte) {
	c := &m.in.cancel
	if err := c.Parse(frame); err != nil {
		m.malformed(frame, err)
		return
	}
	m.stats.TokenHoldCancelRx++
	if c.Ring != m.ring {
		return
	}
	m.holdCancelled()
}

func (m *Machine) holdCancelled() {
	m.seqUnchanged = 0
	if m.isRep() {
		m.retransmitExpired()
	}
}

// sendMergeDetect tells nodes of other rings that this one exists.
func (m *Machine) sendMergeDetect() {
	d := wire.MergeDetect{Header: wire.Header{NodeID: m.id}, SystemFrom: m.id, Ring: m.ring}
	m.stats.MembMergeDetectTx++
	from := len(m.control)
	m.control = d.Append(m.control)
	m.emit(Output{Kind: Multicast, Loop: true, Frame: m.control[from:len(m.control):len(m.control)]})
}

// receiveMergeDetect handles a MERGE_DETECT. One of this node itself is ignored even if the ring has changed meanwhile.
func (m *Machine) receiveMergeDetect(frame []byte) {
	d := &m.in.merge
	if err := d.Parse(frame); err != nil {
		m.malformed(frame, err)
		return
	}
	m.stats.MembMergeDetectRx++
	if d.Ring == m.ring || d.SystemFrom == m.id {
		return
	}
	if d.SystemFrom == 0 {
		m.dropped()
		return
	}
	switch m.state {
	case Operational:
		m.proc.add(d.SystemFrom)
		m.enterGather(ReasonMergeOperational)
	case Gather:
		if !m.proc.has(d.SystemFrom) {
			m.proc.add(d.SystemFrom)
			m.enterGather(ReasonMergeGather)
		}
	case Commit, Recovery:
		// The ring being formed detects it when it is operational.
	}
}
