package history

import (
	"fmt"
	"slices"
)

// CPG's reasons for a change: the process has joined, left, or died, or its node has gone or come.
const (
	reasonJoin     = 1
	reasonLeave    = 2
	reasonNodeDown = 3
	reasonNodeUp   = 4
	reasonProcDown = 5
)

// views checks that each view follows from the one before.
func (c *checker) views() {
	for _, t := range c.procs {
		var cur []Member
		in := false
		for i, e := range t.Events {
			switch e.Kind {
			case View:
				c.step(t, i, cur, in)
				cur, in = e.Members, has(e.Members, t.ID)
			case Deliver:
				if !has(cur, e.Sender) {
					c.fail(ViewArithmetic, []string{at(t, i)}, "the sender is not in the view %v", cur)
				}
			case Ring:
				for _, m := range cur {
					if !slices.Contains(e.Nodes, m.Node) {
						c.fail(ViewArithmetic, []string{at(t, i)}, "member %v of the view is not in the ring", m)
					}
				}
			}
		}
	}
}

func (c *checker) step(t *track, i int, cur []Member, in bool) {
	e := &t.Events[i]
	next := map[Member]bool{}
	if in {
		for _, m := range cur {
			next[m] = true
		}
	} else {
		// The first view shows the members found; only what changes is named.
		for _, m := range e.Members {
			next[m] = true
		}
		for _, ch := range e.Joined {
			delete(next, ch.Member)
		}
	}
	for _, ch := range e.Left {
		if in && !next[ch.Member] {
			c.fail(ViewArithmetic, []string{at(t, i)}, "%v left but was not in the view %v", ch.Member, cur)
		}
		delete(next, ch.Member)
	}
	for _, ch := range e.Joined {
		if next[ch.Member] {
			c.fail(ViewArithmetic, []string{at(t, i)}, "%v joined but was in the view already", ch.Member)
		}
		next[ch.Member] = true
	}
	want := make([]Member, 0, len(next))
	for m := range next {
		want = append(want, m)
	}
	slices.SortFunc(want, compareMembers)
	if !sameMembers(want, e.Members) {
		c.fail(ViewArithmetic, []string{at(t, i)}, "the view before was %v, so this one should be %v", cur, want)
	}
	if i > 0 && in && !has(e.Members, t.ID) && !slices.ContainsFunc(e.Left, func(ch Change) bool { return ch.Member == t.ID }) {
		c.fail(ViewArithmetic, []string{at(t, i)}, "the process itself vanished from the view")
	}
}

// reasons compares the reasons of changes to what the processes did. Processes that nobody has recorded say nothing.
func (c *checker) reasons() {
	type life struct {
		t    *track
		last int // its last Send; -1 without one
	}
	// What a process hands to a daemon that has just stopped is in nobody's history.
	heard := map[MsgID]bool{}
	for _, t := range c.procs {
		for _, e := range t.Process.Events {
			if e.Kind == Deliver {
				heard[e.Msg] = true
			}
		}
	}
	lives := map[Member][]life{}
	for _, t := range c.procs {
		l := life{t, -1}
		for i, e := range t.Process.Events {
			if e.Kind == Send && heard[e.Msg] {
				l.last = i
			}
		}
		lives[t.ID] = append(lives[t.ID], l)
	}
	for _, t := range c.procs {
		gone, joined := map[Member]int{}, map[Member]int{}
		for i, e := range t.Events {
			if e.Kind != View {
				continue
			}
			for _, ch := range e.Left {
				switch ch.Reason {
				case reasonLeave, reasonProcDown:
					gone[ch.Member]++
					over, witness := 0, life{}
					for _, l := range lives[ch.Member] {
						if l.last < 0 || l.t.Events[l.last].Time <= e.Time {
							over++
						} else if witness.t == nil {
							witness = l
						}
					}
					// 3.1 names processes again that have ended in a synchronisation, and then says once more that they have.
					if witness.t != nil && gone[ch.Member] > over && !c.opt.CReceivers {
						c.fail(Reasons, []string{at(t, i), at(witness.t, witness.last)}, "%v is said to have ended, and sends", ch.Member)
					}
				case reasonNodeDown:
					if ch.Node == t.ID.Node {
						c.fail(Reasons, []string{at(t, i)}, "the own node is said to have gone")
					}
				}
			}
			for _, ch := range e.Joined {
				switch ch.Reason {
				case reasonJoin:
					if joined[ch.Member]++; len(lives[ch.Member]) > 0 && joined[ch.Member] > len(lives[ch.Member]) {
						c.fail(Reasons, []string{at(t, i)}, "%v is said to join for the %d. time, of %d", ch.Member, joined[ch.Member], len(lives[ch.Member]))
					}
				case reasonNodeUp:
					if ch.Node == t.ID.Node {
						c.fail(Reasons, []string{at(t, i)}, "the own node is said to have come")
					}
				}
			}
		}
	}
}

// rings checks what ring ids mean.
func (c *checker) rings() {
	type seen struct {
		nodes []uint32
		where string
	}
	first := map[RingID]seen{}
	for _, t := range c.procs {
		var last RingID
		for i, e := range t.Events {
			if e.Kind != Ring {
				continue
			}
			if !slices.Contains(e.Nodes, t.ID.Node) {
				c.fail(RingIdentity, []string{at(t, i)}, "the ring does not hold the process's own node")
			}
			if e.Ring != last && e.Ring.Seq <= last.Seq {
				c.fail(RingIdentity, []string{at(t, i)}, "ring %v comes after ring %v", e.Ring, last)
			}
			last = e.Ring
			s, ok := first[e.Ring]
			if !ok || c.opt.Forgetful {
				first[e.Ring] = seen{e.Nodes, at(t, i)}
			} else if !slices.Equal(s.nodes, e.Nodes) {
				c.fail(RingIdentity, []string{s.where, at(t, i)}, "one ring id, two sets of members")
			}
		}
	}
}

// deliveriesIn lists the deliveries of t's segment s in [from, to).
func (t *track) deliveriesIn(from, to int) []int {
	lo, _ := slices.BinarySearch(t.delivers, from)
	hi, _ := slices.BinarySearch(t.delivers, to)
	return t.delivers[lo:hi]
}

// entered returns the event of t in [from, to) by which m came into the view,
// or -1.
func (t *track) entered(m Member, from, to int) int {
	for i := from; i < to; i++ {
		if e := &t.Events[i]; e.Kind == View && slices.ContainsFunc(e.Joined, func(ch Change) bool { return ch.Member == m }) {
			return i
		}
	}
	return -1
}

// gone returns the event of t in [from, to) by which m left the view on its own,
// or -1.
func (t *track) gone(m Member, from, to int) int {
	is := func(ch Change) bool { return ch.Member == m && ch.Reason != reasonNodeDown }
	for i := from; i < to; i++ {
		if e := &t.Events[i]; e.Kind == View && slices.ContainsFunc(e.Left, is) {
			return i
		}
	}
	return -1
}

// reused says whether m stands for more than one process in the views of
// [from, to): it came after it had gone.
func (t *track) reused(m Member, from, to int) bool {
	came, gone := 0, false
	is := func(ch Change) bool { return ch.Member == m }
	for i := from; i < to; i++ {
		e := &t.Events[i]
		if e.Kind != View {
			continue
		}
		if slices.ContainsFunc(e.Joined, is) {
			if came++; came > 1 || gone {
				return true
			}
		}
		gone = gone || slices.ContainsFunc(e.Left, is)
	}
	return false
}

// sameSet compares the deliveries of pairs in rings that both went through.
func (c *checker) sameSet() {
	type stay struct {
		Member
		RingID
	}
	// Where several processes had one address in one ring, a view does not tell which of them is meant.
	had := map[stay]int{}
	for _, t := range c.procs {
		for _, s := range t.segs {
			had[stay{t.ID, s.ring}]++
		}
	}
	for a, p := range c.procs {
		where := map[RingID]segment{}
		for _, s := range p.segs {
			if s.known {
				where[s.ring] = s
			}
		}
		for _, q := range c.procs[a+1:] {
			if p.ID == q.ID {
				continue // two incarnations of one address: never both members
			}
			for _, sq := range q.segs {
				if had[stay{p.ID, sq.ring}] > 1 || had[stay{q.ID, sq.ring}] > 1 {
					continue
				}
				if sp, ok := where[sq.ring]; ok && sq.known {
					c.samePair(p, q, sp, sq)
				}
			}
		}
	}
}

func (c *checker) samePair(p, q *track, sp, sq segment) {
	pf, pt, qf, qt := sp.from, sp.to, sq.from, sq.to
	if p.reused(q.ID, pf, pt) || q.reused(p.ID, qf, qt) {
		return // as in sameSet, of a process that did not live to see this ring
	}
	if p.joined < 0 || p.joined >= pt || q.joined < 0 || q.joined >= qt {
		return // one was told of the ring, but was not in the group yet
	}
	switch {
	case !sp.ends && !sq.ends && sp.next == sq.next:
		if p.parted(q.ID, sp) || q.parted(p.ID, sq) {
			return // they met again there
		}
	case sp.ends && sq.ends && p.Live() && q.Live() && c.opt.Settled:
	case sp.ends && p.Left() && c.saw(q, p, sq):
		qt = q.gone(p.ID, qf, qt)
	case sq.ends && q.Left() && c.saw(p, q, sp):
		pt = p.gone(q.ID, pf, pt)
	default:
		return // they did not go on together, or the end is unknown
	}
	// The later of the two to join the group begins where it came into the view.
	if i := q.entered(p.ID, qf, qt); i >= 0 {
		qf = i
		pf = max(pf, p.entered(p.ID, pf, pt))
	}
	if i := p.entered(q.ID, pf, pt); i >= 0 {
		pf = i
		qf = max(qf, q.entered(q.ID, qf, qt))
	}
	dp, dq := p.deliveriesIn(pf, pt), q.deliveriesIn(qf, qt)
	dp, dq = c.completed(p, q, sp, dp), c.completed(q, p, sq, dq)
	for k := 0; k < len(dp) || k < len(dq); k++ {
		switch {
		case k >= len(dq):
			c.fail(SameSet, []string{at(p, dp[k])}, "delivered in ring %v by %v (%d there), but not by %v (%d), though both went on together", sp.ring, p.Process, len(dp), q.Process, len(dq))
		case k >= len(dp):
			c.fail(SameSet, []string{at(q, dq[k])}, "delivered in ring %v by %v (%d there), but not by %v (%d), though both went on together", sp.ring, q.Process, len(dq), p.Process, len(dp))
		case p.Events[dp[k]].Msg != q.Events[dq[k]].Msg:
			c.fail(SameSet, []string{at(p, dp[k]), at(q, dq[k])}, "delivery %d in ring %v differs, though both went on together", k, sp.ring)
		default:
			continue
		}
		return
	}
}

// completed is the deliveries of t in s without those that only the companions
// of the sender can have completed, and that o, which was elsewhere, lacks.
func (c *checker) completed(t, o *track, s segment, delivered []int) []int {
	if c.opt.Whole {
		return delivered
	}
	var out []int
	first := map[uint64]bool{} // by incarnation: past the first message in this ring
	for _, i := range delivered {
		m := t.Events[i].Msg
		from, known := c.sends[m]
		_, there := o.pos[m]
		if !first[m.Incarnation] && !there && known && o.missed(from.t, from.t.ringOf[from.i], s.ring) {
			first[m.Incarnation] = !c.opt.CReceivers
			continue
		}
		first[m.Incarnation] = true
		out = append(out, i)
	}
	return out
}

// saw says whether t was with o when o left the group in order, in segment s of
// t: that is the last ring, or another process of that node stayed with t until
// the end of it. Otherwise o may have left in the transitional configuration of
// its node, where changes and messages of the ring were missing.
func (c *checker) saw(t, o *track, s segment) bool {
	last := t.members(s.to - 1)
	if has(last, o.ID) || t.gone(o.ID, s.from, s.to) < 0 || !has(o.members(len(o.Events)-1), t.ID) {
		return false
	}
	if s.ends {
		return t.Live() && c.opt.Settled
	}
	return t.ID.Node == o.ID.Node || !t.parted(o.ID, s) && slices.ContainsFunc(last, func(m Member) bool { return m.Node == o.ID.Node })
}

// missed says whether t was not with the sender all the way from the sender's
// segment first until the ring given.
func (t *track) missed(sender *track, first int, until RingID) bool {
	j := slices.IndexFunc(t.segs, func(x segment) bool { return x.ring == sender.segs[first].ring })
	for i := first; i < len(sender.segs); i, j = i+1, j+1 {
		s := sender.segs[i]
		switch {
		case s.ring == until:
			return false
		case j < 0 || j >= len(t.segs) || t.segs[j].ring != s.ring || t.parted(sender.ID, t.segs[j]):
			return true
		}
	}
	// The sender did not live to see that ring, and its node may have been in others.
	return true
}

// parted says whether the node of m did not come along from segment s to the
// next ring. It may be there all the same, and then its processes come back at
// once: some rings are so short that the group is never told of them.
func (t *track) parted(m Member, s segment) bool {
	is := func(reason uint32) func(Change) bool {
		return func(ch Change) bool { return ch.Node == m.Node && ch.Reason == reason }
	}
	for i := s.from; i < s.to; i++ {
		e := &t.Events[i]
		if e.Kind == View && (slices.ContainsFunc(e.Left, is(reasonNodeDown)) || slices.ContainsFunc(e.Joined, is(reasonNodeUp))) {
			return true
		}
	}
	return false
}

// together says whether two processes that were both in the ring of these
// segments went on together, as far as is known.
func (c *checker) together(p, q *track, sp, sq segment) bool {
	if sp.ends || sq.ends {
		return sp.ends && sq.ends && p.Live() && q.Live() && c.opt.Settled
	}
	return sp.next == sq.next && !p.parted(q.ID, sp) && !q.parted(p.ID, sq)
}

// sameView compares ring and view of the deliveries of one message.
func (c *checker) sameView() {
	type where struct {
		t *track
		i int
	}
	first := map[MsgID]where{}
	for _, t := range c.procs {
		for _, i := range t.delivers {
			m := t.Events[i].Msg
			w, ok := first[m]
			if !ok {
				first[m] = where{t, i}
				continue
			}
			a, b := w.t.segs[w.t.ringOf[w.i]], t.segs[t.ringOf[i]]
			if !a.known || !b.known {
				continue
			}
			if a.ring != b.ring {
				c.fail(OneRing, []string{at(w.t, w.i), at(t, i)}, "delivered in ring %v and in ring %v", a.ring, b.ring)
				continue
			}
			va, vb := w.t.members(w.i), t.members(i)
			if !sameMembers(va, vb) && c.together(w.t, t, a, b) {
				c.fail(SameView, []string{at(w.t, w.i), fmt.Sprint("view ", va), at(t, i), fmt.Sprint("view ", vb)}, "the same message, two views")
			}
		}
	}
}

// finalView compares where live processes ended.
func (c *checker) finalView() {
	if !c.opt.Settled {
		return
	}
	first := map[RingID]*track{}
	for _, t := range c.procs {
		s := t.segs[len(t.segs)-1]
		if !t.Live() || !s.known || len(t.Events) == 0 {
			continue
		}
		f, ok := first[s.ring]
		if !ok {
			first[s.ring] = t
			continue
		}
		a, b := f.members(len(f.Events)-1), t.members(len(t.Events)-1)
		if !sameMembers(a, b) {
			c.fail(FinalView, []string{fmt.Sprintf("%v: %v", f.Process, a), fmt.Sprintf("%v: %v", t.Process, b)}, "two final views in ring %v", s.ring)
		}
	}
}
