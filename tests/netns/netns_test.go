//go:build linux

package netns

import (
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

// kinds are the daemons that every scenario runs on: the C daemon shows that
// the scenario is sound.
var kinds = []struct {
	name string
	get  func(testing.TB) Daemon
}{
	{"c", func(testing.TB) Daemon { return CDaemon() }},
	{"go", GoDaemon},
}

func eachDaemon(t *testing.T, f func(t *testing.T, d Daemon)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			Need(t, "corosync-quorumtool")
			f(t, k.get(t))
		})
	}
}

// Two nodes form, part, merge:  n1 ---- br ---- n2
func TestTwoNodes(t *testing.T) {
	for _, tr := range []string{UDPU, UDP, Knet} {
		t.Run(tr, func(t *testing.T) {
			eachDaemon(t, func(t *testing.T, d Daemon) {
				c := New(t, Options{Nodes: 2, Transport: tr, Daemon: d})
				c.UpAndFormed(15 * time.Second)
				c.Partition([]int{1}, []int{2})
				c.WaitRing(15*time.Second, 1)
				c.WaitRing(15*time.Second, 2)
				c.WaitQuorate(5*time.Second, false)
				c.Heal()
				c.WaitRing(15 * time.Second)
				c.WaitQuorate(5*time.Second, true)
			})
		})
	}
}

// Three nodes through every way to lose one:  n1, n2, n3 on one switch
func TestThreeNodes(t *testing.T) {
	eachDaemon(t, func(t *testing.T, d Daemon) {
		c := New(t, Options{Nodes: 3, Daemon: d})
		c.UpAndFormed(15 * time.Second)

		c.Node(3).Kill()
		c.WaitRing(15*time.Second, 1, 2)
		c.Node(3).Start()
		c.WaitRing(15 * time.Second)

		begin := time.Now()
		c.Node(2).Stop()
		c.WaitRing(15*time.Second, 1, 3)
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("an orderly leave took %v, as if it had been a crash", took)
		}
		c.Node(2).Start()
		c.WaitRing(15 * time.Second)

		c.Node(1).Pause()
		c.WaitRing(15*time.Second, 2, 3)
		c.Node(1).Resume()
		c.WaitRing(20 * time.Second)

		c.Partition([]int{1, 2}, []int{3})
		c.WaitRing(15*time.Second, 1, 2)
		c.WaitRing(15*time.Second, 3)
		c.WaitQuorate(5*time.Second, false, 3)
		c.WaitQuorate(5*time.Second, true, 1, 2)
		c.Heal()
		c.WaitRing(15 * time.Second)

		c.Node(2).PowerOff()
		c.WaitRing(15*time.Second, 1, 3)
		c.Node(2).Start()
		c.WaitRing(15 * time.Second)
	})
}

// Three nodes under load through all faults, judged by what the group saw.
func TestHistories(t *testing.T) {
	for _, tr := range []string{UDPU, UDP, Knet} {
		t.Run(tr, func(t *testing.T) {
			eachDaemon(t, func(t *testing.T, d Daemon) {
				t.Parallel()
				c := New(t, Options{Nodes: 3, Transport: tr, Daemon: d})
				c.Tour(Load{Rate: 300, Size: "64:4000"})
			})
		})
	}
}
