//go:build linux

package interop

import (
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/history"
	"github.com/corosync-go/corosync/tests/netns"
)

// TestFullLoad lets several clients per node send as fast as they may, from
// small messages to ones that fill a request, while a member crashes and comes
// back, and judges all groups.
func TestFullLoad(t *testing.T) {
	each(t, []mix{"c", "g", "cg", "gcc"}, func(t *testing.T, m mix) {
		c := netns.New(t, netns.Options{Nodes: 3, Daemons: m.daemons(t, 3)})
		c.UpAndFormed(formTimeout)
		loads := []netns.Load{
			{Window: 100, Size: "64:300", Again: true},
			{Window: 30, Size: "1300:1500", Again: true},
			{Window: 4, Size: "100000:1000000", Again: true},
		}
		var recs []*netns.Recorder
		for i, l := range loads {
			recs = append(recs, c.Node(i+1).Record(l))
		}
		c.WaitGroup(formTimeout)
		deliver := func(n int) {
			for _, r := range recs {
				r.WaitDelivered(n, 60*time.Second)
			}
		}
		deliver(2000)
		c.Node(3).Kill()
		c.WaitRing(formTimeout, 1, 2)
		c.Node(3).Start()
		c.WaitRing(formTimeout)
		c.WaitGroup(formTimeout)
		deliver(2000)
		c.Partition([]int{1}, []int{2, 3})
		c.WaitRing(formTimeout, 1)
		c.WaitRing(formTimeout, 2, 3)
		c.Heal()
		c.WaitRing(formTimeout)
		c.WaitGroup(formTimeout)
		deliver(2000)
		c.Settle(60 * time.Second)
		c.Judge(history.Options{Settled: true})
	})
}

// TestComingAndGoing lets clients of one node join and leave a group that is
// under load, orderly and by dying, many times: each change is one place in the
// order of messages.
func TestComingAndGoing(t *testing.T) {
	each(t, []mix{"c", "g", "cg"}, func(t *testing.T, m mix) {
		c := netns.New(t, netns.Options{Nodes: 3, Daemons: m.daemons(t, 3)})
		c.UpAndFormed(formTimeout)
		c.RecordAll(netns.Load{Rate: 500, Size: "64:2000"})
		c.WaitGroup(formTimeout)
		for i := range 12 {
			n := c.Node(i%3 + 1)
			r := n.Record(netns.Load{Rate: 1000, Size: "64:2000"})
			r.WaitDelivered(50, formTimeout)
			if i%2 == 0 {
				r.Leave()
			} else {
				r.Crash()
			}
		}
		c.Settle(formTimeout)
		c.Judge(history.Options{Settled: true})
	})
}

// TestLoss drops datagrams at random on the way into node 2. Nothing may be
// lost to the clients.
func TestLoss(t *testing.T) {
	netns.Need(t, "nft")
	each(t, []mix{"c", "g", "cgg", "gcc"}, func(t *testing.T, m mix) {
		t.Parallel()
		// The loss must not cost so many tokens in a row that the ring breaks.
		c := netns.New(t, netns.Options{Nodes: 3, Daemons: m.daemons(t, 3), TokenMS: 3000,
			Totem: []netns.KV{{Key: "token_retransmits_before_loss_const", Value: "20"}}})
		ring := c.UpAndFormed(formTimeout)
		recs := c.RecordAll(netns.Load{Rate: 400, Size: "64:6000"})
		c.WaitGroup(formTimeout)
		out, err := c.Node(2).TryInput("table inet loss { chain in { type filter hook input priority 0; udp dport 5405 numgen random mod 100 < 5 drop; }; }\n", "nft", "-f", "-")
		if err != nil {
			t.Skipf("skip: nft cannot drop at random here: %v: %s", err, out)
		}
		for _, r := range recs {
			r.WaitDelivered(3000, 90*time.Second)
		}
		c.Node(2).Exec("nft", "delete", "table", "inet", "loss")
		if now := c.WaitRing(formTimeout); now != ring {
			t.Logf("the ring broke on the way: %s, then %s", ring, now)
		}
		c.Settle(formTimeout)
		c.Judge(history.Options{Settled: true})
	})
}

// TestOneWay lets node 3 hear nobody while it is heard: the worst a switch can
// do. The others must form a ring without it, and take it back.
func TestOneWay(t *testing.T) {
	netns.Need(t, "nft")
	each(t, []mix{"c", "g", "cg", "gc"}, func(t *testing.T, m mix) {
		t.Parallel()
		c := netns.New(t, netns.Options{Nodes: 3, Daemons: m.daemons(t, 3)})
		c.UpAndFormed(formTimeout)
		c.RecordAll(netns.Load{Rate: 100, Size: "64:2000"})
		c.WaitGroup(formTimeout)
		out, err := c.Node(3).TryInput("table inet deaf { chain in { type filter hook input priority 0; iifname \"eth0\" udp dport 5405 drop; }; }\n", "nft", "-f", "-")
		if err != nil {
			t.Skipf("skip: nft cannot filter here: %v: %s", err, out)
		}
		c.WaitRing(60*time.Second, 3)
		c.WaitRing(60*time.Second, 1, 2)
		c.Node(3).Exec("nft", "delete", "table", "inet", "deaf")
		c.WaitRing(60 * time.Second)
		c.Settle(formTimeout)
		c.Judge(history.Options{Settled: true})
	})
}
