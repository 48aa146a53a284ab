package sim

import (
	"slices"

	"github.com/corosync-go/corosync/daemon/service"
)

// consumer is the client's end of a connection.
type consumer interface {
	// reply takes the answer to a request, event an event; the bytes are valid during the call.
	reply(msg []byte)
	event(msg []byte)
	// closed says that the connection has ended without the client's doing.
	closed(how string)
}

// conn is a client's connection to a service of a process. It stands in for ipcserver: requests wait in a ring that the
// daemon reads in batches and leaves alone while flow control says so.
type conn struct {
	p      *proc
	svc    *service.Loaded
	id     uint64
	pid    uint32
	data   any
	client consumer

	ring    [][]byte
	serving bool // a turn that reads the ring was asked for
	waiting bool // for flow control
	gone    bool
	buf     []byte
}

var _ service.Conn = (*conn)(nil)

// connect opens a connection; nil if the daemon does not admit clients now.
func (p *proc) connect(id service.ID, pid uint32, client consumer) *conn {
	r := p.node.Router()
	if !r.Ready() {
		return nil
	}
	s := r.Service(id)
	if s == nil {
		return nil
	}
	p.connID++
	c := &conn{p: p, svc: s, id: p.connID, pid: pid, client: client}
	if s.Engine.LibInit(c) != nil {
		return nil
	}
	p.conns = append(p.conns, c)
	return c
}

// send puts a request into the ring.
func (c *conn) send(req []byte) {
	if c.gone {
		return
	}
	c.ring = append(c.ring, req)
	c.kick()
}

func (c *conn) kick() {
	if !c.serving && !c.waiting {
		c.serving = true
		c.p.loop.Input(c.serve)
	}
}

// open says whether the client's library would send to a process group now.
func (c *conn) open() bool {
	word, _ := c.p.node.Router().Flow(c.svc)
	return word == service.FlowOpen
}

// serve reads a batch of requests.
func (c *conn) serve() {
	c.serving = false
	r := c.p.node.Router()
	_, batch := r.Flow(c.svc)
	for n := 0; len(c.ring) > 0 && !c.gone; n++ {
		word, _ := r.Flow(c.svc)
		if word != service.FlowOpen {
			c.waiting = true
			return
		}
		if n >= max(batch, 1) {
			c.serving = true
			c.p.loop.Next(c.serve)
			return
		}
		req := c.ring[0]
		if r.Request(c.svc, c, req) == service.Later {
			c.waiting = true
			return
		}
		// Nothing of a request may be kept.
		for i := range min(len(req), 4096) {
			req[i] = 0xdb
		}
		c.ring = c.ring[1:]
	}
}

// disconnect ends the connection in a turn of the daemon, when it notices that the client is gone.
func (c *conn) disconnect() {
	if c.gone {
		return
	}
	c.p.loop.Input(func() { c.exit() })
}

func (c *conn) exit() {
	if c.gone {
		return
	}
	c.gone = true
	c.p.conns = slices.DeleteFunc(c.p.conns, func(o *conn) bool { return o == c })
	c.svc.Engine.LibExit(c)
}

// ID, PID, UID, GID, Data and SetData are those of service.Conn.
func (c *conn) ID() uint64    { return c.id }
func (c *conn) PID() int      { return int(c.pid) }
func (c *conn) UID() int      { return 0 }
func (c *conn) GID() int      { return 0 }
func (c *conn) Data() any     { return c.data }
func (c *conn) SetData(v any) { c.data = v }

// Reply hands an answer to the client.
func (c *conn) Reply(parts ...[]byte) {
	if !c.gone {
		c.client.reply(slices.Concat(parts...))
	}
}

// Event hands an event to the client.
func (c *conn) Event(parts ...[]byte) {
	if c.gone {
		return
	}
	c.p.output()
	c.buf = c.buf[:0]
	for _, b := range parts {
		c.buf = append(c.buf, b...)
	}
	if m := c.p.c.opt.Mutant; m != nil && m.Event != nil {
		for _, e := range m.Event(c, c.buf) {
			c.client.event(e)
		}
		return
	}
	c.client.event(c.buf)
}

// Close disconnects the client.
func (c *conn) Close() {
	c.p.loop.Input(func() {
		if !c.gone {
			c.exit()
			c.client.closed("closed")
		}
	})
}

// Open, Shut and FlowChanged are those of node.Endpoints.

// Open does nothing: clients look for the service.
func (p *proc) Open(*service.Loaded) error { return nil }

// Shut disconnects the clients of a service.
func (p *proc) Shut(s *service.Loaded) {
	for _, c := range slices.Clone(p.conns) {
		if c.svc == s && !c.gone {
			c.exit()
			c.client.closed("unloaded")
		}
	}
}

// FlowChanged makes the connections that wait be looked at when the turn ends.
func (p *proc) FlowChanged() { p.retry = true }

func (p *proc) turnEnd() {
	if !p.retry || !p.alive {
		return
	}
	p.retry = false
	for _, c := range p.conns {
		if c.waiting {
			c.waiting = false
			c.kick()
		}
	}
}
