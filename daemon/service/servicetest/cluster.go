package servicetest

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/syncengine"
	"github.com/corosync-go/corosync/daemon/totem"
)

// maxRotations bounds Run: more token rotations than this without rest are a livelock.
const maxRotations = 10000

// Cluster is a set of nodes with a common clock.
type Cluster struct {
	T     testing.TB
	Clock *clock.Manual
	nodes map[totem.NodeID]*Node
	order []totem.NodeID
	timer []*timer
	seq   uint64
}

// Node is one daemon: its router, map and fakes.
type Node struct {
	Cluster *Cluster
	ID      totem.NodeID
	Router  *service.Router
	DB      *icmap.Map
	Ring    *Ring
	Host    *Host
	// FlowChanges counts calls of OnFlow, Ready those of OnReady.
	FlowChanges, Ready int
	conns              []*Conn
}

// Option changes the configuration of a node's router before it is made.
type Option func(*service.Config)

// New makes a cluster of nodes 1 to n; setup loads the engines of each.
func New(t testing.TB, n int, setup func(*Node), opts ...Option) *Cluster {
	c := &Cluster{T: t, Clock: clock.NewManual(), nodes: map[totem.NodeID]*Node{}}
	for id := totem.NodeID(1); id <= totem.NodeID(n); id++ {
		c.nodes[id] = c.newNode(id, setup, opts)
		c.order = append(c.order, id)
	}
	return c
}

func (c *Cluster) newNode(id totem.NodeID, setup func(*Node), opts []Option) *Node {
	n := &Node{Cluster: c, ID: id, DB: icmap.New()}
	n.Ring = &Ring{node: n, Max: 1 << 21, waitingAck: true, id: totem.RingID{Rep: id}}
	n.Host = &Host{Node: n}
	cfg := service.Config{
		NodeID:    id,
		Ring:      n.Ring,
		Scheduler: c,
		DB:        n.DB,
		Logs:      logsys.ToTest(c.T, logsys.Notice),
		Host:      n.Host,
		OnFlow:    func() { n.FlowChanges++ },
		OnReady:   func() { n.Ready++ },
		OnUnload:  n.unload,
	}
	for _, o := range opts {
		o(&cfg)
	}
	n.Router = service.New(cfg)
	n.Router.SetSynchronizer(syncengine.NewRunner(n.Router, cfg.Logs.Logger("SYNC")))
	if setup != nil {
		setup(n)
	}
	return n
}

// Node returns a node.
func (c *Cluster) Node(id totem.NodeID) *Node { return c.nodes[id] }

// Restart replaces a node by a fresh one, which is in no ring yet.
func (c *Cluster) Restart(id totem.NodeID, setup func(*Node), opts ...Option) *Node {
	c.nodes[id] = c.newNode(id, setup, opts)
	return c.nodes[id]
}

// Load loads an engine or ends the test.
func (n *Node) Load(e service.Engine) {
	n.Cluster.T.Helper()
	if err := n.Router.Load(e); err != nil {
		n.Cluster.T.Fatal(err)
	}
}

// Now is the time of the cluster.
func (c *Cluster) Now() clock.Instant { return c.Clock.Now() }

type timer struct {
	at  clock.Instant
	seq uint64
	fn  func()
}

func (t *timer) Stop() { t.fn = nil }

// After runs fn when Advance has come that far.
func (c *Cluster) After(d time.Duration, fn func()) service.Timer {
	c.seq++
	t := &timer{at: c.Clock.Now().Add(d), seq: c.seq, fn: fn}
	c.timer = append(c.timer, t)
	return t
}

// Advance moves the clock on by d and runs what comes due, in order, with the ring at rest after each.
func (c *Cluster) Advance(d time.Duration) {
	end := c.Clock.Now().Add(d)
	for {
		var next *timer
		for _, t := range c.timer {
			if t.fn != nil && !end.Before(t.at) && (next == nil || t.at < next.at || t.at == next.at && t.seq < next.seq) {
				next = t
			}
		}
		if next == nil {
			break
		}
		c.timer = slices.DeleteFunc(c.timer, func(t *timer) bool { return t == next || t.fn == nil })
		if c.Clock.Now().Before(next.at) {
			c.Clock.Set(next.at)
		}
		next.fn()
		c.Run()
	}
	if c.Clock.Now().Before(end) {
		c.Clock.Set(end)
	}
}

// FormQuiet makes the given nodes one ring and hands out both configurations, but lets no token rotate: messages of the
// synchronisation are queued and not delivered. Members that shared a ring before come along together.
func (c *Cluster) FormQuiet(ids ...totem.NodeID) {
	slices.Sort(ids)
	next := totem.RingID{Rep: ids[0]}
	for _, id := range ids {
		next.Seq = max(next.Seq, c.nodes[id].Ring.id.Seq)
	}
	next.Seq += 4
	type plan struct{ trans, regular *totem.Configuration }
	plans := map[totem.NodeID]plan{}
	for _, id := range ids {
		r := c.nodes[id].Ring
		var trans, left, joined []totem.NodeID
		for _, m := range r.members {
			if slices.Contains(ids, m) && c.nodes[m].Ring.id == r.id {
				trans = append(trans, m)
			} else {
				left = append(left, m)
			}
		}
		for _, m := range ids {
			if !slices.Contains(trans, m) {
				joined = append(joined, m)
			}
		}
		plans[id] = plan{
			&totem.Configuration{Type: totem.TransitionalConfiguration, Ring: next, Members: trans, Left: left},
			&totem.Configuration{Type: totem.RegularConfiguration, Ring: next, Members: slices.Clone(ids), Joined: joined},
		}
	}
	for _, id := range ids {
		n := c.nodes[id]
		n.Router.Confchg(plans[id].trans)
		n.Ring.id, n.Ring.members = next, slices.Clone(ids)
		n.Ring.waitingAck = true
		n.Router.Confchg(plans[id].regular)
	}
}

// Form is FormQuiet and Run.
func (c *Cluster) Form(ids ...totem.NodeID) {
	c.T.Helper()
	c.FormQuiet(ids...)
	c.Run()
}

// Run lets the token of every ring rotate until no node has anything to send and no work waits for the token.
func (c *Cluster) Run() {
	c.T.Helper()
	for range maxRotations {
		if !c.Rotate() {
			return
		}
	}
	c.T.Fatalf("ring not at rest after %d rotations", maxRotations)
}

// Rotate passes the token once around every ring, and says whether anything happened.
func (c *Cluster) Rotate() (moved bool) {
	for _, id := range c.order {
		if n := c.nodes[id]; len(n.Ring.members) > 0 && !n.Ring.Stopped && n.visit() {
			moved = true
		}
	}
	return moved
}

// visit is one token visit: send what is queued, pass on the token, deliver.
func (n *Node) visit() (moved bool) {
	r := n.Ring
	moved = r.poked
	r.poked = false
	q := &r.normal
	if r.waitingAck {
		q = &r.trans
	}
	send := *q
	*q = nil
	members := slices.Clone(r.members)
	if r.tokenSent != nil {
		r.tokenSent()
	}
	for _, m := range send {
		moved = true
		for _, to := range members {
			peer := n.Cluster.nodes[to]
			if peer.Ring.id == r.id && slices.Contains(peer.Ring.members, n.ID) {
				// A message lies in the receiver's frame buffer only during the call: a copy that is spoilt afterwards
				// shows who keeps it.
				buf := slices.Clone(m.msg)
				peer.Router.Deliver(m.group, n.ID, buf, false)
				for i := range buf {
					buf[i] = 0xdb
				}
			}
		}
	}
	return moved
}

// Ring is the totem of one node.
type Ring struct {
	node          *Node
	id            totem.RingID
	members       []totem.NodeID
	normal, trans []queued
	waitingAck    bool
	poked         bool
	tokenSent     func()

	// Max is MaxSize; Percent what Usage says; NoRoom makes Reserve and Multicast fail. All may be changed at any time.
	Max     int
	Percent int
	NoRoom  bool
	// Reserved is what is reserved now, in bytes; MaxReserved the most there was.
	Reserved, MaxReserved int
	// Acks counts TransAck.
	Acks int
	// Stopped keeps the token away from this node.
	Stopped bool
	// Sink makes Multicast drop everything, for measurements.
	Sink bool
}

type queued struct {
	group string
	msg   []byte
}

// Multicast queues a message.
func (r *Ring) Multicast(group string, _ totem.Guarantee, parts [][]byte) error {
	if r.Sink {
		return nil
	}
	m := queued{group: group, msg: slices.Concat(parts...)}
	switch {
	case r.NoRoom:
		return service.ErrQueueFull
	case len(m.msg) >= r.Max:
		return service.ErrTooBig
	case r.waitingAck:
		r.trans = append(r.trans, m)
	default:
		r.normal = append(r.normal, m)
	}
	return nil
}

// Reserve sets room aside unless NoRoom.
func (r *Ring) Reserve(n int) bool {
	if r.NoRoom {
		return false
	}
	r.Reserved += n
	r.MaxReserved = max(r.MaxReserved, r.Reserved)
	return true
}

// Release gives room back.
func (r *Ring) Release(n int) { r.Reserved -= n }

// MaxSize is Max.
func (r *Ring) MaxSize() int { return r.Max }

// Usage is Percent.
func (r *Ring) Usage() int { return r.Percent }

// TransAck switches to the ordinary queue.
func (r *Ring) TransAck() {
	r.Acks++
	r.waitingAck = false
	r.normal = append(r.normal, r.trans...)
	r.trans = nil
}

// OnTokenSent sets the function.
func (r *Ring) OnTokenSent(fn func()) { r.tokenSent = fn }

// Poke makes the next rotation count as movement.
func (r *Ring) Poke() { r.poked = true }

// Waiting returns the messages that wait for the token.
func (r *Ring) Waiting() [][]byte {
	var list [][]byte
	for _, q := range slices.Concat(r.normal, r.trans) {
		list = append(list, q.msg)
	}
	return list
}

// Queued is the number of messages that wait for the token.
func (r *Ring) Queued() int { return len(r.normal) + len(r.trans) }

// Host is a service.Host whose methods record.
type Host struct {
	Node          *Node
	ShutdownFor   []string // reasons of Shutdown
	ExitStatus    []int
	Reloads       int
	ReloadErr     error
	ReloadCrypto  bool
	Phases        []int
	LogsReopened  int
	Links         []service.RingStatus
	Statuses      map[totem.NodeID]service.NodeStatus
	Statistics    service.StatsMap
	ReopenLogsErr error
}

// Shutdown records the reason.
func (h *Host) Shutdown(reason string) { h.ShutdownFor = append(h.ShutdownFor, reason) }

// Exit records the status.
func (h *Host) Exit(status int) { h.ExitStatus = append(h.ExitStatus, status) }

// Reload counts and returns what the test set.
func (h *Host) Reload(done func(bool, error)) {
	h.Reloads++
	done(h.ReloadCrypto, h.ReloadErr)
}

// CryptoPhase records the phase.
func (h *Host) CryptoPhase(phase int) error { h.Phases = append(h.Phases, phase); return nil }

// ReopenLogs counts.
func (h *Host) ReopenLogs() error { h.LogsReopened++; return h.ReopenLogsErr }

// RingStatus returns Links.
func (h *Host) RingStatus() []service.RingStatus { return h.Links }

// NodeStatus returns an entry of Statuses.
func (h *Host) NodeStatus(id totem.NodeID) (service.NodeStatus, bool) {
	s, ok := h.Statuses[id]
	return s, ok
}

// NodeAddrs invents one address for every node of the cluster: 10.0.0.ID.
func (h *Host) NodeAddrs(id totem.NodeID) []service.NodeAddr {
	if h.Node.Cluster.nodes[id] == nil && id != h.Node.ID {
		return nil
	}
	return []service.NodeAddr{{Link: 0, IP: netip.AddrFrom4([4]byte{10, 0, byte(id >> 8), byte(id)})}}
}

// Stats returns Statistics.
func (h *Host) Stats() service.StatsMap { return h.Statistics }

// String names the node in messages of tests.
func (n *Node) String() string { return fmt.Sprintf("node %d", uint32(n.ID)) }
