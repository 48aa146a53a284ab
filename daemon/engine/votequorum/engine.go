package votequorum

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Defaults of the timeouts that corosync.conf may set, votequorum(5).
const (
	defaultLastManStandingWindow = 10 * time.Second
	defaultQdeviceTimeout        = 10 * time.Second
	defaultQdeviceSyncTimeout    = 30 * time.Second
)

// qdeviceNodeID is the node id that stands for the quorum device in messages.
const qdeviceNodeID totem.NodeID = 0

// maxNodes bounds the node table: nodes are created by messages and never removed.
const maxNodes = totem.MaxNodes + 2

// BarrierStore keeps the expected votes barrier of expected_votes_tracking over restarts (file ev_tracking in the state
// directory).
type BarrierStore interface {
	// Load returns the stored barrier, 0 if there is none.
	Load() (uint32, error)
	// Save stores the barrier. It must not block; errors are the store's to report.
	Save(barrier uint32)
}

// nodeState is the state of a node in the table; the values are those of the client interface.
type nodeState uint32

const (
	stateUnknown nodeState = 0
	stateMember  nodeState = ipcmsg.VotequorumNodeStateMember
	stateDead    nodeState = ipcmsg.VotequorumNodeStateDead
	stateLeaving nodeState = ipcmsg.VotequorumNodeStateLeaving
)

// node is one node that was ever seen.
type node struct {
	id       totem.NodeID
	state    nodeState
	votes    uint32
	expected uint32
	flags    uint32 // ipcmsg.VotequorumNode...
}

func (n *node) has(flag uint32) bool { return n.flags&flag != 0 }

// set sets or clears flags.
func (n *node) set(flag uint32, on bool) {
	if on {
		n.flags |= flag
	} else {
		n.flags &^= flag
	}
}

// tieBreaker is the mode of auto_tie_breaker; the values are published as runtime.votequorum.atb_type.
type tieBreaker uint32

const (
	atbNone    tieBreaker = 0
	atbLowest  tieBreaker = 1
	atbHighest tieBreaker = 2
	atbList    tieBreaker = 3
)

// Engine is the votequorum service.
type Engine struct {
	api   service.API
	log   logger
	store BarrierStore

	// The node table: us is in nodes, qdevice is not. nodes ascend by id.
	us      *node
	qdevice *node
	nodes   []*node
	// listed has the same nodes in the order of the client's node list, see list.
	listed []*node

	// The decision.
	quorum  uint32
	quorate bool
	// ring and members are those of the last SyncInit, previous the members before it.
	ring              totem.RingID
	members, previous []totem.NodeID

	// Modes, see config.go.
	twoNode             bool
	waitForAll          bool
	waitForAllAutoset   bool // not configured: follows twoNode
	waitForAllStatus    bool // still waiting
	lastManStanding     bool
	lmsWindow           time.Duration
	allowDownscale      bool
	evBarrier           uint32
	evTracking          bool
	evTrackingBarrier   uint32
	tie, configuredTie  tieBreaker
	tieList             []totem.NodeID
	lowest, highest     totem.NodeID // over the last quorate membership
	lowestSet           bool
	qdeviceCanOperate   bool
	qdeviceMasterWins   bool
	qdeviceTimeout      time.Duration
	qdeviceSyncTimeout  time.Duration
	qdeviceName         string
	qdeviceRegistration service.Conn // a registration that waits for its own message

	lmsTimer  service.Timer
	lmsDue    bool // the window ended in the synchronisation that is under way
	lmsCounts bool // who is left in it has quorum
	// CRules makes the engine follow 3.1 where it differs: last_man_standing. For tests of rings of both.
	CRules       bool
	qdeviceTimer service.Timer

	// The sync in progress.
	syncing      bool
	nodeInfoSent bool
	waitForPoll  bool

	config   []*icmap.Tracker
	trackers []*client // newest first
	scratch  []byte
	one      [1][]byte
}

// logger is what the engine needs of logsys.
type logger interface {
	Debugf(format string, args ...any)
	Infof(format string, args ...any)
	Noticef(format string, args ...any)
	Warningf(format string, args ...any)
	Errorf(format string, args ...any)
	Critf(format string, args ...any)
}

// client is the state of one connection.
type client struct {
	conn     service.Conn
	tracking bool
	context  uint64
}

// New returns the engine; store may be nil where expected_votes_tracking need not survive a restart.
func New(store BarrierStore) *Engine {
	return &Engine{
		store: store, lmsWindow: defaultLastManStandingWindow, qdeviceCanOperate: true,
		qdeviceTimeout: defaultQdeviceTimeout, qdeviceSyncTimeout: defaultQdeviceSyncTimeout,
	}
}

// Info describes the service.
func (e *Engine) Info() service.Info {
	return service.Info{
		ID: service.Votequorum, Name: "corosync vote quorum service v1.0", Short: "votequorum", Subsys: "VOTEQ",
		Priority: 2, AllowInquorate: true,
	}
}

// Init reads the configuration, publishes the first decision and tells this node's votes. It fails on a configuration
// that contradicts itself; the text names the keys.
func (e *Engine) Init(api service.API) error {
	e.api = api
	e.log = api.Log()
	e.qdevice = &node{id: qdeviceNodeID}
	e.us = &node{id: api.NodeID(), state: stateMember, votes: 1, flags: ipcmsg.VotequorumNodeFirst}
	e.nodes = []*node{e.us}
	e.listed = []*node{e.us}
	e.publish32("this_node_id", uint32(e.us.id))
	if err := e.readConfig(false); err != nil {
		return err
	}
	e.recalculate(false, false)
	e.protectKeys()
	if err := e.watchConfig(); err != nil {
		return fmt.Errorf("watching the configuration map: %w", err)
	}
	e.sendNodeInfo(e.us)
	return nil
}

// Exit tells the others that this node's votes may be taken off, where allow_downscale is on.
func (e *Engine) Exit() {
	if e.allowDownscale {
		e.us.set(ipcmsg.VotequorumNodeLeaving, true)
		e.sendNodeInfo(e.us)
	}
	for _, t := range e.config {
		e.api.DB().Untrack(t)
	}
	e.config = nil
	e.stopTimer(&e.lmsTimer)
	e.stopTimer(&e.qdeviceTimer)
}

func (e *Engine) stopTimer(t *service.Timer) {
	if *t != nil {
		(*t).Stop()
		*t = nil
	}
}

// find returns the node with this id, nil if it was never seen. Id 0 is the quorum device.
func (e *Engine) find(id totem.NodeID) *node {
	if id == qdeviceNodeID {
		return e.qdevice
	}
	if i, ok := e.search(id); ok {
		return e.nodes[i]
	}
	return nil
}

func (e *Engine) search(id totem.NodeID) (int, bool) {
	return slices.BinarySearchFunc(e.nodes, id, func(n *node, id totem.NodeID) int {
		switch {
		case n.id < id:
			return -1
		case n.id > id:
			return 1
		}
		return 0
	})
}

// add creates a node. When the table is full it takes the place of a dead one, or returns nil.
func (e *Engine) add(id totem.NodeID) *node {
	if len(e.nodes) >= maxNodes {
		i := slices.IndexFunc(e.nodes, func(n *node) bool { return n.state == stateDead && n != e.us })
		if i < 0 {
			e.log.Critf("No room for the votes of node %d: %d nodes are known", id, len(e.nodes))
			return nil
		}
		e.listed = slices.DeleteFunc(e.listed, func(n *node) bool { return n == e.nodes[i] })
		e.nodes = slices.Delete(e.nodes, i, i+1)
	}
	n := &node{id: id}
	i, _ := e.search(id)
	e.nodes = slices.Insert(e.nodes, i, n)
	e.list(n)
	return n
}

// list puts a node into the list that quorum events show. 3.1 means to sort it, but places a node above all others before
// the last one; clients print the list as it comes, so the order is kept.
func (e *Engine) list(n *node) {
	i := slices.IndexFunc(e.listed, func(o *node) bool { return o.id > n.id })
	if i < 0 {
		i = max(0, len(e.listed)-1)
	}
	e.listed = slices.Insert(e.listed, i, n)
}

// eachMember calls fn for every node in state member.
func (e *Engine) eachMember(fn func(n *node)) {
	for _, n := range e.nodes {
		if n.state == stateMember {
			fn(n)
		}
	}
}

func (e *Engine) publish32(name string, v uint32) {
	// The key is a constant of this package and the type fits: the map cannot refuse it.
	_ = e.api.DB().SetUint32("runtime.votequorum."+name, v)
}

func (e *Engine) publish8(name string, on bool) {
	_ = e.api.DB().SetUint8("runtime.votequorum."+name, b2u8(on))
}

func b2u8(on bool) uint8 {
	if on {
		return 1
	}
	return 0
}

func (e *Engine) mcast(msg []byte) error {
	e.scratch = msg
	e.one[0] = msg
	return e.api.Mcast(totem.Agreed, e.one[:]...)
}

// sendNodeInfo tells the others what this node knows of n: itself or the quorum device. When the send queue is full the
// message is lost; the next membership change sends it again.
func (e *Engine) sendNodeInfo(n *node) {
	if n != e.qdevice {
		e.logFlags(n.flags)
	}
	m := ipcmsg.ExecVotequorumNodeInfoMsg{
		NodeID: uint32(n.id), Votes: n.votes, ExpectedVotes: n.expected, Flags: n.flags,
	}
	if err := e.mcast(m.Append(e.scratch[:0], binary.NativeEndian)); err != nil {
		e.log.Errorf("Unable to send the votes of node %d: %v", n.id, err)
	}
}

func (e *Engine) sendReconfigure(param uint8, id totem.NodeID, value uint32) error {
	m := ipcmsg.ExecVotequorumReconfigureMsg{NodeID: uint32(id), Value: value, Param: param}
	return e.mcast(m.Append(e.scratch[:0], binary.NativeEndian))
}

func (e *Engine) sendQdeviceReg(op uint32, name string) error {
	m := ipcmsg.ExecVotequorumQdeviceRegMsg{Operation: op, Name: []byte(name)}
	return e.mcast(m.Append(e.scratch[:0], binary.NativeEndian))
}

func (e *Engine) logFlags(flags uint32) {
	yes := func(f uint32) string {
		if flags&f != 0 {
			return "Yes"
		}
		return "No"
	}
	e.log.Debugf("flags: quorate: %s Leaving: %s WFA Status: %s First: %s Qdevice: %s QdeviceAlive: %s "+
		"QdeviceCastVote: %s QdeviceMasterWins: %s",
		yes(ipcmsg.VotequorumNodeQuorate), yes(ipcmsg.VotequorumNodeLeaving), yes(ipcmsg.VotequorumNodeWFAStatus),
		yes(ipcmsg.VotequorumNodeFirst), yes(ipcmsg.VotequorumNodeQdeviceRegistered),
		yes(ipcmsg.VotequorumNodeQdeviceAlive), yes(ipcmsg.VotequorumNodeQdeviceCastVote),
		yes(ipcmsg.VotequorumNodeQdeviceMasterWins))
}
