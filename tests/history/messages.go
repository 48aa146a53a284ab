package history

// integrity compares deliveries to sends.
func (c *checker) integrity() {
	known := map[uint64]*track{}
	for _, t := range c.procs {
		known[t.Incarnation] = t
	}
	for _, t := range c.procs {
		for _, i := range t.delivers {
			e := &t.Events[i]
			if e.Damaged {
				c.fail(Integrity, []string{at(t, i)}, "contents of a message were damaged")
				continue
			}
			from := known[e.Msg.Incarnation]
			if from == nil {
				continue // a sender that was not recorded
			}
			s, ok := c.sends[e.Msg]
			switch {
			case !ok:
				c.fail(Integrity, []string{at(t, i)}, "%v never sent this message", from.Process)
			case from.ID != e.Sender:
				c.fail(Integrity, []string{at(t, i), at(s.t, s.i)}, "the sender is %v, not %v", from.ID, e.Sender)
			case s.t.Events[s.i].Size != e.Size || s.t.Events[s.i].Flags != e.Flags:
				c.fail(Integrity, []string{at(t, i), at(s.t, s.i)}, "delivered with another size or flags")
			}
		}
	}
}

// perSender checks duplicates, order and gaps in each receiver's deliveries
// from each sender.
func (c *checker) perSender() {
	type state struct {
		seq uint64
		i   int
	}
	for _, t := range c.procs {
		last := map[uint64]state{} // by incarnation
		for i, e := range t.Events {
			if e.Kind == View {
				// Who is out of the view for a while may be missed.
				for inc, s := range last {
					if !has(e.Members, t.Events[s.i].Sender) {
						delete(last, inc)
					}
				}
				continue
			}
			if e.Kind != Deliver {
				continue
			}
			if first := t.pos[e.Msg]; first != i {
				c.fail(NoDuplicates, []string{at(t, first), at(t, i)}, "delivered twice")
				continue
			}
			if s, ok := last[e.Msg.Incarnation]; ok {
				switch {
				case e.Msg.Seq < s.seq:
					c.fail(FIFO, []string{at(t, s.i), at(t, i)}, "a sender's messages are out of order")
				case e.Msg.Seq > s.seq+1:
					c.fail(FIFO, []string{at(t, s.i), at(t, i)}, "%d messages of a sender in the view are missing", e.Msg.Seq-s.seq-1)
				}
			}
			last[e.Msg.Incarnation] = state{e.Msg.Seq, i}
		}
	}
}

// selfDelivery looks for sent messages that their sender never saw.
func (c *checker) selfDelivery() {
	for _, t := range c.procs {
		if !t.Left() && !(t.Live() && c.opt.Settled) {
			continue
		}
		refused := map[MsgID]bool{}
		for _, e := range t.Events {
			if e.Kind == Unsent {
				refused[e.Msg] = true
			}
		}
		for i, e := range t.Events {
			if e.Kind != Send || refused[e.Msg] {
				continue
			}
			if _, ok := t.pos[e.Msg]; !ok {
				c.fail(SelfDelivery, []string{at(t, i)}, "the sender never delivered its own message")
			}
		}
	}
}

// agreedOrder looks for one order that agrees with all histories. If there is
// none, each pair of histories is compared, which gives a short contradiction;
// what is left is a longer cycle through several.
func (c *checker) agreedOrder() {
	cycle := c.cycle()
	if cycle == nil {
		return
	}
	before := c.count[AgreedOrder]
	for a, p := range c.procs {
		for _, q := range c.procs[a+1:] {
			c.pairOrder(p, q)
		}
	}
	if c.count[AgreedOrder] > before {
		return
	}
	c.fail(AgreedOrder, cycle, "no single order agrees with all deliveries: a cycle through %d processes", len(cycle)/2)
}

// pairOrder: what both deliver, q delivers in p's order.
func (c *checker) pairOrder(p, q *track) {
	prevP, prevQ := -1, -1
	for _, i := range p.delivers {
		if p.pos[p.Events[i].Msg] != i {
			continue // a duplicate, reported as such
		}
		j, ok := q.pos[p.Events[i].Msg]
		if !ok {
			continue
		}
		if j < prevQ {
			c.fail(AgreedOrder, []string{at(p, prevP), at(p, i), at(q, j), at(q, prevQ)}, "two messages are delivered in different order")
			return
		}
		prevP, prevQ = i, j
	}
}

// cycle orders all messages topologically. What is left over is on a cycle or
// behind one; a shortest cycle is returned.
func (c *checker) cycle() []string {
	index := map[MsgID]int{}
	var succ [][]int
	var degree []int
	var where []sent
	for _, t := range c.procs {
		prev := -1
		for _, i := range t.delivers {
			m := t.Events[i].Msg
			if t.pos[m] != i {
				continue
			}
			k, ok := index[m]
			if !ok {
				k = len(succ)
				index[m] = k
				succ, degree, where = append(succ, nil), append(degree, 0), append(where, sent{t, i})
			}
			// Most processes deliver the same message next.
			if prev >= 0 && (len(succ[prev]) == 0 || succ[prev][len(succ[prev])-1] != k) {
				succ[prev] = append(succ[prev], k)
				degree[k]++
			}
			prev = k
		}
	}
	var ready []int
	for k, d := range degree {
		if d == 0 {
			ready = append(ready, k)
		}
	}
	done := 0
	for len(ready) > 0 {
		k := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		done++
		for _, n := range succ[k] {
			if degree[n]--; degree[n] == 0 {
				ready = append(ready, n)
			}
		}
	}
	if done == len(succ) {
		return nil
	}
	var rest []MsgID
	for k, d := range degree {
		if d > 0 {
			rest = append(rest, where[k].t.Events[where[k].i].Msg)
		}
	}
	return c.shortestCycle(rest)
}
