//go:build linux

package netns

import (
	"time"

	"github.com/corosync-go/corosync/tests/history"
)

// formTimeout bounds every wait for a ring: several times token plus consensus
// of the largest ring used, on a loaded machine.
const formTimeout = 20 * time.Second

// Tour leads a cluster of at least three nodes under load through every way to
// lose and regain a member, and judges what the group saw. All nodes take each
// role in turn if the cluster is small enough, so in a mixed ring each kind of
// daemon is the one that fails and the one that stays.
//
//	leave (SIGTERM), crash (SIGKILL), partition and merge, pause, all of the ring at once
func (c *Cluster) Tour(l Load) {
	c.t.Helper()
	c.UpAndFormed(formTimeout)
	l.Again = true
	recs := c.RecordAll(l)
	c.WaitGroup(formTimeout)
	all := make([]int, len(c.Nodes))
	for i, n := range c.Nodes {
		all[i] = n.ID
	}
	others := func(id int) []int {
		var out []int
		for _, o := range all {
			if o != id {
				out = append(out, o)
			}
		}
		return out
	}
	whole := func() {
		c.t.Helper()
		c.WaitRing(formTimeout)
		c.WaitGroup(formTimeout)
		for _, r := range recs {
			r.WaitDelivered(20, formTimeout)
		}
	}
	victims := all
	if len(victims) > 3 {
		victims = []int{1, 2, len(all)}
	}
	for _, id := range victims {
		n := c.Node(id)
		n.Stop()
		c.WaitRing(formTimeout, others(id)...)
		n.Start()
		whole()

		n.Kill()
		c.WaitRing(formTimeout, others(id)...)
		n.Start()
		whole()

		c.Partition([]int{id}, others(id))
		c.WaitRing(formTimeout, others(id)...)
		c.WaitRing(formTimeout, id)
		c.Heal()
		whole()

		n.Pause()
		c.WaitRing(formTimeout, others(id)...)
		n.Resume()
		whole()
	}
	for _, n := range c.Nodes {
		n.Kill()
	}
	c.Start()
	whole()
	c.Settle(formTimeout)
	c.Judge(history.Options{Settled: true})
}
