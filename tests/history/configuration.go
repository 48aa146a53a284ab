package history

import (
	"fmt"
	"slices"
)

// What CheckLives looks for, besides the properties that it has in common with
// Check: Integrity, NoDuplicates, SelfDelivery, AgreedOrder, SameSet, OneRing,
// RingIdentity.
const (
	// Transitional: configuration changes come in pairs, a transitional one and
	// the regular one of the same ring. The transitional set is within both the
	// old and the new ring, and holds the node itself; its members that get to
	// the new ring come from the same old one and have the same set. Whoever goes
	// from the same old to the same new ring is in it.
	Transitional Property = "transitional"
	// NoGap: before the transitional configuration, what two members of a ring
	// deliver is the beginning of one order, also if they part afterwards. Behind
	// it, where messages may be missing, there are only those of nodes that come
	// along.
	NoGap Property = "no-gap"
	// Causal: a message comes after all that its sender had delivered when it sent
	// it; who is in the ring that all of this happens in has them all.
	Causal Property = "causal"
)

// Life is what one process of a node saw of the ring below all groups, from its
// start to its end. Such histories are to be had where the observer sits in the
// daemon; unlike a group's they hold transitional configurations.
type Life struct {
	Node   uint32
	Number uint64 // of this node's processes
	Steps  []Step
	Ended  bool // died or left
}

// LifeMsg names a message of such an observer.
type LifeMsg struct {
	Node uint32
	Life uint64
	Seq  uint64
}

// StepKind is what a Step is.
type StepKind uint8

// The kinds of step.
const (
	LifeSend StepKind = iota
	LifeDeliver
	LifeTransitional // Nodes: who comes along to the ring Ring
	LifeRegular      // Nodes: the members of Ring
	LifeSynced       // the services are synchronised
	LifeQuorum       // a client of the quorum service is told: Quorate, Nodes of Ring
	LifeNodeList     // ... is told: Nodes of Ring, Joined, Left
	LifeStatus       // a client of the map is told that the one of Nodes has joined (Quorate) or left
	LifeLeaving      // the node begins to stop in order
	LifeVisit        // the token leaves: Frames were multicast in ring Ring since it came
	// LifeAcross: a synchronisation ends behind the first frames of Msg and ahead of the last. The sender had sent them all
	// before it heard of the end, where every node goes on with other partial messages: all lose it, in 3.1 too. No message
	// that services send outside of their rounds in a synchronisation is longer than a frame.
	LifeAcross
)

// Step is one event of a Life.
type Step struct {
	Kind  StepKind
	Time  int64 // microseconds
	Msg   LifeMsg
	Ring  RingID
	Nodes []uint32 // ascending

	Quorate      bool
	Joined, Left []uint32
	Frames       int
}

func (s Step) String() string {
	at := fmt.Sprintf("%d.%06d ", s.Time/1e6, s.Time%1e6)
	switch s.Kind {
	case LifeSend:
		return at + fmt.Sprintf("send %d", s.Msg.Seq)
	case LifeDeliver:
		return at + fmt.Sprintf("deliver %d/%d/%d", s.Msg.Node, s.Msg.Life, s.Msg.Seq)
	case LifeTransitional:
		return at + fmt.Sprintf("transitional %v %v", s.Ring, s.Nodes)
	case LifeSynced:
		return at + "synchronised"
	case LifeQuorum:
		return at + fmt.Sprintf("quorate %v %v %v", s.Quorate, s.Ring, s.Nodes)
	case LifeNodeList:
		return at + fmt.Sprintf("node list %v %v joined %v left %v", s.Ring, s.Nodes, s.Joined, s.Left)
	case LifeStatus:
		return at + fmt.Sprintf("node %v is shown as joined: %v", s.Nodes, s.Quorate)
	case LifeLeaving:
		return at + "stops"
	case LifeAcross:
		return at + fmt.Sprintf("lost %d", s.Msg.Seq)
	case LifeVisit:
		return at + fmt.Sprintf("%d frames in %v", s.Frames, s.Ring)
	}
	return at + fmt.Sprintf("regular %v %v", s.Ring, s.Nodes)
}

// stay is the time of a life in one ring, from its regular configuration to the
// next one.
type stay struct {
	ring     RingID
	nodes    []uint32
	from, to int // steps; from is the regular configuration
	trans    int // step of the transitional configuration that ends it, or to
	next     RingID
	along    []uint32 // the transitional set
	ends     bool     // there is no next ring
}

// lifeTrack is a life with its stays.
type lifeTrack struct {
	*Life
	stays []stay
	sent  map[LifeMsg]int
	pos   map[LifeMsg]int
}

func (t *lifeTrack) String() string { return fmt.Sprintf("node %d life %d", t.Node, t.Number) }

func (t *lifeTrack) at(i int) string { return fmt.Sprintf("%v: %v", t, t.Steps[i]) }

// CheckLives judges the lives of all nodes of one run together.
func CheckLives(lives []*Life, opt Options) []Violation {
	c := &checker{opt: opt, count: map[Property]int{}}
	var ts []*lifeTrack
	for _, l := range lives {
		ts = append(ts, c.life(l))
	}
	c.lifeRings(ts)
	c.lifeMessages(ts)
	for _, t := range ts {
		c.lifeAlong(t)
		c.lifeStatus(t)
	}
	c.lifeCausal(ts)
	for a, p := range ts {
		for _, q := range ts[a+1:] {
			c.lifeOrder(p, q)
			if !opt.Forgetful {
				c.lifePair(p, q)
			}
		}
	}
	return c.found
}

// life cuts a life into stays and checks what concerns it alone.
func (c *checker) life(l *Life) *lifeTrack {
	t := &lifeTrack{Life: l, sent: map[LifeMsg]int{}, pos: map[LifeMsg]int{}}
	cur := -1
	trans := -1 // step of a transitional configuration whose regular one has not come
	for i, s := range l.Steps {
		switch s.Kind {
		case LifeSend:
			t.sent[s.Msg] = i
		case LifeDeliver:
			if at, dup := t.pos[s.Msg]; dup {
				c.fail(NoDuplicates, []string{t.at(at), t.at(i)}, "delivered twice")
			} else {
				t.pos[s.Msg] = i
			}
		case LifeTransitional:
			if trans >= 0 {
				c.fail(Transitional, []string{t.at(trans), t.at(i)}, "two transitional configurations in a row")
			}
			trans = i
			if cur >= 0 {
				t.stays[cur].trans, t.stays[cur].along = i, s.Nodes
			}
		case LifeRegular:
			c.change(t, cur, trans, i)
			if cur >= 0 && trans >= 0 {
				k := &t.stays[cur]
				k.to, k.next, k.ends = i, s.Ring, false
			}
			t.stays = append(t.stays, stay{ring: s.Ring, nodes: s.Nodes, from: i, to: len(l.Steps), trans: len(l.Steps), ends: true})
			cur++
			trans = -1
		}
	}
	return t
}

// change checks a transitional configuration (step trans) and the regular one
// (step i) against the ring before.
func (c *checker) change(t *lifeTrack, cur, trans, i int) {
	s := t.Steps[i]
	if !slices.Contains(s.Nodes, t.Node) {
		c.fail(RingIdentity, []string{t.at(i)}, "the ring does not hold the node itself")
	}
	if trans < 0 {
		c.fail(Transitional, []string{t.at(i)}, "a regular configuration without a transitional one")
		return
	}
	k := t.Steps[trans]
	if k.Ring != s.Ring {
		c.fail(Transitional, []string{t.at(trans), t.at(i)}, "the two configurations are of different rings")
	}
	if cur < 0 {
		if len(k.Nodes) > 0 {
			c.fail(Transitional, []string{t.at(trans)}, "somebody comes along from no ring at all")
		}
		return
	}
	old := t.stays[cur]
	if s.Ring.Seq <= old.ring.Seq {
		c.fail(RingIdentity, []string{t.at(i)}, "ring %v comes after ring %v", s.Ring, old.ring)
	}
	if !slices.Contains(k.Nodes, t.Node) {
		c.fail(Transitional, []string{t.at(trans)}, "the node does not come along with itself")
	}
	for _, n := range k.Nodes {
		if !slices.Contains(old.nodes, n) || !slices.Contains(s.Nodes, n) {
			c.fail(Transitional, []string{t.at(old.from), t.at(trans), t.at(i)}, "node %d of the transitional set is not in both rings", n)
		}
	}
}

// lifeRings: a ring id means one set of members.
func (c *checker) lifeRings(ts []*lifeTrack) {
	type where struct {
		t *lifeTrack
		i int
	}
	first := map[RingID]where{}
	for _, t := range ts {
		for _, s := range t.stays {
			w, ok := first[s.ring]
			if !ok {
				first[s.ring] = where{t, s.from}
			} else if !c.opt.Forgetful && (!slices.Equal(w.t.Steps[w.i].Nodes, s.nodes) || w.t.Node == t.Node) {
				c.fail(RingIdentity, []string{w.t.at(w.i), t.at(s.from)}, "one ring id, two rings")
			}
		}
	}
}

// lifeMessages: what is delivered was sent; what was sent is delivered.
func (c *checker) lifeMessages(ts []*lifeTrack) {
	c.lifeOf = map[LifeMsg]*lifeTrack{}
	for _, t := range ts {
		across := map[LifeMsg]bool{}
		for _, s := range t.Steps {
			if s.Kind == LifeAcross {
				across[s.Msg] = true
			}
		}
		for i, s := range t.Steps {
			if s.Kind != LifeSend {
				continue
			}
			m := s.Msg
			c.lifeOf[m] = t
			if _, ok := t.pos[m]; !ok && !t.Ended && c.opt.Settled && !across[m] {
				c.fail(SelfDelivery, []string{t.at(i)}, "the sender never delivered its own message")
			}
		}
	}
	for _, t := range ts {
		for i, s := range t.Steps {
			if s.Kind == LifeDeliver && c.lifeOf[s.Msg] == nil {
				c.fail(Integrity, []string{t.at(i)}, "nobody sent this message")
			}
		}
	}
}

// lifeOrder: what both deliver, they deliver in one order.
func (c *checker) lifeOrder(p, q *lifeTrack) {
	prevP, prevQ := -1, -1
	for i, s := range p.Steps {
		if s.Kind != LifeDeliver || p.pos[s.Msg] != i {
			continue
		}
		j, ok := q.pos[s.Msg]
		if !ok {
			continue
		}
		if j < prevQ {
			c.fail(AgreedOrder, []string{p.at(prevP), p.at(i), q.at(j), q.at(prevQ)}, "two messages are delivered in different order")
			return
		}
		prevP, prevQ = i, j
	}
}

// lifePair compares two lives in the rings that both were in.
func (c *checker) lifePair(p, q *lifeTrack) {
	in := map[RingID]stay{}
	for _, s := range p.stays {
		in[s.ring] = s
	}
	for _, sq := range q.stays {
		sp, ok := in[sq.ring]
		switch {
		case !ok:
		case sp.ends && sq.ends:
			if c.opt.Settled && !p.Ended && !q.Ended {
				c.lifeSet(p, q, sp, sq, sp.from, sp.to, sq.from, sq.to)
			} else {
				c.lifePrefix(p, q, sp, sq)
			}
		case sp.ends || sq.ends || sp.next != sq.next:
			c.lifePrefix(p, q, sp, sq)
		case slices.Contains(sp.along, q.Node) != slices.Contains(sq.along, p.Node) ||
			slices.Contains(sp.along, q.Node) && !slices.Equal(sp.along, sq.along):
			c.fail(Transitional, []string{p.at(sp.trans), q.at(sq.trans)}, "two that come along have different transitional sets")
		case !slices.Contains(sp.along, q.Node):
			c.fail(Transitional, []string{p.at(sp.from), p.at(sp.trans), q.at(sq.trans)}, "two that go from one ring to the same next one do not come along with each other")
		default:
			c.lifeSet(p, q, sp, sq, sp.from, sp.trans, sq.from, sq.trans)
			c.lifeSet(p, q, sp, sq, sp.trans, sp.to, sq.trans, sq.to)
		}
	}
	// Who is said to come along must come from the same ring.
	for _, sp := range p.stays {
		if sp.ends || !slices.Contains(sp.along, q.Node) {
			continue
		}
		for _, sq := range q.stays {
			if !sq.ends && sq.next == sp.next && sq.ring != sp.ring {
				c.fail(Transitional, []string{p.at(sp.from), p.at(sp.trans), q.at(sq.from), q.at(sq.trans)}, "%v does not come from the same ring", q)
			}
		}
	}
}

// lifeSet compares the deliveries of two lives in the steps given, which belong
// to the same part of the same ring.
func (c *checker) lifeSet(p, q *lifeTrack, sp, sq stay, pf, pt, qf, qt int) {
	dp, dq := c.lifeDeliveries(p, q, pf, pt, sp), c.lifeDeliveries(q, p, qf, qt, sq)
	for k := range max(len(dp), len(dq)) {
		switch {
		case k >= len(dq):
			c.fail(SameSet, []string{p.at(dp[k])}, "delivered in ring %v, but not by %v, though both went on together", sp.ring, q)
		case k >= len(dp):
			c.fail(SameSet, []string{q.at(dq[k])}, "delivered in ring %v, but not by %v, though both went on together", sp.ring, p)
		case p.Steps[dp[k]].Msg != q.Steps[dq[k]].Msg:
			c.fail(SameSet, []string{p.at(dp[k]), q.at(dq[k])}, "delivery %d in ring %v differs, though both went on together", k, sp.ring)
		default:
			continue
		}
		return
	}
}

// lifeDeliveries lists the deliveries of t in [from, to), less those that o lacks
// for the reason given at SameSet: the first message of a sender in this ring
// that it sent in an earlier one.
func (c *checker) lifeDeliveries(t, o *lifeTrack, from, to int, s stay) []int {
	type sender struct {
		node uint32
		life uint64
	}
	var out []int
	lowest := map[sender]uint64{} // number heard in this ring, of each sender
	for i := s.from; i < to; i++ {
		m := t.Steps[i].Msg
		if t.Steps[i].Kind != LifeDeliver {
			continue
		}
		if !c.opt.Whole && c.sentBefore(m, s.ring) {
			// What was sent during a synchronisation overtakes what was sent before: the sender has two queues.
			k := sender{m.Node, m.Life}
			low, heard := lowest[k]
			first := !heard || m.Seq < low
			if first {
				lowest[k] = m.Seq
			}
			if _, there := o.pos[m]; first && !there {
				continue
			}
		}
		if i >= from {
			out = append(out, i)
		}
	}
	return out
}

// sentBefore says whether a message was sent in another ring than the given one.
func (c *checker) sentBefore(m LifeMsg, ring RingID) bool {
	t := c.lifeOf[m]
	if t == nil {
		return false
	}
	i := t.sent[m]
	for _, s := range t.stays {
		if i >= s.from && i < s.to {
			return s.ring != ring
		}
	}
	return true
}
