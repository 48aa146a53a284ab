package ipcserver

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/loop"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/coroipc"
	"github.com/corosync-go/corosync/libcorosync-go/qbipc"
)

// acceptBatch bounds the clients accepted by one endpoint in one turn.
const acceptBatch = 16

// accept takes clients from the backlog of an endpoint.
func (s *Server) accept(e *endpoint) {
	for range acceptBatch {
		p, err := e.l.Accept()
		switch {
		case err == nil:
			s.begin(e, p)
		case isTemporary(err):
			return
		case errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE):
			// The client stays in the backlog and the descriptor readable: polling it would spin.
			s.log.Warningf("refusing new connections (fds_available:0)")
			_ = e.watch.SetEvents(0)
			s.cfg.Loop.After(acceptPause, func() { _ = e.watch.SetEvents(loop.Readable) })
			return
		default:
			s.log.Errorf("Could not accept client connection on %s: %v", e.name(), err)
			return
		}
	}
}

// name is that of the socket.
func (e *endpoint) name() string {
	if e.s == nil {
		return coroipc.SocketName
	}
	return e.s.Short
}

// begin starts the handshake of a client.
func (s *Server) begin(e *endpoint, p pending) {
	now := s.cfg.Loop.Now()
	for len(s.pending) > 0 && (len(s.pending) >= maxPending || now.Sub(s.pending[0].since) > pendingTimeout) {
		h := s.pending[0]
		s.dropHandshake(h)
		h.p.Close()
	}
	h := &handshake{e: e, p: p, since: now}
	w, err := s.cfg.Loop.Watch(p.Fd(), loop.Readable, loop.Low, func(uint32) { s.greet(h) })
	if err != nil {
		s.log.Errorf("Could not watch client connection on %s: %v", e.name(), err)
		p.Close()
		return
	}
	h.watch = w
	s.pending = append(s.pending, h)
	if len(s.pending) == 1 {
		s.cfg.Loop.After(pendingTimeout, s.expire)
	}
}

// expire drops the handshakes that have taken too long.
func (s *Server) expire() {
	now := s.cfg.Loop.Now()
	for len(s.pending) > 0 && now.Sub(s.pending[0].since) >= pendingTimeout {
		h := s.pending[0]
		s.dropHandshake(h)
		h.p.Close()
	}
	if len(s.pending) > 0 {
		s.cfg.Loop.After(s.pending[0].since.Add(pendingTimeout).Sub(now), s.expire)
	}
}

func (s *Server) dropHandshake(h *handshake) {
	h.watch.Remove()
	s.pending = slices.DeleteFunc(s.pending, func(o *handshake) bool { return o == h })
}

// greet goes on with a handshake, and admits or refuses the client when it is complete.
func (s *Server) greet(h *handshake) {
	ready, err := h.p.Read()
	if err != nil {
		s.dropHandshake(h)
		h.p.Close()
		return
	}
	if !ready {
		return
	}
	s.dropHandshake(h)
	creds := h.p.Credentials()
	if p, ok := h.p.(*coroPending); ok {
		if s.coroipc >= maxCoroipc {
			h.p.Refuse(unix.EMFILE)
			return
		}
		// Only now it is known which service this client wants.
		p.server = s
		if h.e = s.endpoint1x(p.Service()); h.e == nil {
			h.p.Refuse(unix.ENOSYS)
			return
		}
	}
	if errno := s.admit(h.e, creds); errno != 0 {
		h.p.Refuse(errno)
		return
	}
	l, err := h.p.Accept()
	if err != nil {
		s.log.Errorf("Could not create connection of %s for pid %d: %v", h.e.s.Short, creds.PID, err)
		return
	}
	s.connect(h.e, l, creds)
}

// admit decides about a client; zero lets it in.
func (s *Server) admit(e *endpoint, creds qbipc.Credentials) syscall.Errno {
	if !s.cfg.Router.Ready() {
		s.log.Debugf("Denied connection, corosync is not ready")
		return unix.EAGAIN
	}
	if s.cfg.Router.Service(e.s.ID) != e.s {
		return unix.ENOSYS
	}
	if full := len(s.conns)+len(s.pending) >= s.maxConns; full != s.full {
		s.full = full
		if full {
			s.log.Warningf("refusing new connections (fds_available:%d)", s.maxConns-len(s.conns))
		} else {
			s.log.Noticef("allowing new connections (fds_available:%d)", s.maxConns-len(s.conns))
		}
	}
	if s.full {
		return unix.EMFILE
	}
	if s.permitted(creds.UID, creds.GID) {
		return 0
	}
	s.log.Errorf("Denied connection attempt from %d:%d", creds.UID, creds.GID)
	return unix.EACCES
}

// permitted says whether a user may connect: root, or who the keys uidgid.* name. Only the primary group counts.
func (s *Server) permitted(uid, gid uint32) bool {
	if uid == 0 || gid == 0 {
		return true
	}
	for _, k := range [...]string{
		fmt.Sprintf("uidgid.uid.%d", uid), fmt.Sprintf("uidgid.config.uid.%d", uid),
		fmt.Sprintf("uidgid.gid.%d", gid), fmt.Sprintf("uidgid.config.gid.%d", gid),
	} {
		if v, err := s.cfg.DB.GetUint8(k); err == nil && v == 1 {
			return true
		}
	}
	return false
}

// connect makes a connection of an admitted client.
func (s *Server) connect(e *endpoint, l link, creds qbipc.Credentials) {
	s.nextID++
	c := &conn{server: s, e: e, link: l, id: s.nextID, creds: creds, procname: procname(creds.PID)}
	c.coro, _ = l.(*coroLink)
	c.handle = c.request
	c.out.pool = &s.blocks
	w, err := s.cfg.Loop.Watch(l.Fd(), loop.Readable, loop.Medium, c.ready)
	if err != nil {
		s.log.Errorf("Could not watch connection of %s for pid %d: %v", e.s.Short, creds.PID, err)
		l.Close()
		return
	}
	c.watch, c.mask = w, loop.Readable
	if err := e.s.Engine.LibInit(c); err != nil {
		s.log.Errorf("lib_init_fn failed, disconnecting")
		w.Remove()
		l.Close()
		return
	}
	s.conns = append(s.conns, c)
	s.active++
	if s.cfg.OnConn != nil {
		s.cfg.OnConn(true, c.statsPrefix())
	}
	// A connection made during a synchronisation starts open, as in C: requests that need flow control are refused one
	// by one then, and the others run.
	c.word = service.FlowOpen
	if c.coro != nil {
		s.coroipc++
		c.watchRequests(c.coro)
	}
}

// disconnect ends a connection: engine first, then its files.
func (s *Server) disconnect(c *conn) {
	if c.gone {
		return
	}
	c.gone, c.isClosing = true, true
	c.watch.Remove()
	c.link.Disconnect()
	c.e.s.Engine.LibExit(c)
	c.link.Close()
	c.unwatchReader()
	c.out.clear()
	s.conns = slices.DeleteFunc(s.conns, func(o *conn) bool { return o == c })
	s.active--
	if c.coro != nil {
		s.coroipc--
	}
	s.closed++
	if s.cfg.OnConn != nil {
		s.cfg.OnConn(false, c.statsPrefix())
	}
}

// procname is the command name of a process as /proc/PID/stat has it, at most 15 bytes.
func procname(pid int32) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(int(pid)) + "/stat")
	if err != nil {
		return ""
	}
	i, j := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if i < 0 || j < i {
		return ""
	}
	return string(b[i+1 : j])
}
