package history

import (
	"fmt"
	"slices"
	"strings"
)

// Property is one promise.
type Property string

// What Check looks for.
const (
	// Integrity: what is delivered was sent, by the one it is said to come
	// from, with the same size and contents.
	Integrity Property = "integrity"
	// NoDuplicates: a process delivers a message at most once.
	NoDuplicates Property = "no-duplicates"
	// FIFO: messages of one sender are delivered in the order they were sent,
	// and without a gap while the receiver's view holds the sender.
	FIFO Property = "fifo"
	// SelfDelivery: a process delivers what it sent before it leaves; a live one
	// does so by the end of a settled history.
	SelfDelivery Property = "self-delivery"
	// AgreedOrder: there is one order of all messages that every process's
	// deliveries agree with.
	AgreedOrder Property = "agreed-order"
	// SameSet: two processes that go together from one ring to the next have
	// delivered the same messages in the first. There is one exception, which is
	// the wire protocol's: a message that was handed over before the ring and
	// whose first fragments went out in an old ring of the sender's is completed
	// in this one, but only by those who have come with the sender ever since;
	// the others have no beginning of it and drop the rest (totempg, since
	// corosync 1.0). Several rings may lie between, when synchronisations are
	// cut short. Options.Whole takes the exception away.
	SameSet Property = "same-set"
	// OneRing: all that deliver a message do so in the same ring.
	OneRing Property = "one-ring"
	// SameView: all that deliver a message and go on together do so with the
	// same view. Who does not may have delivered it in its transitional
	// configuration, after changes of the group that it has not received.
	SameView Property = "same-view"
	// ViewArithmetic: each view is the one before, less who left, with who
	// joined; it holds the process itself, every sender, and only nodes of the ring.
	ViewArithmetic Property = "view-arithmetic"
	// Reasons: who is said to have left or died sends nothing more; who is said to have joined did so, once; and the own node
	// neither goes nor comes.
	Reasons Property = "reasons"
	// RingIdentity: a ring id means one set of members; a node's ring sequence grows.
	RingIdentity Property = "ring-identity"
	// FinalView: live processes that end in one ring end in one view.
	FinalView Property = "final-view"
)

// Violation is one broken promise with the events that show it.
type Violation struct {
	Property Property
	Reason   string
	Events   []string
}

func (v Violation) String() string {
	s := string(v.Property) + ": " + v.Reason
	for _, e := range v.Events {
		s += "\n    " + e
	}
	return s
}

// Options says what may be expected of the end of the histories.
type Options struct {
	// Settled: load had stopped, no fault was active, and everything in flight
	// had arrived before the recording ended.
	Settled bool
	// CReceivers: daemons of C were among the members. Such a receiver drops with
	// the rest of a message whose beginning it lacks also the messages packed
	// behind it, and the next frames up to one that ends with a whole message:
	// then a whole run of messages handed over before the ring may be missing.
	CReceivers bool
	// Whole: no daemon lets the change of a ring cut a message in two; who was in the middle of one sends it again as a
	// whole. Then SameSet has no exception.
	Whole bool
	// Forgetful: nodes came back without their stored ring number, or with an
	// old one. Ring ids may then name two rings, and what compares processes by
	// the id of a ring is not checked.
	Forgetful bool
}

// maxPerProperty bounds what is reported: the first contradictions matter.
const maxPerProperty = 3

// Check judges all histories of one run together. Nil means that no promise
// was seen broken.
func Check(ps []*Process, opt Options) []Violation {
	c := &checker{opt: opt, count: map[Property]int{}}
	for _, p := range ps {
		c.procs = append(c.procs, newTrack(p))
	}
	c.sends = map[MsgID]sent{}
	for _, t := range c.procs {
		for i, e := range t.Events {
			if e.Kind == Send {
				c.sends[e.Msg] = sent{t, i}
			}
		}
	}
	c.integrity()
	c.perSender()
	c.selfDelivery()
	c.agreedOrder()
	c.views()
	c.reasons()
	c.rings()
	if !opt.Forgetful {
		c.sameSet()
	}
	c.causalOrder()
	c.sameView()
	c.finalView()
	c.served()
	return c.found
}

// Report makes one text of violations; empty for none.
func Report(vs []Violation) string {
	var b strings.Builder
	for _, v := range vs {
		b.WriteString(v.String())
		b.WriteByte('\n')
	}
	return b.String()
}

type checker struct {
	opt   Options
	procs []*track
	sends map[MsgID]sent
	// lifeOf names the sender of each message in CheckLives.
	lifeOf map[LifeMsg]*lifeTrack
	found  []Violation
	count  map[Property]int
}

func (c *checker) fail(p Property, events []string, format string, args ...any) {
	c.count[p]++
	if c.count[p] > maxPerProperty {
		return
	}
	c.found = append(c.found, Violation{Property: p, Reason: fmt.Sprintf(format, args...), Events: events})
}

// sent is where a message was sent.
type sent struct {
	t *track
	i int
}

// at quotes an event of a process.
func at(t *track, i int) string {
	if i < 0 || i >= len(t.Events) {
		return fmt.Sprintf("%v: (no such event)", t.Process)
	}
	return fmt.Sprintf("%v: %v", t.Process, t.Events[i])
}

// track is a process with what several checks need: for each event the ring and
// the view that were in force.
type track struct {
	*Process
	segs     []segment
	ringOf   []int         // event -> index into segs
	viewOf   []int         // event -> index of the View event in force, -1 before the first
	delivers []int         // indices of deliveries
	joined   int           // index of the first View that holds the process, -1 without one
	pos      map[MsgID]int // message -> index of its first delivery
}

// segment is a maximal stretch of events in one ring.
type segment struct {
	ring     RingID
	known    bool // false: no Ring event was seen at all
	from, to int  // events [from, to)
	ends     bool // the process ended in it (no next ring)
	next     RingID
	prev     RingID // zero for the first
}

func newTrack(p *Process) *track {
	t := &track{Process: p.untilLeft(), pos: map[MsgID]int{}, joined: -1}
	p = t.Process
	t.ringOf, t.viewOf = make([]int, len(p.Events)), make([]int, len(p.Events))
	seg, view := segment{ends: true}, -1
	for i, e := range p.Events {
		if e.Kind == Ring {
			if seg.known && seg.ring == e.Ring {
				// A client that connects during a synchronization is told the new
				// ring at once, and again when it is installed.
			} else if !seg.known {
				// The library reports the ring of the moment of joining after the
				// first view: what came before it was in that ring.
				seg.ring, seg.known = e.Ring, true
			} else {
				seg.to, seg.ends, seg.next = i, false, e.Ring
				t.segs = append(t.segs, seg)
				seg = segment{ring: e.Ring, known: true, prev: seg.ring, from: i, ends: true}
			}
		}
		if e.Kind == View {
			view = i
			if t.joined < 0 && has(e.Members, p.ID) {
				t.joined = i
			}
		}
		if e.Kind == Deliver {
			t.delivers = append(t.delivers, i)
			if _, dup := t.pos[e.Msg]; !dup {
				t.pos[e.Msg] = i
			}
		}
		t.ringOf[i], t.viewOf[i] = len(t.segs), view
	}
	seg.to = len(p.Events)
	t.segs = append(t.segs, seg)
	return t
}

// members returns the view in force at event i.
func (t *track) members(i int) []Member {
	if v := t.viewOf[i]; v >= 0 {
		return t.Events[v].Members
	}
	return nil
}

// untilLeft is the history up to the view by which the process itself left.
// What a client sees afterwards is outside the group and promises nothing: the
// C daemon goes on delivering until the client disconnects.
func (p *Process) untilLeft() *Process {
	for i, e := range p.Events {
		if e.Kind == View && !has(e.Members, p.ID) && slices.ContainsFunc(e.Left, func(c Change) bool { return c.Member == p.ID }) {
			q := *p
			q.Events = p.Events[:i+1]
			return &q
		}
	}
	return p
}

func has(ms []Member, m Member) bool {
	for _, x := range ms {
		if x == m {
			return true
		}
	}
	return false
}
