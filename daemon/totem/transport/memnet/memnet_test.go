package memnet_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/loop/simloop"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/transport"
	"github.com/corosync-go/corosync/daemon/totem/transport/conformance"
	"github.com/corosync-go/corosync/daemon/totem/transport/memnet"
)

func members(n int) []transport.Member {
	list := make([]transport.Member, n)
	for i := range list {
		list[i].ID = totem.NodeID(i + 1)
		list[i].Addrs[0] = netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})
	}
	return list
}

func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T, n int) *conformance.Cluster {
		w := simloop.New()
		net := memnet.New(w, 1, memnet.Conditions{Delay: 50 * time.Microsecond, Jitter: 20 * time.Microsecond})
		c := &conformance.Cluster{Members: members(n), Blocks: true, MaxFrame: transport.MaxDatagram}
		var ends []*memnet.Endpoint
		for i := range n {
			e := net.Endpoint(totem.NodeID(i+1), w.NewNode())
			e.SetMembers(c.Members)
			ends = append(ends, e)
			c.Nodes = append(c.Nodes, e)
		}
		c.Wait = func(cond func() bool) bool {
			for range 1000 {
				if w.RunUntil(time.Millisecond, cond) {
					return true
				}
			}
			return false
		}
		c.Settle = func() { w.RunFor(time.Second) }
		c.SetInterface = func(i int, up bool) error { ends[i].SetInterface(up); return nil }
		return c
	})
}

type sink struct {
	log *[]string
	w   *simloop.World
	id  int
}

func (s *sink) Receive(frames [][]byte) {
	for _, f := range frames {
		*s.log = append(*s.log, fmt.Sprintf("%d %d %s", s.w.Now(), s.id, f))
	}
}
func (s *sink) Interface(bool) {}
func (s *sink) Fail(error)     {}

// run sends numbered frames between three nodes over a bad network, and returns what arrived where and when.
func run(seed uint64) []string {
	w := simloop.New()
	net := memnet.New(w, seed, memnet.Conditions{Delay: time.Millisecond, Jitter: time.Millisecond, Loss: 0.2,
		Duplicate: 0.2, Reorder: 0.2, ReorderBy: 5 * time.Millisecond})
	var log []string
	var ends []*memnet.Endpoint
	for i := range 3 {
		e := net.Endpoint(totem.NodeID(i+1), w.NewNode())
		e.SetMembers(members(3))
		e.Start(&sink{&log, w, i + 1})
		ends = append(ends, e)
	}
	for k := range 50 {
		for i, e := range ends {
			e.Send([]transport.Packet{{Frame: []byte(fmt.Sprintf("%d:%d", i+1, k))}})
		}
		w.RunFor(500 * time.Microsecond)
	}
	w.RunFor(time.Second)
	return log
}

func TestSeedDecides(t *testing.T) {
	a, b, c := run(7), run(7), run(8)
	if !slices.Equal(a, b) {
		t.Error("the same seed gave two histories")
	}
	if slices.Equal(a, c) {
		t.Error("two seeds gave the same history")
	}
	if len(a) < 200 || len(a) > 350 {
		t.Errorf("%d of 300 datagrams arrived", len(a))
	}
}

func TestPartitionAndCut(t *testing.T) {
	w := simloop.New()
	net := memnet.New(w, 1, memnet.Conditions{Delay: time.Millisecond})
	var log []string
	var ends []*memnet.Endpoint
	for i := range 3 {
		e := net.Endpoint(totem.NodeID(i+1), w.NewNode())
		e.SetMembers(members(3))
		e.Start(&sink{&log, w, i + 1})
		ends = append(ends, e)
	}
	arrived := func() int {
		log = nil
		for _, e := range ends {
			e.Send([]transport.Packet{{Frame: []byte("x")}})
		}
		w.RunFor(time.Second)
		return len(log)
	}
	for _, step := range []struct {
		name string
		do   func()
		want int
	}{
		{"whole", func() {}, 6},
		{"two and one", func() { net.Partition([]totem.NodeID{1, 2}, []totem.NodeID{3}) }, 2},
		{"healed", net.Heal, 6},
		{"one way", func() { net.Cut(1, 2, true) }, 5},
		{"all alone", func() { net.Partition() }, 0},
		{"healed again", net.Heal, 6},
		{"interface down", func() { ends[0].SetInterface(false) }, 2},
	} {
		step.do()
		if got := arrived(); got != step.want {
			t.Errorf("%s: %d datagrams arrived, want %d", step.name, got, step.want)
		}
	}
}
