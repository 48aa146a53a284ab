package history

import (
	"cmp"
	"slices"
)

// Flow: at one visit of the token no node multicasts more frames than it may, and in one rotation all together no more than
// the window. It is what keeps a ring from overrunning its slowest member.
const Flow Property = "flow"

// CheckFlow judges the visits in the lives of all nodes of one run together. Of a node's visits with the same number of
// frames in a row only the first need be there.
func CheckFlow(lives []*Life, perVisit, window int) []Violation {
	c := &checker{count: map[Property]int{}}
	type visit struct {
		l *Life
		i int
	}
	rings := map[RingID][]visit{}
	var order []RingID
	for _, l := range lives {
		for i, s := range l.Steps {
			if s.Kind == LifeVisit {
				if rings[s.Ring] == nil {
					order = append(order, s.Ring)
				}
				rings[s.Ring] = append(rings[s.Ring], visit{l, i})
			}
		}
	}
	for _, r := range order {
		vs := rings[r]
		slices.SortStableFunc(vs, func(a, b visit) int { return cmp.Compare(a.l.Steps[a.i].Time, b.l.Steps[b.i].Time) })
		last := map[uint32]visit{}
		sum := 0
		for _, v := range vs {
			t := &lifeTrack{Life: v.l}
			s := v.l.Steps[v.i]
			if s.Frames > perVisit {
				c.fail(Flow, []string{t.at(v.i)}, "%d frames at one visit, %d are allowed", s.Frames, perVisit)
			}
			if o, ok := last[v.l.Node]; ok {
				sum -= o.l.Steps[o.i].Frames
			}
			last[v.l.Node] = v
			if sum += s.Frames; sum <= window {
				continue
			}
			var ev []string
			for _, o := range vs {
				if last[o.l.Node] == o && o.l.Steps[o.i].Frames > 0 {
					ev = append(ev, (&lifeTrack{Life: o.l}).at(o.i))
				}
			}
			c.fail(Flow, ev, "%d frames in one rotation, %d are allowed", sum, window)
		}
	}
	return c.found
}
