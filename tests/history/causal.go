package history

import "slices"

// lifeAlong: behind a transitional configuration come only messages of the nodes in it.
func (c *checker) lifeAlong(t *lifeTrack) {
	for _, s := range t.stays {
		for i := s.trans; i < s.to; i++ {
			if x := t.Steps[i]; x.Kind == LifeDeliver && !slices.Contains(s.along, x.Msg.Node) {
				c.fail(NoGap, []string{t.at(s.trans), t.at(i)}, "node %d does not come along, so messages of it may be missing here", x.Msg.Node)
			}
		}
	}
}

// lifePrefix: two members of a ring that part deliver the beginning of one order before their transitional configurations.
func (c *checker) lifePrefix(p, q *lifeTrack, sp, sq stay) {
	dp, dq := c.lifeDeliveries(p, q, sp.from, sp.trans, sp), c.lifeDeliveries(q, p, sq.from, sq.trans, sq)
	for k := range min(len(dp), len(dq)) {
		if p.Steps[dp[k]].Msg == q.Steps[dq[k]].Msg {
			continue
		}
		c.fail(NoGap, []string{p.at(dp[k]), q.at(dq[k])}, "delivery %d in ring %v differs before the transitional configurations", k, sp.ring)
		return
	}
}

// lifeCausal: what a sender had delivered is delivered before what it sent then.
func (c *checker) lifeCausal(ts []*lifeTrack) {
	for _, p := range ts {
		for _, q := range ts {
			if p != q {
				c.causalPair(p, q)
			}
		}
	}
}

// causalPair looks at the messages of p as q delivers them. Of p's own deliveries before a message, the one that q has
// latest decides about the order; those that q has not at all must not be of the same ring.
func (c *checker) causalPair(p, q *lifeTrack) {
	latest, latestAt := -1, -1 // in q's order; step of p
	missing := -1              // step of p: delivered and sent in this ring, but never delivered by q
	stayOf := 0
	for i, s := range p.Steps {
		for stayOf < len(p.stays) && i >= p.stays[stayOf].to {
			stayOf++
			missing = -1
		}
		switch s.Kind {
		case LifeDeliver:
			if j, ok := q.pos[s.Msg]; ok {
				if j > latest {
					latest, latestAt = j, i
				}
			} else if missing < 0 && stayOf < len(p.stays) && i >= p.stays[stayOf].from && !c.sentBefore(s.Msg, p.stays[stayOf].ring) {
				missing = i
			}
		case LifeSend:
			j, ok := q.pos[s.Msg]
			if !ok {
				continue
			}
			if j < latest {
				c.fail(Causal, []string{p.at(latestAt), p.at(i), q.at(j), q.at(latest)}, "the sender had delivered the first when it sent the second")
				return
			}
			if missing >= 0 && !c.opt.Forgetful && q.in(j) == p.stays[stayOf].ring {
				c.fail(Causal, []string{p.at(missing), p.at(i), q.at(j)}, "%v never delivers what the sender had delivered before in the same ring", q)
				return
			}
		}
	}
}

// in is the ring that was in force at step i.
func (t *lifeTrack) in(i int) RingID {
	for _, s := range t.stays {
		if i >= s.from && i < s.to {
			return s.ring
		}
	}
	return RingID{}
}

// causalOrder is the part of Causal that a group shows: who joins may not have what was before.
func (c *checker) causalOrder() {
	for _, p := range c.procs {
		for _, q := range c.procs {
			if p == q {
				continue
			}
			latest, latestAt := -1, -1
			for i, e := range p.Events {
				if e.Kind != Deliver && e.Kind != Send {
					continue
				}
				j, ok := q.pos[e.Msg]
				switch {
				case !ok:
				case e.Kind == Deliver:
					if j > latest {
						latest, latestAt = j, i
					}
				case j < latest:
					c.fail(Causal, []string{at(p, latestAt), at(p, i), at(q, j), at(q, latest)}, "the sender had delivered the first when it sent the second")
				}
			}
		}
	}
}
