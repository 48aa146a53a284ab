package quorum

import (
	"slices"
	"strconv"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Engine is the quorum service.
type Engine struct {
	api service.API
	// provider is the name of the quorum provider, "" for none; load loads it.
	provider string
	load     func() error

	quorate bool
	// view and viewRing are the provider's; empty without one.
	view     []uint32
	viewRing totem.RingID

	// The membership lists of the sync engine. old is what was last activated.
	member, old, joined, left []uint32
	pending                   bool // left is of a synchronisation that was not activated
	syncRing                  totem.RingID

	trackers []*client // newest first: events go out in that order
	scratch  []byte
}

// client is the state of one connection.
type client struct {
	conn     service.Conn
	model    uint32
	flags    uint32
	tracking bool
}

// New returns the engine for a cluster with this quorum provider; "" means that every partition is quorate. load loads the
// provider's service; it is called by Init, when this engine is ready to hear the first decision.
func New(provider string, load func() error) *Engine {
	return &Engine{provider: provider, load: load, quorate: provider == ""}
}

// Info describes the service.
func (e *Engine) Info() service.Info {
	return service.Info{
		ID: service.Quorum, Name: "corosync cluster quorum service v0.1", Short: "quorum", Subsys: "QUORUM",
		Priority: 1, AllowInquorate: true,
	}
}

// Init loads the provider and listens to what it publishes.
func (e *Engine) Init(api service.API) error {
	e.api = api
	api.WatchQuorum(e.published)
	if e.provider == "" {
		return nil
	}
	api.Log().Noticef("Using quorum provider %s", e.provider)
	if err := e.load(); err != nil {
		api.Log().Critf("Quorum provider: %s failed to initialize.", e.provider)
		return err
	}
	return nil
}

// Exit has nothing to end.
func (e *Engine) Exit() {}

// Exec returns no functions: the service sends nothing to other nodes.
func (e *Engine) Exec() []service.ExecFunc { return nil }

// LibInit prepares a connection; it has model v0 until it asks for another.
func (e *Engine) LibInit(c service.Conn) error {
	c.SetData(&client{conn: c, model: ipcmsg.QuorumModelV0})
	return nil
}

// LibExit forgets the connection's tracking.
func (e *Engine) LibExit(c service.Conn) {
	if cl, ok := c.Data().(*client); ok {
		e.untrack(cl)
	}
}

func (e *Engine) untrack(cl *client) {
	if i := slices.Index(e.trackers, cl); i >= 0 {
		e.trackers = slices.Delete(e.trackers, i, i+1)
	}
	cl.tracking = false
}

// published takes the provider's state and tells all trackers, also when nothing has changed: clients count on one
// event for each activation.
func (e *Engine) published(q service.QuorumState) {
	was := e.quorate
	e.quorate = q.Quorate
	e.viewRing = q.Ring
	e.view = appendIDs(e.view[:0], q.Members)
	if e.quorate != was {
		if e.quorate {
			e.api.Log().Noticef("This node is within the primary component and will provide service.")
		} else {
			e.api.Log().Noticef("This node is within the non-primary component and will NOT provide any services.")
		}
	}
	e.logList("Members", e.view)
	for _, cl := range e.trackers {
		e.sendQuorum(cl)
	}
}

// viewLogChars bounds the node ids of one log line, in characters; a longer list goes on in the next line, which is how
// log readers know it from 3.1.
const viewLogChars = 63

// logList logs a list of nodes under its name.
func (e *Engine) logList(name string, list []uint32) {
	var line []byte
	for i := 0; ; {
		line = line[:0]
		for ; i < len(list); i++ {
			n := len(line)
			line = strconv.AppendUint(append(line, ' '), uint64(list[i]), 10)
			if len(line) > viewLogChars {
				line = line[:n]
				break
			}
		}
		if i == len(list) {
			e.api.Log().Noticef("%s[%d]:%s", name, len(list), line)
			return
		}
		e.api.Log().Noticef("%s[%d]:%s\\", name, len(list), line)
	}
}

func appendIDs(dst []uint32, ids []totem.NodeID) []uint32 {
	for _, id := range ids {
		dst = append(dst, uint32(id))
	}
	return dst
}
