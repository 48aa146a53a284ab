package history

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Decision is what a client of the quorum service was told: a decision, or a node list.
type Decision struct {
	Time    int64 // microseconds
	List    bool  // a node list, without a decision
	Quorate bool
	Ring    RingID
	Members []uint32 // sorted
	Joined  []uint32 // List
	Left    []uint32 // List
}

func (d Decision) String() string {
	s := fmt.Sprintf("%d.%06d ", d.Time/1e6, d.Time%1e6)
	if d.List {
		return s + fmt.Sprintf("node list %v %v joined %v left %v", d.Ring, d.Members, d.Joined, d.Left)
	}
	return s + fmt.Sprintf("quorate %v %v %v", d.Quorate, d.Ring, d.Members)
}

// Watch is what one connection to the quorum service of a node was told.
type Watch struct {
	Name      string // for reports, the file it came from
	Node      uint32
	Decisions []Decision
	Ended     bool
}

func (w *Watch) at(i int) string { return fmt.Sprintf("%s(%d): %v", w.Name, w.Node, w.Decisions[i]) }

// ParseWatch reads a recording as written by tests/netns/testdata/watcher.c. A last line without line end is ignored.
func ParseWatch(name string, r io.Reader) ([]*Watch, error) {
	var out []*Watch
	var cur *Watch
	err := eachLine(name, r, func(p *fields, t int64, kind byte) {
		d := Decision{Time: t}
		switch {
		case kind == 'I':
			cur = &Watch{Name: name, Node: uint32(p.num(2))}
			out = append(out, cur)
			return
		case cur == nil: // an event before the connection
			p.bad = true
			return
		case kind == 'E':
			cur.Ended = true
			return
		case kind == 'Q':
			d.Quorate, d.Ring, d.Members = p.num(2) != 0, p.ring(3), p.nodes(4)
		case kind == 'N':
			d.List, d.Ring, d.Members, d.Joined, d.Left = true, p.ring(2), p.nodes(3), p.nodes(4), p.nodes(5)
		default:
			p.bad = true
		}
		cur.Decisions = append(cur.Decisions, d)
	})
	return out, err
}

func (p *fields) ring(i int) RingID {
	node, seq, _ := strings.Cut(p.str(i), ".")
	return RingID{uint32(p.parse(node)), p.parse(seq)}
}

func (p *fields) nodes(i int) (out []uint32) {
	s := p.str(i)
	if s == "-" || p.bad {
		return nil
	}
	for w := range strings.SplitSeq(s, ",") {
		out = append(out, uint32(p.parse(w)))
	}
	slices.Sort(out)
	return out
}

// CheckWatches judges what clients of the quorum service on all nodes were told in one run, where each of the nodes has one
// vote and no option of votequorum is set: then quorate is a majority of them, so that no two partitions are.
// Settled: the run ended with all nodes in one ring, and everybody had been told.
func CheckWatches(ws []*Watch, nodes int, settled bool) []Violation {
	c := &checker{count: map[Property]int{}}
	type named struct {
		w *Watch
		i int
	}
	rings := map[RingID]named{}
	for _, w := range ws {
		var list []uint32
		// A node list is told at the beginning of a synchronisation, the decision at its end: who begins to listen in one is
		// told of two rings.
		last := map[bool]int{}
		for i, d := range w.Decisions {
			if !slices.Contains(d.Members, w.Node) && len(d.Members) > 0 {
				c.fail(QuorumView, []string{w.at(i)}, "the node itself is missing")
			}
			if first, ok := rings[d.Ring]; !ok {
				rings[d.Ring] = named{w, i}
			} else if !slices.Equal(first.w.Decisions[first.i].Members, d.Members) {
				c.fail(RingIdentity, []string{first.w.at(first.i), w.at(i)}, "one ring has two sets of members")
			}
			if k, ok := last[d.List]; ok && w.Decisions[k].Ring.Seq > d.Ring.Seq {
				c.fail(RingIdentity, []string{w.at(k), w.at(i)}, "the ring's number falls")
			}
			last[d.List] = i
			switch {
			case d.List:
				if list != nil {
					want := slices.DeleteFunc(slices.Clone(list), func(id uint32) bool { return slices.Contains(d.Left, id) })
					want = append(want, d.Joined...)
					slices.Sort(want)
					if !slices.Equal(want, d.Members) {
						c.fail(QuorumView, []string{w.at(i)}, "the list before was %v, so this one should be %v", list, want)
					}
				}
				list = d.Members
			case d.Quorate && 2*len(d.Members) <= nodes:
				c.fail(Votes, []string{w.at(i)}, "quorate with %d of %d votes", len(d.Members), nodes)
			}
		}
	}
	if settled {
		c.watchedEnd(ws, nodes)
	}
	return c.found
}

// watchedEnd checks what the connections that live on were told last.
func (c *checker) watchedEnd(ws []*Watch, nodes int) {
	live := 0
	for _, w := range ws {
		last := -1
		for i, d := range w.Decisions {
			if !d.List {
				last = i
			}
		}
		switch {
		case w.Ended:
		case last < 0:
			c.fail(QuorumOnce, nil, "%s on node %d was told nothing", w.Name, w.Node)
		case !w.Decisions[last].Quorate || len(w.Decisions[last].Members) != nodes:
			c.fail(Votes, []string{w.at(last)}, "the last decision is not that all %d are quorate", nodes)
		}
		if !w.Ended {
			live++
		}
	}
	if live == 0 {
		c.fail(Votes, nil, "nobody watches at the end")
	}
}
