package service

import (
	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/totem"
)

// ID is the number of a service, as it stands in exec messages, in the sync service list and in the service's cmap keys.
type ID uint16

// Services of corosync 3.1 (enum corosync_service_types).
const (
	CMAP       ID = 0
	CFG        ID = 1
	CPG        ID = 2
	Quorum     ID = 3
	PLOAD      ID = 4
	Votequorum ID = 5
	MON        ID = 6
	WD         ID = 7
)

// MaxServices and MaxHandlers bound the service number and the handlers of each kind of one service.
const (
	MaxServices = 64
	MaxHandlers = 64
)

// Errors that API calls return. They are mapped to cs_error_t where a reply is made.
var (
	// ErrQueueFull says that the message does not fit into the send queue now; try again later.
	ErrQueueFull = totem.ErrQueueFull
	// ErrTooBig says that the message can never be sent.
	ErrTooBig = totem.ErrTooBig
)

// Info describes an engine. The values are constant for the life of the engine.
type Info struct {
	ID   ID
	Name string // long name, as logged and as listed by the sync engine: "corosync configuration map access"
	// Short is the name of the IPC endpoint and of the cmap keys: "cmap".
	Short string
	// Subsys is the logging subsystem: "CMAP".
	Subsys string
	// Priority orders the unloading at shutdown; higher values go first.
	Priority int
	// AllowInquorate lets clients use the service in a partition without quorum.
	AllowInquorate bool
	// Only1x says that the client functions are for clients of 1.x, and that there is no endpoint for those of 3.x.
	Only1x bool
}

// LibFunc is one function that clients may call.
type LibFunc struct {
	// FlowControl says that the request may multicast: it is admitted only while the send queue has room for it and no
	// sync is running (CS_LIB_FLOW_CONTROL_REQUIRED).
	FlowControl bool
	// NoReply marks the one request without an answer (cpg mcast): a refusal is silent. A connection whose protocol
	// answers every request gets one all the same, see Acknowledges.
	NoReply bool
	// Bulk says that the request carries a piece of a multicast, which a client must not send while events for it pile up.
	// Over libqb the flow control word tells it; over coroipc the request is refused.
	Bulk bool
	// Call handles the request. req is the whole message with its header; it may lie in memory that the client can
	// write at any time, so each field is read once, and it must not be kept after the call.
	Call func(c Conn, req []byte)
}

// ExecFunc handles an ordered message. msg is the whole exec message with its header, valid during the call. foreign
// says that the sender's byte order differs from this machine's.
type ExecFunc func(from totem.NodeID, msg []byte, foreign bool)

// Engine is a service. The service layer calls it on the owner goroutine only.
type Engine interface {
	Info() Info
	// Init is called once, before the first ring, with the API for this engine (exec_init_fn).
	Init(api API) error
	// Exit is called at unload (exec_exit_fn), before the engine's connections are closed.
	Exit()
	// Lib and Exec are the handler tables, indexed by function number; called once after Init. An engine without Lib
	// functions has no IPC endpoint.
	Lib() []LibFunc
	Exec() []ExecFunc
	// LibInit and LibExit frame the life of a client connection. LibInit returns an error to refuse it.
	LibInit(c Conn) error
	LibExit(c Conn)
}

// Syncer is implemented by engines that take part in synchronisation after a membership change. See daemon/syncengine.
// The slices are valid during the call.
type Syncer interface {
	SyncInit(transitional, members []totem.NodeID, ring totem.RingID)
	// SyncProcess sends what the engine has to tell. False means: call again after the next token.
	SyncProcess() (done bool)
	SyncActivate()
	SyncAbort()
}

// SyncCompleter is implemented by engines that put off messages until the synchronisation is over: SyncComplete is called
// when all services are synchronised and the ordinary send queue is in use again. What was queued there before the
// membership change goes out ahead of what is sent now.
type SyncCompleter interface {
	SyncComplete()
}

// ConfchgWatcher is implemented by engines that want the raw configuration changes.
type ConfchgWatcher interface {
	Confchg(c *totem.Configuration)
}

// Conn is one client connection as an engine sees it.
type Conn interface {
	// ID is unique for the life of the daemon and never zero: it is the connection token in exec messages.
	ID() uint64
	PID() int
	UID() int
	GID() int
	// Reply sends the answer of the request being handled, or of an earlier one where the answer was delayed. The parts
	// are copied before it returns. Each request is answered exactly once.
	Reply(parts ...[]byte)
	// Event sends a dispatch message. The parts are copied before it returns; when the client does not read, they wait
	// in the connection's queue in order.
	Event(parts ...[]byte)
	// Data is the engine's own state of the connection.
	Data() any
	SetData(v any)
	// Close disconnects the client after the current handler has returned.
	Close()
}

// Acknowledger is implemented by a Conn that may want an answer to a function with NoReply.
type Acknowledger interface {
	Acknowledges() bool
}

// Acknowledges says whether a function with NoReply must answer this connection.
func Acknowledges(c Conn) bool {
	a, ok := c.(Acknowledger)
	return ok && a.Acknowledges()
}

// Timer is a pending call of API.After.
type Timer = clock.Timer

// Scheduler runs things later on the owner goroutine. daemon/loop implements it; the simulator has its own.
type Scheduler = clock.Scheduler

// QuorumState is the view that the quorum provider publishes.
type QuorumState struct {
	Quorate bool
	Ring    totem.RingID
	Members []totem.NodeID
}

// API is what an engine may use. Every method is called on the owner goroutine.
type API interface {
	Scheduler

	// NodeID is this node.
	NodeID() totem.NodeID
	// Log is the logger of the engine's subsystem.
	Log() logsys.Logger
	// DB is the configuration map.
	DB() *icmap.Map

	// Mcast sends an exec message of this engine to all members including this one. The parts, concatenated, are the
	// whole message including its 16-byte header, and are copied before it returns. Errors: ErrQueueFull, ErrTooBig.
	Mcast(g totem.Guarantee, parts ...[]byte) error

	// OnTokenSent calls fn once after the token has next been passed on (schedwrk_create); false from fn means again at
	// the next token. The handle stops it.
	OnTokenSent(fn func() (done bool)) Timer

	// Members and Ring describe the last regular configuration. The slice must not be changed or kept.
	Members() []totem.NodeID
	Ring() totem.RingID

	// Quorum is the published quorum state. Without a provider the cluster is always quorate.
	Quorum() QuorumState
	// PublishQuorum is called by the quorum provider when the state changes or a sync has ended.
	PublishQuorum(q QuorumState)
	// WatchQuorum registers fn for every PublishQuorum, called at once in registration order.
	WatchQuorum(fn func(QuorumState))

	// Host reaches the daemon as a whole.
	Host() Host
}

// What totem tells about its links and peers.
type (
	RingStatus = totem.RingStatus
	LinkStatus = totem.LinkStatus
	NodeStatus = totem.NodeStatus
	NodeAddr   = totem.NodeAddr
)

// Host is the daemon as a whole, for the engines that administer it (cfg, cmap, wd, pload).
type Host interface {
	// Shutdown starts the graceful stop: services are unloaded, then totem leaves the ring.
	Shutdown(reason string)
	// Exit ends the process at once with this status, without a leave message.
	Exit(status int)
	// Reload reads the configuration again and applies it (services-3x 3.4, steps 1-8). The file and the names in it are
	// read off the owner goroutine; done is called on it when all is applied. Its error tells what was wrong;
	// changedCrypto says that the crypto parameters changed and phase messages have to follow.
	Reload(done func(changedCrypto bool, err error))
	// CryptoPhase applies phase 1 (activate) or 2 (clean up) of a crypto reconfiguration.
	CryptoPhase(phase int) error
	// ReopenLogs closes and opens the log files.
	ReopenLogs() error
	RingStatus() []RingStatus
	// NodeStatus returns false for a node that the transport refuses to describe.
	NodeStatus(id totem.NodeID) (NodeStatus, bool)
	// NodeAddrs returns the configured addresses of a node in link order; empty for an unknown node.
	NodeAddrs(id totem.NodeID) []NodeAddr
	// Stats is the read-only statistics map, as cmap's second map.
	Stats() StatsMap
}

// StatsMap is the statistics map of daemon/stats as cmap serves it.
type StatsMap interface {
	Get(key string) (icmap.Value, bool)
	// Keys returns the keys with the prefix in map order, as a new slice.
	Keys(prefix string) []string
	// Set handles a write of a client to the map: only the clear keys are writable. It reports whether the key is one.
	Set(key string) bool
	// OnKeys has fn called, on the owner goroutine, each time keys may have come or gone. There is one fn.
	OnKeys(fn func())
}

// Ring is what the service layer needs of totem. daemon/totem/driver implements it.
type Ring interface {
	// Multicast queues a message to a totem group ("a" or "sync"). The parts are copied before it returns.
	// Errors: ErrQueueFull, ErrTooBig.
	Multicast(group string, g totem.Guarantee, parts [][]byte) error
	// Reserve sets aside queue room for a message of n bytes, so that a Multicast of that size before Release cannot
	// fail. False: no room now. The reservation counts against everybody's room.
	Reserve(n int) bool
	// Release gives back a reservation of n bytes.
	Release(n int)
	// MaxSize is the size limit of one message in bytes.
	MaxSize() int
	// Usage is the percentage of the queue that is used or reserved, 0 to 100.
	Usage() int
	// TransAck says that synchronisation has ended: the ordinary send queue is used again.
	TransAck()
	// OnTokenSent sets the function that is called each time the token has been passed on.
	OnTokenSent(fn func())
	// Poke asks for a token visit soon: a held token is released (adding a token callback does that in C).
	Poke()
}

// RingHandler receives what totem delivers, in order, on the owner goroutine. The service layer implements it.
type RingHandler interface {
	// Deliver hands over one message of a group, without the group header. msg is valid during the call.
	Deliver(group string, from totem.NodeID, msg []byte, foreign bool)
	Confchg(c *totem.Configuration)
}
