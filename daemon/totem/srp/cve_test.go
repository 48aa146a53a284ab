package srp

import (
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// formedRing is a ring of two, at rest.
func formedRing(t *testing.T) *world {
	w := newWorld(t, 1, 2)
	for _, n := range w.nodes {
		n.boot()
	}
	w.runUntilFormed(10 * time.Second)
	return w
}

// CVE-2026-35092, second half: join messages of the largest size, each with other nodes, were merged into lists of 384 entries
// without a look at how many are in them.
func TestCVE_2026_35092_ManyLargeLists(t *testing.T) {
	w := formedRing(t)
	n := w.node(1)
	for i := range 40 {
		j := wire.Join{Header: wire.Header{NodeID: 2}, SystemFrom: 2, RingSeq: n.m.ring.Seq}
		for k := range totem.MaxNodes {
			j.Proc = append(j.Proc, totem.NodeID(1000*i+k+3))
			j.Failed = append(j.Failed, totem.NodeID(1000*i+k+50000))
		}
		n.m.Step(w.now, [][]byte{j.Append(nil)})
		n.execute()
		if len(n.m.proc) > totem.MaxNodes || len(n.m.failed) > totem.MaxNodes || len(n.m.consensus) > totem.MaxNodes {
			t.Fatalf("%d, %d, %d nodes after %d messages", len(n.m.proc), len(n.m.failed), len(n.m.consensus), i+1)
		}
	}
	w.runUntilFormed(60 * time.Second)
}

// TestStrangers: messages that are numbered in this ring, but do not come from a member of it, or name another sender than
// originator, are not taken. Above, something is kept of each sender.
func TestStrangers(t *testing.T) {
	w := formedRing(t)
	n := w.node(1)
	var from []totem.NodeID
	w.onEvent = func(at *node, e event) {
		if at == n && e.config == nil {
			from = append(from, e.from)
		}
	}
	say := func(header, system totem.NodeID) {
		m := wire.Mcast{Header: wire.Header{NodeID: header}, SystemFrom: system, Seq: n.m.high.Next(), Ring: n.m.ring, Payload: make([]byte, 8)}
		n.m.Step(w.now, [][]byte{m.Append(nil)})
		n.execute()
	}
	dropped := n.m.stats.RxMsgDropped
	for id := totem.NodeID(3); id < 1000; id++ {
		say(id, id)
		say(id, 2)
		say(2, id)
	}
	if len(from) > 0 || n.m.stats.RxMsgDropped == dropped {
		t.Errorf("delivered from %v, %d dropped", from, n.m.stats.RxMsgDropped-dropped)
	}
	say(2, 2)
	if len(from) != 1 || from[0] != 2 {
		t.Errorf("delivered from %v, not from the member", from)
	}
}
