//go:build linux

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/history"
	"github.com/corosync-go/corosync/tests/netns"
)

// programs1x returns the directory that has the libraries, test programs and tools of corosync 1.4.
func programs1x(t testing.TB, names ...string) string {
	t.Helper()
	dir := os.Getenv("COROSYNC_1X_PROGRAMS")
	if dir == "" {
		t.Skip("skip: COROSYNC_1X_PROGRAMS is not set (directory of the libraries and programs of corosync 1.4)")
	}
	for _, n := range append(names, "libcoroipcc.so.4") {
		if _, err := os.Stat(filepath.Join(dir, n)); err != nil {
			t.Skipf("skip: %v", err)
		}
	}
	return dir
}

// cases1x are programs of 1.4 with what they must print on a ring of two, as they would on a daemon of their own time. Code
// is that of their end, 124 of those that timeout ends.
var cases1x = []struct {
	program string
	shell   string // $P is the directory
	code    int
	want    []string // expressions, in this order
}{
	{"corosync-cfgtool", "$P/corosync-cfgtool -s", 0, []string{`Local node ID 1`, `id\s*= 10\.\S+`, `status\s*= ring 0 active with no faults`}},
	{"corosync-cfgtool", "$P/corosync-cfgtool -a 2", 0, []string{`10\.\S+`}},
	{"corosync-cfgtool", "$P/corosync-cfgtool -r", 0, []string{`Re-enabling all failed rings`}},
	{"corosync-quorumtool", "$P/corosync-quorumtool -s", 0, []string{`Version:\s+1\.4`, `Nodes:\s+2`, `Quorum type:\s+corosync_votequorum`,
		`Quorate:\s+Yes`, `Node votes:\s+1`, `Expected votes:\s+2`, `Highest expected:\s+2`, `Total votes:\s+2`, `Quorum:\s+2`}},
	{"corosync-quorumtool", "$P/corosync-quorumtool -l", 0, []string{`\b1 +1 `, `\b2 +1 `}},
	{"corosync-cpgtool", "$P/corosync-cpgtool", 0, []string{`Group Name\s+PID\s+Node ID`}},
	{"testcpg", "(sleep 0.4; echo first; sleep 0.2; echo EXIT) | $P/testcpg own", 0, []string{`Local node id is 1`,
		`joined node/pid 1/\d+ reason: 1`, `active processors 2: 1 2`, `message \(len=\d+\)from node/pid 1/\d+: 'first`,
		`left node/pid 1/\d+ reason: 2`, `We have left`, `Finalize  result is 1`}},
	{"testcpg2", "$P/testcpg2", 0, []string{`local_get: 1`, `confchg nodeid 1`, `self delivered nodeid: 1`}},
	{"testcpgzc", "(sleep 0.4; echo first; sleep 0.2; echo EXIT) | $P/testcpgzc own", 0, []string{`joined node/pid: 1/\d+`,
		`Finalize  result is 1`}},
	{"testquorum", "timeout 2 stdbuf -oL $P/testquorum", 124, []string{`quorate\s+= 1`, `num nodes = 2\s+1\s+2`}},
	{"testvotequorum1", "timeout 2 stdbuf -oL $P/testvotequorum1", 124, []string{`node votes\s+1`, `expected votes\s+2`, `total votes\s+2`}},
	{"stress_cpgfdget", "timeout 60 $P/stress_cpgfdget", 0, []string{`PASS`}},
	{"cpgverify", "timeout 60 $P/cpgverify -i 500", 0, []string{`This is message\s+49\d`}},
	// One round of ten seconds: a line with the rate.
	{"cpgbench", "timeout 13 stdbuf -oL $P/cpgbench", 124, []string{`\d+ messages received +1000 bytes per write +1\d\.\d+ Seconds runtime`}},
}

// TestPrograms1x runs programs of corosync 1.4, with their own libraries, on our daemon.
func TestPrograms1x(t *testing.T) {
	netns.Need(t, "corosync-quorumtool", "stdbuf", "timeout")
	dir := programs1x(t)
	c := netns.New(t, netns.Options{Nodes: 2, Daemons: mix("g").daemons(t, 2)})
	c.UpAndFormed(formTimeout)
	for _, p := range cases1x {
		t.Run(p.program, func(t *testing.T) {
			programs1x(t, p.program)
			out, err := c.Node(1).TryTimeout(90*time.Second, "", "sh", "-c", "P="+dir+"; export LD_LIBRARY_PATH=$P; "+p.shell)
			if code := netns.ExitCode(err); code != p.code {
				t.Errorf("%s: ends with %d (%v), want %d", p.shell, code, err, p.code)
			}
			rest := out
			for _, w := range p.want {
				at := regexp.MustCompile(w).FindStringIndex(rest)
				if at == nil {
					t.Fatalf("%s: no %q in\n%s", p.shell, w, lastLines(out, 30))
				}
				rest = rest[at[1]:]
			}
			if !c.Node(1).Running() {
				t.Fatal("the daemon has ended")
			}
		})
	}
	if out, _ := c.Node(1).Try("sh", "-c", "ls /dev/shm"); strings.Contains(out, "_buffer-") || strings.Contains(out, "zerocopy") {
		t.Errorf("left in shared memory:\n%s", out)
	}
}

// TestVerify1xInMixedRing lets cpgverify check the messages of both generations of libraries, on one node and on a C node. It is
// the program of 3.1 each time, as that of 1.4 has another hash.
func TestVerify1xInMixedRing(t *testing.T) {
	old, bin := programs1x(t, "libcpg.so.4"), program(t, "cpgverify")
	c := netns.New(t, netns.Options{Nodes: 2, Daemons: mix("gc").daemons(t, 2)})
	c.UpAndFormed(formTimeout)
	procs := []*netns.Proc{
		c.Node(1).Spawn("cpgverify-1x", "env", "LD_LIBRARY_PATH="+old, "stdbuf", "-oL", bin),
		c.Node(1).Spawn("cpgverify-3x", "stdbuf", "-oL", bin),
		c.Node(2).Spawn("cpgverify-3x", "stdbuf", "-oL", bin),
	}
	c.Eventually(60*time.Second, func() error {
		for i, p := range procs {
			if !p.Running() {
				t.Fatalf("%d: cpgverify has ended:\n%s", i, lastLines(p.Output(), 8))
			}
			if n := strings.Count(p.Output(), "\n"); n < 2000 {
				return fmt.Errorf("%d: cpgverify has seen %d lines", i, n)
			}
		}
		return nil
	})
}

// TestMixedGenerations puts clients with 1.4's library and clients with 3.1's into one group, on one node and on three of
// which one is a C daemon, lets them send while members die, nodes crash and the network splits, and judges what they saw.
func TestMixedGenerations(t *testing.T) {
	dir := programs1x(t, "libcpg.so.4")
	old := netns.Load{Size: "64:20000", Window: 20, Again: true, Via: []string{"env", "LD_LIBRARY_PATH=" + dir}}
	large := netns.Load{Size: "100000:300000", Window: 2, Again: true, Via: old.Via}
	today := netns.Load{Size: "64:20000", Window: 20, Again: true}
	each(t, []mix{"g", "ggc"}, func(t *testing.T, m mix) {
		nodes := len(m)
		c := netns.New(t, netns.Options{Nodes: nodes, Daemons: m.daemons(t, nodes)})
		c.UpAndFormed(formTimeout)
		var recs []*netns.Recorder
		for i, n := range c.Nodes {
			recs = append(recs, n.Record(today))
			if m[i] == 'g' {
				recs = append(recs, n.Record(old), n.Record(large))
			}
		}
		c.WaitGroup(formTimeout)
		deliver := func(n int) {
			for _, r := range recs {
				r.WaitDelivered(n, 60*time.Second)
			}
		}
		deliver(500)
		for i, l := range []netns.Load{old, today, old} {
			r := c.Node(1).Record(l)
			r.WaitDelivered(100, formTimeout)
			if i == 1 {
				r.Leave()
			} else {
				r.Crash()
			}
		}
		if nodes > 1 {
			c.Node(2).Kill()
			c.WaitRing(formTimeout, 1, 3)
			c.Node(2).Start()
			c.WaitRing(formTimeout)
			c.WaitGroup(formTimeout)
			deliver(500)
			c.Partition([]int{1}, []int{2, 3})
			c.WaitRing(formTimeout, 1)
			c.WaitRing(formTimeout, 2, 3)
			c.Heal()
			c.WaitRing(formTimeout)
			c.WaitGroup(formTimeout)
		}
		deliver(1000)
		c.Settle(60 * time.Second)
		c.Judge(history.Options{Settled: true})
	})
}

// TestToolsOverBoth runs our tools over both protocols on our daemon: they print the same.
func TestToolsOverBoth(t *testing.T) {
	netns.Need(t, "corosync-quorumtool")
	c := netns.New(t, netns.Options{Nodes: 2, Daemons: mix("g").daemons(t, 2)})
	c.UpAndFormed(formTimeout)
	bin := make(map[string]string)
	for _, tool := range []string{"quorumtool", "cfgtool", "cmapctl", "cpgtool"} {
		bin[tool] = netns.BuildGo(t, "./libcorosync-go/cmd/corosync-"+tool)
	}
	for _, cmd := range []string{
		"quorumtool -s", "quorumtool -l", "quorumtool -i", "cfgtool -s", "cfgtool -a 2", "cfgtool -n", "cmapctl totem.", "cmapctl -g nodelist.node.1.nodeid",
		"cmapctl -s test.key u32 5", "cmapctl -g test.key", "cmapctl -d test.key", "cmapctl -g missing.key", "cpgtool -n", "cfgtool -R", "quorumtool -e 0",
	} {
		tool, args, _ := strings.Cut(cmd, " ")
		run := func(protocol string) string {
			if strings.Contains(cmd, "test.key") {
				c.Node(1).Exec(bin["cmapctl"], "-s", "test.key", "u32", "4") // each finds it as the other did
			}
			argv := append([]string{"env", "COROSYNC_IPC=" + protocol, bin[tool]}, strings.Fields(args)...)
			out, err := c.Node(1).Try(argv...)
			return fmt.Sprintf("%s(exit %d)", regexp.MustCompile(`Date:.*`).ReplaceAllString(out, "Date"), netns.ExitCode(err))
		}
		if d := diff(run("qb"), run("coroipc")); d != "" {
			t.Errorf("corosync-%s (- qb, + coroipc):\n%s", cmd, d)
		}
	}
	// A daemon that is gone is the same error over both.
	c.Node(1).Kill()
	for _, p := range []string{"qb", "coroipc", ""} {
		out, err := c.Node(1).Try("env", "COROSYNC_IPC="+p, bin["quorumtool"], "-s")
		if netns.ExitCode(err) != 1 || !strings.Contains(out, "Cannot initialize") {
			t.Errorf("over %q without a daemon: %v, %s", p, err, out)
		}
	}
}
