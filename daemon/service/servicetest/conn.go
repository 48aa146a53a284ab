package servicetest

import (
	"encoding/binary"
	"slices"

	"github.com/corosync-go/corosync/daemon/service"
)

// Conn is a client connection that records.
type Conn struct {
	node *Node
	svc  *service.Loaded
	id   uint64
	data any

	// ClientPID, ClientUID and ClientGID are what the connection says of its client.
	ClientPID, ClientUID, ClientGID int
	// Replies and Events are what was sent and not yet taken; Closed says that the daemon has closed the connection.
	Replies, Events [][]byte
	Closed          bool
	// Sink makes Reply and Event drop everything, for measurements.
	Sink bool
	gone bool
}

// Connect opens a connection to a loaded service; nil if its LibInit refuses.
func (n *Node) Connect(id service.ID) *Conn {
	n.Cluster.T.Helper()
	s := n.Router.Service(id)
	if s == nil {
		n.Cluster.T.Fatalf("%v: service %d not loaded", n, id)
	}
	n.Cluster.seq++
	c := &Conn{node: n, svc: s, id: n.Cluster.seq, ClientPID: int(1000 + n.Cluster.seq)}
	if s.Engine.LibInit(c) != nil {
		return nil
	}
	n.conns = append(n.conns, c)
	return c
}

// Request hands a request to the router, which admits it or not.
func (c *Conn) Request(req []byte) service.Verdict {
	buf := slices.Clone(req)
	v := c.node.Router.Request(c.svc, c, buf)
	for i := range buf {
		buf[i] = 0xdb
	}
	return v
}

// Call makes a request and returns its answer, which must be exactly one.
func (c *Conn) Call(req []byte) []byte {
	t := c.node.Cluster.T
	t.Helper()
	c.Replies = nil
	c.Request(req)
	if len(c.Replies) != 1 {
		t.Fatalf("request %d got %d answers", binary.NativeEndian.Uint32(req), len(c.Replies))
	}
	r := c.Replies[0]
	c.Replies = nil
	return r
}

// TakeEvents returns the events since the last call.
func (c *Conn) TakeEvents() [][]byte {
	e := c.Events
	c.Events = nil
	return e
}

// Disconnect ends the connection from the client's side.
func (c *Conn) Disconnect() {
	if c.gone {
		return
	}
	c.gone = true
	c.node.conns = slices.DeleteFunc(c.node.conns, func(o *Conn) bool { return o == c })
	c.svc.Engine.LibExit(c)
}

// unload closes the connections of a service.
func (n *Node) unload(s *service.Loaded) {
	for _, c := range slices.Clone(n.conns) {
		if c.svc == s {
			c.Closed = true
			c.Disconnect()
		}
	}
}

// ID is the connection token.
func (c *Conn) ID() uint64 { return c.id }

// PID is ClientPID.
func (c *Conn) PID() int { return c.ClientPID }

// UID is ClientUID.
func (c *Conn) UID() int { return c.ClientUID }

// GID is ClientGID.
func (c *Conn) GID() int { return c.ClientGID }

// Reply records an answer.
func (c *Conn) Reply(parts ...[]byte) {
	if !c.Sink {
		c.Replies = append(c.Replies, slices.Concat(parts...))
	}
}

// Event records an event.
func (c *Conn) Event(parts ...[]byte) {
	if !c.Sink {
		c.Events = append(c.Events, slices.Concat(parts...))
	}
}

// Data returns the engine's state.
func (c *Conn) Data() any { return c.data }

// SetData keeps the engine's state.
func (c *Conn) SetData(v any) { c.data = v }

// Close records that the daemon closed the connection.
func (c *Conn) Close() { c.Closed = true }
