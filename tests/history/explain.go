package history

import "slices"

// maxStarts bounds from how many messages a shortest cycle is looked for.
const maxStarts = 64

// place is a delivery: the process, and the how manieth of its deliveries.
type place struct{ p, i int }

// shortestCycle finds the contradiction that needs the fewest processes: each delivers the first of two messages before the
// second, the next one delivers that before a third, and the last one comes back to the first. Two deliveries of each
// process are quoted. starts are messages of which some are on a cycle.
func (c *checker) shortestCycle(starts []MsgID) []string {
	index := make([]map[MsgID]int, len(c.procs)) // of messages in the deliveries of each process
	for p, t := range c.procs {
		index[p] = map[MsgID]int{}
		for i, d := range t.delivers {
			if m := t.Events[d].Msg; t.pos[m] == d {
				index[p][m] = i
			}
		}
	}
	var best []place
	for _, m := range starts[:min(len(starts), maxStarts)] {
		if way := c.wayBack(index, m); way != nil && (best == nil || len(way) < len(best)) {
			best = way
		}
	}
	ev := make([]string, 0, len(best))
	for _, x := range best {
		t := c.procs[x.p]
		ev = append(ev, at(t, t.delivers[x.i]))
	}
	return ev
}

// wayBack looks for the way from a message to itself with the fewest changes of process: the ends of its part in each process.
func (c *checker) wayBack(index []map[MsgID]int, m MsgID) []place {
	from := map[place]place{} // where a place was reached from
	var now, next []place     // reached with so many changes, and with one more
	for p := range c.procs {
		if i, ok := index[p][m]; ok {
			x := place{p, i}
			from[x] = x
			now = append(now, x)
		}
	}
	for len(now) > 0 {
		for len(now) > 0 {
			x := now[len(now)-1]
			now = now[:len(now)-1]
			t := c.procs[x.p]
			if here := t.Events[t.delivers[x.i]].Msg; here != m {
				for p := range c.procs {
					if i, ok := index[p][here]; ok {
						if y := (place{p, i}); !reached(from, y) {
							from[y] = x
							next = append(next, y)
						}
					}
				}
			}
			y := place{x.p, x.i + 1}
			if y.i == len(t.delivers) {
				continue
			}
			if t.Events[t.delivers[y.i]].Msg == m {
				return legs(from, x, y)
			}
			if !reached(from, y) {
				from[y] = x
				now = append(now, y)
			}
		}
		now, next = next, now
	}
	return nil
}

func reached(from map[place]place, x place) bool {
	_, ok := from[x]
	return ok
}

// legs is the way that ends with the step from x to y, without what lies inside a part in one process.
func legs(from map[place]place, x, y place) []place {
	way := []place{y}
	for {
		prev := from[x]
		if prev == x || prev.p != x.p {
			way = append(way, x)
			if prev == x {
				break
			}
			way = append(way, prev)
		}
		x = prev
	}
	slices.Reverse(way)
	return way
}
