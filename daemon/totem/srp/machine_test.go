package srp

import (
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/seq"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// ring starts a world with a ring of n nodes that is idle.
func ring(t *testing.T, n int, config func(*Config)) *world {
	w := newWorld(t, 1, n)
	w.config = config
	for _, n := range w.nodes {
		n.boot()
	}
	w.runUntilFormed(10 * time.Second)
	w.runFor(time.Second)
	return w
}

func delivered(h *history) int {
	n := 0
	for _, e := range h.events {
		if e.config == nil {
			n++
		}
	}
	return n
}

// Ring sequence numbers wrap around; what counts is that nothing happens when they do.
func TestWrapAround(t *testing.T) {
	for _, start := range []uint32{0xFFFFFFFF - 300, 0xFFFFFFFF, 0xFFFFFFFE, 0x80000000 - 300, 0xFFFF0000} {
		w := ring(t, 3, func(c *Config) { c.StartSeq = start })
		w.loss = 0.02
		for range 100 {
			for _, n := range w.nodes {
				for range 10 {
					n.send(100)
				}
			}
			w.runFor(5 * time.Millisecond)
		}
		w.loss = 0
		w.runFor(time.Second)
		for _, h := range w.hists {
			if delivered(h) != 3000 {
				t.Errorf("start %x: node %d delivered %d", start, h.id, delivered(h))
			}
		}
		if got := w.node(1).m.aru.Sub(seq.New(start)); got < 3000 {
			t.Errorf("start %x: only %d numbers used", start, got)
		}
		if w.node(1).m.Stats(w.now).OperationalEntered != 2 {
			t.Errorf("start %x: the ring broke", start)
		}
		if err := checkHistories(w.hists, true); err != nil {
			t.Error(err)
		}
	}
}

// A ring of machines of both byte orders. (2.9: not so in C.)
func TestMixedByteOrder(t *testing.T) {
	w := newWorld(t, 1, 3)
	w.node(2).foreign = true
	for _, n := range w.nodes {
		n.boot()
	}
	w.runUntilFormed(5 * time.Second)
	for _, n := range w.nodes {
		n.send(500)
	}
	w.runFor(5 * time.Second)
	for _, h := range w.hists {
		if delivered(h) != 3 {
			t.Errorf("node %d delivered %d", h.id, delivered(h))
		}
	}
	if !w.formed() {
		t.Error("the ring broke")
	}
}

// 12: the ring sequence starts one after what was stored, and what is stored is the ring that is attempted, before anybody sees it.
func TestRingSequence(t *testing.T) {
	cfg := testConfig(7)
	cfg.StoredSeq = 0x40
	m := New(cfg, rand.New(rand.NewSource(1)), noLog{}, &testSource{})
	m.InterfaceUp(1)
	if m.Ring() != (totem.RingID{Rep: 7, Seq: 0x41}) {
		t.Fatalf("ring %v", m.Ring())
	}
	join := slices.Clone(m.Outputs()[0].Frame)
	m.Step(2, [][]byte{join})
	out := m.Outputs()
	if len(out) != 2 || out[0].Kind != StoreRing || out[0].Seq != 0x45 || out[1].Kind != Unicast || !out[1].Loop {
		t.Fatalf("outputs %+v", out)
	}
}

// 21.3: a token is accepted once.
func TestDuplicateToken(t *testing.T) {
	w := ring(t, 2, nil)
	var token []byte
	w.onSend = func(n *node, to totem.NodeID, frame []byte) {
		if n.id == 1 && frame[3] == byte(wire.TypeToken) {
			token = slices.Clone(frame)
		}
	}
	w.runFor(time.Second)
	m := w.node(2).m
	before := m.Stats(w.now)
	if n := m.Step(w.now, [][]byte{token, token, token}); n != 3 || len(m.Outputs()) != 0 {
		t.Errorf("consumed %d, outputs %+v", n, m.Outputs())
	}
	if d := m.Stats(w.now).RxDuplicate - before.RxDuplicate; d != 3 {
		t.Errorf("%d duplicates", d)
	}
}

// In a batch messages come before the token, and the token leaves before anything is delivered.
func TestBatchOrder(t *testing.T) {
	w := ring(t, 2, nil)
	m1, m2 := w.node(1), w.node(2)
	for range 3 {
		m1.send(100)
	}
	var frames [][]byte
	w.onSend = func(n *node, to totem.NodeID, frame []byte) {
		if n == m1 {
			frames = append(frames, slices.Clone(frame))
		}
	}
	w.drop = func(from, to *node, frame []byte) bool { return from == m1 && len(frames) > 1 }
	for len(frames) < 4 {
		w.runFor(10 * time.Microsecond)
	}
	slices.Reverse(frames)
	if frames[0][3] != byte(wire.TypeToken) {
		t.Fatal("no token")
	}
	if n := m2.m.Step(w.now, frames); n != len(frames) {
		t.Fatalf("consumed %d of %d", n, len(frames))
	}
	var kinds []Kind
	for _, o := range m2.m.Outputs() {
		kinds = append(kinds, o.Kind)
	}
	if !slices.Equal(kinds, []Kind{Unicast, Deliver, Deliver, Deliver, TokenSent}) {
		t.Errorf("outputs %v", kinds)
	}
}

// 7.5: JOINs that waited while the process was paused are dropped.
func TestPause(t *testing.T) {
	w := ring(t, 2, nil)
	m := w.node(2).m
	j := (&wire.Join{Header: wire.Header{NodeID: 1}, SystemFrom: 1, RingSeq: m.Ring().Seq, Proc: []totem.NodeID{1, 2}}).Append(nil)
	batch := func() [][]byte { return [][]byte{slices.Clone(j), slices.Clone(j)} }

	late := m.lastAlive.Add(m.cfg.Token/2 + time.Millisecond)
	if n := m.Step(late, batch()); n != 2 || m.State() != Operational || len(m.Outputs()) != 1 || m.Outputs()[0].Kind != Drain {
		t.Errorf("consumed %d in %v with %+v", n, m.State(), m.Outputs())
	}
	if m.Stats(late).PauseDetected != 1 {
		t.Error("not counted")
	}
	// Timers first.
	m.Advance(late)
	if m.Step(late, batch()); m.State() != Operational {
		t.Errorf("state %v after the timers", m.State())
	}
	// After that it is alive again.
	if m.Step(late+1, batch()); m.State() != Gather {
		t.Errorf("state %v", m.State())
	}
}

func TestHeartbeat(t *testing.T) {
	w := ring(t, 2, func(c *Config) { c.HeartbeatFailuresAllowed, c.MaxNetworkDelay = 1, 60*time.Millisecond })
	for range 100 {
		w.node(1).send(10)
		w.node(2).send(10)
	}
	w.runFor(2 * time.Millisecond)
	m := w.node(1).m
	if want := 298 * time.Millisecond; m.heartbeat != want {
		t.Fatalf("heartbeat %v", m.heartbeat)
	}
	w.node(2).crash()
	w.runFor(310 * time.Millisecond)
	if m.State() != Gather {
		t.Errorf("state %v", m.State())
	}
	off := New(func() Config { c := testConfig(1); c.HeartbeatFailuresAllowed = 10; return c }(), nil, noLog{}, nil)
	if off.heartbeat != 0 {
		t.Error("a heartbeat longer than the token timeout is not off")
	}
}

func TestReconfigure(t *testing.T) {
	w := ring(t, 2, nil)
	for _, n := range w.nodes {
		c := testConfig(99)
		c.Token, c.StoredSeq, c.NetMTU = 400*time.Millisecond, 77, 10
		n.m.Reconfigure(c)
		if got := n.m.Config(); got.NodeID != n.id || got.NetMTU != testMTU || got.StoredSeq != n.m.cfg.StoredSeq {
			t.Errorf("start-only values changed: %+v", got)
		}
	}
	w.runFor(2 * time.Second)
	w.node(2).crash()
	w.runFor(600 * time.Millisecond)
	if s := w.node(1).m.State(); s != Gather {
		t.Errorf("state %v", s)
	}
	w.runUntilFormed(10 * time.Second)

	var zero Config
	zero.normalize()
	if zero.Token <= 0 || zero.WindowSize+zero.MaxMessages > queueSize {
		t.Errorf("%+v", zero)
	}
	zero.WindowSize, zero.MaxMessages = 1<<30, 1<<30
	zero.normalize()
	if zero.WindowSize+zero.MaxMessages > queueSize {
		t.Errorf("%+v", zero)
	}
}

func TestForceGatherAndInterfaces(t *testing.T) {
	w := ring(t, 3, nil)
	old := w.node(1).m.Ring()
	w.node(2).m.ForceGather(w.now)
	w.node(2).execute()
	w.runFor(100 * time.Millisecond)
	if !w.formed() || w.node(1).m.Ring() == old {
		t.Errorf("no new ring: %s", w.states())
	}
	old = w.node(1).m.Ring()
	w.node(3).m.InterfaceDown(w.now)
	w.node(3).execute()
	w.runFor(100 * time.Millisecond)
	if !w.formed() || w.node(1).m.Ring() == old {
		t.Errorf("no new ring: %s", w.states())
	}
	if s := w.node(3).storedSeq; s != w.node(1).m.Ring().Seq {
		t.Errorf("stored %x", s)
	}
}

// Nothing happens before the first report about the interface, and nothing after Leave.
func TestBeforeAndAfter(t *testing.T) {
	w := ring(t, 2, nil)
	token := slices.Clone(w.node(1).m.saved)
	m := New(testConfig(2), rand.New(rand.NewSource(1)), noLog{}, &testSource{})
	silent := func(when string) {
		t.Helper()
		if n := m.Step(5, [][]byte{token, {1}, token}); n != 3 {
			t.Errorf("%s: consumed %d", when, n)
		}
		for _, input := range []func(){func() { m.Advance(6) }, func() { m.Wake(6) }, func() { m.TransAck(6) }, func() { m.ForceGather(6) }} {
			if input(); len(m.Outputs()) != 0 {
				t.Errorf("%s: outputs %+v", when, m.Outputs())
			}
		}
		if m.NextDeadline() != clock.Never {
			t.Errorf("%s: deadline", when)
		}
	}
	silent("before")
	m.InterfaceUp(7)
	m.Leave(8)
	if o := m.Outputs(); len(o) != 1 || o[0].Kind != Multicast {
		t.Errorf("leave: %+v", o)
	}
	var j wire.Join
	if err := j.Parse(m.Outputs()[0].Frame); err != nil || !j.IsLeave() || j.Leaver() != 2 || j.SystemFrom != 2 || len(j.Proc) != 0 {
		t.Errorf("leave %+v, %v", j, err)
	}
	silent("after")
	m.Leave(9)
	m.InterfaceUp(9)
	if len(m.Outputs()) != 0 {
		t.Error("left twice")
	}
}

func TestMalformed(t *testing.T) {
	w := ring(t, 2, nil)
	m := w.node(1).m
	token, join := m.saved, (&wire.Join{Header: wire.Header{NodeID: 2}, SystemFrom: 2, RingSeq: 99}).Append(nil)
	var bad [][]byte
	for n := range len(token) {
		bad = append(bad, token[:n])
	}
	for n := range len(join) {
		bad = append(bad, join[:n])
	}
	before := m.Stats(w.now).RxMalformed
	for _, f := range bad {
		if n := m.Step(w.now, [][]byte{slices.Clone(f)}); n != 1 || len(m.Outputs()) != 0 {
			t.Fatalf("%x: consumed %d, outputs %+v", f, n, m.Outputs())
		}
	}
	if got := m.Stats(w.now).RxMalformed - before; got != uint64(len(bad)) {
		t.Errorf("%d of %d counted", got, len(bad))
	}
}

func TestStats(t *testing.T) {
	w := ring(t, 2, nil)
	w.node(1).send(100)
	w.runFor(20 * time.Millisecond)
	s := w.node(1).m.Stats(w.now)
	if s.McastTx != 1 || s.McastRx != 1 || s.OperationalEntered != 2 || s.GatherEntered < 2 || s.CommitEntered != 2 || s.RecoveryEntered != 2 {
		t.Errorf("%+v", s)
	}
	if s.OrfTokenTx == 0 || s.OrfTokenRx < s.OrfTokenTx || s.MembJoinTx == 0 || s.MembJoinRx == 0 || s.TokenHoldCancelTx != 1 {
		t.Errorf("%+v", s)
	}
	w.runFor(20 * time.Second)
	s = w.node(1).m.Stats(w.now)
	if s.MttRxToken < 90 || s.MttRxToken > 190 || s.TimeSinceTokenLastReceived > 200*time.Millisecond {
		t.Errorf("mean %d ms, last %v", s.MttRxToken, s.TimeSinceTokenLastReceived)
	}
	w.node(1).m.ClearStats()
	if s := w.node(1).m.Stats(w.now); s != (Stats{}) {
		t.Errorf("%+v", s)
	}
}

// 8.6 and 10: a leave takes one exchange of JOINs; 8.5: what was queued before the synchronisation goes out after it.
func TestTransitionalQueue(t *testing.T) {
	w := ring(t, 2, nil)
	w.ackDelay = func() time.Duration { return 300 * time.Millisecond }
	w.node(1).m.ForceGather(w.now)
	early := w.node(1).send(50)      // still to the ordinary queue
	w.runFor(100 * time.Millisecond) // entering GATHER forgets the JOIN that caused it; the next one comes after 50 ms
	if !w.formed() || !w.node(1).m.WaitingTransAck() {
		t.Fatalf("not formed, or no acknowledgement due: %s", w.states())
	}
	late := w.node(1).send(50)
	w.runFor(100 * time.Millisecond)
	order := func() (ids []uint64) {
		for _, e := range w.hists[1].events {
			if e.config == nil {
				ids = append(ids, e.msg)
			}
		}
		return ids
	}
	if got := order(); !slices.Equal(got, []uint64{late}) {
		t.Errorf("before the acknowledgement: %x", got)
	}
	w.runFor(500 * time.Millisecond)
	if got := order(); !slices.Equal(got, []uint64{late, early}) {
		t.Errorf("after the acknowledgement: %x", got)
	}
}

// Flow control keeps to the window and shares it, 10.
func TestFlowControl(t *testing.T) {
	c := testConfig(1)
	tests := []struct {
		name               string
		f                  flowControl
		fcc, ring, backlog uint32
		allowed            uint32
		newFCC, newBacklog uint32
		sent               uint32
	}{
		{name: "visit", backlog: 100, allowed: 17, sent: 17, newFCC: 17, newBacklog: 100},
		{name: "window", fcc: 40, backlog: 100, allowed: 10, sent: 10, newFCC: 50, newBacklog: 100},
		{name: "beyond the window", fcc: 70, backlog: 100, allowed: 0, newFCC: 70, newBacklog: 100},
		{name: "share", f: flowControl{trc: 5, pbl: 10}, fcc: 20, ring: 110, backlog: 100, allowed: 2, sent: 2, newFCC: 17, newBacklog: 200},
		{name: "nothing to share", f: flowControl{trc: 5, pbl: 10}, fcc: 20, ring: 10, backlog: 0, allowed: 17, sent: 0, newFCC: 15, newBacklog: 0},
	}
	for _, tt := range tests {
		tok := &wire.Token{FCC: tt.fcc, Backlog: tt.ring}
		if got := tt.f.allowed(&c, tok, tt.backlog); got != tt.allowed {
			t.Errorf("%s: %d allowed", tt.name, got)
		}
		tt.f.update(tok, tt.sent)
		if tok.FCC != tt.newFCC || tok.Backlog != tt.newBacklog {
			t.Errorf("%s: fcc %d backlog %d", tt.name, tok.FCC, tok.Backlog)
		}
	}
}

func TestNodeSet(t *testing.T) {
	var s, u nodeSet
	s.addAll([]totem.NodeID{5, 1, 0, 3, 5, 0xFFFFFFFF})
	if !s.equal(nodeSet{1, 3, 5, 0xFFFFFFFF}) {
		t.Errorf("%v", s)
	}
	u.setMinus(s, nodeSet{3})
	if !u.equal(nodeSet{1, 5, 0xFFFFFFFF}) || !s.hasAll(u) || u.hasAll(s) {
		t.Errorf("%v", u)
	}
	for i := range totem.NodeID(1000) {
		s.add(i)
	}
	if len(s) != totem.MaxNodes || !slices.IsSorted(s) {
		t.Errorf("%d nodes", len(s))
	}
}

func TestSortQueue(t *testing.T) {
	var pool bufferPool
	var q sortQueue
	head := seq.New(0xFFFFFFF0)
	q.init(&pool, head)
	put := func(n uint32) { q.put(head.Add(n), item{frame: pool.get(10)}) }
	put(0)
	put(3)
	put(queueSize - 1)
	if q.inRange(head.Add(queueSize)) || q.inRange(head.Prev()) || !q.inRange(head.Add(queueSize-1)) {
		t.Error("range")
	}
	if q.get(head.Add(3)) == nil || q.get(head.Add(2)) != nil || q.get(head.Add(queueSize)) != nil || q.count != 3 {
		t.Error("get")
	}
	put(3)
	if q.count != 3 || len(pool.limbo) != 1 {
		t.Errorf("replaced: count %d limbo %d", q.count, len(pool.limbo))
	}
	if q.miss(head.Add(2)) != 1 || q.miss(head.Add(2)) != 2 {
		t.Error("miss")
	}
	q.release(head.Prev())
	q.release(head.Add(2))
	if q.head != head.Add(3) || q.count != 2 {
		t.Errorf("released: head %v count %d", q.head, q.count)
	}
	q.release(head) // earlier
	if q.head != head.Add(3) {
		t.Error("released backwards")
	}
	q.reset(seq.New(1))
	if q.count != 0 || q.get(seq.New(1)) != nil || q.head != seq.New(1) {
		t.Error("reset")
	}
	pool.reclaim()
	if len(pool.limbo) != 0 || len(pool.free[0]) != 4 {
		t.Errorf("%d buffers in the pool", len(pool.free[0]))
	}
}

// The log lines that tools read.
func TestReasons(t *testing.T) {
	if s := ReasonForeignGather.String(); s != "foreign message in gather state" {
		t.Error(s)
	}
	if s := Reason(99).String() + State(0).String() + State(9).String(); s != "UNKNOWNUNKNOWNUNKNOWN" {
		t.Error(s)
	}
	if Recovery.String() != "RECOVERY" {
		t.Error(Recovery)
	}
}

// More messages of the old ring than the queue of the new one holds when each member sends all of them: in C that never ends.
func TestLargeRecovery(t *testing.T) {
	w := ring(t, 3, func(c *Config) { c.WindowSize, c.MaxMessages = 1000, 500 })
	first := w.node(1).m.high.Uint32()
	w.drop = func(from, to *node, frame []byte) bool {
		var m wire.Mcast
		return to.id != 1 && m.Parse(frame) == nil && !m.Encapsulated && m.Seq.Uint32() == first+1
	}
	for range 12000 {
		w.node(1).send(20)
	}
	for w.node(3).m.high.Uint32() < first+12000 {
		w.runFor(time.Millisecond)
	}
	w.node(1).crash()
	w.runUntilFormed(20 * time.Second)
	if err := checkHistories(w.hists, true); err != nil {
		t.Error(err)
	}
	if n := w.node(2).m.Stats(w.now).GatherEntered; n > 6 {
		t.Errorf("gather entered %d times", n)
	}
}
