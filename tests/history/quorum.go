package history

import (
	"cmp"
	"slices"
	"time"
)

// What CheckQuorum looks for.
const (
	// QuorumView: what clients of the quorum service are told is of the ring that
	// the node is in, and node lists add up.
	QuorumView Property = "quorum-view"
	// QuorumOnce: a synchronisation tells the decision once, at its end and not
	// before.
	QuorumOnce Property = "quorum-once"
	// Votes: quorate is who has more than half of the votes that are expected, or
	// what an option grants, and nobody else.
	Votes Property = "votes"
	// SplitBrain: no two partitions are quorate at once. Options of votequorum that
	// allow it by 3.1's own rules (see [QuorumRules]) switch this off; what they
	// grant is then checked by the option's own rule.
	SplitBrain Property = "split-brain"
	// WaitForAll: no node becomes quorate that has not seen all nodes together, or
	// a node that is.
	WaitForAll Property = "wait-for-all"
	// TieBreaker: half of the votes is enough with the lowest node of the last
	// membership that had more than half, and with nobody else.
	TieBreaker Property = "tie-breaker"
	// LastManStanding: a partition that stays quorate for the window is all that is
	// expected from then on.
	LastManStanding Property = "last-man-standing"
)

// QuorumRules says how votequorum is configured. Each node has one vote.
//
// 3.1 has these exceptions from "never two quorate partitions", and so has what is checked here:
//
//   - two_node: each of the two is quorate alone, once they have seen each other.
//   - auto_tie_breaker: each node goes by the last majority that it knows of itself. When {3 4 5} of six lose 5, the rest
//     holds its own lowest node, and when 5 then comes to {1 2}, these hold theirs. What a node took for a majority it need
//     not have told anybody: a synchronisation that was cut short counts.
//   - last_man_standing: when 3 of 5 have become all that is expected and then lose one, the other 2 are a majority with the
//     two that were lost first and it.
//   - allow_downscale with expected_votes below the number of nodes: those that start first may be too few.
//
// And one from "quorate with a majority": with wait_for_all, the votes of a synchronisation are counted as they come. If those
// that come along from the last membership are no majority before the others have told theirs, quorum is lost for that moment,
// and then all are waited for again: a cluster of six that loses 3 from {2 3 4 6} and gains 1 in one step stops.
type QuorumRules struct {
	// Nodes is how many nodes there are.
	Nodes int
	// Expected is quorum.expected_votes where that differs from Nodes (with AllowDownscale).
	Expected        int
	WaitForAll      bool
	TwoNode         bool
	AutoTieBreaker  bool
	AllowDownscale  bool
	LastManStanding time.Duration // the window; 0 is off
}

// splits says that the rules allow two quorate partitions.
func (r *QuorumRules) splits() bool {
	return r.TwoNode || r.AutoTieBreaker || r.LastManStanding > 0 || r.Expected > 0
}

// voter is a life as votequorum sees it, at the moment that the check has come to.
type voter struct {
	t        *lifeTrack
	ring     RingID
	nodes    []uint32
	ringStep int // regular configuration of ring; -1 before the first
	told     int // last event of the quorum service; -1 without one
	quorate  bool
	synced   int // end of the synchronisation of ring, -1 before
	inSync   int // events between ringStep and synced
	watched  bool
	left     bool // the node stops
	settled  bool // told in ring since its synchronisation

	list []uint32 // node list of the quorum service; nil before the first
	// since are the rings since the node last said that it is not quorate.
	since []RingID
	// expected is the least that the node may expect, previous the view told in the ring before.
	expected int
	previous []uint32
	shrunk   bool // previous is part of the one before, which was quorate too
	stayed   int  // of the members of the last ring, if that was all expected when it ended
	// losses are when rings without members of the one before began: the window of last_man_standing runs from then, through
	// other rings too.
	losses []int64
	// lowest are the nodes that may decide a tie.
	lowest []uint32
	// direct says that no ring lies between the last that was told and this one.
	direct bool
}

// pool is what a ring brings together.
type pool struct {
	all      bool // of all nodes, or somebody in it may have been quorate
	expected int  // the least that anybody in it expects
	stayed   int  // how many in it have stayed with all that are expected; who comes anew expects more, and others believe it
}

// CheckQuorum judges what the clients of the quorum service on all nodes were told in one run.
func CheckQuorum(lives []*Life, rules QuorumRules) []Violation {
	c := &quorumChecker{checker: checker{count: map[Property]int{}}, rules: rules, pools: map[RingID]*pool{}, leaving: map[uint32]bool{}, counted: map[uint32]RingID{}}
	type where struct {
		v *voter
		i int
	}
	var all []where
	for _, l := range lives {
		v := &voter{t: &lifeTrack{Life: l}, ringStep: -1, told: -1, synced: -1, expected: rules.Nodes}
		for i, s := range l.Steps {
			switch s.Kind {
			case LifeRegular, LifeSynced, LifeQuorum, LifeNodeList, LifeLeaving:
				all = append(all, where{v, i})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b where) int { return cmp.Compare(a.v.t.Steps[a.i].Time, b.v.t.Steps[b.i].Time) })
	for _, w := range all {
		switch w.v.t.Steps[w.i].Kind {
		case LifeRegular:
			c.enter(w.v, w.i)
		case LifeSynced:
			c.synced(w.v, w.i)
		case LifeQuorum:
			c.quorum(w.v, w.i)
		case LifeNodeList:
			c.nodeList(w.v, w.i)
		case LifeLeaving:
			w.v.left = true
			c.leaving[w.v.t.Node] = true
			if w.v.synced >= 0 {
				c.counted[w.v.t.Node] = w.v.ring
			}
		}
	}
	if !rules.splits() {
		c.split(lives)
	}
	return c.found
}

type quorumChecker struct {
	checker
	rules QuorumRules
	pools map[RingID]*pool
	// leaving are the nodes that stop: with allow_downscale their votes are gone before they are.
	leaving map[uint32]bool
	// counted are, of the nodes that stop, the rings that they had been synchronised in when they began to: the last in which
	// they are sure to have told their votes.
	counted map[uint32]RingID
}

// enter is a new ring.
func (c *quorumChecker) enter(v *voter, i int) {
	s := v.t.Steps[i]
	if v.ringStep < 0 {
		delete(c.leaving, v.t.Node)
		delete(c.counted, v.t.Node)
	}
	if v.ringStep >= 0 && v.watched && v.synced >= 0 && v.inSync != 1 {
		c.fail(QuorumOnce, []string{v.t.at(v.ringStep), v.t.at(v.synced)}, "%d decisions were told in one synchronisation", v.inSync)
	}
	after := v.direct
	v.direct = v.settled
	if v.settled {
		old := v.nodes
		v.shrunk = after && v.quorate && len(old) < len(v.previous) && within(old, v.previous)
		v.previous = old
		v.stayed = 0
		stay := time.Duration(s.Time-v.t.Steps[v.ringStep].Time) * time.Microsecond
		if w := c.rules.LastManStanding; w > 0 && v.quorate {
			// Clocks differ: what may have happened, and what must have.
			if slices.ContainsFunc(v.losses, func(at int64) bool { return time.Duration(s.Time-at)*time.Microsecond >= w*9/10 }) {
				v.expected = min(v.expected, len(old))
			}
			if v.shrunk && stay >= w*12/10 {
				v.stayed = len(old)
			}
		}
	} else {
		v.stayed, v.shrunk, v.previous = 0, false, nil
		if w := c.rules.LastManStanding; w > 0 && v.ringStep >= 0 && time.Duration(s.Time-v.t.Steps[v.ringStep].Time)*time.Microsecond >= w*9/10 {
			// The window ran in a synchronisation that did not end. All may have told their votes by then.
			v.expected = min(v.expected, len(v.nodes))
		}
	}
	p := c.pools[s.Ring]
	if p == nil {
		p = &pool{all: len(s.Nodes) == c.rules.Nodes, expected: c.rules.Nodes}
		if c.rules.Expected > 0 {
			p.all = len(s.Nodes) >= c.rules.Expected
		}
		c.pools[s.Ring] = p
	}
	for _, r := range v.since {
		v.expected = min(v.expected, c.pools[r].expected)
		p.all = p.all || c.pools[r].all
	}
	// With last_man_standing fewer may be all that are expected.
	p.all = p.all || v.quorate || c.rules.LastManStanding > 0 && len(s.Nodes) >= v.expected
	p.expected = min(p.expected, v.expected)
	if v.stayed > 0 {
		p.stayed++
	}
	v.since = append(v.since, s.Ring)
	for k, id := range s.Nodes {
		if 2*(len(s.Nodes)-k) > c.rules.Nodes && !slices.Contains(v.lowest, id) {
			v.lowest = append(v.lowest, id)
		}
	}
	if w := c.rules.LastManStanding; w > 0 {
		// A process that stands still is late.
		v.losses = slices.DeleteFunc(v.losses, func(at int64) bool { return time.Duration(s.Time-at)*time.Microsecond > 3*w })
		if c.rules.AutoTieBreaker || !within(v.nodes, s.Nodes) {
			v.losses = append(v.losses, s.Time)
		}
	}
	v.ring, v.nodes, v.ringStep, v.synced, v.inSync, v.settled = s.Ring, s.Nodes, i, -1, 0, false
	v.watched = v.told >= 0
}

func (c *quorumChecker) synced(v *voter, i int) {
	v.synced = i
	if v.watched && !v.left && v.inSync == 0 && v.ringStep >= 0 {
		c.fail(QuorumOnce, []string{v.t.at(v.ringStep), v.t.at(i)}, "no decision was told in a synchronisation")
	}
}

// quorum is a decision that is told.
func (c *quorumChecker) quorum(v *voter, i int) {
	s := v.t.Steps[i]
	if v.ringStep < 0 || v.left {
		return // the library tells the state before the first ring to who asks then
	}
	if v.synced < 0 {
		v.inSync++
	}
	if s.Ring != v.ring || !slices.Equal(s.Nodes, v.nodes) {
		c.fail(QuorumView, []string{v.t.at(v.ringStep), v.t.at(i)}, "the event is of another ring or membership than the node's")
		return
	}
	before := v.told
	was := v.quorate
	v.told, v.quorate = i, s.Quorate
	n, have, p := c.rules.Nodes, len(s.Nodes), c.pools[s.Ring]
	events := []string{v.t.at(i)}
	if before >= 0 {
		events = []string{v.t.at(before), v.t.at(i)}
	}
	if s.Quorate {
		c.granted(v, p, have, events)
	} else {
		staying := have
		for _, id := range s.Nodes {
			// A node that comes anew and stops before it is synchronised has no quorum service any more to tell its votes.
			if c.leaving[id] && (c.rules.AllowDownscale || c.counted[id] != s.Ring && !slices.Contains(v.previous, id)) {
				staying--
			}
		}
		all := !c.rules.WaitForAll && !c.rules.TwoNode || staying == n || v.direct && was && 2*common(s.Nodes, v.previous) > n
		switch {
		case all && 2*staying > n:
			c.fail(Votes, events, "not quorate with %d of %d votes", have, n)
		case c.rules.TwoNode && v.direct && was && within(s.Nodes, v.previous):
			c.fail(Votes, events, "not quorate alone, with two_node")
		case c.rules.AutoTieBreaker && v.direct && was && 2*have == n && 2*len(v.previous) > n && s.Nodes[0] == v.previous[0] && within(s.Nodes, v.previous):
			c.fail(TieBreaker, events, "not quorate with half of the votes and the lowest node")
		case c.rules.LastManStanding > 0 && !v.settled && v.direct && was && // a reload in a ring makes it expect all again
			v.stayed > 0 && p.stayed == have && 2*have > v.stayed && within(s.Nodes, v.previous):
			c.fail(LastManStanding, events, "not quorate with %d of the %d that had stayed together for the window", have, v.stayed)
		}
		v.since = nil
	}
	if 2*have > n {
		v.lowest = append(v.lowest[:0], s.Nodes[0])
	}
	if s.Quorate {
		v.expected = max(v.expected, have)
	}
	v.settled = v.synced >= 0 || v.inSync > 0
}

// granted checks a decision that says quorate.
func (c *quorumChecker) granted(v *voter, p *pool, have int, events []string) {
	n := c.rules.Nodes
	if (c.rules.WaitForAll || c.rules.TwoNode) && !p.all {
		c.fail(WaitForAll, events, "quorate, but neither has this node seen all %d since it last was not, nor is anybody here quorate", n)
		return
	}
	expected := n
	switch {
	case c.rules.LastManStanding > 0:
		expected = min(v.expected, p.expected)
	case c.rules.Expected > 0:
		expected = min(n, c.rules.Expected)
	}
	tie := c.rules.AutoTieBreaker && 2*have == n
	switch {
	case 2*have > expected, c.rules.TwoNode:
	case !tie:
		c.fail(Votes, events, "quorate with %d of %d votes", have, expected)
	case !slices.ContainsFunc(v.lowest, func(id uint32) bool { return slices.Contains(v.nodes, id) }):
		c.fail(TieBreaker, events, "quorate with half of the votes, but the lowest node was one of %v", v.lowest)
	}
}

func (c *quorumChecker) nodeList(v *voter, i int) {
	s := v.t.Steps[i]
	if v.ringStep < 0 || v.left {
		return
	}
	if s.Ring != v.ring || !slices.Equal(s.Nodes, v.nodes) {
		c.fail(QuorumView, []string{v.t.at(v.ringStep), v.t.at(i)}, "the node list is of another ring or membership than the node's")
	} else if v.list != nil {
		want := slices.DeleteFunc(slices.Clone(v.list), func(id uint32) bool { return slices.Contains(s.Left, id) })
		want = append(want, s.Joined...)
		slices.Sort(want)
		if !slices.Equal(want, s.Nodes) {
			c.fail(QuorumView, []string{v.t.at(i)}, "the list before was %v, so this one should be %v", v.list, want)
		}
	}
	v.list = s.Nodes
}

// common is how many are in both.
func common(a, b []uint32) (n int) {
	for _, id := range a {
		if slices.Contains(b, id) {
			n++
		}
	}
	return n
}

// within says whether all of a are in b.
func within(a, b []uint32) bool {
	for _, id := range a {
		if !slices.Contains(b, id) {
			return false
		}
	}
	return true
}

// reign is a time in which a node says that a membership without others is quorate.
type reign struct {
	t        *lifeTrack
	i        int
	nodes    []uint32
	from, to int64
}

// split looks for two memberships that have no node in common and are quorate at the same time.
func (c *quorumChecker) split(lives []*Life) {
	const forever = int64(^uint64(0) >> 1)
	var all []*reign
	for _, l := range lives {
		t := &lifeTrack{Life: l}
		var cur *reign
		for i, s := range l.Steps {
			if cur != nil && (s.Kind == LifeTransitional || s.Kind == LifeRegular || s.Kind == LifeQuorum) {
				cur.to = s.Time
				cur = nil
			}
			if s.Kind == LifeQuorum && s.Quorate {
				cur = &reign{t, i, s.Nodes, s.Time, forever}
				all = append(all, cur)
			}
		}
		if cur != nil && l.Ended && len(l.Steps) > 0 {
			cur.to = l.Steps[len(l.Steps)-1].Time
		}
	}
	slices.SortStableFunc(all, func(a, b *reign) int { return cmp.Compare(a.from, b.from) })
	for k, a := range all {
		for _, b := range all[k+1:] {
			if b.from >= a.to {
				break
			}
			if !slices.ContainsFunc(a.nodes, func(id uint32) bool { return slices.Contains(b.nodes, id) }) {
				c.fail(SplitBrain, []string{a.t.at(a.i), b.t.at(b.i)}, "two quorate partitions")
			}
		}
	}
}
