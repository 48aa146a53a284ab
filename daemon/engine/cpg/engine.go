package cpg

import (
	"encoding/binary"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Bounds of what one client, or one node, may make the engine keep.
const (
	maxIterations  = 1024    // of one connection
	maxZeroCopy    = 4096    // maps of one connection
	maxZeroCopyAll = 1 << 14 // maps of all; the kernel allows a process 65530 by default
	maxProcesses   = 1 << 14 // in the process table: a member may name any number, and each costs more the more there are
	maxCollected   = 1 << 14 // joinlist entries of one synchronisation
	maxWaiting     = 1 << 16 // leaves that wait to be sent
	maxIterEntries = 1 << 20 // entries in all iterations of one connection
)

// Engine is the service.
type Engine struct {
	api service.API

	groups  map[string]*group
	procs   []process // of the whole cluster, in order of node and pid
	clients []*client // in order of their connection; events go out to the newest first

	sync syncState
	// departing counts the PROCLEAVEs of processes that went away that have not come back from the ring.
	departing map[leave]int
	leaves    []leave // to be multicast: what could not be sent when the client went
	sending   bool    // leaves are being sent at each token
	stopping  bool
	// CRules makes the engine follow 3.1 where it differs: a ring that cuts a synchronisation short makes it forget who had
	// left, processes that go away are announced in the middle of one, and clients are told of leaves of processes that
	// nobody knows, and of a ring with the members of the one before. For tests of rings of both.
	CRules bool

	nextHandle  uint64
	maps        int // zero copy maps of all connections
	mapsRefused uint64

	// Memory that is used again for each message: the hot path allocates nothing.
	head    []byte    // head of an exec message or an event
	parts   [2][]byte // the message around it
	one     [1][]byte
	answer  []byte
	zeroBuf []byte
	refused uint64 // multicasts of clients that are in no group
	strange uint64 // messages of nodes without a process in the group
	bad     uint64 // exec messages that cannot be parsed
	crowd   uint64 // processes that did not fit into the table
}

// New returns the engine.
func New() *Engine {
	return &Engine{
		groups:    make(map[string]*group),
		departing: make(map[leave]int),
		head:      make([]byte, 0, ipcmsg.ExecCPGPartialMcastFixed),
		answer:    make([]byte, 0, ipcmsg.CPGMembershipResponseSize),
	}
}

// Info describes the service.
func (e *Engine) Info() service.Info {
	return service.Info{
		ID: service.CPG, Name: "corosync cluster closed process group service v1.01", Short: "cpg", Subsys: "CPG",
		Priority: 1, AllowInquorate: true,
	}
}

// Init keeps the API.
func (e *Engine) Init(api service.API) error {
	e.api = api
	return nil
}

// Exit lets the leaves of closing connections out at once: there is no later. During a synchronisation there are none: they
// would overtake the joins and messages in the ordinary queue, and the others would take the processes for members after
// they had gone. The end of the node ends its processes.
func (e *Engine) Exit() {
	e.stopping = true
	for _, l := range e.leaves {
		if !e.waiting() {
			_ = e.sendLeave(l) // the others see the node go soon enough
		}
	}
	e.leaves = nil
}

// Lib is the table of client functions.
func (e *Engine) Lib() []service.LibFunc {
	return []service.LibFunc{
		ipcmsg.CPGReqJoin:                {FlowControl: true, Call: e.libJoin},
		ipcmsg.CPGReqLeave:               {FlowControl: true, Call: e.libLeave},
		ipcmsg.CPGReqMcast:               {FlowControl: true, NoReply: true, Bulk: true, Call: e.libMcast},
		ipcmsg.CPGReqMembership:          {Call: e.libMembership},
		ipcmsg.CPGReqLocalGet:            {Call: e.libLocalGet},
		ipcmsg.CPGReqIterationInitialize: {Call: e.libIterInit},
		ipcmsg.CPGReqIterationNext:       {Call: e.libIterNext},
		ipcmsg.CPGReqIterationFinalize:   {Call: e.libIterFinalize},
		ipcmsg.CPGReqFinalize:            {FlowControl: true, Call: e.libFinalize},
		ipcmsg.CPGReqZCAlloc:             {FlowControl: true, Call: e.libZeroCopyAlloc},
		ipcmsg.CPGReqZCFree:              {FlowControl: true, Call: e.libZeroCopyFree},
		ipcmsg.CPGReqZCExecute:           {FlowControl: true, Call: e.libZeroCopyExecute},
		ipcmsg.CPGReqPartialMcast:        {FlowControl: true, Bulk: true, Call: e.libPartialMcast},
	}
}

// Exec is the table of ordered messages.
func (e *Engine) Exec() []service.ExecFunc {
	return []service.ExecFunc{
		ipcmsg.ExecCPGProcJoin:     e.execProcJoin,
		ipcmsg.ExecCPGProcLeave:    e.execProcLeave,
		ipcmsg.ExecCPGJoinList:     e.execJoinList,
		ipcmsg.ExecCPGMcast:        e.execMcast,
		ipcmsg.ExecCPGDownlistOld:  e.execDownlistOld,
		ipcmsg.ExecCPGDownlist:     e.execDownlist,
		ipcmsg.ExecCPGPartialMcast: e.execPartialMcast,
	}
}

// state is where a connection stands between join and leave (enum cpd_state).
type state uint8

const (
	unjoined state = iota
	joinStarted
	joinCompleted
	leaveStarted
)

// client is the state of one connection (struct cpg_pd).
type client struct {
	conn  service.Conn
	state state
	group *group // unless unjoined
	pid   uint32
	flags uint32
	// initialSent says that the initial totem configuration has been sent.
	initialSent bool
	finalized   bool
	// leavePID and leaveGroup are what the pending LEAVE request named, which nobody has checked.
	leavePID   uint32
	leaveGroup string
	// transitions counts the group changes sent; partial is its value at the first fragment of a message. A change
	// between two fragments interrupts the message.
	transitions, partial uint64

	iterations  map[uint64]*iteration
	iterEntries int
	maps        map[uint64]*zeroCopy
}

// LibInit adds a connection.
func (e *Engine) LibInit(c service.Conn) error {
	cl := &client{conn: c}
	c.SetData(cl)
	e.clients = append(e.clients, cl)
	return nil
}

// LibExit removes a connection, and its process from the group.
func (e *Engine) LibExit(c service.Conn) {
	cl := clientOf(c)
	e.forget(cl)
	cl.iterations = nil
	for _, m := range cl.maps {
		m.free()
		e.maps--
	}
	cl.maps = nil
	// A connection that left under the name of another group is still a member of its own.
	left := cl.state == leaveStarted && cl.leavePID == cl.pid && cl.leaveGroup == cl.group.name
	if cl.state != unjoined && !left {
		e.leave(leave{pid: cl.pid, group: cl.group.name})
	}
	if g := cl.group; g != nil {
		cl.group, cl.state = nil, unjoined
		e.release(g)
	}
}

// forget takes a connection off the lists: it gets no more events and blocks no join.
func (e *Engine) forget(cl *client) {
	if cl.finalized {
		return
	}
	cl.finalized = true
	e.clients = remove(e.clients, cl)
	if cl.group != nil {
		cl.group.clients = remove(cl.group.clients, cl)
	}
}

func clientOf(c service.Conn) *client { return c.Data().(*client) }

// leave is a PROCLEAVE with reason PROCDOWN.
type leave struct {
	pid   uint32
	group string
}

// leave announces a process that went away, now or when the synchronisation is over.
func (e *Engine) leave(l leave) {
	if e.stopping && e.waiting() {
		return
	}
	e.departing[l]++
	if !e.stopping && (e.waiting() || len(e.leaves) > 0) {
		if len(e.leaves) >= maxWaiting {
			e.api.Log().Errorf("too many processes to announce as gone; pid %d stays until this node leaves", l.pid)
			e.departed(l)
			return
		}
		e.leaves = append(e.leaves, l)
		return
	}
	if e.sendLeave(l) != nil {
		e.leaves = append(e.leaves, l)
		e.sendLeaves()
	}
}

// waiting says that processes that go away are announced later.
func (e *Engine) waiting() bool { return e.sync.running && !e.CRules }

// departed takes back one of departing.
func (e *Engine) departed(l leave) {
	if n := e.departing[l]; n > 1 {
		e.departing[l] = n - 1
	} else {
		delete(e.departing, l)
	}
}

func (e *Engine) sendLeave(l leave) error {
	return e.mcastProc(ipcmsg.ExecCPGProc{Leave: true, Group: []byte(l.group), PID: l.pid, Reason: ipcmsg.CPGReasonProcDown})
}

// sendLeaves sends what waits in e.leaves, at each token as much as the queue takes.
func (e *Engine) sendLeaves() {
	if e.sending || len(e.leaves) == 0 {
		return
	}
	e.sending = true
	e.api.OnTokenSent(func() (done bool) {
		if e.waiting() && !e.stopping {
			e.sending = false
			return true // SyncComplete begins again
		}
		for len(e.leaves) > 0 {
			if e.sendLeave(e.leaves[0]) != nil {
				return false
			}
			e.leaves = e.leaves[1:]
		}
		e.leaves = nil
		e.sending = false
		return true
	})
}

func (e *Engine) mcastProc(x ipcmsg.ExecCPGProc) error {
	return e.mcastWhole(x.Append(e.head[:0], binary.NativeEndian))
}

// mcastWhole sends an exec message that is one piece.
func (e *Engine) mcastWhole(msg []byte) error {
	e.one[0] = msg
	err := e.api.Mcast(totem.Agreed, e.one[:]...)
	e.one[0] = nil
	return err
}

func remove[T comparable](list []T, v T) []T {
	for i, x := range list {
		if x == v {
			copy(list[i:], list[i+1:])
			var zero T
			list[len(list)-1] = zero
			return list[:len(list)-1]
		}
	}
	return list
}
