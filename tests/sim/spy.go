package sim

import (
	"encoding/binary"
	"slices"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// spyService is the number of a service that corosync does not have.
const spyService = service.ID(60)

// spy is an engine of the simulation in every daemon. It sees the configuration changes of totem themselves, and the
// messages of its peers in their order; what no client is shown can so be judged: see rings.go.
type spy struct {
	p     *proc
	api   service.API
	sent  uint64
	life  *life
	ring  totem.RingID
	nodes []totem.NodeID
	since clock.Instant
}

// life is what one daemon saw of the ring.
type life struct {
	node   totem.NodeID
	number int
	events []ringEvent
	ended  bool // died or left
}

// ringEvent is a configuration change or, with config nil, a delivery.
type ringEvent struct {
	at     clock.Instant
	config *totem.Configuration
	msg    spyMsg
	sent   bool // the message was sent, not delivered
}

type spyMsg struct {
	node totem.NodeID
	life int
	seq  uint64
}

// Info describes the service.
func (s *spy) Info() service.Info {
	return service.Info{ID: spyService, Name: "simulation", Short: "sim", Subsys: "SIM", Priority: 255, AllowInquorate: true}
}

// Init keeps the API.
func (s *spy) Init(api service.API) error {
	s.api = api
	s.life = &life{node: s.p.h.id, number: s.p.h.life}
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
	binary.NativeEndian.PutUint64(msg[24:], uint64(s.life.number))
	binary.NativeEndian.PutUint64(msg[32:], s.sent+1)
	if s.api.Mcast(totem.Agreed, msg) == nil {
		s.sent++
		s.life.events = append(s.life.events, ringEvent{
			at: s.p.c.world.Now(), msg: spyMsg{s.p.h.id, s.life.number, s.sent}, sent: true,
		})
	}
}

func (s *spy) deliver(from totem.NodeID, msg []byte, _ bool) {
	if len(msg) != spySize {
		s.p.c.violate("integrity", "%v: a message of the simulation has %d bytes", s.p.h, len(msg))
		return
	}
	m := spyMsg{
		totem.NodeID(binary.NativeEndian.Uint64(msg[16:])), int(binary.NativeEndian.Uint64(msg[24:])),
		binary.NativeEndian.Uint64(msg[32:]),
	}
	if m.node != from {
		s.p.c.violate("integrity", "%v: a message of node %d comes from node %d", s.p.h, m.node, from)
	}
	s.life.events = append(s.life.events, ringEvent{at: s.p.c.world.Now(), msg: m})
	s.p.c.delivered++
}

// Confchg records a configuration change.
func (s *spy) Confchg(c *totem.Configuration) {
	k := &totem.Configuration{
		Type: c.Type, Ring: c.Ring, Members: slices.Clone(c.Members), Joined: slices.Clone(c.Joined), Left: slices.Clone(c.Left),
	}
	s.life.events = append(s.life.events, ringEvent{at: s.p.c.world.Now(), config: k})
	if c.Type == totem.RegularConfiguration {
		s.ring, s.nodes, s.since = k.Ring, k.Members, s.p.c.world.Now()
		s.p.c.configurations++
	}
	s.p.c.log(s.p.h, "ring", "%v %v %v left %v joined %v", c.Type, c.Ring, c.Members, c.Left, c.Joined)
}
