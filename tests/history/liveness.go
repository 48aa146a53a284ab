package history

import (
	"fmt"
	"slices"
	"time"
)

// What CheckHealing looks for.
const (
	// Liveness: once nothing goes wrong any more, all that run are one ring and
	// synchronised within the bound.
	Liveness Property = "liveness"
	// Stability: and they stay so.
	Stability Property = "stability"
	// Served: the live members of a group have all heard the last word of each of
	// them; part of Check.
	Served Property = "served"
)

// Healing says from when on nothing went wrong, and for how long a ring may take to form then, which follows from the
// timeouts. Both are on the clock of the histories, in microseconds.
type Healing struct {
	From, Bound int64
}

// CheckHealing judges what came after the last fault.
func CheckHealing(lives []*Life, h Healing) []Violation {
	c := &checker{count: map[Property]int{}}
	var live []uint32
	for _, l := range lives {
		if !l.Ended {
			live = append(live, l.Node)
		}
	}
	slices.Sort(live)
	bound := time.Duration(h.Bound) * time.Microsecond
	end := h.From + h.Bound
	var first *lifeTrack
	firstRing := -1
	for _, l := range lives {
		if l.Ended {
			continue
		}
		t := &lifeTrack{Life: l}
		ring, earlier, synced := -1, -1, -1
		for i, s := range l.Steps {
			switch s.Kind {
			case LifeRegular:
				if ring >= 0 && l.Steps[ring].Time >= h.From && slices.Equal(l.Steps[ring].Nodes, live) {
					earlier = ring
				}
				ring, synced = i, -1
			case LifeSynced:
				if synced < 0 {
					synced = i
				}
			}
		}
		switch {
		case ring < 0:
			c.fail(Liveness, nil, "%v is in no ring, %v after the last fault at %s", t, bound, clockOf(h.From))
			continue
		case !slices.Equal(l.Steps[ring].Nodes, live):
			c.fail(Liveness, []string{t.at(ring)}, "the last ring is not that of all of %v, %v after the last fault at %s", live, bound, clockOf(h.From))
		case l.Steps[ring].Time > end && earlier >= 0:
			c.fail(Stability, []string{t.at(earlier), t.at(ring)}, "a ring of all was left more than %v after the last fault at %s", bound, clockOf(h.From))
		case l.Steps[ring].Time > end:
			c.fail(Liveness, []string{t.at(ring)}, "the ring has formed more than %v after the last fault at %s", bound, clockOf(h.From))
		case synced < 0 || l.Steps[synced].Time > end:
			c.fail(Liveness, []string{t.at(ring)}, "the ring was not synchronised %v after the last fault at %s", bound, clockOf(h.From))
		}
		if first == nil {
			first, firstRing = t, ring
		} else if a, b := first.Steps[firstRing], l.Steps[ring]; a.Ring != b.Ring {
			c.fail(Liveness, []string{first.at(firstRing), t.at(ring)}, "two rings at the end")
		}
	}
	return c.found
}

func clockOf(t int64) string { return fmt.Sprintf("%d.%06d", t/1e6, t%1e6) }

// served looks for last words, said in the last ring, that a live member of the view has not heard.
func (c *checker) served() {
	if !c.opt.Settled {
		return
	}
	type word struct {
		t *track
		i int
	}
	words := map[Member]word{}
	for _, t := range c.procs {
		for i, e := range t.Events {
			if e.Kind == Send && e.Flags&FlagFin != 0 && t.Live() && t.ringOf[i] == len(t.segs)-1 {
				words[t.ID] = word{t, i}
			}
		}
	}
	for _, t := range c.procs {
		if !t.Live() || len(t.Events) == 0 {
			continue
		}
		for _, m := range t.members(len(t.Events) - 1) {
			w, ok := words[m]
			if !ok || !has(w.t.members(w.i), t.ID) {
				continue
			}
			if _, heard := t.pos[w.t.Events[w.i].Msg]; !heard {
				c.fail(Served, []string{at(w.t, w.i), at(t, len(t.Events)-1)}, "%v has not heard the last word of %v", t.Process, w.t.Process)
			}
		}
	}
}
