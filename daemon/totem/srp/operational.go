package srp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/seq"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// enterOperational installs the new ring. The order of what it hands up is that of extended virtual synchrony: old messages
// without a gap, transitional configuration, old messages behind gaps, regular configuration.
func (m *Machine) enterOperational() {
	m.originated = false
	m.consensus = m.consensus[:0]
	m.oldSaved = false
	m.log.Debugf("Resetting old ring state")

	m.unwrapRecovered()
	m.deliverTo(m.oldHigh)

	var left, joined nodeSet
	left.setMinus(m.memb, m.trans)
	joined.setMinus(m.newMemb, m.trans)
	m.memb = append(m.memb[:0], m.newMemb...)
	m.setRetransFlg = false

	m.emit(Output{Kind: ConfigurationChange, Configuration: &totem.Configuration{
		Type: totem.TransitionalConfiguration, Ring: m.ring, Members: slices.Clone(m.trans), Left: left}})
	// From here on new messages go to the other queue, so that those of the synchronisation come first. What is delivered
	// still belongs to the old ring, and to the assembly set that was in use there.
	m.waitingTransAck = true
	m.emit(Output{Kind: SendTransitional, On: true})
	m.deliverBehindGaps(m.oldHigh)
	m.emit(Output{Kind: ReceiveTransitional, On: true})
	m.emit(Output{Kind: ConfigurationChange, Configuration: &totem.Configuration{
		Type: totem.RegularConfiguration, Ring: m.ring, Members: slices.Clone(m.memb), Joined: joined}})

	m.installQueue()
	m.proc = append(m.proc[:0], m.memb...)
	m.failed = m.failed[:0]
	m.failedToRecv = false

	m.logMembership(joined, left)
	m.leavers = m.leavers[:0]
	m.ringSince = m.now
	m.state = Operational
	m.stats.OperationalEntered++
	m.stats.ContinuousGather = 0
	m.receivedFlg = true
	m.oldRing = m.ring
	m.lastAlive = m.now
	m.startPause()
}

// unwrapRecovered puts messages that were recovered into the queue of the old ring.
func (m *Machine) unwrapRecovered() {
	m.log.Debugf("recovery to regular %v-%v", m.startSeq.Next(), m.aru)
	for s := m.startSeq; s != m.aru; {
		s = s.Next()
		outer := m.recovery.get(s)
		if outer == nil {
			continue
		}
		frame := outer.frame[wire.McastHeaderLen:]
		in := &m.in.mcast
		if err := in.Parse(frame); err != nil {
			m.malformed(frame, err)
			continue
		}
		// Members that come from another ring have sent messages of that.
		if in.Ring != m.oldRing || in.Encapsulated || !m.sentBy(in, m.memb) {
			continue
		}
		if m.store(m.regular, in, frame) {
			m.oldHigh = seq.Max(m.oldHigh, in.Seq)
		}
	}
}

// installQueue makes the queue of the new ring the regular one. All that it holds was encapsulated and is done with.
func (m *Machine) installQueue() {
	m.regular, m.recovery = m.recovery, m.regular
	m.regular.reset(m.aru.Next())
	m.recovery.reset(m.startSeq.Next())
	m.high = m.aru
	m.delivered, m.lastReleased = m.aru, m.aru
	m.lastARU = m.startSeq
}

func (m *Machine) logMembership(joined, left nodeSet) {
	var lost nodeSet
	lost.setMinus(left, m.leavers)
	m.log.Debugf("entering OPERATIONAL state.")
	// Said behind the configuration changes, as in C: who reads the log finds the services' lines before it.
	m.emit(Output{Kind: Notice, Text: fmt.Sprintf("A new membership (%v) was formed. Members%s%s",
		m.ring, list(" joined:", joined), list(" left:", left))})
	if len(lost) > 0 {
		m.emit(Output{Kind: Notice, Text: fmt.Sprintf("Failed to receive the leave message.%s", list(" failed:", lost))})
	}
}

// list prints nodes in decimal behind a title; nothing if there are none.
func list(title string, nodes nodeSet) string {
	if len(nodes) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(title)
	for _, id := range nodes {
		fmt.Fprintf(&b, " %d", id)
	}
	return b.String()
}
