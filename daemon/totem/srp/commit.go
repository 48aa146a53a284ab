package srp

import (
	"slices"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/seq"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// createCommitToken makes the commit token of a new ring with the given members.
func (m *Machine) createCommitToken(members nodeSet) {
	m.log.Debugf("Creating commit token because I am the rep.")
	c := &m.commit
	c.TokenSeq = seq.New(0)
	c.Ring = totem.RingID{Rep: m.id, Seq: m.seqMax + 4}
	c.RetransFlg = 0
	c.MembIndex = 0
	c.Addrs = append(c.Addrs[:0], members...)
	c.Members = append(c.Members[:0], make([]wire.CommitMember, len(members))...)
}

// receiveCommitToken handles a commit token. It goes round twice: the first time it collects what each member has of its old
// ring, the second time it tells everybody.
func (m *Machine) receiveCommitToken(frame []byte) {
	c := &m.in.commit
	if err := c.Parse(frame); err != nil {
		m.malformed(frame, err)
		return
	}
	m.stats.MembCommitTokenRx++
	n := len(c.Addrs)
	switch m.state {
	case Operational:
		return
	case Gather:
		m.scratch.setMinus(m.proc, m.failed)
		if !slices.Equal(c.Addrs, m.scratch) || c.Ring.Seq <= m.ring.Seq {
			return
		}
		// Each member fills the entry that is its turn; the order of the list is the order of the ring.
		if c.MembIndex >= n || c.Addrs[c.MembIndex] != m.id || c.Ring.Rep != c.Addrs[0] {
			m.dropped()
			return
		}
		m.copyCommit(c)
		m.enterCommit()
	case Commit:
		// One that is not complete is a duplicate of the first rotation.
		if c.Ring == m.ring && c.MembIndex == n && slices.Equal(c.Addrs, m.newMemb) {
			m.copyCommit(c)
			m.enterRecovery()
		}
	case Recovery:
		// The representative waits for its own second one to come back: its number tells it from a duplicate of the first.
		back := m.commit.TokenSeq.Add(uint32(n) - 1)
		if c.Ring == m.ring && c.MembIndex == n && m.isRep() && !m.originated && !c.TokenSeq.LT(back) {
			m.originated = true
			m.sendFirstToken()
		}
	}
}

// copyCommit makes a received commit token the one that this node works with.
func (m *Machine) copyCommit(c *wire.CommitToken) {
	d := &m.commit
	d.TokenSeq, d.Ring, d.RetransFlg, d.MembIndex = c.TokenSeq, c.Ring, 0, c.MembIndex
	d.Addrs = append(d.Addrs[:0], c.Addrs...)
	d.Members = append(d.Members[:0], c.Members...)
}

// enterCommit accepts the ring that m.commit proposes: it adds what this node has of its old ring, and sends it on.
func (m *Machine) enterCommit() {
	if !m.oldSaved {
		m.oldSaved = true
		m.oldRing = m.ring
		m.oldARU, m.oldHigh = m.aru, m.high
		m.log.Debugf("Saving state aru %v high seq received %v", m.aru, m.high)
	}
	c := &m.commit
	n := len(c.Addrs)
	m.newMemb.set(c.Addrs)
	m.fillCommitEntry(c)
	m.target = c.Addrs[c.MembIndex%n]
	m.ring = c.Ring
	m.seqMax = m.ring.Seq
	// A ring id must be stored before anybody can have seen it, or a restart could use it again.
	m.emit(Output{Kind: StoreRing, Seq: m.ring.Seq})
	m.sendCommitToken()
	for _, t := range []timer{timerJoin, timerSendJoin, timerConsensus} {
		m.timers.stop(t)
	}
	m.log.Debugf("entering COMMIT state.")
	m.state = Commit
	m.startToken()
	m.stats.CommitEntered++
	m.stats.ContinuousGather = 0
	m.flow = flowControl{}
}

// fillCommitEntry fills this node's entry. received_flg says that nothing has to be recovered for this node: it has no gap, and
// no member of its old ring seen so far has more.
func (m *Machine) fillCommitEntry(c *wire.CommitToken) {
	own := &c.Members[c.MembIndex]
	m.receivedFlg = m.oldARU == m.oldHigh
	*own = wire.CommitMember{Ring: m.oldRing, ARU: m.oldARU, HighDelivered: m.delivered}
	if m.receivedFlg {
		own.ReceivedFlg = 1
	}
	seen := c.Members[:c.MembIndex+1]
	high := own.ARU
	for i := range seen {
		if seen[i].Ring == own.Ring {
			high = seq.Max(high, seen[i].ARU)
		}
	}
	for i := range seen {
		if seen[i].Ring == own.Ring && seen[i].ARU.LT(high) {
			seen[i].ReceivedFlg = 0
		}
	}
	m.receivedFlg = own.ReceivedFlg != 0
	c.MembIndex++
}

// sendCommitToken sends m.commit to the next member.
func (m *Machine) sendCommitToken() {
	c := &m.commit
	c.TokenSeq = c.TokenSeq.Next()
	c.NodeID = m.id
	c.Target = m.target
	m.stats.MembCommitTokenTx++
	from := len(m.control)
	m.control = c.Append(m.control)
	m.sendToken(m.control[from:len(m.control):len(m.control)], true)
	m.startRetransmit()
}
