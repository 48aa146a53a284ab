package node

import (
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/engine/mon"
	"github.com/corosync-go/corosync/daemon/engine/votequorum"
	"github.com/corosync-go/corosync/daemon/engine/wd"
	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/ipcserver"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/stats"
	"github.com/corosync-go/corosync/daemon/syncengine"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/driver"
	"github.com/corosync-go/corosync/daemon/totem/transport"
	"github.com/corosync-go/corosync/lcr"
	"github.com/corosync-go/corosync/libcorosync-go/coroipc"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/libcorosync-go/qbipc"
)

// Exit statuses of 3.1 that the node itself decides on (enum e_corosync_done).
const (
	ExitOK      = 0
	ExitFatal   = 15 // COROSYNC_DONE_FATAL_ERR
	ExitStorage = 21 // COROSYNC_DONE_STORE_RINGID
)

// Env is the world of a node. A daemon takes it from the machine, a simulation makes it up.
type Env struct {
	// Turns is the owner loop. Loop is the same one where it is real; without it the node has no IPC endpoints and needs
	// Transport.
	Turns clock.Turns
	Loop  *loop.Loop
	// Transport, optional, is used instead of the one that totem.transport names.
	Transport transport.Transport

	Logs  logsys.Factory
	Files config.Env
	Rand  *rand.Rand
	Store driver.Store
	// Barrier, Sampler and Platform are what engines do outside; see their packages.
	Barrier  votequorum.BarrierStore
	Sampler  mon.Sampler
	Platform wd.Platform
	// Offload runs work off the owner goroutine and then, on it, then.
	Offload func(work, then func())

	// ApplyLogging, ReopenLogs and the dumps of recent messages and of the engines' state administer the logging system.
	// They are optional.
	ApplyLogging func(logsys.Settings) error
	ReopenLogs   func() error
	DumpBlackbox func()
	DumpState    func()

	// OnReady, optional, is called when clients are admitted for the first time.
	OnReady func()
	// Exit ends the process, or the simulated node, with this status. A graceful stop ends there too.
	Exit func(status int)

	// Endpoints, optional, is the server of clients of a node without Loop.
	Endpoints Endpoints
	// Wall, optional, tells the time of day for the record of missed schedules; time.Now if nil.
	Wall func() time.Time
	// Check makes the protocol machine verify its invariants after each input. For tests.
	Check bool
	// CRules makes the daemon follow the rules of 3.1 where ours differ, to see what rings of both do. Buggify, optional, says
	// at a place that is named whether a rare path shall be taken without need. For tests.
	CRules  bool
	Buggify func(place string) bool
	// StartSeq is the sequence number before the first message and token of each ring, see srp.Config. For tests.
	StartSeq uint32
}

// Endpoints opens the services to clients; *ipcserver.Server implements it.
type Endpoints interface {
	Open(s *service.Loaded) error
	Shut(s *service.Loaded)
	FlowChanged()
}

// Node is one daemon.
type Node struct {
	env    Env
	config *config.Config
	db     *icmap.Map
	log    logsys.Logger // MAIN

	registry  lcr.Registry
	refs      []*lcr.Ref
	transport transport.Transport
	driver    *driver.Driver
	router    *service.Router
	ipc       *ipcserver.Server
	stats     *stats.Registry

	exiting bool
}

// New joins the parts of a node. c has been validated, and db holds its keys. Nothing is sent or served before Start.
func New(c *config.Config, db *icmap.Map, env Env) (*Node, error) {
	n := &Node{env: env, config: c, db: db, log: env.Logs.Logger("MAIN")}
	for _, comp := range builtIn {
		if err := n.registry.Register(comp); err != nil {
			return nil, err
		}
	}
	if err := n.openTransport(); err != nil {
		return nil, err
	}
	n.logParameters(env.Logs.Logger("TOTEM"), c)
	var err error
	n.driver, err = driver.New(driver.Config{
		SRP: n.protocol(c), Members: members(c), Loop: env.Turns, Transport: n.transport, Store: env.Store, Rand: env.Rand,
		Log: env.Logs.Logger("TOTEM"), Fatal: n.fatal, Pipelining: n.pipelining,
	}, ringHandler{n})
	if err != nil {
		return nil, err
	}
	// What was changed in this turn is told at its end; the IPC server, made after, then wakes the clients that were told.
	env.Turns.OnTurnEnd(n.flushMap)
	n.newRouter()
	n.stats = n.newStats()
	if env.Loop != nil {
		env.Loop.Early(n.driver.Hungry)
	}
	return n, nil
}

// transportPrefix starts the names of the components that are transports.
const transportPrefix = "transport_"

// ErrTransport says that totem.transport names no component.
var ErrTransport = errors.New("the transport is not part of this daemon")

// MissingTransport returns an error if the configuration asks for a transport that is not built in. It names the key, its
// value and what is allowed.
func MissingTransport(c *config.Config) error {
	var allowed []string
	for _, b := range builtIn {
		name, ok := strings.CutPrefix(b.Name, transportPrefix)
		switch {
		case !ok:
		case name == string(c.Totem.Transport):
			return nil
		default:
			allowed = append(allowed, name)
		}
	}
	return fmt.Errorf("totem.transport is %q, allowed are %s: %w",
		c.Totem.Transport, strings.Join(allowed, " and "), ErrTransport)
}

func (n *Node) openTransport() error {
	if n.env.Transport != nil {
		n.transport = n.env.Transport
		return nil
	}
	name := string(n.config.Totem.Transport)
	ref, err := n.registry.Reference(lcr.Key{Name: transportPrefix + name})
	if err != nil {
		return fmt.Errorf("%s: %w", n.config.Path, MissingTransport(n.config))
	}
	n.refs = append(n.refs, ref)
	construct, err := lcr.Constructor[TransportConstructor](ref)
	if err != nil {
		return err
	}
	n.log.Debugf("Initializing transport %s", name)
	n.transport, err = construct(n.env.Loop, n.env.Logs.Logger("TOTEM"), n.config)
	return err
}

// pipelining tells the driver what clients are doing.
func (n *Node) pipelining() bool {
	return n.ipc != nil && n.ipc.Pipelining() || n.env.Buggify != nil && n.env.Buggify("clients pipeline")
}

func (n *Node) newRouter() {
	rc := service.Config{
		NodeID: totem.NodeID(n.config.NodeID), Ring: n.driver, Scheduler: n.env.Turns, DB: n.db, Logs: n.env.Logs,
		Host: host{n}, QuorumProvider: n.config.Quorum.Provider != "", OnReady: n.env.OnReady,
	}
	if n.env.Loop != nil {
		rc.OnLoad = func(s *service.Loaded) error { return n.ipc.Open(s) }
		rc.OnUnload = func(s *service.Loaded) { n.ipc.Shut(s) }
		rc.OnFlow = func() { n.ipc.FlowChanged() }
	} else if e := n.env.Endpoints; e != nil {
		rc.OnLoad, rc.OnUnload, rc.OnFlow = e.Open, e.Shut, e.FlowChanged
	}
	n.router = service.New(rc)
	n.router.SetSynchronizer(syncengine.NewRunner(n.router, n.env.Logs.Logger("SYNC")))
	if n.env.Loop != nil {
		n.ipc = ipcserver.New(ipcserver.Config{
			Loop: n.env.Loop, Router: n.router, DB: n.db, Log: n.env.Logs.Logger("QB"),
			Sockets: n.config.System.IPCType == "socket",
			OnConn:  func(bool, string) { n.stats.KeysChanged() },
		})
	}
}

// ringHandler passes what totem delivers to the router, which is made after the driver.
type ringHandler struct{ n *Node }

func (h ringHandler) Deliver(group string, from totem.NodeID, msg []byte, foreign bool) {
	h.n.router.Deliver(group, from, msg, foreign)
}

func (h ringHandler) Confchg(c *totem.Configuration) { h.n.router.Confchg(c) }

// Start loads the services and enters the network. It is called on the goroutine of the loop, before its first turn.
func (n *Node) Start() error {
	if err := n.watchKeys(); err != nil {
		return fmt.Errorf("watching the configuration map: %w", err)
	}
	if n.ipc != nil {
		n.removeStale()
	}
	for _, key := range engineOrder {
		if err := n.load(key); err != nil {
			return err
		}
	}
	if n.ipc != nil {
		if err := n.ipc.OpenCoroipc(coroipc.SocketName); err != nil {
			n.log.Warningf("Clients of corosync 1.x are not served: %v", err)
		}
	}
	n.watchSchedule()
	n.watchFormation()
	return n.driver.Start()
}

// removeStale removes what the connections of a daemon that died have left in shared memory.
func (n *Node) removeStale() {
	if removed := qbipc.RemoveStale([]string{
		ipcmsg.IPCNameCmap, ipcmsg.IPCNameCfg, ipcmsg.IPCNameCpg, ipcmsg.IPCNameQuorum, ipcmsg.IPCNameVotequorum,
	}) + coroipc.RemoveStale(); removed > 0 {
		n.log.Noticef("Removed the shared memory of %d connections of a daemon that is gone", removed)
	}
}

// load takes an engine from the registry and loads it.
func (n *Node) load(key lcr.Key) error {
	ref, err := n.registry.Reference(key)
	if err != nil {
		return err
	}
	construct, err := lcr.Constructor[EngineConstructor](ref)
	if err != nil {
		ref.Release()
		return err
	}
	n.refs = append(n.refs, ref)
	return n.router.Load(construct(n))
}

// Router is the service layer, for clients in the same process.
func (n *Node) Router() *service.Router { return n.router }

// Driver is the node's membership in the ring.
func (n *Node) Driver() *driver.Driver { return n.driver }

// Shutdown stops gracefully: services are unloaded one by one, what they send on leaving gets a chance to leave, and the
// others are told. Env.Exit is called at the end. Further calls do nothing.
func (n *Node) Shutdown(reason string) {
	if n.exiting {
		return
	}
	n.exiting = true
	n.log.Debugf("Stopping: %s", reason)
	n.router.Shutdown(func() {
		n.driver.Leave()
		n.Close()
		n.env.Exit(ExitOK)
	})
}

// Reload reads the configuration again, as a client's request does on every node, but on this one only (SIGHUP).
func (n *Node) Reload() {
	n.log.Noticef("Config reload requested by signal")
	host{n}.Reload(func(_ bool, err error) {
		if err == nil {
			n.log.Noticef("Config reload done")
		}
	})
}

// Close takes the node out of the network without a word, and closes its endpoints.
func (n *Node) Close() {
	n.driver.Close()
	if n.ipc != nil {
		n.ipc.Close()
	}
	for _, r := range n.refs {
		r.Release()
	}
	n.refs = nil
}

// fatal ends a node that cannot go on.
func (n *Node) fatal(err error) {
	status := ExitFatal
	if errors.Is(err, driver.ErrStore) {
		status = ExitStorage
	}
	n.log.Errorf("%v", err)
	n.exit(status)
}

func (n *Node) exit(status int) {
	n.exiting = true
	n.Close()
	n.env.Exit(status)
}

// flushMap tells the trackers of the map what was changed in this turn. What they change in turn is told in the next one.
func (n *Node) flushMap() {
	if !n.db.Pending() {
		return
	}
	n.db.Flush()
	if n.db.Pending() {
		n.env.Turns.Next(func() {})
	}
}

// apply puts a reloaded configuration into the running totem.
func (n *Node) apply(next *config.Config) error {
	log := n.env.Logs.Logger("TOTEM")
	log.Debugf("Configuration reloaded. Dumping actual totem config.")
	n.logParameters(log, next)
	for i := range next.Links {
		if next.Links[i].Configured {
			log.Infof("Configuring link %d", i)
		}
	}
	if err := n.driver.SetMembers(members(next)); err != nil {
		return err
	}
	n.driver.SetBlockUnlisted(next.Totem.BlockUnlistedIPs != 0)
	n.driver.Reconfigure(n.protocol(next))
	return nil
}
