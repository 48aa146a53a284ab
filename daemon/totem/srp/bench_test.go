package srp

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

type noLog struct{}

func (noLog) Errorf(string, ...any)   {}
func (noLog) Warningf(string, ...any) {}
func (noLog) Noticef(string, ...any)  {}
func (noLog) Debugf(string, ...any)   {}

// endless is a source that always has a frame of one size.
type endless struct {
	size int
	on   bool
}

func (e *endless) Flush() {}
func (e *endless) Pending(bool) int {
	if e.on {
		return 40
	}
	return 0
}
func (e *endless) Next(dst []byte, _ bool) (int, totem.Guarantee, bool) { return e.size, 0, e.on }

// wires joins machines without a network: frames go into the batch of each receiver, storage is reused.
type wires struct {
	ms        []*Machine
	batch     [][][]byte // per machine
	free      [][]byte
	delivered int
	now       clock.Instant
}

func newWires(n int, src func() Source, config func(*Config)) *wires {
	w := &wires{now: 1, batch: make([][][]byte, n)}
	for i := range n {
		cfg := testConfig(totem.NodeID(i + 1))
		cfg.Check = false
		if config != nil {
			config(&cfg)
		}
		m := New(cfg, rand.New(rand.NewSource(1)), noLog{}, src())
		w.ms = append(w.ms, m)
		m.InterfaceUp(w.now)
		w.execute(i)
	}
	return w
}

func (w *wires) post(to int, f []byte) {
	var b []byte
	if k := len(w.free); k > 0 {
		b, w.free = w.free[k-1], w.free[:k-1]
	} else {
		b = make([]byte, 0, wire.MaxFrame)
	}
	w.batch[to] = append(w.batch[to], append(b[:0], f...))
}

func (w *wires) execute(i int) {
	m := w.ms[i]
	outputs := m.Outputs()
	for k := range outputs {
		switch o := &outputs[k]; o.Kind {
		case Unicast:
			w.post(int(o.To)-1, o.Frame)
		case Multicast:
			for to := range w.ms {
				if to != i || o.Loop {
					w.post(to, o.Frame)
				}
			}
		case Deliver:
			w.delivered++
		}
	}
}

// turn lets every machine handle its batch once.
func (w *wires) turn() {
	w.now++
	for i, m := range w.ms {
		batch := w.batch[i]
		n := len(batch)
		for rest := batch; len(rest) > 0; {
			rest = rest[m.Step(w.now, rest):]
			w.execute(i)
		}
		// What came while the batch was handled stays; the storage of the others is free.
		for _, f := range w.batch[i][:n] {
			w.free = append(w.free, f)
		}
		w.batch[i] = append(w.batch[i][:0], w.batch[i][n:]...)
		if m.WaitingTransAck() && m.State() == Operational {
			m.TransAck(w.now)
			w.execute(i)
		}
	}
}

func (w *wires) form(tb testing.TB) {
	for range 100000 {
		w.turn()
		all := true
		for _, m := range w.ms {
			all = all && m.State() == Operational && len(m.Members()) == len(w.ms)
			if m.NextDeadline() < w.now {
				w.now = m.NextDeadline()
			}
		}
		if all {
			return
		}
		w.now += 1_000_000
		for i, m := range w.ms {
			if m.NextDeadline() <= w.now {
				m.Advance(w.now)
				w.execute(i)
			}
		}
	}
	tb.Fatal("no ring")
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	for _, n := range []int{1, 3} {
		srcs := []*endless{}
		w := newWires(n, func() Source { srcs = append(srcs, &endless{size: 1000}); return srcs[len(srcs)-1] }, nil)
		w.form(t)
		for _, s := range srcs {
			s.on = true
		}
		for range 2000 {
			w.turn()
		}
		before := w.delivered
		allocs := testing.AllocsPerRun(1000, w.turn)
		if allocs != 0 {
			t.Errorf("%d nodes: %v allocations per turn", n, allocs)
		}
		if w.delivered-before < 1000*n {
			t.Errorf("%d nodes: only %d deliveries", n, w.delivered-before)
		}
	}
}

// BenchmarkRing measures all machines of a ring together, per message ordered and delivered by all.
func BenchmarkRing(b *testing.B) {
	for _, n := range []int{1, 3} {
		for _, size := range []int{64, 1410, 65446} {
			b.Run(fmt.Sprintf("nodes=%d/size=%d", n, size), func(b *testing.B) {
				srcs := []*endless{}
				w := newWires(n, func() Source { srcs = append(srcs, &endless{size: size}); return srcs[len(srcs)-1] },
					func(c *Config) { c.NetMTU = max(size, testMTU) })
				w.form(b)
				for _, s := range srcs {
					s.on = true
				}
				b.ReportAllocs()
				b.SetBytes(int64(size))
				b.ResetTimer()
				for w.delivered = 0; w.delivered < b.N*n; {
					w.turn()
				}
			})
		}
	}
}
