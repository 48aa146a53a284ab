package ipcserver

import (
	"errors"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/loop"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/coroipc"
	"github.com/corosync-go/corosync/libcorosync-go/qbipc"
)

// maxCoroipc bounds the connections of the 1.x protocol, each of which keeps a thread waiting.
const maxCoroipc = 2048

// services1x are the services of 1.x that this daemon has. The object database has a connection to cmap, and does not use
// it.
var services1x = map[int]service.ID{
	coroipc.ServiceCFG: service.CFG, coroipc.ServiceCPG: service.CPG, coroipc.ServiceQuorum: service.Quorum,
	coroipc.ServicePload: service.PLOAD, coroipc.ServiceConfdb: service.CMAP, coroipc.ServiceVotequorum: service.Votequorum,
}

// OpenCoroipc opens the socket of the 1.x protocol, which is one for all services; name is coroipc.SocketName but in tests.
// Without it clients of 3.x are served all the same.
func (s *Server) OpenCoroipc(name string) error {
	l, err := coroipc.ListenAt(name)
	if err != nil {
		return err
	}
	d := &endpoint{l: coroListener{l}}
	if d.watch, err = s.cfg.Loop.Watch(l.Fd(), loop.Readable, loop.Low, func(uint32) { s.accept(d) }); err != nil {
		l.Close()
		return err
	}
	s.door = d
	return nil
}

// shutDoor closes the socket of the 1.x protocol.
func (s *Server) shutDoor() {
	if s.door == nil {
		return
	}
	for _, h := range slices.Clone(s.pending) {
		if h.e == s.door {
			s.dropHandshake(h)
			h.p.Refuse(unix.ENOSYS)
		}
	}
	s.door.watch.Remove()
	s.door.l.Close()
	s.door = nil
}

// endpoint1x finds the service that a client of the 1.x protocol has asked for; nil if there is none.
func (s *Server) endpoint1x(number int) *endpoint {
	id, ok := services1x[number]
	if number >= coroipc.Service3x {
		id, ok = service.ID(number-coroipc.Service3x), true
	}
	if !ok {
		return nil
	}
	i := slices.IndexFunc(s.endpoints, func(e *endpoint) bool { return e.s.ID == id })
	if i < 0 || s.endpoints[i].s.Only1x && number >= coroipc.Service3x {
		return nil
	}
	return s.endpoints[i]
}

type coroListener struct{ *coroipc.Listener }

func (l coroListener) Accept() (pending, error) {
	p, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &coroPending{Pending: p}, nil
}

type coroPending struct {
	*coroipc.Pending
	server *Server
}

func (p *coroPending) Refuse(errno syscall.Errno) { p.Pending.Refuse(errno) }

func (p *coroPending) Accept() (link, error) {
	number := p.Service()
	c, err := p.Pending.Accept()
	if err != nil {
		return nil, err
	}
	l := &coroLink{ServerConn: c}
	if number < coroipc.Service3x {
		l.dialect = p.server.dialect(number)
	}
	l.shown = l.show
	return l, nil
}

// coroLink is a connection of the 1.x protocol. With a dialect its client speaks the messages of 1.4.
type coroLink struct {
	*coroipc.ServerConn
	dialect dialect
	handle  func(req []byte) qbipc.Verdict
	shown   func(req []byte) // the method show, bound once
	scratch []byte
	one     [1][]byte
}

// ReadRequests passes requests on, in the words of 3.x.
func (l *coroLink) ReadRequests(limit int, handle func(req []byte) qbipc.Verdict) (int, error) {
	l.handle = handle
	return l.ServerConn.ReadRequests(limit, l.shown)
}

func (l *coroLink) show(req []byte) {
	if l.dialect != nil {
		var answer []byte
		if req, answer = l.dialect.request(req); answer != nil {
			l.one[0] = answer
			// An answer that cannot be given is the client's doing; the next look at its memory finds that out.
			_ = l.ServerConn.Respond(l.one[:]...)
			return
		}
	}
	l.handle(req)
}

// Respond translates an answer and sends it.
func (l *coroLink) Respond(parts ...[]byte) error {
	if l.dialect == nil {
		return l.ServerConn.Respond(parts...)
	}
	l.one[0] = l.dialect.reply(l.join(parts))
	return l.ServerConn.Respond(l.one[:]...)
}

// Event translates an event and sends it. One that 1.x does not know is dropped.
func (l *coroLink) Event(parts ...[]byte) error {
	if l.dialect == nil || !l.dialect.translates(parts[0]) {
		return l.ServerConn.Event(parts...)
	}
	event := l.dialect.event(l.join(parts))
	if event == nil {
		return nil
	}
	l.one[0] = event
	err := l.ServerConn.Event(l.one[:]...)
	if !errors.Is(err, unix.EAGAIN) {
		l.dialect.sent()
	}
	return err
}

func (l *coroLink) join(parts [][]byte) []byte {
	l.scratch = l.scratch[:0]
	for _, p := range parts {
		l.scratch = append(l.scratch, p...)
	}
	return l.scratch
}

// SetFlowControl does nothing: in this protocol a request is refused when it comes.
func (l *coroLink) SetFlowControl(int) error { return nil }

// Counters are those of the connection.
func (l *coroLink) Counters() qbipc.Counters { return qbipc.Counters(l.ServerConn.Counters()) }

// watch has the loop look when the client has made a request.
func (c *conn) watchRequests(l *coroLink) {
	work := func() {
		if !c.isClosing {
			c.serve()
		}
	}
	l.Watch(func() bool { return !errors.Is(c.server.cfg.Loop.Post(work), loop.ErrBusy) })
}
