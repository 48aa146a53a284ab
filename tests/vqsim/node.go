package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/engine/votequorum"
	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// qdeviceName is the name under which the simulated quorum device registers.
const qdeviceName = "VQsim_qdevice"

// defaultQdeviceTimeout is quorum.device.timeout if not configured.
const defaultQdeviceTimeout = 10 * time.Second

// node is one engine with the little of a daemon that it needs. It is the engine's service.API and its one client.
type node struct {
	sim    *sim
	id     totem.NodeID
	part   *partition
	db     *icmap.Map
	engine *votequorum.Engine
	exec   []service.ExecFunc
	lib    []service.LibFunc
	client fakeConn
	alive  bool
	last   status

	quorate       bool
	ring          totem.RingID // of the last activation
	members       []totem.NodeID
	current       service.QuorumState
	qdeviceOn     bool
	qdevicePoll   *event
	qdevicePeriod time.Duration
	watchers      []func(service.QuorumState)
}

// noBarrier is an ev_tracking file that never keeps anything, which is how corosync 3.1.7 behaves: it writes to a
// descriptor that it has closed.
type noBarrier struct{}

func (noBarrier) Load() (uint32, error) { return 0, nil }
func (noBarrier) Save(uint32)           {}

func newNode(s *sim, id totem.NodeID, p *partition) *node {
	n := &node{sim: s, id: id, part: p, db: icmap.New(), alive: true, qdevicePeriod: defaultQdeviceTimeout}
	// Both maps are empty or valid: copying cannot fail.
	_ = s.conf.CopyTo(n.db)
	return n
}

// boot starts the engine: first in a ring of its own.
func (n *node) boot() {
	pos := uint32(0)
	for key, v := range n.db.All("nodelist.node.") {
		if id, ok := v.Uint(); ok && strings.HasSuffix(key, ".nodeid") && totem.NodeID(id) == n.id {
			fmt.Sscanf(key, "nodelist.node.%d.", &pos)
		}
	}
	// A node that is not in the list has the votes of the first one.
	_ = n.db.SetUint32("nodelist.local_node_pos", pos)
	if v, err := n.db.GetUint32("quorum.device.timeout"); err == nil {
		n.qdevicePeriod = time.Duration(v) * time.Millisecond
	}
	n.engine = votequorum.New(noBarrier{})
	if err := n.engine.Init(n); err != nil {
		fmt.Fprintf(n.sim.errOut, "votequorum exec init failed: %v\n", err)
	}
	n.exec, n.lib = n.engine.Exec(), n.engine.Lib()
	n.client.node = n
	// The engine never refuses.
	_ = n.engine.LibInit(&n.client)
	n.engine.SyncInit([]totem.NodeID{n.id}, []totem.NodeID{n.id}, totem.RingID{Rep: n.id, Seq: 1})
	n.startSync()
}

func (n *node) receiveSync(members []totem.NodeID, ring totem.RingID) {
	if n.alive {
		n.engine.SyncInit(nil, members, ring)
		n.startSync()
	}
}

func (n *node) startSync() {
	n.sim.after(syncDelay+n.sim.stagger(n.id), true, n.dispatchSync)
}

func (n *node) dispatchSync() {
	if !n.alive {
		return
	}
	if !n.engine.SyncProcess() {
		n.startSync()
		return
	}
	n.sim.activations[n.id]++
	n.engine.SyncActivate()
}

func (n *node) receive(from totem.NodeID, msg []byte) {
	if !n.alive {
		return
	}
	if fn := int(binary.NativeEndian.Uint32(msg) & 0xffff); fn < len(n.exec) {
		n.exec[fn](from, msg, false)
	}
}

// exit ends the node; its last words are what the others hear.
func (n *node) exit(how string) {
	n.alive = false
	n.sim.after(0, true, func() { n.sim.exited(n, how) })
}

// call makes a request of the only client and returns its result; a delayed answer counts as success.
func (n *node) call(fn int, req []byte) cserr.Error {
	n.client.result = cserr.OK
	n.lib[fn].Call(&n.client, req)
	return n.client.result
}

func (n *node) qdevice(on bool) {
	if !n.alive {
		return
	}
	switch {
	case !on:
		n.poll(false)
		n.stopPoll()
	case !n.qdeviceOn:
		res := n.call(ipcmsg.VotequorumReqQdeviceRegister,
			ipcmsg.VotequorumQdeviceRequest{ID: ipcmsg.VotequorumReqQdeviceRegister, Name: []byte(qdeviceName)}.Append(nil))
		if res != cserr.OK {
			fmt.Fprintf(n.sim.errOut, "%d: qdevice registration failed: %d\n", n.id, int(res))
			return
		}
		n.qdeviceOn = true
		n.startPoll(n.qdevicePeriod)
	case n.qdevicePoll == nil:
		n.startPoll(n.qdevicePeriod / 2)
	}
}

func (n *node) startPoll(d time.Duration) {
	n.qdevicePoll = n.sim.after(d, false, func() {
		if n.alive && n.poll(true) == cserr.OK {
			n.startPoll(n.qdevicePeriod / 2)
		}
	})
}

func (n *node) stopPoll() {
	if n.qdevicePoll != nil {
		n.qdevicePoll.fn = nil
		n.qdevicePoll = nil
	}
}

func (n *node) poll(cast bool) cserr.Error {
	res := n.call(ipcmsg.VotequorumReqQdevicePoll, ipcmsg.VotequorumQdevicePollRequest{
		Name: []byte(qdeviceName), CastVote: cast, RingID: ipcmsg.RingID{NodeID: uint32(n.ring.Rep), Seq: n.ring.Seq},
	}.Append(nil))
	if res != cserr.OK {
		fmt.Fprintf(n.sim.errOut, "%d: qdevice poll failed: %d\n", n.id, int(res))
	}
	return res
}

// What follows is service.API.

var _ service.API = (*node)(nil)

func (n *node) Now() clock.Instant { return n.sim.clock.Now() }

// engineTimer stops an event.
type engineTimer struct{ e *event }

func (t engineTimer) Stop() { t.e.fn = nil }

func (n *node) After(d time.Duration, fn func()) service.Timer {
	return engineTimer{n.sim.after(d, false, func() {
		if n.alive {
			fn()
		}
	})}
}

func (n *node) NodeID() totem.NodeID { return n.id }
func (n *node) Log() logsys.Logger   { return n.sim.logs.Logger(fmt.Sprintf("VOTEQ %d", n.id)) }
func (n *node) DB() *icmap.Map       { return n.db }

func (n *node) Mcast(_ totem.Guarantee, parts ...[]byte) error {
	msg := slices.Concat(parts...)
	n.sim.after(0, true, func() { n.sim.broadcast(n, msg) })
	return nil
}

func (n *node) OnTokenSent(fn func() bool) service.Timer {
	var again func()
	again = func() {
		if !fn() {
			n.sim.after(0, false, again)
		}
	}
	return engineTimer{n.sim.after(0, false, again)}
}

func (n *node) Members() []totem.NodeID     { return n.members }
func (n *node) Ring() totem.RingID          { return n.ring }
func (n *node) Quorum() service.QuorumState { return n.current }
func (n *node) Host() service.Host          { return nil }

func (n *node) WatchQuorum(fn func(service.QuorumState)) { n.watchers = append(n.watchers, fn) }

func (n *node) PublishQuorum(q service.QuorumState) {
	q.Members = slices.Clone(q.Members)
	n.current, n.quorate, n.ring, n.members = q, q.Quorate, q.Ring, q.Members
	for _, fn := range n.watchers {
		fn(q)
	}
	n.sim.after(0, true, func() { n.sim.report(n, status{true, q.Quorate, q.Ring, q.Members}) })
}

// fakeConn is the connection of the simulated quorum device.
type fakeConn struct {
	node   *node
	data   any
	result cserr.Error
}

func (c *fakeConn) ID() uint64      { return 1 }
func (c *fakeConn) PID() int        { return 1 }
func (c *fakeConn) UID() int        { return 0 }
func (c *fakeConn) GID() int        { return 0 }
func (c *fakeConn) Event(...[]byte) {}
func (c *fakeConn) Data() any       { return c.data }
func (c *fakeConn) SetData(v any)   { c.data = v }
func (c *fakeConn) Close()          {}

// Reply keeps the error of the answer, at offset 16 of every response header.
func (c *fakeConn) Reply(parts ...[]byte) {
	c.result = cserr.Error(binary.NativeEndian.Uint32(slices.Concat(parts...)[16:]))
}
