package cmap

import (
	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// maxHandles bounds the iterators and the trackers of one connection, each.
const maxHandles = 4096

// Engine is the cmap service.
type Engine struct {
	api service.API

	version *icmap.Tracker // of totem.config_version
	config  versionCheck

	clients   map[*client]struct{}
	statsPoll service.Timer // runs while a connection tracks statistics
	pollTick  int

	scratch []byte
	one     [1][]byte
}

// client is the state of one connection.
type client struct {
	conn service.Conn
	// stats selects the statistics map.
	stats      bool
	iterators  map[uint64]*iterator
	trackers   map[uint64]*tracker
	lastHandle uint64
}

// handle returns a number that the connection has not used before.
func (cl *client) handle() uint64 {
	cl.lastHandle++
	return cl.lastHandle
}

// New returns the engine.
func New() *Engine { return &Engine{clients: make(map[*client]struct{})} }

// Info describes the service.
func (e *Engine) Info() service.Info {
	return service.Info{
		ID: service.CMAP, Name: "corosync configuration map access", Short: "cmap", Subsys: "CMAP",
		Priority: 1, AllowInquorate: true,
	}
}

// Init follows the configuration version.
func (e *Engine) Init(api service.API) error {
	e.api = api
	// Inside the setter, because a deleted version is announced with its last value.
	t, err := api.DB().TrackNow(keyConfigVersion, icmap.EventAny, e.versionChanged)
	e.version = t
	return err
}

// Exit ends the tracking.
func (e *Engine) Exit() {
	e.api.DB().Untrack(e.version)
	if e.statsPoll != nil {
		e.statsPoll.Stop()
		e.statsPoll = nil
	}
}

// Exec returns the one ring message of the service.
func (e *Engine) Exec() []service.ExecFunc {
	return []service.ExecFunc{ipcmsg.ExecCmapMcast: e.execMcast}
}

// LibInit prepares a connection, which begins on the configuration map.
func (e *Engine) LibInit(c service.Conn) error {
	cl := &client{conn: c, iterators: make(map[uint64]*iterator), trackers: make(map[uint64]*tracker)}
	c.SetData(cl)
	e.clients[cl] = struct{}{}
	return nil
}

// LibExit frees what the connection held.
func (e *Engine) LibExit(c service.Conn) {
	cl, ok := c.Data().(*client)
	if !ok {
		return
	}
	for _, t := range cl.trackers {
		e.untrack(t)
	}
	delete(e.clients, cl)
}
