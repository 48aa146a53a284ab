package memnet

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/loop/simloop"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/transport"
)

// Conditions are how a direction of a link behaves. Probabilities are between 0 and 1.
type Conditions struct {
	// Delay is the least time under way; up to Jitter, evenly distributed, is added.
	Delay, Jitter time.Duration
	// Loss, Duplicate and Reorder are the parts of the datagrams that are lost, arrive twice, or are overtaken. A
	// datagram that is overtaken takes up to ReorderBy longer.
	Loss, Duplicate, Reorder float64
	ReorderBy                time.Duration
}

// DefaultQueue is the number of datagrams that an endpoint's receive queue holds: about what a receive buffer of
// 2179072 bytes holds of full frames.
const DefaultQueue = 1500

type pair struct{ from, to totem.NodeID }

// direction is the state of one direction between two nodes.
type direction struct {
	conditions *Conditions // nil: those of the network
	cut        bool
	last       clock.Instant // arrival of the last datagram that kept the order
}

// Network connects endpoints. The zero value is not usable; see New.
type Network struct {
	world *simloop.World
	rnd   *rand.Rand
	usual Conditions
	queue int
	ends  map[totem.NodeID]*Endpoint
	dirs  map[pair]*direction
	group map[totem.NodeID]int // of a partition; nil without one
	free  [][]byte
	idle  []*datagram
	tap   func(from, to totem.NodeID, frame []byte)
	drop  func(from, to totem.NodeID, frame []byte) bool
}

// New returns a network without nodes. All its chance comes from seed.
func New(world *simloop.World, seed uint64, c Conditions) *Network {
	return &Network{
		world: world,
		rnd:   rand.New(rand.NewPCG(seed, 0x6d656d6e6574)),
		usual: c,
		queue: DefaultQueue,
		ends:  make(map[totem.NodeID]*Endpoint),
		dirs:  make(map[pair]*direction),
	}
}

// SetConditions changes the conditions of all directions that have none of their own.
func (n *Network) SetConditions(c Conditions) { n.usual = c }

// SetDirection gives the direction from one node to another conditions of its own; nil takes them away.
func (n *Network) SetDirection(from, to totem.NodeID, c *Conditions) {
	n.direction(from, to).conditions = c
}

// SetQueue changes the size of the receive queues, in datagrams.
func (n *Network) SetQueue(datagrams int) { n.queue = datagrams }

// Tap calls fn for every datagram that is sent, before its fate is decided. The frame is valid during the call.
func (n *Network) Tap(fn func(from, to totem.NodeID, frame []byte)) { n.tap = fn }

// Drop loses the datagrams for which fn returns true; nil ends it.
func (n *Network) Drop(fn func(from, to totem.NodeID, frame []byte) bool) { n.drop = fn }

// Cut stops (or with false restores) the direction from one node to another.
func (n *Network) Cut(from, to totem.NodeID, cut bool) { n.direction(from, to).cut = cut }

// Partition splits the nodes: datagrams pass only within a group. A node in no group is alone. It replaces an earlier
// partition, and comes on top of cuts.
func (n *Network) Partition(groups ...[]totem.NodeID) {
	n.group = make(map[totem.NodeID]int)
	for i, g := range groups {
		for _, id := range g {
			n.group[id] = i + 1
		}
	}
}

// Heal ends the partition and all cuts.
func (n *Network) Heal() {
	n.group = nil
	for _, d := range n.dirs {
		d.cut = false
	}
}

// Join ends the partition; cuts remain.
func (n *Network) Join() { n.group = nil }

// passes reports whether a direction is open.
func (n *Network) passes(from, to totem.NodeID, d *direction) bool {
	return !d.cut && (n.group == nil || n.group[from] != 0 && n.group[from] == n.group[to])
}

func (n *Network) direction(from, to totem.NodeID) *direction {
	k := pair{from, to}
	d := n.dirs[k]
	if d == nil {
		d = &direction{}
		n.dirs[k] = d
	}
	return d
}

// datagram is one copy of a frame under way.
type datagram struct {
	net      *Network
	from, to totem.NodeID
	dir      *direction
	data     []byte
	arriveFn func()
}

// send decides what becomes of a datagram.
func (n *Network) send(from, to totem.NodeID, d *direction, frame []byte) {
	if n.tap != nil {
		n.tap(from, to, frame)
	}
	if !n.passes(from, to, d) || n.drop != nil && n.drop(from, to, frame) {
		return
	}
	c := d.conditions
	if c == nil {
		c = &n.usual
	}
	copies := 1
	if n.chance(c.Loss) {
		copies = 0
	}
	if n.chance(c.Duplicate) {
		copies++
	}
	for range copies {
		at := n.world.Now().Add(c.Delay + n.upTo(c.Jitter))
		if n.chance(c.Reorder) {
			at = at.Add(n.upTo(c.ReorderBy))
		} else {
			at = max(at, d.last)
			d.last = at
		}
		var g *datagram
		if k := len(n.idle); k > 0 {
			g = n.idle[k-1]
			n.idle = n.idle[:k-1]
		} else {
			g = &datagram{net: n}
			g.arriveFn = g.arrive
		}
		g.from, g.to, g.dir, g.data = from, to, d, append(n.buffer(), frame...)
		n.world.Do(at.Sub(n.world.Now()), g.arriveFn)
	}
}

// arrive ends the way of a datagram. The link is looked at again: a cut also stops what is under way.
func (g *datagram) arrive() {
	n, data := g.net, g.data
	g.data = nil
	n.idle = append(n.idle, g)
	e := n.ends[g.to]
	if e == nil || !n.passes(g.from, g.to, g.dir) || !e.arrive(g.from, data) {
		n.free = append(n.free, data)
	}
}

func (n *Network) chance(p float64) bool { return p > 0 && n.rnd.Float64() < p }

func (n *Network) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(n.rnd.Int64N(int64(d) + 1))
}

func (n *Network) buffer() []byte {
	if k := len(n.free); k > 0 {
		b := n.free[k-1]
		n.free = n.free[:k-1]
		return b[:0]
	}
	return make([]byte, 0, 2048)
}

// Endpoint is the transport of one process. It implements transport.Transport.
type Endpoint struct {
	net     *Network
	id      totem.NodeID
	loop    *simloop.Node
	handler transport.Handler
	members []transport.Member
	dirs    []*direction // to each member
	readFn  func()
	block   bool
	closed  bool
	up      bool

	queue   [][]byte
	reading [][]byte
	pending bool // a turn that reads the queue has been asked for
	stats   transport.Stats
}

// Endpoint returns the transport of a process that takes the place of node id, and of any earlier process of that node.
func (n *Network) Endpoint(id totem.NodeID, loop *simloop.Node) *Endpoint {
	e := &Endpoint{net: n, id: id, loop: loop, up: true, block: true}
	e.readFn = e.read
	return e
}

// Start connects the endpoint.
func (e *Endpoint) Start(h transport.Handler) error {
	e.handler = h
	e.net.ends[e.id] = e
	e.loop.Next(e.report)
	return nil
}

// Close disconnects the endpoint.
func (e *Endpoint) Close() {
	e.closed = true
	if e.net.ends[e.id] == e {
		delete(e.net.ends, e.id)
	}
	e.Discard()
}

func (e *Endpoint) report() {
	if !e.closed {
		e.handler.Interface(e.up)
	}
}

// SetInterface takes the node's interface down or up.
func (e *Endpoint) SetInterface(up bool) {
	if e.up != up {
		e.up = up
		e.loop.Next(e.report)
	}
}

// Send sends packets.
func (e *Endpoint) Send(batch []transport.Packet) {
	if e.closed || !e.up {
		return
	}
	e.stats.TxCalls++
	for _, p := range batch {
		for i := range e.members {
			to := e.members[i].ID
			if to == e.id || p.To != 0 && p.To != to {
				continue
			}
			e.stats.TxDatagrams++
			e.stats.TxBytes += uint64(len(p.Frame))
			e.net.send(e.id, to, e.dirs[i], p.Frame)
		}
	}
}

// arrive puts a datagram into the receive queue. False means that it is dropped.
func (e *Endpoint) arrive(from totem.NodeID, data []byte) bool {
	if e.closed || !e.up || len(e.queue) >= e.net.queue {
		return false
	}
	if e.block && !e.member(from) {
		e.stats.RxRejected++
		return false
	}
	e.queue = append(e.queue, data)
	if !e.pending {
		e.pending = true
		e.loop.Input(e.readFn)
	}
	return true
}

// read hands over all that is in the queue.
func (e *Endpoint) read() {
	e.pending = false
	if e.closed || len(e.queue) == 0 {
		return
	}
	e.queue, e.reading = e.reading[:0], e.queue
	e.stats.RxCalls++
	for _, f := range e.reading {
		e.stats.RxDatagrams++
		e.stats.RxBytes += uint64(len(f))
	}
	e.handler.Receive(e.reading)
	e.net.free = append(e.net.free, e.reading...)
	clear(e.reading)
}

// Discard drops what has arrived.
func (e *Endpoint) Discard() {
	e.net.free = append(e.net.free, e.queue...)
	clear(e.queue)
	e.queue = e.queue[:0]
}

func (e *Endpoint) member(id totem.NodeID) bool {
	for i := range e.members {
		if e.members[i].ID == id {
			return true
		}
	}
	return false
}

// SetMembers replaces the list of members.
func (e *Endpoint) SetMembers(members []transport.Member) error {
	e.members = append(e.members[:0], members...)
	e.dirs = e.dirs[:0]
	for i := range members {
		e.dirs = append(e.dirs, e.net.direction(e.id, members[i].ID))
	}
	return nil
}

// SetBlockUnlisted says whether datagrams of nodes that are not listed are dropped.
func (e *Endpoint) SetBlockUnlisted(block bool) { e.block = block }

// CheckInterfaces does nothing: SetInterface reports by itself.
func (e *Endpoint) CheckInterfaces() {}

// RingStatus describes the only link.
func (e *Endpoint) RingStatus() []totem.RingStatus {
	return []totem.RingStatus{{Name: "0 " + strconv.Itoa(int(e.id)), Status: "OK"}}
}

// NodeStatus describes a node as udpu would.
func (e *Endpoint) NodeStatus(id totem.NodeID, reachable bool) (totem.NodeStatus, bool) {
	var addr netip.Addr
	for i := range e.members {
		if e.members[i].ID == id {
			addr = e.members[i].Addrs[0]
		}
	}
	return transport.SimpleStatus(id, addr, 0, reachable, e.up), true
}

// Stats returns the counters.
func (e *Endpoint) Stats() transport.Stats { return e.stats }
