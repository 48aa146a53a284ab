package sim

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/tests/history"
)

// spyService is the number of a service that corosync does not have.
const spyService = service.ID(60)

// spy is an engine of the simulation in every daemon. It sees the configuration changes of totem themselves, and the
// messages of its peers in their order; what no client is shown can so be judged by history.CheckLives.
type spy struct {
	p     *proc
	api   service.API
	sent  uint64
	life  *history.Life
	ring  totem.RingID
	nodes []totem.NodeID
}

// Info describes the service.
func (s *spy) Info() service.Info {
	return service.Info{ID: spyService, Name: "simulation", Short: "sim", Subsys: "SIM", Priority: 255, AllowInquorate: true}
}

// Init keeps the API.
func (s *spy) Init(api service.API) error {
	s.api = api
	s.life = &history.Life{Node: uint32(s.p.h.id), Number: uint64(s.p.h.life)}
	s.p.c.lives = append(s.p.c.lives, s.life)
	return nil
}

// Exit does nothing.
func (s *spy) Exit() {}

// Lib and Exec: no clients, one message.
func (s *spy) Lib() []service.LibFunc { return nil }

// Exec is the table of messages.
func (s *spy) Exec() []service.ExecFunc { return []service.ExecFunc{s.deliver} }

// LibInit and LibExit are never called.
func (s *spy) LibInit(service.Conn) error { return nil }

// LibExit is never called.
func (s *spy) LibExit(service.Conn) {}

const spySize = ipcmsg.RequestHeaderSize + 24

// send multicasts one message, if there is room.
func (s *spy) send() {
	msg := make([]byte, spySize)
	binary.NativeEndian.PutUint32(msg, uint32(ipcmsg.MakeExecID(uint16(spyService), 0)))
	binary.NativeEndian.PutUint32(msg[8:], spySize)
	binary.NativeEndian.PutUint64(msg[16:], uint64(s.p.h.id))
	binary.NativeEndian.PutUint64(msg[24:], s.life.Number)
	binary.NativeEndian.PutUint64(msg[32:], s.sent+1)
	if s.api.Mcast(totem.Agreed, msg) == nil {
		s.sent++
		s.record(history.Step{Kind: history.LifeSend, Msg: history.LifeMsg{Node: s.life.Node, Life: s.life.Number, Seq: s.sent}})
	}
}

func (s *spy) deliver(from totem.NodeID, msg []byte, _ bool) {
	if len(msg) != spySize {
		s.p.c.violate("integrity", "%v: a message of the simulation has %d bytes", s.p.h, len(msg))
		return
	}
	m := history.LifeMsg{
		Node: uint32(binary.NativeEndian.Uint64(msg[16:])), Life: binary.NativeEndian.Uint64(msg[24:]),
		Seq: binary.NativeEndian.Uint64(msg[32:]),
	}
	if m.Node != uint32(from) {
		s.p.c.violate("integrity", "%v: a message of node %d comes from node %d", s.p.h, m.Node, from)
	}
	s.record(history.Step{Kind: history.LifeDeliver, Msg: m})
	s.p.c.delivered++
}

func (s *spy) record(x history.Step) {
	x.Time = int64(s.p.c.world.Now().Sub(s.p.c.begin) / time.Microsecond)
	s.life.Steps = append(s.life.Steps, x)
}

// Confchg records a configuration change.
func (s *spy) Confchg(c *totem.Configuration) {
	step := history.Step{Kind: history.LifeTransitional, Ring: history.RingID{Node: uint32(c.Ring.Rep), Seq: c.Ring.Seq}}
	for _, id := range c.Members {
		step.Nodes = append(step.Nodes, uint32(id))
	}
	if c.Type == totem.RegularConfiguration {
		step.Kind = history.LifeRegular
		s.ring, s.nodes = c.Ring, slices.Clone(c.Members)
		s.p.c.configurations++
	}
	s.record(step)
	s.p.c.log(s.p.h, "ring", "%v %v %v left %v joined %v", c.Type, c.Ring, c.Members, c.Left, c.Joined)
}
