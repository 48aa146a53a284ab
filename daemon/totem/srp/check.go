package srp

import (
	"fmt"
)

// check panics if an invariant of the machine does not hold. It runs after each input if Config.Check is set.
func (m *Machine) check() {
	m.assert(!m.high.LT(m.aru), "aru is beyond the highest message")
	if m.state == Operational && m.started {
		m.assert(m.delivered == m.aru, "what can be delivered has not been, or more than that has been")
		m.assert(!m.aru.LT(m.lastReleased), "released more than was received")
		m.assert(m.regular.head == m.lastReleased.Next(), "the head of the queue is not behind the last released message")
		m.assert(m.memb.has(m.id), "this node is no member of its ring")
		m.assert(!m.oldSaved, "the old ring is still saved")
	}
	m.assert(m.state != Recovery || m.oldSaved, "no old ring in recovery")
	m.assert(m.state != Gather || m.proc.has(m.id), "this node does not consider itself")
	m.assert(len(m.outputs) == 0 || len(m.control) < 1<<24, "control frames pile up")
	m.checkQueue(m.regular)
	m.checkQueue(m.recovery)
}

// checkQueue looks at the count and, for some numbers, at the gaps: reading all slots each time would take too long.
func (m *Machine) checkQueue(q *sortQueue) {
	m.assert(q.count >= 0 && q.count <= queueSize, "queue count")
	if m.state == Operational && q == m.regular {
		for s, n := m.lastReleased, 0; s != m.aru && n < 64; n++ {
			s = s.Next()
			m.assert(q.get(s) != nil, "a message up to aru is missing")
		}
		m.assert(q.get(m.aru.Next()) == nil || m.aru == m.high, "aru could advance")
	}
}

func (m *Machine) assert(ok bool, what string) {
	if ok {
		return
	}
	panic(fmt.Sprintf("srp: %s: node %d ring %v state %v aru %v high %v delivered %v released %v old %v %v-%v outputs %d",
		what, m.id, m.ring, m.state, m.aru, m.high, m.delivered, m.lastReleased, m.oldRing, m.oldARU, m.oldHigh, len(m.outputs)))
}
