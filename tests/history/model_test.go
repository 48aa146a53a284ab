package history

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// A model is a cluster that keeps all promises, in the simplest way: each ring has one list of messages, from which its
// members deliver. It makes random histories that must pass, and that show nothing amiss but what is then damaged.
type model struct {
	r    *rand.Rand
	now  int64
	seq  uint64
	node []*modelNode
	run  recorded
}

// recorded is what the checks judge.
type recorded struct {
	lives  []*Life
	procs  []*Process
	rules  QuorumRules
	healed int64
}

type modelNode struct {
	id    uint32
	life  *Life
	proc  *Process
	ring  *modelRing
	at    int // messages of the ring that are delivered
	sent  uint64
	view  []Member
	quiet bool
}

type modelRing struct {
	id    RingID
	nodes []*modelNode
	order []modelMsg
}

type modelMsg struct {
	from   *modelNode
	sender Member
	life   LifeMsg
	id     MsgID
	fin    bool
}

func (m *model) step(n *modelNode, s Step) {
	m.now++
	s.Time = m.now
	n.life.Steps = append(n.life.Steps, s)
}

func (m *model) event(n *modelNode, e Event) {
	m.now++
	e.Time = m.now
	n.proc.Events = append(n.proc.Events, e)
}

// begin starts a node and its process.
func (m *model) begin(n *modelNode) {
	n.sent, n.ring, n.at, n.view = 0, nil, 0, nil
	number := uint64(1)
	if n.life != nil {
		number = n.life.Number + 1
	}
	n.life = &Life{Node: n.id, Number: number}
	n.proc = &Process{Name: fmt.Sprintf("p%d", n.id), ID: Member{n.id, 100 + uint32(number)}, Incarnation: uint64(n.id)*100 + number}
	m.run.lives = append(m.run.lives, n.life)
	m.run.procs = append(m.run.procs, n.proc)
}

func (m *model) send(n *modelNode, flags uint32) {
	n.sent++
	x := modelMsg{from: n, sender: n.proc.ID, life: LifeMsg{n.id, n.life.Number, n.sent}, id: MsgID{n.proc.Incarnation, n.sent}, fin: flags != 0}
	m.step(n, Step{Kind: LifeSend, Msg: x.life})
	m.event(n, Event{Kind: Send, Msg: x.id, Size: 10, Flags: flags})
	n.ring.order = append(n.ring.order, x)
}

func (m *model) hand(n *modelNode, x modelMsg) {
	m.step(n, Step{Kind: LifeDeliver, Msg: x.life})
	e := Event{Kind: Deliver, Msg: x.id, Sender: x.sender, Size: 10}
	if x.fin {
		e.Flags = FlagFin
	}
	m.event(n, e)
}

// deliver hands over the messages of the ring up to the given number.
func (m *model) deliver(n *modelNode, to int) {
	for ; n.at < to; n.at++ {
		m.hand(n, n.ring.order[n.at])
	}
}

// form makes a ring of the given nodes.
func (m *model) form(nodes []*modelNode) {
	m.seq += 4
	r := &modelRing{id: RingID{nodes[0].id, m.seq}, nodes: nodes}
	var ids []uint32
	for _, n := range nodes {
		ids = append(ids, n.id)
	}
	old := map[*modelRing][]*modelNode{}
	for _, n := range nodes {
		if n.ring != nil {
			old[n.ring] = append(old[n.ring], n)
		}
	}
	for _, n := range nodes {
		var along []uint32
		if n.ring != nil {
			most := 0
			for _, o := range old[n.ring] {
				along = append(along, o.id)
				most = max(most, o.at)
			}
			m.deliver(n, most)
			m.step(n, Step{Kind: LifeTransitional, Ring: r.id, Nodes: along})
			for _, x := range n.ring.order[n.at:] {
				if slices.Contains(old[n.ring], x.from) && x.sender == x.from.proc.ID {
					m.hand(n, x)
				}
			}
		} else {
			m.step(n, Step{Kind: LifeTransitional, Ring: r.id})
		}
	}
	for _, n := range nodes {
		m.step(n, Step{Kind: LifeRegular, Ring: r.id, Nodes: ids})
	}
	var all []Member
	for _, n := range nodes {
		all = append(all, n.proc.ID)
	}
	for _, n := range nodes {
		m.views(n, all, func(id uint32) bool {
			return n.ring != nil && slices.ContainsFunc(old[n.ring], func(o *modelNode) bool { return o.id == id })
		})
		m.event(n, Event{Kind: Ring, Ring: r.id, Nodes: ids})
		m.step(n, Step{Kind: LifeQuorum, Ring: r.id, Nodes: ids, Quorate: 2*len(ids) > m.run.rules.Nodes})
		m.step(n, Step{Kind: LifeSynced})
	}
	for _, n := range nodes {
		n.ring, n.at = r, 0
		for k := range 2 {
			m.step(n, Step{Kind: LifeVisit, Ring: r.id, Frames: 3 + k})
		}
	}
}

// views tells the process of a node who leaves and who joins; along says which nodes come with it.
func (m *model) views(n *modelNode, all []Member, along func(uint32) bool) {
	if n.view == nil {
		n.view = slices.Clone(all)
		m.event(n, Event{Kind: View, Members: n.view, Joined: []Change{{n.proc.ID, 1}}})
		return
	}
	var stay []Member
	var left, joined []Change
	for _, x := range n.view {
		if along(x.Node) {
			stay = append(stay, x)
		} else {
			left = append(left, Change{x, reasonNodeDown})
		}
	}
	for _, x := range all {
		if !slices.Contains(stay, x) {
			joined = append(joined, Change{x, reasonNodeUp})
		}
	}
	if left != nil {
		m.event(n, Event{Kind: View, Members: stay, Left: left})
	}
	n.view = slices.Clone(all)
	if joined != nil {
		m.event(n, Event{Kind: View, Members: n.view, Joined: joined})
	}
}

// history makes a run.
func makeHistory(seed uint64) recorded {
	m := &model{r: rand.New(rand.NewPCG(seed, 7))}
	n := 2 + m.r.IntN(4)
	m.run.rules = QuorumRules{Nodes: n}
	for id := range n {
		m.node = append(m.node, &modelNode{id: uint32(id + 1)})
		m.begin(m.node[id])
	}
	m.form(slices.Clone(m.node))
	for range 3 + m.r.IntN(5) {
		m.work()
		// Some die and come back; the others part.
		sides := make([][]*modelNode, 1+m.r.IntN(2))
		for _, x := range m.node {
			if m.r.IntN(6) == 0 {
				x.life.Ended, x.proc.End = true, "killed"
				m.begin(x)
			}
			k := m.r.IntN(len(sides))
			sides[k] = append(sides[k], x)
		}
		for _, s := range sides {
			if len(s) > 0 {
				m.form(s)
			}
		}
	}
	m.run.healed = m.now
	m.form(slices.Clone(m.node))
	m.work()
	for _, x := range m.node {
		m.send(x, FlagFin)
	}
	for _, x := range m.node {
		m.deliver(x, len(x.ring.order))
	}
	return m.run
}

// work lets the nodes send and deliver.
func (m *model) work() {
	for range 5 + m.r.IntN(20) {
		x := m.node[m.r.IntN(len(m.node))]
		if m.r.IntN(2) == 0 {
			m.send(x, 0)
		} else {
			m.deliver(x, x.at+m.r.IntN(len(x.ring.order)-x.at+1))
		}
	}
}

// judge makes all checks.
func (h *recorded) judge() []Violation {
	opt := Options{Settled: true}
	return slices.Concat(Check(h.procs, opt), CheckLives(h.lives, opt), CheckQuorum(h.lives, h.rules), CheckFlow(h.lives, 5, 5*h.rules.Nodes),
		CheckHealing(h.lives, Healing{From: h.healed, Bound: 1000000}))
}

// histories is how many random ones are looked at.
func histories(t *testing.T) (first, n uint64) {
	if s := os.Getenv("HISTORY"); s != "" {
		first, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("HISTORY: %v", err)
		}
		return first, 1
	}
	if testing.Short() {
		return 1, 50
	}
	return 1, 120
}

func TestRandomHistoriesPass(t *testing.T) {
	first, n := histories(t)
	for seed := first; seed < first+n; seed++ {
		h := makeHistory(seed)
		if vs := h.judge(); len(vs) > 0 {
			t.Fatalf("HISTORY=%d: a correct history is rejected:\n%s", seed, Report(vs))
		}
	}
}

// spot is a step of a life, or an event of a process.
type spot struct {
	l *Life
	p *Process
	i int
}

// spots are the steps of a kind that a damage may be done to.
func (h *recorded) spots(kind StepKind, also func(l *Life, i int) bool) (list []spot) {
	for _, l := range h.lives {
		for i, s := range l.Steps {
			if s.Kind == kind && (also == nil || also(l, i)) {
				list = append(list, spot{l: l, i: i})
			}
		}
	}
	return list
}

func (h *recorded) events(kind Kind, also func(p *Process, i int) bool) (list []spot) {
	for _, p := range h.procs {
		for i, e := range p.Events {
			if e.Kind == kind && (also == nil || also(p, i)) {
				list = append(list, spot{p: p, i: i})
			}
		}
	}
	return list
}

func (s spot) step() *Step   { return &s.l.Steps[s.i] }
func (s spot) event() *Event { return &s.p.Events[s.i] }

func (s spot) remove() {
	if s.l != nil {
		s.l.Steps = slices.Delete(slices.Clone(s.l.Steps), s.i, s.i+1)
	} else {
		s.p.Events = slices.Delete(slices.Clone(s.p.Events), s.i, s.i+1)
	}
}

func (s spot) twice() {
	if s.l != nil {
		s.l.Steps = slices.Insert(slices.Clone(s.l.Steps), s.i, s.l.Steps[s.i])
	} else {
		s.p.Events = slices.Insert(slices.Clone(s.p.Events), s.i, s.p.Events[s.i])
	}
}

// atEnd says that a step is of the last ring of a life that goes on, where nothing may be amiss.
func atEnd(l *Life, i int) bool { return !l.Ended && !slices.ContainsFunc(l.Steps[i+1:], isRegular) }

func liveProc(p *Process, _ int) bool { return p.Live() }
func procAtEnd(p *Process, i int) bool {
	return p.Live() && !slices.ContainsFunc(p.Events[i+1:], func(e Event) bool { return e.Kind == Ring })
}

// damages are what is done to a history, and the rules of which at least one must find it.
var damages = []struct {
	name string
	at   func(h *recorded) []spot
	do   func(s spot)
	want []Property
}{
	{"a delivery is missing", func(h *recorded) []spot { return h.spots(LifeDeliver, atEnd) }, spot.remove, []Property{SameSet, NoGap, SelfDelivery, Causal}},
	{"a delivery comes twice", func(h *recorded) []spot { return h.spots(LifeDeliver, nil) }, spot.twice, []Property{NoDuplicates}},
	{"a delivery out of nothing", func(h *recorded) []spot { return h.spots(LifeDeliver, nil) }, func(s spot) { s.step().Msg.Seq += 1000 }, []Property{Integrity}},
	{"two deliveries change places", func(h *recorded) []spot {
		return h.spots(LifeDeliver, func(l *Life, i int) bool { return atEnd(l, i) && l.Steps[i-1].Kind == LifeDeliver })
	}, func(s spot) {
		x := s.l.Steps
		x[s.i].Msg, x[s.i-1].Msg = x[s.i-1].Msg, x[s.i].Msg
	}, []Property{AgreedOrder, SameSet, NoGap}},
	{"a member is missing in a ring", func(h *recorded) []spot {
		return h.spots(LifeRegular, func(l *Life, i int) bool { return len(l.Steps[i].Nodes) > 1 })
	}, func(s spot) { s.step().Nodes = s.step().Nodes[1:] }, []Property{RingIdentity}},
	{"ring numbers fall", func(h *recorded) []spot {
		return h.spots(LifeRegular, func(l *Life, i int) bool {
			return l.Steps[i].Ring.Seq > 4 && slices.ContainsFunc(l.Steps[:i], isRegular)
		})
	}, func(s spot) { s.step().Ring.Seq = 1 }, []Property{RingIdentity}},
	{"the transitional configuration is missing", func(h *recorded) []spot { return h.spots(LifeTransitional, nil) }, spot.remove, []Property{Transitional}},
	{"the node is not in its transitional set", func(h *recorded) []spot {
		return h.spots(LifeTransitional, func(l *Life, i int) bool { return len(l.Steps[i].Nodes) > 0 })
	}, func(s spot) {
		s.step().Nodes = slices.DeleteFunc(slices.Clone(s.step().Nodes), func(id uint32) bool { return id == s.l.Node })
	}, []Property{Transitional}},
	{"a stranger is in the transitional set", func(h *recorded) []spot { return h.spots(LifeTransitional, nil) },
		func(s spot) { s.step().Nodes = append(slices.Clone(s.step().Nodes), 99) }, []Property{Transitional}},
	{"quorum the other way round", func(h *recorded) []spot { return h.spots(LifeQuorum, nil) }, func(s spot) { s.step().Quorate = !s.step().Quorate }, []Property{Votes}},
	{"quorum told of another membership", func(h *recorded) []spot { return h.spots(LifeQuorum, nil) },
		func(s spot) { s.step().Nodes = append(slices.Clone(s.step().Nodes), 99) }, []Property{QuorumView}},
	{"quorum told of another ring", func(h *recorded) []spot { return h.spots(LifeQuorum, nil) }, func(s spot) { s.step().Ring.Seq++ }, []Property{QuorumView}},
	{"quorum not told", func(h *recorded) []spot { return h.spots(LifeQuorum, told) }, spot.remove, []Property{QuorumOnce}},
	{"quorum told twice", func(h *recorded) []spot {
		return h.spots(LifeQuorum, func(l *Life, i int) bool { return told(l, i) && slices.ContainsFunc(l.Steps[i:], isRegular) })
	}, spot.twice, []Property{QuorumOnce}},
	{"too many frames", func(h *recorded) []spot { return h.spots(LifeVisit, nil) }, func(s spot) { s.step().Frames = 6 }, []Property{Flow}},
	{"the last ring does not come", func(h *recorded) []spot { return h.spots(LifeRegular, atEnd) }, spot.remove, []Property{Liveness}},
	{"the last synchronisation does not end", func(h *recorded) []spot { return h.spots(LifeSynced, atEnd) }, spot.remove, []Property{Liveness}},

	{"a process misses a delivery", func(h *recorded) []spot { return h.events(Deliver, procAtEnd) }, spot.remove, []Property{SameSet, FIFO, SelfDelivery, Served}},
	{"a process has a delivery twice", func(h *recorded) []spot { return h.events(Deliver, nil) }, spot.twice, []Property{NoDuplicates}},
	{"a process has damage", func(h *recorded) []spot { return h.events(Deliver, nil) }, func(s spot) { s.event().Damaged = true }, []Property{Integrity}},
	{"a process has a message from nowhere", func(h *recorded) []spot { return h.events(Deliver, nil) }, func(s spot) { s.event().Msg.Seq += 1000 }, []Property{Integrity}},
	{"a process has a message of another sender", func(h *recorded) []spot { return h.events(Deliver, nil) }, func(s spot) { s.event().Sender.PID += 1000 }, []Property{Integrity}},
	{"two deliveries of a process change places", func(h *recorded) []spot {
		return h.events(Deliver, func(p *Process, i int) bool { return procAtEnd(p, i) && p.Events[i-1].Kind == Deliver })
	}, func(s spot) {
		x := s.p.Events
		x[s.i], x[s.i-1] = x[s.i-1], x[s.i]
	}, []Property{AgreedOrder, FIFO, SameSet}},
	{"a process misses a view", func(h *recorded) []spot {
		return h.events(View, func(p *Process, i int) bool { return i > 0 && p.Live() })
	}, spot.remove, []Property{ViewArithmetic, FinalView}},
	{"a view has a ghost", func(h *recorded) []spot { return h.events(View, func(_ *Process, i int) bool { return i > 0 }) }, func(s spot) {
		s.event().Members = append(slices.Clone(s.event().Members), Member{99, 1})
	}, []Property{ViewArithmetic}},
	{"left and joined change places", func(h *recorded) []spot { return h.events(View, nil) }, func(s spot) {
		e := s.event()
		e.Left, e.Joined = e.Joined, e.Left
	}, []Property{ViewArithmetic}},
	{"a process misses the last ring", func(h *recorded) []spot { return h.events(Ring, procAtEnd) }, spot.remove, []Property{OneRing, ViewArithmetic, SameSet}},
}

func isRegular(s Step) bool { return s.Kind == LifeRegular }

// told says that a decision is not the first of its life: only from that on the client follows them.
func told(l *Life, i int) bool {
	return slices.ContainsFunc(l.Steps[:i], func(s Step) bool { return s.Kind == LifeQuorum })
}

// One damage of each kind, at a random place of each history, is found by the right rule.
func TestRandomDamageIsFound(t *testing.T) {
	first, n := histories(t)
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			done := 0
			for seed := first; seed < first+n; seed++ {
				h := makeHistory(seed)
				places := d.at(&h)
				if len(places) == 0 {
					continue
				}
				done++
				s := places[rand.New(rand.NewPCG(seed, 9)).IntN(len(places))]
				d.do(s)
				vs := h.judge()
				if !slices.ContainsFunc(vs, func(v Violation) bool { return slices.Contains(d.want, v.Property) && len(v.Events) > 0 }) {
					t.Fatalf("HISTORY=%d: not found at %+v; reported:\n%s", seed, s, Report(vs))
				}
			}
			if done*4 < int(n) {
				t.Errorf("only %d of %d histories can be damaged so", done, n)
			}
		})
	}
}
