package sim

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/seq"
	"github.com/corosync-go/corosync/daemon/totem/wire"
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
	visit visit
	mcast wire.Mcast
	token wire.Token

	// long are the long messages of the present synchronisation, whole those that left completely and were not delivered
	// yet. piece is how much of a message in several frames has left.
	long, whole []uint64
	piece       int
	begun       bool    // the node has sent frames in the ring
	newest      seq.Num // of those; what comes again is not after it
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

// A message is the header and three numbers, and every eighth has a tail that makes it longer than a frame: during a
// synchronisation only services send, and theirs are short.
const (
	spySize = ipcmsg.RequestHeaderSize + 24
	spyTail = 5000
)

func sizeOf(seq uint64) int {
	if seq%8 == 7 {
		return spySize + spyTail
	}
	return spySize
}

// send multicasts one message, if there is room.
func (s *spy) send() {
	msg := make([]byte, sizeOf(s.sent+1))
	binary.NativeEndian.PutUint32(msg, uint32(ipcmsg.MakeExecID(uint16(spyService), 0)))
	binary.NativeEndian.PutUint32(msg[8:], uint32(len(msg)))
	copy(msg[spySize:], body(uint64(s.life.Node)+s.life.Number, s.sent+1, len(msg)-spySize))
	binary.NativeEndian.PutUint64(msg[16:], uint64(s.p.h.id))
	binary.NativeEndian.PutUint64(msg[24:], s.life.Number)
	binary.NativeEndian.PutUint64(msg[32:], s.sent+1)
	if s.api.Mcast(totem.Agreed, msg) == nil {
		s.sent++
		if len(msg) > spySize && s.p.node.Router().Syncing() {
			s.long = append(s.long, s.sent)
		}
		s.record(history.Step{Kind: history.LifeSend, Msg: history.LifeMsg{Node: s.life.Node, Life: s.life.Number, Seq: s.sent}})
	}
}

func (s *spy) deliver(from totem.NodeID, msg []byte, _ bool) {
	if len(msg) < spySize {
		s.p.c.violate("integrity", "%v: a message of the simulation has %d bytes", s.p.h, len(msg))
		return
	}
	m := history.LifeMsg{
		Node: uint32(binary.NativeEndian.Uint64(msg[16:])), Life: binary.NativeEndian.Uint64(msg[24:]),
		Seq: binary.NativeEndian.Uint64(msg[32:]),
	}
	if !bytes.Equal(msg[spySize:], body(uint64(m.Node)+m.Life, m.Seq, sizeOf(m.Seq)-spySize)) {
		s.p.c.violate("integrity", "%v: message %d of node %d is damaged: %d bytes", s.p.h, m.Seq, m.Node, len(msg))
	}
	if m.Node != uint32(from) {
		s.p.c.violate("integrity", "%v: a message of node %d comes from node %d", s.p.h, m.Node, from)
	}
	s.record(history.Step{Kind: history.LifeDeliver, Msg: m})
	if m.Node == s.life.Node && m.Life == s.life.Number {
		before := func(seq uint64) bool { return seq <= m.Seq }
		s.long, s.whole = slices.DeleteFunc(s.long, before), slices.DeleteFunc(s.whole, before)
	}
	s.p.c.delivered++
}

// SyncComplete records the end of a synchronisation.
func (s *spy) SyncComplete() {
	s.record(history.Step{Kind: history.LifeSynced})
	for _, seq := range s.whole {
		s.record(history.Step{Kind: history.LifeAcross, Msg: history.LifeMsg{Node: s.life.Node, Life: s.life.Number, Seq: seq}})
	}
	s.long, s.whole = nil, nil
}

// pieces notices when the last frame of a long message leaves that was sent in a synchronisation. Such a message begins with
// a frame, and no service's is as long.
func (s *spy) pieces(m *wire.Mcast) {
	if m.SystemFrom != s.p.h.id || m.Encapsulated || m.Ring != s.ring || s.begun && m.Seq.LTE(s.newest) {
		return
	}
	s.begun, s.newest = true, m.Seq
	if len(s.long) == 0 || len(m.Payload) < 8 {
		return
	}
	more, goesOn := m.Payload[4] != 0, m.Payload[5] != 0
	if !goesOn {
		s.piece = 0
	}
	s.piece += len(m.Payload)
	if goesOn && !more && s.piece > spyTail {
		s.whole = append(s.whole, s.long[0])
		s.long = s.long[1:]
	}
}

// visit counts the frames that the node multicasts, and records them when the token leaves.
type visit struct {
	ring   totem.RingID
	frames int
	last   int // as recorded last, of ring
}

func (s *spy) count(frame []byte) {
	h, err := wire.ParseHeader(frame)
	if err != nil {
		return
	}
	v := &s.visit
	switch h.Type {
	case wire.TypeMcast:
		if m := &s.mcast; m.Parse(frame) == nil {
			v.enter(m.Ring)
			v.frames++
			s.pieces(m)
		}
	case wire.TypeToken:
		if t := &s.token; t.Parse(frame) == nil {
			v.enter(t.Ring)
			if v.frames != v.last {
				s.record(history.Step{Kind: history.LifeVisit, Ring: history.RingID{Node: uint32(v.ring.Rep), Seq: v.ring.Seq}, Frames: v.frames})
				v.last = v.frames
			}
			v.frames = 0
		}
	}
}

func (v *visit) enter(ring totem.RingID) {
	if v.ring != ring {
		*v = visit{ring: ring}
	}
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
		s.whole, s.begun = nil, false // what left was delivered before, or never
	}
	s.record(step)
	s.p.c.log(s.p.h, "ring", "%v %v %v left %v joined %v", c.Type, c.Ring, c.Members, c.Left, c.Joined)
}
