package main

import (
	"container/heap"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/totem"
)

// Bounds of corosync-vqsim.
const (
	maxNodes      = 1024
	maxPartitions = 16
)

// syncDelay is the time from hearing of a membership to activating it.
const syncDelay = 10 * time.Millisecond

// event is something that happens at a point of time; events of one time happen in the order of their making.
type event struct {
	at   clock.Instant
	seq  uint64
	work bool // what a command waits for; not a timeout of the engine, nor a poll of the quorum device
	fn   func()
}

type agenda []*event

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].seq < a[j].seq
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(*event)) }
func (a *agenda) Pop() any {
	old := *a
	e := old[len(old)-1]
	*a = old[:len(old)-1]
	return e
}

// partition is a set of nodes that hear each other, in the order they came.
type partition struct {
	num   int
	ring  totem.RingID
	nodes []*node
}

// status is what a node last said of its quorum.
type status struct {
	known   bool
	quorate bool
	ring    totem.RingID
	view    []totem.NodeID
}

// sim is the whole simulation: the bus, the clock and the commands.
type sim struct {
	clock      *clock.Manual
	seq        uint64
	agenda     agenda
	working    int // events with work set
	partitions [maxPartitions]*partition
	conf       *icmap.Map
	logs       logsys.Factory

	out, errOut io.Writer
	sync        bool // wait for each command and show all; otherwise show what nodes say when they say it
	autofence   bool
	checkFence  bool // the next quorate node fences the others
	quit        bool

	// stagger delays the activation on a node, which decides whether the messages of one node reach another before it has
	// activated itself; lag delays what it hears. Real nodes race here.
	stagger, lag func(id totem.NodeID) time.Duration
	// activations counts the memberships that nodes have activated, by node.
	activations map[totem.NodeID]int
}

// newSim reads the configuration file and makes a node for each one of the nodelist.
func newSim(path string, out, errOut io.Writer, sync bool, logs logsys.Factory) (*sim, error) {
	s := &sim{
		clock: clock.NewManual(), conf: icmap.New(), logs: logs, out: out, errOut: errOut, sync: sync,
		activations: map[totem.NodeID]int{},
	}
	s.stagger, s.lag = inStep, inStep
	for i := range s.partitions {
		s.partitions[i] = &partition{num: i, ring: totem.RingID{Rep: totem.NodeID(1000 + i)}}
	}
	if _, err := config.ParseFile(path, config.OS{}, s.conf); err != nil {
		return nil, err
	}
	return s, nil
}

// inStep is the delay of nodes that do not race: all activate before any message moves.
func inStep(totem.NodeID) time.Duration { return 0 }

// boot starts the nodes of the nodelist in partition 0.
func (s *sim) boot() error {
	for key := range s.conf.All("nodelist.node.") {
		base, ok := strings.CutSuffix(key, ".ring0_addr")
		if !ok {
			continue
		}
		if id, err := s.conf.GetUint32(base + ".nodeid"); err == nil {
			if err := s.start(totem.NodeID(id), s.partitions[0]); err != nil {
				return err
			}
		}
	}
	s.settle()
	if s.sync {
		s.show()
	}
	return nil
}

// after makes an event.
func (s *sim) after(d time.Duration, work bool, fn func()) *event {
	s.seq++
	e := &event{at: s.clock.Now().Add(d), seq: s.seq, work: work, fn: fn}
	heap.Push(&s.agenda, e)
	if work {
		s.working++
	}
	return e
}

// step runs the next event up to end; false if there is none.
func (s *sim) step(end clock.Instant) bool {
	if len(s.agenda) == 0 || end.Before(s.agenda[0].at) {
		return false
	}
	e := heap.Pop(&s.agenda).(*event)
	s.clock.Set(e.at)
	if e.work {
		s.working--
	}
	if e.fn != nil {
		e.fn()
	}
	return true
}

// settle lets time pass until only timeouts are pending.
func (s *sim) settle() {
	for s.working > 0 && s.step(clock.Never) {
	}
}

// wait lets d pass and then what it has started come to an end.
func (s *sim) wait(d time.Duration) {
	end := s.clock.Now().Add(d)
	for s.step(end) {
	}
	s.clock.Set(max(end, s.clock.Now()))
	s.settle()
}

func (s *sim) find(id totem.NodeID) *node {
	for _, p := range s.partitions {
		for _, n := range p.nodes {
			if n.id == id {
				return n
			}
		}
	}
	return nil
}

// start makes a node and tells its partition.
func (s *sim) start(id totem.NodeID, p *partition) error {
	if n := s.find(id); n != nil {
		err := fmt.Errorf("nodeid %d already exists in partition %d", id, n.part.num)
		fmt.Fprintf(s.errOut, "ERR: %v\n", err)
		return err
	}
	n := newNode(s, id, p)
	p.nodes = append(p.nodes, n)
	s.after(s.lag(n.id), true, n.boot)
	s.announce(p, true)
	return nil
}

// announce tells the nodes of a partition who they are; newRing as a new ring.
func (s *sim) announce(p *partition, newRing bool) {
	if newRing {
		p.ring.Seq += 4
	}
	members := make([]totem.NodeID, len(p.nodes))
	for i, n := range p.nodes {
		members[i] = n.id
	}
	if len(members) > 0 {
		p.ring.Rep = members[0]
	}
	ring := p.ring
	for _, n := range p.nodes {
		s.after(s.lag(n.id), true, func() { n.receiveSync(members, ring) })
	}
}

func (s *sim) announceAll(newRing bool) {
	s.checkFence = true
	for _, p := range s.partitions {
		s.announce(p, newRing)
	}
}

// broadcast passes a message of a node to its partition.
func (s *sim) broadcast(from *node, msg []byte) {
	for _, n := range from.part.nodes {
		s.after(s.lag(n.id), true, func() { n.receive(from.id, msg) })
	}
}

// report takes what a node says of its quorum.
func (s *sim) report(n *node, st status) {
	n.last = st
	if s.checkFence && st.quorate && s.autofence {
		s.checkFence = false
		for _, p := range s.partitions {
			for _, o := range p.nodes {
				s.after(0, true, func() {
					if o.alive && !o.quorate {
						o.exit("Quit (autofenced)")
					}
				})
			}
		}
	}
	if !s.sync {
		s.print(n)
	}
}

func (s *sim) print(n *node) {
	if !n.last.known {
		fmt.Fprintf(s.out, "%d:%d: q=UNINITIALIZED\n", n.part.num, n.id)
		return
	}
	q := 0
	if n.last.quorate {
		q = 1
	}
	view := strings.Trim(fmt.Sprint(n.last.view), "[]")
	fmt.Fprintf(s.out, "%d:%d: q=%d ring=[%x.%x] nodes=[%s]\n",
		n.part.num, n.id, q, uint32(n.last.ring.Rep), n.last.ring.Seq, view)
}

// show prints the state of all nodes.
func (s *sim) show() {
	for _, p := range s.partitions {
		for _, n := range p.nodes {
			s.print(n)
		}
	}
	fmt.Fprintf(s.out, "#autofence: %s\n", onOff(s.autofence))
}

// exited removes a node that has ended and tells its partition.
func (s *sim) exited(n *node, how string) {
	fmt.Fprintf(s.out, "%d:%d: %s\n", n.part.num, n.id, how)
	n.part.nodes = slices.DeleteFunc(n.part.nodes, func(o *node) bool { return o == n })
	s.announce(n.part, true)
}

// move takes nodes into a partition.
func (s *sim) move(to *partition, ids []totem.NodeID) {
	for _, id := range ids {
		n := s.find(id)
		if n == nil {
			fmt.Fprintf(s.out, "ERR: node %d does not exist\n", id)
			continue
		}
		s.moveNode(n, to)
	}
}

func (s *sim) moveNode(n *node, to *partition) {
	n.part.nodes = slices.DeleteFunc(n.part.nodes, func(o *node) bool { return o == n })
	to.nodes = append(to.nodes, n)
	n.part = to
}

var errPartition = errors.New("no such partition")

func (s *sim) partition(num int) (*partition, error) {
	if num < 0 || num >= maxPartitions {
		return nil, errPartition
	}
	return s.partitions[num], nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
