//go:build linux

package netns

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/history"
)

// eachRing runs f with three nodes of one kind and of both.
func eachRing(t *testing.T, f func(t *testing.T, daemons []Daemon)) {
	for _, mix := range []string{"ccc", "ggg", "cgc", "gcg"} {
		t.Run(mix, func(t *testing.T) {
			Need(t, "corosync-quorumtool", "corosync-cfgtool", "corosync-cmapctl")
			var ds []Daemon
			for _, k := range mix {
				if k == 'c' {
					ds = append(ds, CDaemon())
				} else {
					ds = append(ds, GoDaemon(t))
				}
			}
			f(t, ds)
		})
	}
}

// Three nodes under load; n2's own interface goes down and comes back, or loses
// its address and gets it again, by hand:
//
//	n1 ---- br ---- n3
//	         |
//	        n2 (eth0 down, up)
func TestInterfaceDown(t *testing.T) {
	eachRing(t, func(t *testing.T, ds []Daemon) {
		c := New(t, Options{Nodes: 3, Daemons: ds})
		c.UpAndFormed(formTimeout)
		c.RecordAll(Load{Rate: 200, Size: "64:4000", Again: true})
		c.WaitGroup(formTimeout)
		addr := c.Node(2).IP(0) + "/16"
		for _, do := range [][2][]string{
			{{"ip", "link", "set", "eth0", "down"}, {"ip", "link", "set", "eth0", "up"}},
			{{"ip", "addr", "del", addr, "dev", "eth0"}, {"ip", "addr", "add", addr, "dev", "eth0"}},
			{{"ip", "link", "set", "eth0", "down"}, {"ip", "link", "set", "eth0", "up"}},
		} {
			c.Node(2).Exec(do[0]...)
			c.WaitRing(formTimeout, 1, 3)
			c.WaitRing(formTimeout, 2)
			c.Node(2).Exec(do[1]...)
			c.WaitRing(formTimeout)
			c.WaitGroup(formTimeout)
		}
		c.Settle(formTimeout)
		c.Judge(history.Options{Settled: true})
	})
}

// One node whose shared memory is full:  n1 (/dev/shm of 24 MB)
//
// New clients are refused with an error and without delay, those that are
// connected go on, and all is well when there is room again.
func TestFullSharedMemory(t *testing.T) {
	eachDaemon(t, func(t *testing.T, d Daemon) {
		Need(t, "corosync-cpgtool", "corosync-cmapctl")
		c := New(t, Options{Nodes: 1, Daemon: d})
		n := c.Node(1)
		n.LimitShm("24m")
		c.UpAndFormed(formTimeout)
		r := n.Record(Load{Rate: 200})
		c.WaitGroup(formTimeout)
		for range 3 {
			if out, err := n.Try("sh", "-c", "cat /dev/zero > /dev/shm/filler"); err == nil {
				t.Fatalf("no end of room: %s", out)
			}
			for _, argv := range [][]string{{"corosync-cpgtool"}, {"corosync-cmapctl"}, {"corosync-quorumtool", "-s"}} {
				begin := time.Now()
				out, err := n.Try(argv...)
				if err == nil {
					t.Errorf("%v succeeds without shared memory:\n%s", argv, out)
				}
				if took := time.Since(begin); took > 10*time.Second {
					t.Errorf("%v took %v to fail", argv, took)
				}
				t.Logf("%v: %v: %s", argv, err, strings.TrimSpace(out))
			}
			r.WaitDelivered(100, formTimeout)
			n.Exec("rm", "/dev/shm/filler")
			n.Exec("corosync-cpgtool")
			n.Exec("corosync-cmapctl", "-g", "totem.token")
		}
		if left := n.Exec("sh", "-c", "ls -d /dev/shm/qb-*/ | wc -l"); strings.TrimSpace(left) != "1" {
			t.Errorf("directories of refused clients are left: %s", n.Exec("ls", "-l", "/dev/shm"))
		}
		c.Settle(formTimeout)
		c.Judge(history.Options{Settled: true})
	})
}

// Two nodes, the state directory of n2 has no room for the ring id:
//
//	n1 ---- br ---- n2 (/var/lib/corosync full)
//
// A node that cannot store the ring id must not take part in a ring: it ends
// with the status of that error, and the other goes on.
func TestNoRoomForRingID(t *testing.T) {
	eachDaemon(t, func(t *testing.T, d Daemon) {
		c := New(t, Options{Nodes: 2, Daemon: d})
		n := c.Node(2)
		n.Exec("mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", "/var/lib/corosync")
		n.Exec("sh", "-c", "head -c 4096 /dev/zero > /var/lib/corosync/filler")
		c.Start()
		code, ok := n.proc.Wait(formTimeout)
		if !ok {
			t.Fatal("the daemon runs without a stored ring id")
		}
		const text = "Couldn't write ringid file '/var/lib/corosync/ringid_2': No space left on device (28)"
		if code != 21 || !strings.Contains(n.ReadLog(), text) {
			t.Errorf("status %d, log:\n%s", code, n.ReadLog())
		}
		c.WaitRing(formTimeout, 1)
		n.Exec("rm", "/var/lib/corosync/filler")
		c.Start(2)
		c.WaitRing(formTimeout)
	})
}

// One node:  n1
//
// The file of recent messages is there when the request for it is answered, which
// corosync-blackbox counts on, and the key keeps its value.
func TestBlackboxFile(t *testing.T) {
	eachDaemon(t, func(t *testing.T, d Daemon) {
		Need(t, "corosync-cmapctl")
		c := New(t, Options{Nodes: 1, Daemon: d})
		c.UpAndFormed(formTimeout)
		const key = "runtime.blackbox.dump_flight_data"
		for _, value := range []string{"1001", "1002", "1003"} {
			c.Node(1).Exec("sh", "-c", "rm -f /var/lib/corosync/fdata* && corosync-cmapctl -s "+key+" str "+value+
				" && test -s /var/lib/corosync/fdata")
			if out := c.Node(1).Exec("corosync-cmapctl", "-g", key); !strings.Contains(out, "= "+value) {
				t.Errorf("%s", out)
			}
		}
	})
}

// Three nodes, of which n3 is not in the nodelist until a reload adds it, and is
// taken out again while it is stopped:
//
//	n1 ---- br ---- n2
//	         |
//	       (n3)
func TestNodelistReload(t *testing.T) {
	eachRing(t, func(t *testing.T, ds []Daemon) {
		c := New(t, Options{Nodes: 3, Listed: 2, Daemons: ds})
		c.Start(1, 2)
		c.WaitRing(formTimeout, 1, 2)
		c.RecordAll(Load{Rate: 200, Again: true}, 1, 2)
		c.WaitGroup(formTimeout)
		two, three := c.Opt, c.Opt
		three.Listed = 3
		expect := func(votes string, ids ...int) {
			t.Helper()
			c.Eventually(formTimeout, func() error {
				for _, id := range ids {
					st, err := c.Node(id).Status()
					if err != nil {
						return err
					}
					if st.Fields["Expected votes"] != votes {
						return fmt.Errorf("n%d expects %s votes, wanted %s", id, st.Fields["Expected votes"], votes)
					}
				}
				return nil
			})
		}
		set := func(o Options) {
			t.Helper()
			for _, n := range c.Nodes {
				if err := n.WriteConf(o.Conf()); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 2 {
			set(three)
			c.Node(1).Exec("corosync-cfgtool", "-R")
			expect("3", 1, 2)
			c.Start(3)
			c.WaitRing(formTimeout)
			expect("3", 1, 2, 3)
			c.WaitGroup(formTimeout)

			c.Node(3).Stop()
			c.WaitRing(formTimeout, 1, 2)
			set(two)
			c.Node(2).Exec("corosync-cfgtool", "-R")
			expect("2", 1, 2)
		}
		// A node that is not in the list any more is not listened to.
		set(three)
		if err := c.Node(1).WriteConf(two.Conf()); err != nil {
			t.Fatal(err)
		}
		if err := c.Node(2).WriteConf(two.Conf()); err != nil {
			t.Fatal(err)
		}
		c.Start(3)
		c.WaitRing(formTimeout, 3)
		c.WaitRing(formTimeout, 1, 2)
		c.Settle(formTimeout)
		c.Judge(history.Options{Settled: true})
	})
}

// Three nodes under load while the token timeout changes:  n1, n2, n3 on one switch
//
// A lower timeout must hold at once: a crash is seen accordingly.
func TestTokenReload(t *testing.T) {
	eachRing(t, func(t *testing.T, ds []Daemon) {
		c := New(t, Options{Nodes: 3, Daemons: ds, TokenMS: 10000, Totem: []KV{{"token_coefficient", "0"}}})
		c.UpAndFormed(formTimeout)
		c.RecordAll(Load{Rate: 200, Again: true}, 1, 2)
		c.WaitGroup(formTimeout)
		o := c.Opt
		o.TokenMS = 1200
		for _, n := range c.Nodes {
			if err := n.WriteConf(o.Conf()); err != nil {
				t.Fatal(err)
			}
		}
		c.Node(3).Exec("corosync-cfgtool", "-R")
		for _, n := range c.Nodes {
			c.Eventually(formTimeout, func() error {
				if out := n.Exec("corosync-cmapctl", "-g", "runtime.config.totem.token"); !strings.Contains(out, "= 1200") {
					return fmt.Errorf("%s: %s", n.Name, out)
				}
				return nil
			})
		}
		begin := time.Now()
		c.Node(3).Kill()
		c.WaitRing(formTimeout, 1, 2)
		if took := time.Since(begin); took > 9*time.Second {
			t.Errorf("a crash was seen after %v with a token timeout of 1.2 s", took)
		}
		c.Settle(formTimeout)
		c.Judge(history.Options{Settled: true})
	})
}

// Three nodes on a network of large frames, with a node that still has small ones:
//
//	n1, n2 (netmtu 8900) ---- br, MTU 9000 ---- n3 (netmtu 1500)
//
// Each sends in its own size, and all take both.
func TestFrameSizes(t *testing.T) {
	eachRing(t, func(t *testing.T, ds []Daemon) {
		c := New(t, Options{Nodes: 3, Daemons: ds, MTU: 9000, Totem: []KV{{"netmtu", "8900"}}})
		small := c.Opt
		small.Totem = []KV{{"netmtu", "1500"}}
		if err := c.Node(3).WriteConf(small.Conf()); err != nil {
			t.Fatal(err)
		}
		c.UpAndFormed(formTimeout)
		recs := c.RecordAll(Load{Rate: 100, Size: "64:100000", Again: true})
		c.WaitGroup(formTimeout)
		for _, r := range recs {
			r.WaitDelivered(300, formTimeout)
		}
		c.Partition([]int{1}, []int{2, 3})
		c.WaitRing(formTimeout, 1)
		c.WaitRing(formTimeout, 2, 3)
		c.Heal()
		c.WaitRing(formTimeout)
		c.WaitGroup(formTimeout)
		c.Settle(formTimeout)
		c.Judge(history.Options{Settled: true})
	})
}
