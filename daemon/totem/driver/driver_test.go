package driver

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop/simloop"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/pg"
	"github.com/corosync-go/corosync/daemon/totem/srp"
	"github.com/corosync-go/corosync/daemon/totem/transport"
)

// script is a machine that writes down its inputs, and whose outputs are given by the test.
type script struct {
	rig     *rig
	outputs []srp.Output
	// onStep makes the outputs of a Step and returns how many frames it takes.
	onStep   func(frames [][]byte) int
	held     bool
	deadline clock.Instant
}

func (s *script) in(format string, args ...any) {
	s.outputs = s.outputs[:0]
	s.rig.note("in: "+format, args...)
}

func (s *script) Step(_ clock.Instant, frames [][]byte) int {
	var list []string
	for _, f := range frames {
		list = append(list, string(f))
	}
	s.in("step %s", strings.Join(list, ","))
	if s.onStep != nil {
		return s.onStep(frames)
	}
	return len(frames)
}
func (s *script) Advance(clock.Instant)       { s.deadline = clock.Never; s.in("advance") }
func (s *script) NextDeadline() clock.Instant { return s.deadline }
func (s *script) InterfaceUp(clock.Instant)   { s.in("up") }
func (s *script) InterfaceDown(clock.Instant) { s.in("down") }
func (s *script) Wake(clock.Instant)          { s.held = false; s.in("wake") }
func (s *script) TransAck(clock.Instant)      { s.in("ack") }
func (s *script) ForceGather(clock.Instant)   { s.in("gather") }
func (s *script) Leave(clock.Instant) {
	s.in("leave")
	s.outputs = append(s.outputs, srp.Output{Kind: srp.Multicast, Frame: []byte("bye")})
}
func (s *script) Reconfigure(srp.Config)  { s.in("reconfigure") }
func (s *script) Outputs() []srp.Output   { return s.outputs }
func (s *script) ClearOutputs()           { s.outputs = s.outputs[:0] }
func (s *script) State() srp.State        { return srp.Operational }
func (s *script) Ring() totem.RingID      { return totem.RingID{} }
func (s *script) Members() []totem.NodeID { return []totem.NodeID{1} }
func (s *script) TokenHeld() bool         { return s.held }
func (s *script) WaitingTransAck() bool   { return false }
func (s *script) Stats(clock.Instant) srp.Stats {
	return srp.Stats{}
}
func (s *script) ClearStats() {}

// wireTap is a transport that writes down what it is asked for.
type wireTap struct{ rig *rig }

func (w *wireTap) Start(transport.Handler) error { return nil }
func (w *wireTap) Close()                        { w.rig.note("close") }
func (w *wireTap) Send(batch []transport.Packet) {
	var list []string
	for _, p := range batch {
		list = append(list, fmt.Sprintf("%d:%s", p.To, p.Frame))
	}
	w.rig.note("send %s", strings.Join(list, " "))
}
func (w *wireTap) Discard()                            { w.rig.note("discard") }
func (w *wireTap) SetMembers([]transport.Member) error { return nil }
func (w *wireTap) SetBlockUnlisted(bool)               {}
func (w *wireTap) CheckInterfaces()                    { w.rig.note("check interfaces") }
func (w *wireTap) RingStatus() []totem.RingStatus      { return nil }
func (w *wireTap) NodeStatus(id totem.NodeID, reachable bool) (totem.NodeStatus, bool) {
	return totem.NodeStatus{NodeID: id, Reachable: reachable}, true
}
func (w *wireTap) Stats() transport.Stats { return transport.Stats{} }

// rig is a driver between a scripted machine and a tapped wire.
type rig struct {
	t      *testing.T
	w      *simloop.World
	d      *Driver
	m      *script
	store  *MemStore
	log    []string
	onConf func()
	fatal  error
	layer  *pg.PG
	handle transport.Handler
}

func (r *rig) note(format string, args ...any) { r.log = append(r.log, fmt.Sprintf(format, args...)) }

func (r *rig) Deliver(group string, from totem.NodeID, msg []byte, _ bool) {
	r.note("deliver %s from %d: %s", group, from, msg)
}

func (r *rig) Confchg(c *totem.Configuration) {
	r.note("%v", c.Type)
	if r.onConf != nil {
		r.onConf()
	}
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, w: simloop.New(), store: &MemStore{}}
	r.m = &script{rig: r, deadline: clock.Never}
	layer, err := pg.New(pg.Config{NetMTU: 1410})
	if err != nil {
		t.Fatal(err)
	}
	r.layer = layer
	r.d = join(Config{
		SRP:       srp.Config{NodeID: 1},
		Loop:      r.w.NewNode(),
		Transport: &wireTap{r},
		Store:     r.store,
		Log:       logsys.ToTest(t, logsys.Debug).Logger("TOTEM"),
		Fatal:     func(err error) { r.fatal = err },
	}, r, layer, r.m)
	r.handle = events{r.d}
	return r
}

// expect compares what has happened since the last call.
func (r *rig) expect(want ...string) {
	r.t.Helper()
	if !slices.Equal(r.log, want) {
		r.t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(r.log, "\n\t"), strings.Join(want, "\n\t"))
	}
	r.log = nil
}

func frames(list ...string) [][]byte {
	var out [][]byte
	for _, s := range list {
		out = append(out, []byte(s))
	}
	return out
}

// next makes the machine answer the next Step with these outputs and take all frames.
func (r *rig) next(outputs ...srp.Output) {
	r.m.onStep = func(frames [][]byte) int {
		r.m.outputs = append(r.m.outputs, outputs...)
		r.m.onStep = nil
		return len(frames)
	}
}

// pgFrame returns a frame with one message.
func pgFrame(t *testing.T, msg string) []byte {
	t.Helper()
	p, err := pg.New(pg.Config{NetMTU: 1410})
	if err != nil {
		t.Fatal(err)
	}
	p.SetTransitional(false)
	if err := p.Queue("a", totem.Agreed, [][]byte{[]byte(msg)}); err != nil {
		t.Fatal(err)
	}
	p.Flush()
	b := make([]byte, 1410)
	n, _, ok := p.Next(b, false)
	if !ok {
		t.Fatal("no frame")
	}
	return b[:n]
}

// The visit of a token: all that is sent leaves in one batch, before anything is delivered.
func TestSendBeforeDeliver(t *testing.T) {
	r := newRig(t)
	r.next(
		srp.Output{Kind: srp.Multicast, Frame: []byte("m1")},
		srp.Output{Kind: srp.Multicast, Frame: []byte("m2")},
		srp.Output{Kind: srp.Unicast, To: 2, Frame: []byte("token")},
		srp.Output{Kind: srp.TokenSent},
		srp.Output{Kind: srp.Deliver, From: 3, Frame: pgFrame(t, "hello")},
		srp.Output{Kind: srp.Multicast, Frame: []byte("m3")},
	)
	r.d.OnTokenSent(func() { r.note("token sent") })
	r.handle.Receive(frames("x"))
	r.expect("in: step x", "send 0:m1 0:m2 2:token", "token sent", "deliver a from 3: hello", "send 0:m3")
}

func TestOwnFramesComeBackInTheNextTurn(t *testing.T) {
	r := newRig(t)
	frame := []byte("join")
	r.next(
		srp.Output{Kind: srp.Multicast, Loop: true, Frame: frame},
		srp.Output{Kind: srp.Unicast, Loop: true, To: 1, Frame: []byte("token")},
	)
	r.handle.Receive(frames("x"))
	copy(frame, "gone") // the frames of outputs do not live on
	r.expect("in: step x", "send 0:join")
	r.next(srp.Output{Kind: srp.Unicast, Loop: true, To: 1, Frame: []byte("again")})
	r.w.Step()
	r.expect("in: step join,token")
	r.w.Step()
	r.expect("in: step again")
	if r.w.Step() {
		t.Error("the loop was asked for a turn without a frame")
	}
}

func TestMachineTakesPart(t *testing.T) {
	r := newRig(t)
	r.m.onStep = func(f [][]byte) int {
		r.m.outputs = append(r.m.outputs, srp.Output{Kind: srp.CheckInterfaces})
		return 1
	}
	r.handle.Receive(frames("a", "b"))
	r.expect("in: step a,b", "check interfaces", "in: step b", "check interfaces")
}

func TestDrainDropsTheRest(t *testing.T) {
	r := newRig(t)
	r.m.onStep = func(f [][]byte) int {
		r.m.outputs = append(r.m.outputs, srp.Output{Kind: srp.Drain})
		return 1
	}
	r.handle.Receive(frames("a", "b", "c"))
	r.expect("in: step a,b,c", "discard")
}

func TestPokeWakesOnceAndLater(t *testing.T) {
	r := newRig(t)
	msg := [][]byte{[]byte("m")}
	r.m.held = true
	for range 3 {
		if err := r.d.Multicast("a", totem.Agreed, msg); err != nil {
			t.Fatal(err)
		}
	}
	r.expect()
	r.w.Step()
	r.expect("in: wake")
	// Nothing is held: nobody is woken.
	r.d.Poke()
	if r.w.Step() {
		t.Error("a turn without a held token")
	}
	// The token becomes held by the very outputs that are being executed.
	r.onConf = func() { r.d.Poke(); r.m.held = true }
	r.next(srp.Output{Kind: srp.ConfigurationChange, Configuration: &totem.Configuration{}})
	r.handle.Receive(frames("x"))
	r.w.Step()
	r.expect("in: step x", "regular", "in: wake")
}

func TestAcknowledgementDuringOutputs(t *testing.T) {
	conf := func(ty totem.ConfigurationType) srp.Output {
		return srp.Output{Kind: srp.ConfigurationChange, Configuration: &totem.Configuration{Type: ty}}
	}
	t.Run("last", func(t *testing.T) {
		r := newRig(t)
		r.onConf = r.d.TransAck
		r.next(conf(totem.RegularConfiguration), srp.Output{Kind: srp.Multicast, Frame: []byte("m")})
		r.handle.Receive(frames("x"))
		r.expect("in: step x", "regular", "send 0:m", "in: ack")
		if r.layer.Transitional() {
			t.Error("the packing layer was not switched")
		}
	})
	t.Run("overtaken by the next change", func(t *testing.T) {
		r := newRig(t)
		acked := false
		r.onConf = func() {
			if !acked {
				acked = true
				r.d.TransAck()
			}
		}
		r.next(conf(totem.RegularConfiguration), conf(totem.TransitionalConfiguration),
			srp.Output{Kind: srp.SendTransitional, On: true}, conf(totem.RegularConfiguration))
		r.handle.Receive(frames("x"))
		r.expect("in: step x", "regular", "transitional", "regular")
		if !r.layer.Transitional() {
			t.Error("the packing layer is not waiting for the acknowledgement")
		}
	})
}

func TestInputsDuringOutputs(t *testing.T) {
	r := newRig(t)
	r.onConf = func() {
		r.onConf = nil
		r.d.Reconfigure(srp.Config{})
		r.d.ForceGather()
		r.note("asked")
	}
	r.next(srp.Output{Kind: srp.ConfigurationChange, Configuration: &totem.Configuration{}},
		srp.Output{Kind: srp.Multicast, Frame: []byte("m")})
	r.handle.Receive(frames("x"))
	r.expect("in: step x", "regular", "asked", "send 0:m", "in: reconfigure", "in: gather")
	r.d.ForceGather()
	r.expect("in: gather")
}

func TestLeaveDuringOutputs(t *testing.T) {
	r := newRig(t)
	r.onConf = func() { r.d.Leave(); r.d.Close() }
	r.next(srp.Output{Kind: srp.Unicast, To: 2, Frame: []byte("token")},
		srp.Output{Kind: srp.ConfigurationChange, Configuration: &totem.Configuration{}},
		srp.Output{Kind: srp.Deliver, From: 3, Frame: pgFrame(t, "hello")},
		srp.Output{Kind: srp.Multicast, Frame: []byte("m")})
	r.handle.Receive(frames("x", "y"))
	r.expect("in: step x,y", "send 2:token", "regular", "in: leave", "send 0:bye", "close")
	if err := r.d.Multicast("a", totem.Agreed, [][]byte{[]byte("late")}); err != nil {
		t.Error(err)
	}
	r.d.TransAck()
	r.d.ForceGather()
	r.w.RunFor(time.Second)
	r.expect()
}

func TestStoreFailureEndsAll(t *testing.T) {
	r := newRig(t)
	r.store.Err = errors.New("no space left")
	r.next(srp.Output{Kind: srp.StoreRing, Seq: 9}, srp.Output{Kind: srp.Unicast, To: 2, Frame: []byte("commit")})
	r.handle.Receive(frames("x", "y"))
	r.expect("in: step x,y")
	if !errors.Is(r.fatal, ErrStore) || !errors.Is(r.fatal, r.store.Err) {
		t.Errorf("fatal error %v", r.fatal)
	}
	r.handle.Receive(frames("z"))
	r.handle.Interface(true)
	r.d.Poke()
	r.d.Leave()
	r.expect()
}

func TestAlarmFollowsDeadline(t *testing.T) {
	r := newRig(t)
	start := r.w.Now()
	r.m.deadline = start.Add(5 * time.Millisecond)
	r.handle.Interface(true)
	r.m.deadline = start.Add(3 * time.Millisecond)
	r.handle.Receive(frames("x"))
	r.expect("in: up", "in: step x")
	r.w.RunFor(4 * time.Millisecond)
	r.expect("in: advance")
	r.w.RunFor(time.Second)
	r.expect()
}

// A stall of the process: the own token that waits is seen before the timer that would declare it lost.
func TestOwnFramesBeforeTimers(t *testing.T) {
	r := newRig(t)
	r.m.deadline = r.w.Now()
	r.next(srp.Output{Kind: srp.Unicast, Loop: true, To: 1, Frame: []byte("token")})
	r.handle.Receive(frames("x"))
	r.w.Step()
	r.expect("in: step x", "in: step token", "in: advance")
}

func TestVisitDoesNotAllocate(t *testing.T) {
	r := newRig(t)
	frame := pgFrame(t, "hello")
	outputs := []srp.Output{
		{Kind: srp.Multicast, Frame: frame},
		{Kind: srp.Unicast, To: 1, Loop: true, Frame: frame},
		{Kind: srp.TokenSent},
		{Kind: srp.Deliver, From: 3, Frame: frame},
	}
	q := &quiet{script: r.m, outputs: outputs}
	r.d.machine = q
	r.d.handler = silent{}
	r.d.cfg.Transport = silentWire{&wireTap{r}}
	r.d.cfg.Loop = patient{r.d.cfg.Loop}
	in := frames("x")
	run := func() {
		r.handle.Receive(in)
		q.idle = true
		r.d.runLooped()
		q.idle = false
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations a visit", n)
	}
}

type quiet struct {
	*script
	outputs []srp.Output
	idle    bool
}

func (q *quiet) Step(_ clock.Instant, f [][]byte) int { return len(f) }
func (q *quiet) ClearOutputs()                        {}
func (q *quiet) Outputs() []srp.Output {
	if q.idle {
		return nil
	}
	return q.outputs
}

type silent struct{}

func (silent) Deliver(string, totem.NodeID, []byte, bool) {}
func (silent) Confchg(*totem.Configuration)               {}

// patient is a loop whose next turn the test makes itself.
type patient struct{ clock.Turns }

func (patient) Next(func()) {}

type silentWire struct{ *wireTap }

func (silentWire) Send([]transport.Packet) {}
