package ipcserver

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
)

// Bounds and times chosen here.
const (
	// DefaultMaxQueueBytes bounds the waiting events of one connection. A client that sends and reads in one thread, as
	// corosync's own cpgbound does with messages of 1 MB, has made the C daemon queue 400 MB in 15 seconds.
	DefaultMaxQueueBytes = 512 << 20
	// A client with throttleBytes of waiting events gets no more requests through until half of them are read. So one that
	// sends faster than it reads is slowed down, and its queue stays short.
	throttleBytes = 4 << 20
	// If it reads nothing at all it is let go on by one request after throttleFirst, and then ever later up to throttleLast:
	// one that sends until it may not, and reads only then, must not be stuck for ever.
	throttleFirst = 20 * time.Millisecond
	throttleLast  = 640 * time.Millisecond
	// maxPending bounds the clients in their handshake; the oldest makes room.
	maxPending = 256
	// pendingTimeout is how long a handshake may take. The protocol has no limit.
	pendingTimeout = 10 * time.Second
	// reservedDescriptors are kept free of clients for the rest of the daemon.
	reservedDescriptors = 50
	// acceptPause is how long nobody is accepted after the process ran out of descriptors.
	acceptPause = time.Second
	// Queued events are tried again in every turn, and if nothing else turns the loop after retryFirst, and ever later up
	// to retryLast while the client does not read.
	retryFirst = time.Millisecond
	retryLast  = 16 * time.Millisecond
)

// Router is what the server asks of the service layer; *service.Router implements it.
type Router interface {
	Ready() bool
	Service(id service.ID) *service.Loaded
	Request(s *service.Loaded, c service.Conn, req []byte) service.Verdict
	Flow(s *service.Loaded) (word int32, batch int)
	Ring() totem.RingID
}

// Config is what a Server is made of.
type Config struct {
	Loop   *loop.Loop
	Router Router
	DB     *icmap.Map // keys uidgid.*
	Log    logsys.Logger
	// Sockets makes clients exchange messages over datagram sockets instead of shared memory (system.qb_ipc_type: socket).
	Sockets bool
	// MaxQueueBytes bounds the waiting events of one connection; zero means DefaultMaxQueueBytes.
	MaxQueueBytes int
	// OnConn, optional, is told of connections that come and go, with the prefix of their statistics.
	OnConn func(added bool, prefix string)
}

// Server is the set of endpoints. All methods are for the goroutine that owns the daemon.
type Server struct {
	cfg Config
	log logsys.Logger

	endpoints []*endpoint
	door      *endpoint    // of the 1.x protocol, without a service; nil if it is not open
	legacy    shared1x     // what dialects share
	pending   []*handshake // oldest first
	conns     []*conn      // newest last
	nextID    uint64
	maxConns  int

	closing []*conn // to disconnect at the end of the turn
	paused  []*conn // not polled for requests
	// pausedSpare is the memory of paused while that is walked.
	pausedSpare []*conn
	retry       bool    // look at paused at the end of the turn
	queued      []*conn // with waiting events
	dirty       []*conn // with events whose wake-up is to be sent

	blocks pool // memory of queues

	pipelining bool   // see Pipelining
	asked      uint64 // calls of Pipelining

	queueTimer clock.Alarm
	queueWait  time.Duration

	coroipc        int    // connections of the 1.x protocol
	active, closed uint64 // connections, as statistics show them
	overrun        uint64 // clients disconnected because they did not read
	full           bool   // new clients are refused for want of descriptors
}

// endpoint is the door of one service. That of a service for clients of 1.x only has no listener of its own.
type endpoint struct {
	s     *service.Loaded
	l     listener
	watch *loop.Watch
	word  int32 // flow control of its connections
	batch int   // requests per wake-up
}

// handshake is a client that is not admitted yet.
type handshake struct {
	e     *endpoint
	p     pending
	watch *loop.Watch
	since clock.Instant
}

// New returns a server without endpoints. Its hook for the end of a turn is registered here.
func New(cfg Config) *Server {
	if cfg.MaxQueueBytes <= 0 {
		cfg.MaxQueueBytes = DefaultMaxQueueBytes
	}
	s := &Server{cfg: cfg, log: cfg.Log, maxConns: descriptorLimit(), queueWait: retryFirst, asked: 1}
	s.queueTimer = cfg.Loop.NewAlarm(func() { s.flushQueues(true) })
	cfg.Loop.OnTurnEnd(s.turnEnd)
	return s
}

// descriptorLimit is the number of clients that the process may have.
func descriptorLimit() int {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil || r.Cur > 1<<20 {
		return 1<<20 - reservedDescriptors
	}
	return max(1, int(r.Cur)-reservedDescriptors)
}

// Open opens the endpoint of a service: service.Config.OnLoad. A service without functions for clients has none.
func (s *Server) Open(svc *service.Loaded) error {
	if svc.Only1x {
		s.log.Debugf("NOT Initializing IPC on %s [%d]", svc.Short, svc.ID)
		e := &endpoint{s: svc}
		e.word, e.batch = s.cfg.Router.Flow(svc)
		s.endpoints = append(s.endpoints, e)
		return nil
	}
	if len(svc.Lib) == 0 {
		s.log.Debugf("NOT Initializing IPC on %s [%d]", svc.Short, svc.ID)
		return nil
	}
	s.log.Debugf("Initializing IPC on %s [%d]", svc.Short, svc.ID)
	l, err := listenQB(svc.Short, s.cfg.Sockets)
	if err != nil {
		s.log.Errorf("Can't initialize IPC")
		return err
	}
	s.log.Infof("server name: %s", svc.Short)
	return s.open(svc, l)
}

func (s *Server) open(svc *service.Loaded, l listener) error {
	e := &endpoint{s: svc, l: l}
	e.word, e.batch = s.cfg.Router.Flow(svc)
	w, err := s.cfg.Loop.Watch(l.Fd(), loop.Readable, loop.Low, func(uint32) { s.accept(e) })
	if err != nil {
		l.Close()
		return err
	}
	e.watch = w
	s.endpoints = append(s.endpoints, e)
	return nil
}

// Shut closes the endpoint of a service and disconnects its clients: service.Config.OnUnload.
func (s *Server) Shut(svc *service.Loaded) {
	i := slices.IndexFunc(s.endpoints, func(e *endpoint) bool { return e.s == svc })
	if i < 0 {
		return
	}
	s.log.Infof("withdrawing server sockets")
	e := s.endpoints[i]
	s.endpoints = slices.Delete(s.endpoints, i, i+1)
	for _, h := range slices.Clone(s.pending) {
		if h.e == e {
			s.dropHandshake(h)
			h.p.Refuse(unix.ENOSYS)
		}
	}
	for _, c := range slices.Clone(s.conns) {
		if c.e == e {
			s.disconnect(c)
		}
	}
	if e.l != nil {
		e.watch.Remove()
		e.l.Close()
	}
}

// Close shuts all endpoints.
func (s *Server) Close() {
	s.shutDoor()
	for len(s.endpoints) > 0 {
		s.Shut(s.endpoints[len(s.endpoints)-1].s)
	}
	s.queueTimer.Stop()
}

// Pipelining reports whether a client has made more than one request since the last call.
func (s *Server) Pipelining() bool {
	p := s.pipelining
	s.pipelining = false
	s.asked++
	return p
}

// FlowChanged recomputes the flow control of all connections: service.Config.OnFlow. The words turn at once; reading
// goes on at the end of the turn.
func (s *Server) FlowChanged() {
	for _, e := range s.endpoints {
		e.word, e.batch = s.cfg.Router.Flow(e.s)
	}
	for _, c := range s.conns {
		c.updateFlow()
	}
	s.retry = true
}

// turnEnd does once what the turn has asked for.
func (s *Server) turnEnd() {
	for {
		s.disconnectClosing()
		if !s.retry {
			break
		}
		s.retry = false
		s.resume()
	}
	if len(s.queued) > 0 {
		s.flushQueues(false)
		if s.retry {
			s.cfg.Loop.Next(func() {})
		}
	}
	for _, c := range s.dirty {
		c.dirty = false
		c.flush()
	}
	clear(s.dirty)
	s.dirty = s.dirty[:0]
	s.disconnectClosing()
}

func (s *Server) disconnectClosing() {
	for len(s.closing) > 0 {
		c := s.closing[0]
		s.closing = slices.Delete(s.closing, 0, 1)
		s.disconnect(c)
	}
}

// resume reads from the connections that were paused and may go on.
func (s *Server) resume() {
	run := s.paused
	s.paused = s.pausedSpare[:0]
	for _, c := range run {
		c.paused = false
		switch {
		case c.gone:
		case c.word != service.FlowOpen:
			s.pause(c)
		default:
			c.serve()
			if !c.paused && !c.gone {
				c.updateEvents()
			}
		}
	}
	clear(run)
	s.pausedSpare = run[:0]
}

// pause stops polling a connection for requests until FlowChanged.
func (s *Server) pause(c *conn) {
	if !c.paused {
		c.paused = true
		s.paused = append(s.paused, c)
		c.updateEvents()
	}
}

// flushQueues moves waiting events into the rings, as far as there is room. backOff lengthens the wait until the next
// try if there is none: only the timer does, not every turn.
func (s *Server) flushQueues(backOff bool) {
	moved := false
	keep := s.queued[:0]
	for _, c := range s.queued {
		if c.gone || c.isClosing {
			c.queueing = false
			continue
		}
		n, empty := c.drain()
		moved = moved || n > 0
		c.relieve(n > 0)
		if empty {
			c.queueing = false
			c.unwatchReader()
		} else {
			keep = append(keep, c)
		}
	}
	clear(s.queued[len(keep):])
	s.queued = keep
	switch {
	case len(keep) == 0:
		s.queueWait = retryFirst
		s.queueTimer.Stop()
		return
	case moved:
		s.queueWait = retryFirst
	case backOff:
		s.queueWait = min(2*s.queueWait, retryLast)
	default:
		return // the timer runs
	}
	s.queueTimer.Set(s.cfg.Loop.Now().Add(s.queueWait))
}

// isTemporary says that a write may work later.
func isTemporary(err error) bool { return errors.Is(err, unix.EAGAIN) }
