package srp

import (
	"fmt"
	"strings"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// largeBuffer is the size from which a buffer is not left to a small frame.
const largeBuffer = 16384

// nextFrame returns the next frame of the source, in a buffer with room for the header in front; nil if there is none.
func (m *Machine) nextFrame() ([]byte, totem.Guarantee) {
	if m.src.Pending(m.waitingTransAck) <= 0 {
		return nil, 0
	}
	b := m.pool.get(wire.McastHeaderLen + m.cfg.NetMTU)
	n, g, ok := m.src.Next(b[wire.McastHeaderLen:], m.waitingTransAck)
	if !ok || n < 0 || n > m.cfg.NetMTU {
		m.pool.put(b)
		return nil, 0
	}
	frame := b[:wire.McastHeaderLen+n]
	if cap(b) >= largeBuffer && cap(b) > 4*len(frame) {
		frame = m.pool.get(len(frame))
		copy(frame[wire.McastHeaderLen:], b[wire.McastHeaderLen:])
		m.pool.put(b)
	}
	return frame, g
}

// serveRequests multicasts again what the token asks for and this node has, up to allowed messages, and removes it from the
// list. What nobody can serve stays, except what cannot be missing: there is room for few requests.
func (m *Machine) serveRequests(t *wire.Token, q *sortQueue, allowed uint32) uint32 {
	if len(t.RTR) > 0 {
		m.logRequests(t)
	}
	served := uint32(0)
	kept := t.RTR[:0]
	for _, r := range t.RTR {
		if r.Ring != m.ring || !q.inRange(r.Seq) || t.Seq.Sub(r.Seq) >= queueSize {
			continue
		}
		var it *item
		if served < allowed && !m.cfg.buggify("request not served") {
			it = q.get(r.Seq)
		}
		if it == nil {
			kept = append(kept, r)
			continue
		}
		m.emit(Output{Kind: Multicast, Frame: it.frame})
		m.stats.McastRetx++
		m.stats.McastRx++
		served++
	}
	t.RTR = kept
	return served
}

// request adds to the token what this node misses. A message is requested when it was missing at some visits: it may have
// been overtaken by the token.
func (m *Machine) request(t *wire.Token, q *sortQueue) {
	room := wire.MaxRTR
	if m.cfg.buggify("retransmit list full") {
		room = min(len(t.RTR)+1, room)
	}
	for n, s := t.Seq.Sub(m.aru), m.aru.Next(); n > 0 && len(t.RTR) < room && q.inRange(s); n, s = n-1, s.Next() {
		if q.get(s) != nil || q.miss(s) < uint32(m.cfg.MissCountConst) {
			continue
		}
		listed := false
		for i := range t.RTR {
			listed = listed || t.RTR[i].Seq == s
		}
		if !listed {
			t.RTR = append(t.RTR, wire.RTR{Ring: m.ring, Seq: s})
			m.stats.RetransRequest++
		}
	}
}

func (m *Machine) logRequests(t *wire.Token) {
	var b strings.Builder
	for i := range t.RTR {
		fmt.Fprintf(&b, "%v ", t.RTR[i].Seq)
	}
	m.log.Noticef("Retransmit List: %s", b.String())
}

// sendToken sends the token that this node holds on, or, if forward is not set, keeps it; in both cases until a newer one
// comes it may be sent again.
func (m *Machine) sendToken(frame []byte, forward bool) {
	m.saved = append(m.saved[:0], frame...)
	if forward {
		m.unicast(frame)
	}
}

func (m *Machine) unicast(frame []byte) {
	m.emit(Output{Kind: Unicast, To: m.target, Loop: m.target == m.id, Frame: frame})
}

// resendToken sends the last token again, byte by byte.
func (m *Machine) resendToken() {
	if len(m.saved) > 0 {
		m.unicast(m.controlFrame(m.saved))
	}
}

// retransmitExpired protects against the loss of a token: until a newer one comes, the last one is sent again.
func (m *Machine) retransmitExpired() {
	if m.state == Gather {
		return
	}
	m.resendToken()
	m.startRetransmit()
}
