package pload

import (
	"encoding/binary"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

const (
	defaultCount = 1500000 // messages a node sends
	defaultSize  = 300     // bytes
	// consent is what pload.start has to say.
	consent = "i_totally_understand_pload_will_crash_my_cluster_and_kill_corosync_on_exit"
	// exitDone is the status of a daemon that has done its load (COROSYNC_DONE_PLOAD).
	exitDone = 99
	// burst bounds the messages of one token visit, so that the loop does other work in between.
	burst = 4096
)

// Engine is the pload service.
type Engine struct {
	api  service.API
	keys *icmap.Tracker

	started         bool
	goOn            bool // after the load, as 1.x did
	wanted, sent    uint32
	size            uint32
	delivered       uint32
	first           clock.Instant
	message, header []byte
	one             [1][]byte
}

// New returns the engine.
func New() *Engine { return &Engine{} }

// Info describes the service.
func (e *Engine) Info() service.Info {
	return service.Info{
		ID: service.PLOAD, Name: "corosync profile loading service", Short: "pload", Subsys: "PLOAD",
		Priority: 1, AllowInquorate: true, Only1x: true,
	}
}

// Init watches the keys that start the load. It is never started by the configuration file.
func (e *Engine) Init(api service.API) error {
	e.api = api
	t, err := api.DB().Track("pload.", icmap.EventAny|icmap.EventPrefix, e.keyChanged)
	e.keys = t
	return err
}

// Exit ends the watching.
func (e *Engine) Exit() { e.api.DB().Untrack(e.keys) }

// Lib returns the function of 1.x; clients of 3.x have none.
func (e *Engine) Lib() []service.LibFunc {
	return []service.LibFunc{ipcmsg.Pload1xReqStart: {FlowControl: true, Call: e.libStart}}
}

// LibInit accepts a client.
func (e *Engine) LibInit(service.Conn) error { return nil }

// LibExit has nothing to forget.
func (e *Engine) LibExit(service.Conn) {}

// libStart starts the load for a client of 1.x, where it did not end the daemon.
func (e *Engine) libStart(c service.Conn, req []byte) {
	r, err := ipcmsg.ParsePload1xStart(req)
	res := cserr.OK
	switch {
	case err != nil, r.Size > ipcmsg.PloadSizeMax, r.Count == 0:
		res = cserr.InvalidParam
	case e.started:
		res = cserr.Exist
	default:
		m := ipcmsg.ExecPloadStartMsg{Count: r.Count, Size: r.Size, GoOn: true}
		e.header = m.Append(e.header[:0], binary.NativeEndian)
		if e.mcast(e.header) != nil {
			res = cserr.TryAgain
		}
	}
	e.one[0] = ipcmsg.AppendPload1xAnswer(nil, res)
	c.Reply(e.one[:]...)
}

// Exec returns the handlers of ordered messages in the order of their numbers.
func (e *Engine) Exec() []service.ExecFunc {
	return []service.ExecFunc{ipcmsg.ExecPloadStart: e.execStart, ipcmsg.ExecPloadMcast: e.execMcast}
}

func (e *Engine) keyChanged(icmap.Event, string, icmap.Value, icmap.Value) {
	db := e.api.DB()
	if text, err := db.GetString("pload.start"); e.started || err != nil || text != consent {
		return
	}
	m := ipcmsg.ExecPloadStartMsg{Count: defaultCount, Size: defaultSize}
	if v, err := db.GetUint32("pload.count"); err == nil {
		m.Count = v
	}
	if v, err := db.GetUint32("pload.size"); err == nil {
		m.Size = v
	}
	if m.Size > ipcmsg.PloadSizeMax {
		m.Size = ipcmsg.PloadSizeMax
		e.api.Log().Warningf("pload size limited to %d", m.Size)
	}
	e.api.Log().Warningf("Starting pload!")
	e.header = m.Append(e.header[:0], binary.NativeEndian)
	if err := e.mcast(e.header); err != nil {
		e.api.Log().Errorf("Unable to start pload: %v", err)
	}
}

func (e *Engine) mcast(msg []byte) error {
	e.one[0] = msg
	return e.api.Mcast(totem.Agreed, e.one[:]...)
}

func (e *Engine) execStart(from totem.NodeID, msg []byte, foreign bool) {
	m, err := ipcmsg.ParseExecPloadStart(msg, ipcmsg.Order(foreign))
	if err != nil || m.Size > ipcmsg.PloadSizeMax {
		e.api.Log().Warningf("Discarding a pload start from node %d: size %d, %v", from, m.Size, err)
		return
	}
	if e.started {
		return
	}
	e.started, e.goOn = true, m.GoOn
	e.wanted, e.size = m.Count, m.Size
	e.sent, e.delivered = 0, 0
	e.message = ipcmsg.AppendExecPloadMcast(nil, int(m.Size), binary.NativeEndian)
	e.api.OnTokenSent(e.send)
}

// send fills the send queue each time the token has passed, until all is sent.
func (e *Engine) send() bool {
	for i := 0; e.sent < e.wanted && i < burst; i++ {
		if e.mcast(e.message) != nil {
			break
		}
		e.sent++
	}
	done := e.sent >= e.wanted
	if done && e.delivered >= e.wanted && e.goOn {
		e.started = false
	}
	return done
}

func (e *Engine) execMcast(totem.NodeID, []byte, bool) {
	if !e.started {
		return // what other nodes still send after a load of 1.x
	}
	if e.delivered == 0 {
		e.first = e.api.Now()
	}
	e.delivered++
	if e.delivered != e.wanted {
		return
	}
	seconds := max(e.api.Now().Sub(e.first), time.Nanosecond).Seconds()
	rate := float64(e.delivered) / seconds
	e.api.Log().Noticef("%5d Writes %d bytes per write %7.3f seconds runtime, %9.3f TP/S, %9.3f MB/S.",
		e.delivered, e.size, seconds, rate, rate*float64(e.size)/(1<<20))
	if e.goOn {
		e.started = e.sent < e.wanted
		return
	}
	e.api.Log().Warningf("Stopping corosync the hard way")
	e.api.Host().Exit(exitDone)
}
