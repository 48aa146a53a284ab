package cfg

import (
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Engine is the cfg service.
type Engine struct {
	api service.API

	// clients are the connections by their id: the answer to a reload finds its client here, if it is still there.
	clients  map[uint64]*client
	trackers []*client // newest first
	shutdown negotiation

	scratch []byte
	one     [1][]byte
}

// client is the state of one connection.
type client struct {
	conn     service.Conn
	tracking bool
	asked    bool // has asked for a shutdown
	vote     vote
}

// New returns the engine.
func New() *Engine { return &Engine{clients: make(map[uint64]*client)} }

// Info describes the service.
func (e *Engine) Info() service.Info {
	return service.Info{
		ID: service.CFG, Name: "corosync configuration service", Short: "cfg", Subsys: "CFG",
		Priority: 1, AllowInquorate: true,
	}
}

// Init keeps the API.
func (e *Engine) Init(api service.API) error {
	e.api = api
	return nil
}

// Exit ends a negotiation that is going on; the clients see their connections close.
func (e *Engine) Exit() { e.shutdown.stopTimer() }

// LibInit prepares a connection.
func (e *Engine) LibInit(c service.Conn) error {
	cl := &client{conn: c}
	c.SetData(cl)
	e.clients[c.ID()] = cl
	return nil
}

// LibExit takes the connection out of a shutdown negotiation.
func (e *Engine) LibExit(c service.Conn) {
	cl, ok := c.Data().(*client)
	if !ok {
		return
	}
	delete(e.clients, c.ID())
	e.leave(cl)
}

func (e *Engine) reply(c service.Conn, id int32, res cserr.Error) {
	e.scratch = ipcmsg.AppendResponse(e.scratch[:0], id, res)
	c.Reply(e.scratch)
}

// mcast sends a message of the service. cfg asks for safe delivery, as 3.1 does; agreed order is what there is.
func (e *Engine) mcast(msg []byte) error {
	e.scratch = msg
	e.one[0] = msg
	return e.api.Mcast(totem.Safe, e.one[:]...)
}
