package srp

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// The simulation runs the machines of a cluster on a network that loses, delays, duplicates and reorders frames, in virtual
// time, from one seed. Everything that happens is recorded in histories, which check_test.go judges.

const testMTU = 1410

func testConfig(id totem.NodeID) Config {
	return Config{
		NodeID:              id,
		NetMTU:              testMTU,
		Token:               1000 * time.Millisecond,
		TokenWarning:        75,
		TokenRetransmit:     238 * time.Millisecond,
		Hold:                180 * time.Millisecond,
		Join:                50 * time.Millisecond,
		Consensus:           1200 * time.Millisecond,
		Merge:               200 * time.Millisecond,
		FailRecvConst:       2500,
		SeqnoUnchangedConst: 30,
		MaxNetworkDelay:     50 * time.Millisecond,
		WindowSize:          50,
		MaxMessages:         17,
		MissCountConst:      5,
		Check:               true,
	}
}

// testSource is a plain version of pg: two queues of ready frames.
type testSource struct {
	queues   [2][][]byte // ordinary, transitional
	sendTran bool
	pulled   func(frame []byte)
	flushes  int
}

func (s *testSource) queue(frame []byte) {
	i := 0
	if s.sendTran {
		i = 1
	}
	s.queues[i] = append(s.queues[i], frame)
}

func (s *testSource) Flush() { s.flushes++ }

func (s *testSource) Pending(transitional bool) int {
	if transitional {
		return len(s.queues[1])
	}
	return len(s.queues[0]) + len(s.queues[1])
}

func (s *testSource) Next(dst []byte, transitional bool) (int, totem.Guarantee, bool) {
	q := &s.queues[0]
	if transitional || len(s.queues[1]) > 0 {
		q = &s.queues[1]
	}
	if len(*q) == 0 {
		return 0, 0, false
	}
	f := (*q)[0]
	*q = (*q)[1:]
	if s.pulled != nil {
		s.pulled(f)
	}
	return copy(dst, f), totem.Agreed, true
}

// testLog writes to the transcript of the world.
type testLog struct {
	w  *world
	id totem.NodeID
}

func (l testLog) print(level, format string, args ...any) {
	if l.w.logf != nil {
		l.w.logf("%s %d %s %s", l.w.stamp(), l.id, level, fmt.Sprintf(format, args...))
	}
}
func (l testLog) Errorf(format string, args ...any)   { l.print("error", format, args...) }
func (l testLog) Warningf(format string, args ...any) { l.print("warning", format, args...) }
func (l testLog) Noticef(format string, args ...any)  { l.print("notice", format, args...) }
func (l testLog) Debugf(format string, args ...any)   { l.print("debug", format, args...) }

// event is what one incarnation of a node handed up.
type event struct {
	at     clock.Instant
	config *totem.Configuration // or a delivery:
	from   totem.NodeID
	msg    uint64
}

// history is the life of one incarnation.
type history struct {
	id      totem.NodeID
	life    int
	events  []event
	sent    []uint64 // pulled by the machine, in order
	crashed bool
}

type node struct {
	id        totem.NodeID
	w         *world
	m         *Machine
	src       *testSource
	up        bool
	life      int
	storedSeq uint64
	counter   uint64
	hist      *history
	group     int // partition; only nodes of one group hear each other
	foreign   bool
	ackAt     clock.Instant
	pauseTo   clock.Instant
}

type packet struct {
	at    clock.Instant
	order int
	to    *node
	life  int
	frame []byte
}

type packets []packet

func (p packets) Len() int { return len(p) }
func (p packets) Less(i, j int) bool {
	if p[i].at != p[j].at {
		return p[i].at < p[j].at
	}
	return p[i].order < p[j].order
}
func (p packets) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *packets) Push(x any)   { *p = append(*p, x.(packet)) }
func (p *packets) Pop() any {
	old := *p
	x := old[len(old)-1]
	*p = old[:len(old)-1]
	return x
}

type world struct {
	t     *testing.T
	rnd   *rand.Rand
	now   clock.Instant
	start clock.Instant
	nodes []*node
	net   packets
	order int
	logf  func(format string, args ...any)

	config    func(*Config)
	delay     func() time.Duration
	ackDelay  func() time.Duration
	loss, dup float64
	// drop, if set, decides about single frames.
	drop    func(from, to *node, frame []byte) bool
	onSend  func(from *node, to totem.NodeID, frame []byte)
	onEvent func(n *node, e event)
	keep    bool // histories are recorded
	hists   []*history
}

func newWorld(t *testing.T, seed int64, n int) *world {
	w := &world{t: t, rnd: rand.New(rand.NewSource(seed)), now: clock.Instant(time.Second), keep: true}
	w.start = w.now
	w.delay = func() time.Duration { return 100 * time.Microsecond }
	w.ackDelay = func() time.Duration { return time.Millisecond }
	for i := range n {
		w.nodes = append(w.nodes, &node{id: totem.NodeID(i + 1), w: w, ackAt: clock.Never})
	}
	return w
}

func (w *world) stamp() string {
	d := w.now.Sub(w.start)
	return fmt.Sprintf("%3d.%06d", d/time.Second, d%time.Second/time.Microsecond)
}

func (w *world) node(id totem.NodeID) *node { return w.nodes[id-1] }

func (n *node) boot() {
	cfg := testConfig(n.id)
	if n.w.config != nil {
		n.w.config(&cfg)
	}
	cfg.StoredSeq = n.storedSeq
	n.life++
	n.up = true
	n.hist = &history{id: n.id, life: n.life}
	if n.w.keep {
		n.w.hists = append(n.w.hists, n.hist)
	}
	h := n.hist
	n.src = &testSource{sendTran: true, pulled: func(f []byte) { h.sent = append(h.sent, msgID(f)) }}
	n.ackAt = clock.Never
	n.m = New(cfg, rand.New(rand.NewSource(n.w.rnd.Int63())), testLog{n.w, n.id}, n.src)
	n.m.InterfaceUp(n.w.now)
	n.execute()
}

func (n *node) crash() {
	n.up = false
	n.hist.crashed = true
	n.m = nil
}

func (n *node) leave() {
	n.m.Leave(n.w.now)
	n.execute()
	n.crash()
}

// send makes the application send a message of the given size.
func (n *node) send(size int) uint64 {
	n.counter++
	id := uint64(n.id)<<48 | uint64(n.life)<<32 | n.counter
	f := make([]byte, max(size, 8))
	binary.LittleEndian.PutUint64(f, id)
	n.src.queue(f)
	n.m.Wake(n.w.now)
	n.execute()
	return id
}

func msgID(frame []byte) uint64 {
	if len(frame) < 8 {
		return 0 // from an attacker
	}
	return binary.LittleEndian.Uint64(frame)
}

// execute does what the machine wants done.
func (n *node) execute() {
	w := n.w
	for _, o := range n.m.Outputs() {
		switch o.Kind {
		case Unicast:
			if w.onSend != nil {
				w.onSend(n, o.To, o.Frame)
			}
			if o.Loop {
				w.loop(n, o.Frame)
			} else if int(o.To) <= len(w.nodes) && o.To > 0 {
				w.transmit(n, w.node(o.To), o.Frame)
			}
		case Multicast:
			if w.onSend != nil {
				w.onSend(n, 0, o.Frame)
			}
			if o.Loop {
				w.loop(n, o.Frame)
			}
			for _, to := range w.nodes {
				if to != n {
					w.transmit(n, to, o.Frame)
				}
			}
		case Deliver:
			n.record(event{at: w.now, from: o.From, msg: msgID(o.Frame)})
		case SendTransitional:
			n.src.sendTran = o.On
		case ConfigurationChange:
			c := *o.Configuration
			n.record(event{at: w.now, config: &c})
			if c.Type == totem.RegularConfiguration {
				n.ackAt = w.now.Add(w.ackDelay())
			}
		case Notice:
			testLog{w, n.id}.Noticef("%s", o.Text)
		case StoreRing:
			n.storedSeq = o.Seq
		case Drain:
			w.drain(n)
		}
	}
	n.m.ClearOutputs()
}

func (n *node) record(e event) {
	if n.w.onEvent != nil {
		n.w.onEvent(n, e)
	}
	if n.w.keep {
		n.hist.events = append(n.hist.events, e)
	}
}

func (w *world) drain(n *node) {
	w.net = slices.DeleteFunc(w.net, func(p packet) bool { return p.to == n && p.at <= w.now })
	heap.Init(&w.net)
}

func (w *world) loop(n *node, frame []byte) {
	w.order++
	heap.Push(&w.net, packet{at: w.now, order: w.order, to: n, life: n.life, frame: slices.Clone(frame)})
}

func (w *world) transmit(from, to *node, frame []byte) {
	if !to.up || from.group != to.group {
		return
	}
	if w.drop != nil && w.drop(from, to, frame) {
		return
	}
	if w.loss > 0 && w.rnd.Float64() < w.loss {
		return
	}
	copies := 1
	if w.dup > 0 && w.rnd.Float64() < w.dup {
		copies = 2
	}
	f := slices.Clone(frame)
	if from.foreign != to.foreign {
		f = swapFrame(w.t, f)
	}
	for range copies {
		w.order++
		heap.Push(&w.net, packet{at: w.now.Add(w.delay()), order: w.order, to: to, life: to.life, frame: f})
	}
}

// next returns when something happens next.
func (w *world) next() clock.Instant {
	at := clock.Never
	if len(w.net) > 0 {
		at = w.net[0].at
	}
	for _, n := range w.nodes {
		if n.up {
			at = min(at, max(min(n.m.NextDeadline(), n.ackAt), n.pauseTo))
		}
	}
	return at
}

// run lets time pass until the instant.
func (w *world) run(until clock.Instant) {
	for steps := 0; ; steps++ {
		at := w.next()
		if at > until {
			w.now = max(w.now, until)
			return
		}
		if steps > 5_000_000 {
			w.t.Fatalf("%s: time does not pass", w.stamp())
		}
		w.now = max(w.now, at)
		w.turn()
	}
}

func (w *world) runFor(d time.Duration) { w.run(w.now.Add(d)) }

// turn lets every node handle what has arrived, and its timers.
func (w *world) turn() {
	batches := make([][][]byte, len(w.nodes))
	for len(w.net) > 0 && w.net[0].at <= w.now {
		p := heap.Pop(&w.net).(packet)
		if p.to.up && p.life == p.to.life {
			if p.to.pauseTo > w.now {
				p.at = p.to.pauseTo
				heap.Push(&w.net, p)
				continue
			}
			i := p.to.id - 1
			batches[i] = append(batches[i], p.frame)
		}
	}
	for i, n := range w.nodes {
		if !n.up || n.pauseTo > w.now {
			continue
		}
		for batch := batches[i]; len(batch) > 0; {
			k := n.m.Step(w.now, batch)
			if k <= 0 || k > len(batch) {
				w.t.Fatalf("Step consumed %d of %d frames", k, len(batch))
			}
			batch = batch[k:]
			n.execute()
		}
		if n.m.NextDeadline() <= w.now {
			n.m.Advance(w.now)
			n.execute()
		}
		if n.ackAt <= w.now {
			n.ackAt = clock.Never
			n.m.TransAck(w.now)
			n.execute()
		}
	}
}

// formed reports whether all nodes that are up are in one ring of exactly those.
func (w *world) formed() bool {
	var up []totem.NodeID
	var first *node
	for _, n := range w.nodes {
		if n.up {
			up = append(up, n.id)
			if first == nil {
				first = n
			}
		}
	}
	for _, n := range w.nodes {
		if n.up && (n.m.State() != Operational || n.m.Ring() != first.m.Ring() || !slices.Equal(n.m.Members(), up)) {
			return false
		}
	}
	return true
}

// runUntilFormed waits for one ring of all nodes.
func (w *world) runUntilFormed(limit time.Duration) {
	w.t.Helper()
	for end := w.now.Add(limit); !w.formed(); {
		if w.now >= end {
			w.t.Fatalf("%s: no common ring after %v: %s", w.stamp(), limit, w.states())
		}
		w.runFor(time.Millisecond)
	}
}

func (w *world) states() string {
	var b strings.Builder
	for _, n := range w.nodes {
		if n.up {
			fmt.Fprintf(&b, "[%d %v %v members %v proc %v failed %v consensus %v]", n.id, n.m.State(), n.m.Ring(), n.m.Members(),
				n.m.proc, n.m.failed, n.m.consensus)
		}
	}
	return b.String()
}

// swapFrame returns the frame as a machine of the other byte order would have sent it.
func swapFrame(t *testing.T, frame []byte) []byte {
	h, err := wire.ParseHeader(frame)
	if err != nil {
		t.Fatal(err)
	}
	type message interface {
		Parse([]byte) error
		Append([]byte) []byte
		AppendForeign([]byte) []byte
	}
	if h.Type == wire.TypeMcast {
		m := &wire.Mcast{}
		if err := m.Parse(frame); err != nil {
			t.Fatal(err)
		}
		if m.Encapsulated {
			m.Payload = swapFrame(t, m.Payload)
		}
		if h.Foreign {
			return m.Append(nil)
		}
		return m.AppendForeign(nil)
	}
	m := [wire.NumTypes]message{&wire.Token{}, nil, &wire.MergeDetect{}, &wire.Join{}, &wire.CommitToken{}, &wire.HoldCancel{}}[h.Type]
	if err := m.Parse(frame); err != nil {
		t.Fatal(err)
	}
	if h.Foreign {
		return m.Append(nil)
	}
	return m.AppendForeign(nil)
}
