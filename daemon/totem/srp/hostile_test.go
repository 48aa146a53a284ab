package srp

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/seq"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// An attacker makes frames that are right in form. Its choices are bytes, so that a fuzzer can steer them.
type attacker struct {
	b *bytes.Reader
	w *world
}

func (a *attacker) byte() int {
	c, err := a.b.ReadByte()
	if err != nil {
		return 0
	}
	return int(c)
}

// pick chooses one of the values.
func pick[T any](a *attacker, values ...T) T { return values[a.byte()%len(values)] }

func (a *attacker) nodeID() totem.NodeID {
	return pick(a, totem.NodeID(0), 1, 2, 3, 4, 99, 0xFFFFFFFF)
}

func (a *attacker) nodes(limit int) []totem.NodeID {
	n := a.byte() % limit
	if a.byte() == 255 {
		n = totem.MaxNodes
	}
	list := make([]totem.NodeID, 0, n)
	first := pick(a, 0, 0, 100, 1000, 1<<20)
	for i := range n {
		if n == totem.MaxNodes {
			list = append(list, totem.NodeID(first+i))
		} else {
			list = append(list, a.nodeID())
		}
	}
	return list
}

func (a *attacker) number(m *Machine) seq.Num {
	d := uint32(pick(a, 0, 1, 2, 3, 17, 60, queueSize-1, queueSize, queueSize+1, 1<<16, 1<<31, -1, -2, -queueSize))
	return pick(a, m.aru, m.high, m.delivered, m.lastReleased, m.tokenSeq, m.oldHigh, seq.New(0)).Add(d)
}

func (a *attacker) ring(m *Machine) totem.RingID {
	r := pick(a, m.ring, m.ring, m.ring, m.oldRing, totem.RingID{Rep: a.nodeID(), Seq: m.ring.Seq})
	r.Seq += uint64(pick(a, 0, 0, 0, 4, -4, 1<<40))
	if a.byte() == 255 {
		r.Seq = ^uint64(0) - uint64(a.byte())
	}
	return r
}

func (a *attacker) frame(m *Machine) []byte {
	h := wire.Header{NodeID: a.nodeID(), Encapsulated: a.byte()%3 == 0}
	foreign := a.byte()%8 == 0
	var f interface {
		Append([]byte) []byte
		AppendForeign([]byte) []byte
	}
	switch a.byte() % 8 {
	case 0:
		t := &wire.Token{Header: h, Seq: a.number(m), TokenSeq: a.number(m), ARU: a.number(m), ARUAddr: a.nodeID(), Ring: a.ring(m),
			Backlog: a.number(m).Uint32(), FCC: a.number(m).Uint32(), RetransFlg: int32(a.byte()%3 - 1)}
		for range a.byte() % (wire.MaxRTR + 1) {
			t.RTR = append(t.RTR, wire.RTR{Ring: a.ring(m), Seq: a.number(m)})
		}
		f = t
	case 1, 2:
		c := &wire.Mcast{Header: h, SystemFrom: a.nodeID(), Seq: a.number(m), Ring: a.ring(m), Payload: make([]byte, 8+a.byte())}
		if h.Encapsulated && a.byte()%4 > 0 {
			in := &wire.Mcast{SystemFrom: a.nodeID(), Seq: a.number(m), Ring: a.ring(m), Payload: make([]byte, 8)}
			in.Encapsulated = a.byte()%4 == 0
			c.Payload = in.Append(nil)
		}
		f = c
	case 3:
		f = &wire.MergeDetect{Header: h, SystemFrom: a.nodeID(), Ring: a.ring(m)}
	case 4:
		f = &wire.Join{Header: h, SystemFrom: a.nodeID(), RingSeq: a.ring(m).Seq, Proc: a.nodes(6), Failed: a.nodes(4)}
	case 5:
		c := &wire.CommitToken{Header: h, TokenSeq: a.number(m), Ring: a.ring(m), Addrs: a.nodes(5)}
		if a.byte()%2 == 0 {
			c.Addrs = pick(a, []totem.NodeID(m.newMemb), m.proc, m.memb)
		}
		if len(c.Addrs) == 0 {
			c.Addrs = []totem.NodeID{1}
		}
		for range c.Addrs {
			c.Members = append(c.Members, wire.CommitMember{Ring: a.ring(m), ARU: a.number(m), HighDelivered: a.number(m), ReceivedFlg: uint32(a.byte() % 3)})
		}
		c.MembIndex = a.byte() % (len(c.Addrs) + 1)
		f = c
	case 6:
		f = &wire.HoldCancel{Header: h, Ring: a.ring(m)}
	case 7:
		raw := make([]byte, a.byte())
		_, _ = a.b.Read(raw)
		return raw
	}
	var out []byte
	if foreign {
		out = f.AppendForeign(nil)
	} else {
		out = f.Append(nil)
	}
	if a.byte() == 255 {
		out = out[:a.byte()%len(out)]
	}
	return out
}

// attack lets a small cluster work while an attacker sends frames. Afterwards the cluster must still be able to form.
func attack(t *testing.T, script []byte) {
	a := &attacker{b: bytes.NewReader(script)}
	w := newWorld(t, 1, 1+a.byte()%3)
	w.keep = false
	a.w = w
	if os.Getenv("SRP_SEED") != "" {
		w.logf = t.Logf
		tr := &transcript{w: w, idle: true}
		w.onSend = func(n *node, to totem.NodeID, frame []byte) {
			if h, _ := wire.ParseHeader(frame); h.Type == wire.TypeJoin {
				t.Logf("%s %d -> %d %s", w.stamp(), n.id, to, tr.frame(frame))
			}
		}
	}
	start := pick(a, uint32(0), 0xFFFFFFF0, 0x7FFFFFF0)
	w.config = func(c *Config) { c.StartSeq = start; c.FailRecvConst = 20 }
	for _, n := range w.nodes {
		n.boot()
	}
	w.runFor(time.Duration(a.byte()) * 100 * time.Microsecond)
	for a.b.Len() > 0 {
		n := w.nodes[a.byte()%len(w.nodes)]
		switch a.byte() % 8 {
		case 0:
			w.runFor(time.Duration(a.byte()) * 10 * time.Microsecond)
		case 1:
			w.runFor(time.Duration(a.byte()) * 10 * time.Millisecond)
		case 2:
			for range a.byte() % 40 {
				n.send(100)
			}
		default:
			var batch [][]byte
			for range 1 + a.byte()%4 {
				batch = append(batch, a.frame(n.m))
			}
			for len(batch) > 0 {
				batch = batch[n.m.Step(w.now, batch):]
				n.execute()
			}
		}
	}
	// Forged tokens may go round with the real one for long. A gather must heal everything.
	w.runFor(200 * time.Millisecond)
	for _, n := range w.nodes {
		if !w.formed() {
			n.m.ForceGather(w.now)
			n.execute()
		}
	}
	w.runUntilFormed(60 * time.Second)
}

func TestHostileFrames(t *testing.T) {
	if s, err := strconv.ParseInt(os.Getenv("SRP_SEED"), 10, 64); err == nil {
		hostileRun(t, s)
		return
	}
	runs := 300
	if s, err := strconv.Atoi(os.Getenv("SRP_SEEDS")); err == nil {
		runs = s
	}
	if testing.Short() {
		runs = 40
	}
	for seed := range runs {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { hostileRun(t, int64(seed)) }) {
			return
		}
	}
}

func hostileRun(t *testing.T, seed int64) {
	rnd := rand.New(rand.NewSource(seed))
	script := make([]byte, 200+rnd.Intn(4000))
	rnd.Read(script)
	attack(t, script)
}

func FuzzHostileFrames(f *testing.F) {
	for seed := range 8 {
		script := make([]byte, 300)
		rand.New(rand.NewSource(int64(seed))).Read(script)
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 2000 {
			return
		}
		attack(t, script)
	})
}
