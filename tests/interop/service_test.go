//go:build linux

package interop

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/history"
	"github.com/corosync-go/corosync/tests/netns"
)

// TestSlowClient stops one client under load for longer than its buffers last.
// Neither its daemon nor any other client may wait for it; when it goes on it
// sees everything, in order, or is told that it is disconnected.
func TestSlowClient(t *testing.T) {
	each(t, []mix{"c", "g", "cg"}, func(t *testing.T, m mix) {
		t.Parallel()
		c := netns.New(t, netns.Options{Nodes: 3, Daemons: m.daemons(t, 3)})
		c.UpAndFormed(formTimeout)
		recs := c.RecordAll(netns.Load{Rate: 400, Size: "3000:9000"})
		slow := c.Node(1).Record(netns.Load{Rate: 1})
		c.WaitGroup(formTimeout)
		slow.Proc().Stop()
		for _, r := range recs {
			r.WaitDelivered(4000, 60*time.Second) // 24 MB; an event ring holds 1 MB
		}
		slow.Proc().Continue()
		c.WaitRing(formTimeout)
		c.Settle(60 * time.Second)
		c.Judge(history.Options{Settled: true})
	})
}

// TestManyConnections opens and closes connections to every service many
// times, in order and by dying, and looks at what the daemon has kept of them.
func TestManyConnections(t *testing.T) {
	netns.Need(t, "corosync-quorumtool", "corosync-cmapctl", "corosync-cfgtool", "corosync-cpgtool")
	each(t, []mix{"c", "g"}, func(t *testing.T, m mix) {
		c := netns.New(t, netns.Options{Nodes: 1, Daemons: m.daemons(t, 1)})
		c.UpAndFormed(formTimeout)
		n := c.Node(1)
		// Tools that watch until they are killed, and ones that end.
		const script = `for i in 1 2 3 4 5 6 7 8 9 10; do
			corosync-cmapctl -t totem. >/dev/null 2>&1 & a=$!
			corosync-quorumtool -m >/dev/null 2>&1 & b=$!
			corosync-quorumtool -s >/dev/null; corosync-cfgtool -s >/dev/null; corosync-cpgtool >/dev/null
			sleep 0.05; kill -9 $a $b
			wait
		done`
		usage := func() (fds, files int) {
			t.Helper()
			d, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.Proc().PID()))
			if err != nil {
				t.Fatal(err)
			}
			out := n.Exec("sh", "-c", "find /dev/shm | wc -l")
			if _, err := fmt.Sscan(out, &files); err != nil {
				t.Fatal(err)
			}
			return len(d), files
		}
		n.Exec("sh", "-c", script) // what the daemon keeps for ever it has by now
		fds, files := 0, 0
		c.Eventually(formTimeout, func() error {
			f, s := usage()
			if f != fds || s != files {
				fds, files = f, s
				return fmt.Errorf("still changing")
			}
			return nil
		})
		for range 4 {
			n.Exec("sh", "-c", script)
		}
		c.Eventually(formTimeout, func() error {
			if f, s := usage(); f > fds || s > files {
				return fmt.Errorf("%d descriptors and %d files in shared memory, before %d and %d", f, s, fds, files)
			}
			return nil
		})
		t.Logf("%d descriptors, %d files in shared memory", fds, files)
	})
}

// TestReadiness listens in systemd's place: the unit is Type=notify, and what
// comes after it expects a daemon that answers.
func TestReadiness(t *testing.T) {
	each(t, []mix{"c", "g"}, func(t *testing.T, m mix) {
		c := netns.New(t, netns.Options{Nodes: 1, Daemons: m.daemons(t, 1)})
		n := c.Node(1)
		// The node's log directory is one of the few that both sides see.
		path := filepath.Join(n.Dir(), "log/notify")
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		n.Daemon.Args = []string{"NOTIFY_SOCKET=/var/log/notify", n.Daemon.Path, "-f"}
		n.Daemon.Path = "/usr/bin/env"
		n.Start()
		if err := conn.SetReadDeadline(time.Now().Add(formTimeout)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4096)
		k, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("no notification: %v", err)
		}
		if got := strings.TrimSpace(string(buf[:k])); got != "READY=1" {
			t.Errorf("first notification is %q", got)
		}
		if _, err := n.Status(); err != nil {
			t.Errorf("ready, but: %v", err)
		}
	})
}

var notifydNoise = regexp.MustCompile(`0x[0-9a-f]+\.\d+\.`)

// TestNotifyd runs the distribution's corosync-notifyd, which follows cmap keys,
// quorum and connections, through the death and return of a node.
func TestNotifyd(t *testing.T) {
	netns.Need(t, "corosync-notifyd", "stdbuf")
	outputs := map[mix][]string{}
	each(t, []mix{"c", "g"}, func(t *testing.T, m mix) {
		c := netns.New(t, netns.Options{Nodes: 3, Daemons: m.daemons(t, 3)})
		c.UpAndFormed(formTimeout)
		p := c.Node(1).Spawn("notifyd", "stdbuf", "-oL", "corosync-notifyd", "-f", "-o")
		says := func(text string, times int) {
			t.Helper()
			c.Eventually(formTimeout, func() error {
				if n := strings.Count(p.Output(), text); n < times {
					return fmt.Errorf("notifyd has said %q %d times:\n%s", text, n, p.Output())
				}
				return nil
			})
		}
		says("is now quorate", 1)
		c.Node(3).Kill()
		says("left", 1)
		c.Node(2).Kill()
		says("has lost quorum", 1)
		c.Start(2, 3)
		says("joined", 2)
		says("is now quorate", 2)
		c.Node(1).Exec("corosync-cpgtool")
		says("is now disconnected", 1)
		var lines []string
		for l := range strings.SplitSeq(p.Output(), "\n") {
			// Names of nodes are looked up, and who connects besides depends on the harness.
			if !strings.HasPrefix(l, "[debug]") && !strings.Contains(l, "looking up") && !strings.Contains(l, "connected") {
				lines = append(lines, notifydNoise.ReplaceAllString(l, "CONN."))
			}
		}
		slices.Sort(lines) // the two that come back come in any order
		outputs[m] = lines
	})
	if c, g := outputs["c"], outputs["g"]; c != nil && g != nil && !slices.Equal(c, g) {
		t.Errorf("notifyd on a C daemon said\n%s\nand on ours\n%s", strings.Join(c, "\n"), strings.Join(g, "\n"))
	}
}
