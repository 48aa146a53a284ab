package driver

import (
	"fmt"
	"math/rand"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop/simloop"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/srp"
	"github.com/corosync-go/corosync/daemon/totem/transport"
	"github.com/corosync-go/corosync/daemon/totem/transport/memnet"
)

// defaults are the parameters of a small cluster with token: 1000.
func defaults(id totem.NodeID) srp.Config {
	return srp.Config{
		NodeID: id, NetMTU: 1410,
		Token: time.Second, TokenRetransmit: 238 * time.Millisecond, Hold: 180 * time.Millisecond, TokenWarning: 75,
		Join: 50 * time.Millisecond, Consensus: 1200 * time.Millisecond, Merge: 200 * time.Millisecond,
		FailRecvConst: 2500, SeqnoUnchangedConst: 30, WindowSize: 50, MaxMessages: 17, MissCountConst: 5,
		MaxNetworkDelay: 50 * time.Millisecond, Check: true,
	}
}

// simNode is one simulated node with an application that synchronises at once.
type simNode struct {
	*Driver
	loop  *simloop.Node
	end   *memnet.Endpoint
	store *MemStore
	got   []string
	confs []totem.Configuration
}

func (n *simNode) Deliver(_ string, from totem.NodeID, msg []byte, _ bool) {
	text := msg
	if len(text) > 24 {
		text = text[:24]
	}
	n.got = append(n.got, fmt.Sprintf("%d %d %s", from, len(msg), text))
}

func (n *simNode) Confchg(c *totem.Configuration) {
	n.confs = append(n.confs, totem.Configuration{Type: c.Type, Ring: c.Ring, Members: slices.Clone(c.Members)})
	if c.Type == totem.RegularConfiguration {
		n.TransAck()
	}
}

func (n *simNode) members() []totem.NodeID {
	if len(n.confs) == 0 {
		return nil
	}
	return n.confs[len(n.confs)-1].Members
}

type cluster struct {
	t     *testing.T
	w     *simloop.World
	net   *memnet.Network
	list  []transport.Member
	nodes []*simNode
}

func newCluster(t *testing.T, n int, seed uint64, c memnet.Conditions) *cluster {
	x := &cluster{t: t, w: simloop.New()}
	x.net = memnet.New(x.w, seed, c)
	for i := range n {
		m := transport.Member{ID: totem.NodeID(i + 1)}
		m.Addrs[0] = netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})
		x.list = append(x.list, m)
		x.nodes = append(x.nodes, &simNode{store: &MemStore{}})
	}
	for i := range n {
		x.start(i)
	}
	return x
}

// start starts node i, as a new process.
func (x *cluster) start(i int) {
	n := &simNode{loop: x.w.NewNode(), store: x.nodes[i].store}
	x.nodes[i] = n
	id := totem.NodeID(i + 1)
	n.end = x.net.Endpoint(id, n.loop)
	var err error
	n.Driver, err = New(Config{
		SRP: defaults(id), Members: x.list, Loop: n.loop, Transport: n.end, Store: n.store,
		Rand: rand.New(rand.NewSource(int64(id))), Log: logsys.ToTest(x.t, logsys.Notice).Logger("TOTEM"),
		Fatal: func(err error) { x.t.Error(err) },
	}, n)
	if err != nil {
		x.t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		x.t.Fatal(err)
	}
}

func (x *cluster) formed(ids ...totem.NodeID) func() bool {
	return func() bool {
		for _, id := range ids {
			n := x.nodes[id-1]
			if !slices.Equal(n.members(), ids) || n.Ring() != x.nodes[ids[0]-1].Ring() || n.State() != srp.Operational {
				return false
			}
		}
		return true
	}
}

func (x *cluster) wait(limit time.Duration, what string, cond func() bool) {
	x.t.Helper()
	if !x.w.RunUntil(limit, cond) {
		x.t.Fatalf("not within %v: %s", limit, what)
	}
}

func TestRingOfOne(t *testing.T) {
	x := newCluster(t, 1, 1, memnet.Conditions{})
	n := x.nodes[0]
	x.wait(time.Second, "ring of one", x.formed(1))
	if n.Ring() != (totem.RingID{Rep: 1, Seq: 5}) {
		t.Errorf("first ring %v", n.Ring())
	}
	for i := range 100 {
		if err := n.Multicast("a", totem.Agreed, [][]byte{[]byte(fmt.Sprint(i)), make([]byte, i*200)}); err != nil {
			t.Fatal(err)
		}
	}
	x.wait(time.Second, "own messages", func() bool { return len(n.got) == 100 })
	if tx := n.Stats().Transport.TxDatagrams; tx != 0 {
		t.Errorf("%d datagrams for a ring of one", tx)
	}
	// The token is held when nothing happens, and released by the next message.
	x.w.RunFor(time.Minute)
	before := x.w.Now()
	if err := n.Multicast("a", totem.Agreed, [][]byte{[]byte("late")}); err != nil {
		t.Fatal(err)
	}
	x.wait(time.Second, "the late message", func() bool { return len(n.got) == 101 })
	if d := x.w.Now().Sub(before); d > 100*time.Microsecond {
		t.Errorf("a held token came after %v", d)
	}
}

func TestOneOrderForAll(t *testing.T) {
	for _, c := range []struct {
		name string
		net  memnet.Conditions
	}{
		{"good network", memnet.Conditions{Delay: 50 * time.Microsecond, Jitter: 30 * time.Microsecond}},
		{"bad network", memnet.Conditions{Delay: 200 * time.Microsecond, Jitter: 2 * time.Millisecond, Loss: 0.02,
			Duplicate: 0.05, Reorder: 0.05, ReorderBy: 5 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newCluster(t, 3, 42, c.net)
			x.wait(time.Minute, "ring of three", x.formed(1, 2, 3))
			for _, n := range x.nodes {
				n.got = nil
			}
			sizes := []int{10, 300, 1400, 5000, 100000}
			sent := 0
			for i := range 60 {
				for _, n := range x.nodes {
					text := fmt.Sprintf("message %d", i)
					if n.Multicast("a", totem.Agreed, [][]byte{[]byte(text), make([]byte, sizes[i%len(sizes)])}) == nil {
						sent++
					}
				}
				x.w.RunFor(3 * time.Millisecond)
			}
			x.wait(time.Minute, "all messages everywhere", func() bool {
				for _, n := range x.nodes {
					if len(n.got) < sent {
						return false
					}
				}
				return true
			})
			for _, n := range x.nodes[1:] {
				if !slices.Equal(n.got, x.nodes[0].got) {
					t.Fatal("two nodes delivered in different orders")
				}
			}
			if len(x.nodes[0].got) != sent || sent < 150 {
				t.Fatalf("%d delivered of %d", len(x.nodes[0].got), sent)
			}
		})
	}
}

func TestMembership(t *testing.T) {
	x := newCluster(t, 3, 7, memnet.Conditions{Delay: 50 * time.Microsecond})
	x.wait(time.Minute, "ring of three", x.formed(1, 2, 3))

	x.net.Partition([]totem.NodeID{1, 2}, []totem.NodeID{3})
	x.wait(time.Minute, "two rings", func() bool { return x.formed(1, 2)() && x.formed(3)() })
	x.net.Heal()
	x.wait(time.Minute, "one ring again", x.formed(1, 2, 3))

	x.nodes[1].end.SetInterface(false)
	x.wait(time.Minute, "node 2 alone", func() bool { return x.formed(2)() && x.formed(1, 3)() })
	x.nodes[1].end.SetInterface(true)
	x.wait(time.Minute, "node 2 back", x.formed(1, 2, 3))

	before := x.w.Now()
	x.nodes[2].Leave()
	x.nodes[2].Close()
	x.wait(time.Minute, "node 3 gone", x.formed(1, 2))
	if d := x.w.Now().Sub(before); d > 200*time.Millisecond {
		t.Errorf("a leave took %v", d)
	}
	x.start(2)
	x.wait(time.Minute, "node 3 restarted", x.formed(1, 2, 3))

	x.nodes[0].loop.Kill()
	x.nodes[0].end.Close()
	x.wait(time.Minute, "node 1 dead", x.formed(2, 3))
	seq := x.nodes[0].store.Seq
	x.start(0)
	x.wait(time.Minute, "node 1 restarted", x.formed(1, 2, 3))
	if now := x.nodes[0].store.Seq; now <= seq {
		t.Errorf("stored ring sequence number %d after %d", now, seq)
	}

	x.nodes[1].loop.Pause()
	x.wait(time.Minute, "node 2 paused", x.formed(1, 3))
	x.nodes[1].loop.Resume()
	x.wait(time.Minute, "node 2 awake", x.formed(1, 2, 3))
	if addrs := x.nodes[0].NodeAddrs(2); len(addrs) != 1 || addrs[0].IP != x.list[1].Addrs[0] {
		t.Errorf("addresses of node 2: %v", addrs)
	}
	if s, ok := x.nodes[0].NodeStatus(2); !ok || !s.Reachable || !s.Links[0].Connected {
		t.Errorf("status of node 2: %+v", s)
	}
}
