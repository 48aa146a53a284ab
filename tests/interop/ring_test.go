//go:build linux

package interop

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/history"
	"github.com/corosync-go/corosync/tests/netns"
)

// TestMixedRing leads every mix of three nodes under load through leave,
// crash, partition, pause and the death of all, each node in each role, and
// judges the recorded histories.
func TestMixedRing(t *testing.T) {
	mixes := []mix{"c", "ccg", "gcc", "cgg", "ggc", "gcg", "cgc"}
	if testing.Short() {
		mixes = []mix{"c", "ccg", "gcg"}
	}
	each(t, mixes, func(t *testing.T, m mix) {
		t.Parallel()
		c := netns.New(t, netns.Options{Nodes: 3, Daemons: m.daemons(t, 3)})
		c.Tour(netns.Load{Rate: 200, Size: "64:4000"})
	})
}

// TestMixedTransports: the two orders of two nodes on the other transports and addresses.
func TestMixedTransports(t *testing.T) {
	kv := func(k, v string) netns.KV { return netns.KV{Key: k, Value: v} }
	for _, tr := range []struct {
		name string
		opt  netns.Options
	}{
		{"udp", netns.Options{Transport: netns.UDP}},
		{"udp_broadcast", netns.Options{Transport: netns.UDP, TotemText: "\tinterface {\n\t\tbroadcast: yes\n\t}\n"}},
		{"udp_ipv6", netns.Options{Transport: netns.UDP, IPv6: true, Totem: []netns.KV{kv("ip_version", "ipv6")}}},
		{"udpu_ipv6", netns.Options{Transport: netns.UDPU, IPv6: true, Totem: []netns.KV{kv("ip_version", "ipv6")}}},
	} {
		t.Run(tr.name, func(t *testing.T) {
			each(t, []mix{"c", "cg", "gc"}, func(t *testing.T, m mix) {
				t.Parallel()
				opt := tr.opt
				opt.Nodes, opt.Daemons = 2, m.daemons(t, 2)
				c := netns.New(t, opt)
				c.UpAndFormed(formTimeout)
				c.RecordAll(netns.Load{Rate: 300, Size: "64:30000"})
				c.WaitGroup(formTimeout)
				c.Partition([]int{1}, []int{2})
				c.WaitRing(formTimeout, 1)
				c.WaitRing(formTimeout, 2)
				c.Heal()
				c.WaitRing(formTimeout)
				c.Settle(formTimeout)
				c.Judge(history.Options{Settled: true})
			})
		})
	}
}

// TestRollingUpgrade replaces the C daemon node by node with ours and back, by
// what an administrator does, while clients on all nodes send. Only the clients
// of the node in work notice anything.
func TestRollingUpgrade(t *testing.T) {
	netns.Need(t, "corosync-quorumtool")
	kinds := map[string]func() netns.Daemon{
		"c": netns.CDaemon,
		"g": func() netns.Daemon { return netns.GoDaemon(t) },
	}
	for _, path := range []string{"cc", "cgc", "gcg"} {
		t.Run(path, func(t *testing.T) {
			c := netns.New(t, netns.Options{Nodes: 3, Daemon: kinds[path[:1]]()})
			c.UpAndFormed(formTimeout)
			recs := c.RecordAll(netns.Load{Rate: 200, Size: "64:8000", Again: true})
			c.WaitGroup(formTimeout)
			for _, to := range path[1:] {
				for id := 1; id <= 3; id++ {
					n := c.Node(id)
					n.Stop()
					var rest []int
					for o := 1; o <= 3; o++ {
						if o != id {
							rest = append(rest, o)
						}
					}
					c.WaitRing(formTimeout, rest...)
					c.WaitQuorate(formTimeout, true, rest...)
					n.Daemon = kinds[string(to)]()
					n.Start()
					c.WaitRing(formTimeout)
					c.WaitGroup(formTimeout)
					for _, r := range recs {
						r.WaitDelivered(100, formTimeout)
					}
				}
			}
			c.Settle(formTimeout)
			c.Judge(history.Options{Settled: true})
		})
	}
}

// TestManyNodes forms large rings, lets every fourth node send, kills five nodes
// at once and takes them back.
func TestManyNodes(t *testing.T) {
	for _, nodes := range []int{16, 32} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			if testing.Short() && nodes > 16 {
				t.Skip("skip: -short")
			}
			each(t, []mix{"c", "g", "cg"}, func(t *testing.T, m mix) {
				c := netns.New(t, netns.Options{Nodes: nodes, Daemons: m.daemons(t, nodes), TokenMS: 3000,
					// With the default coefficient a crash would take a minute to see.
					Totem: []netns.KV{{Key: "token_coefficient", Value: "0"}}})
				const d = 90 * time.Second
				c.UpAndFormed(d)
				var senders []int
				for id := 1; id <= nodes; id += 4 {
					senders = append(senders, id)
				}
				c.RecordAll(netns.Load{Rate: 20, Size: "64:3000", Again: true}, senders...)
				c.WaitGroup(d)
				// Two of the five send.
				dead := []int{2, 5, 6, 13, nodes - 1}
				var rest []int
				for id := 1; id <= nodes; id++ {
					if !slices.Contains(dead, id) {
						rest = append(rest, id)
					}
				}
				for _, id := range dead {
					c.Node(id).Kill()
				}
				c.WaitRing(d, rest...)
				c.Start(dead...)
				c.WaitRing(d)
				c.WaitGroup(d)
				c.Settle(d)
				c.Judge(history.Options{Settled: true})
			})
		})
	}
}
