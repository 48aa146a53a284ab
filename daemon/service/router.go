package service

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/totem"
)

// Totem groups that the daemon joins.
const (
	GroupExec = "a"    // exec messages of the services
	GroupSync = "sync" // messages of the sync engine
)

// maxMet bounds the nodes that keys of the map are about. A cluster has a few hundred in its life, but whoever has the key of the
// network can form rings with ever new ones.
const maxMet = 4096

// headerSize is the size in bytes of the header of requests and exec messages: id i32 @0, size i32 @8.
const headerSize = 16

// Config is what a Router is made of. All fields but those marked optional are needed.
type Config struct {
	NodeID    totem.NodeID
	Ring      Ring
	Scheduler Scheduler
	DB        *icmap.Map
	Logs      logsys.Factory
	Host      Host
	// QuorumProvider says that an engine will publish the quorum state; the node is not quorate until it does. Without
	// a provider the node is always quorate.
	QuorumProvider bool
	// OnReady, optional, is called once, when the first synchronisation has completed (sd_notify READY).
	OnReady func()
	// OnLoad and OnUnload, optional, are called when a service has been loaded and before it is removed: the IPC server
	// opens and closes the endpoint there. An error of OnLoad unloads the service again.
	OnLoad   func(*Loaded) error
	OnUnload func(*Loaded)
	// OnFlow, optional, is called when the flow control of any service may have changed, see Router.Flow, or when a
	// request that got the verdict Later is worth another try. It is called from within deliveries and requests: it
	// must not handle requests itself, only arrange for it.
	OnFlow func()
}

// Router connects the engines with the ring and the clients. It implements RingHandler. All methods are for the
// goroutine that owns the daemon.
type Router struct {
	cfg Config
	log logsys.Logger // SERV
	// main is the logger of the daemon as such.
	main logsys.Logger

	services [MaxServices]*Loaded
	sync     Synchronizer
	syncList []Info
	syncPart [1][]byte

	// ready opens once; syncing is true from the start until the first sync completes, and during every later one.
	ready, syncing bool
	ring           totem.RingID
	members        []totem.NodeID

	quorum   QuorumState
	watchers []func(QuorumState)

	level      Level
	levelTimer Timer
	tokenWork  []*tokenWork
	tokenRun   []*tokenWork

	// waiting says that a request was left for later because the queue had no room for it.
	waiting bool

	met int // nodes that have ever been members

	stopping bool
	sent     uint64 // exec messages queued

	discarded uint64 // exec messages that no handler took
}

// New returns a router without services.
func New(cfg Config) *Router {
	r := &Router{
		cfg:     cfg,
		log:     cfg.Logs.Logger("SERV"),
		main:    cfg.Logs.Logger("MAIN"),
		syncing: true,
		level:   LevelLow,
	}
	r.quorum.Quorate = !cfg.QuorumProvider
	cfg.Ring.OnTokenSent(r.tokenSent)
	return r
}

// SetSynchronizer joins the sync engine, which itself needs the router.
func (r *Router) SetSynchronizer(s Synchronizer) { r.sync = s }

// Deliver routes one ordered message.
func (r *Router) Deliver(group string, from totem.NodeID, msg []byte, foreign bool) {
	switch group {
	case GroupExec:
		r.deliverExec(from, msg, foreign)
	case GroupSync:
		if r.sync != nil {
			r.sync.Deliver(from, msg, foreign)
		}
	}
}

func (r *Router) deliverExec(from totem.NodeID, msg []byte, foreign bool) {
	if len(msg) < headerSize {
		r.discard(from, "shorter than its header", len(msg))
		return
	}
	id := binary.NativeEndian.Uint32(msg)
	if foreign {
		id = bits.ReverseBytes32(id)
	}
	service, fn := id>>16, id&0xffff
	if service >= MaxServices || r.services[service] == nil {
		return
	}
	s := r.services[service]
	if fn >= uint32(len(s.exec)) {
		r.discard(from, "of unknown function", int(fn))
		return
	}
	e := &s.exec[fn]
	e.rx.Inc()
	e.call(from, msg, foreign)
}

// discard counts a message and logs the first ones and then ever fewer, so that a foreign node cannot fill the log.
func (r *Router) discard(from totem.NodeID, why string, n int) {
	r.discarded++
	if r.discarded&(r.discarded-1) == 0 {
		r.log.Warningf("discarded unknown message from node %d: %s (%d), %d so far", uint32(from), why, n, r.discarded)
	}
}

// mcast sends an exec message of s.
func (r *Router) mcast(s *Loaded, g totem.Guarantee, parts [][]byte) error {
	if err := r.cfg.Ring.Multicast(GroupExec, g, parts); err != nil {
		return err
	}
	r.sent++
	if len(parts) > 0 && len(parts[0]) >= 4 {
		if fn := binary.NativeEndian.Uint32(parts[0]) & 0xffff; fn < uint32(len(s.exec)) {
			s.exec[fn].tx.Inc()
		}
	}
	return nil
}

func (r *Router) memberKeys(id totem.NodeID) (ip, joinCount, status string) {
	p := fmt.Sprintf("runtime.members.%d.", uint32(id))
	return p + "ip", p + "join_count", p + "status"
}

func (r *Router) memberLeft(id totem.NodeID) {
	if _, _, status := r.memberKeys(id); r.cfg.DB.Has(status) {
		_ = r.cfg.DB.SetString(status, "left")
	}
	r.main.Debugf("Member left: %s", r.MemberIP(id))
}

func (r *Router) memberJoined(id totem.NodeID) {
	ip, joinCount, status := r.memberKeys(id)
	if r.cfg.DB.Has(ip) {
		_ = r.cfg.DB.Inc(joinCount)
	} else {
		if r.met++; r.met > maxMet {
			if r.met&(r.met-1) == 0 {
				r.main.Warningf("node %d is one of %d, more than the map keeps keys of", uint32(id), r.met)
			}
			return
		}
		_ = r.cfg.DB.SetString(ip, r.MemberIP(id))
		_ = r.cfg.DB.SetUint32(joinCount, 1)
	}
	_ = r.cfg.DB.SetString(status, "joined")
	r.main.Debugf("Member joined: %s", r.MemberIP(id))
}

// MemberIP prints the addresses of a node as logs and the key runtime.members.N.ip show them: "r(0) ip(10.0.0.1) ".
func (r *Router) MemberIP(id totem.NodeID) string {
	var b strings.Builder
	addrs := r.cfg.Host.NodeAddrs(id)
	if len(addrs) == 0 {
		return "no interface found for nodeid"
	}
	// The number is that of the entry, not of the link, as totempg_ifaces_print has it.
	for i, a := range addrs {
		fmt.Fprintf(&b, "r(%d) ip(%s) ", i, a.IP.Unmap())
	}
	return b.String()
}
