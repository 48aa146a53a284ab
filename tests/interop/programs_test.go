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

	"github.com/corosync-go/corosync/tests/netns"
)

// ownPrograms are corosync's own test programs that end by themselves, or when
// their input does. What they print and how they end must not depend on the
// daemon. They run one after the other on node 1 of two.
var ownPrograms = []struct {
	shell string        // a shell command; $P is the directory of the programs
	limit time.Duration // 0: 20 s
	text  bool          // the output is the same every time
}{
	{shell: "$P/testcpg2"},
	{shell: "$P/stress_cpgfdget", text: true, limit: 60 * time.Second},
	{shell: "$P/testzcgc", text: true},
	{shell: "$P/testcfg", text: true},
	{shell: "$P/testvotequorum2", text: true},
	{shell: "$P/testvotequorum2 -1 -p 0", text: true},
	{shell: "$P/testvotequorum2 -1 -p 1 -n Disk -F", text: true},
	{shell: "$P/testvotequorum2 -1 -p 1 -c", text: true},
	{shell: "(sleep 0.4; echo first; sleep 0.2; echo second; sleep 0.4; echo EXIT) | $P/testcpg own"},
	{shell: "(sleep 0.4; echo first; sleep 0.2; echo second; sleep 0.4; echo EXIT) | $P/testcpgzc own", text: true},
	{shell: "$P/cpghum -r 1 -p 2 -d 2 -w 4 -a -q"},
	{shell: "$P/cpghum -r 1 -p 2 -d 2 -w 512 -a -q"},
	{shell: "$P/cpghum -r 1 -p 2 -d 2 -W 1000000 -a -q -m 0"},
	// These never end: they pass if they still run when their time is over.
	{shell: "timeout -s KILL 4 $P/cpgverify >/dev/null; test $? = 137"},
	// This one comes to its end where buffers are only memory of the process.
	{shell: "timeout -s KILL 4 $P/stress_cpgzc >/dev/null; test $? = 137 -o $? = 0"},
	{shell: "timeout -s KILL 4 $P/cpgbound >/dev/null; test $? = 137"},
	{shell: "timeout -s KILL 4 $P/stress_cpgcontext >/dev/null; test $? = 137"},
	{shell: "timeout -s TERM 2 stdbuf -oL $P/testquorum", text: true},
	{shell: "timeout -s TERM 2 stdbuf -oL $P/testquorummodel", text: true},
	{shell: "timeout -s TERM 2 stdbuf -oL $P/testvotequorum1", text: true},
	{shell: "timeout -s TERM 2 stdbuf -oL $P/testvotequorum1 3", text: true},
	{shell: "timeout -s TERM 2 stdbuf -oL $P/testvotequorum1 2 1"},
}

// programNoise is what differs between two runs on the same daemon.
var programNoise = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\b(\d+)/\d+\b`), "$1/PID"},                                // node/pid
	{regexp.MustCompile(`(pid:?) *\d+`), "$1 PID"},                                 // pid 12
	{regexp.MustCompile(`(ring_?id[^0-9]*\d+)[./:, ]+(seq[^0-9]*)?\d+`), "$1 SEQ"}, // ring 1.8
	{regexp.MustCompile(`(?i)(ring[^\n]*\(?\d+)\.\d+`), "$1.SEQ"},
	{regexp.MustCompile(`\d+\.\d{3} (ms|seconds)`), "TIME $1"},
}

// withLibraries puts the client libraries that COROSYNC_TEST_LIBRARIES names in
// place of the distribution's, for a program that is to show that they are as
// good. Without it the programs have the distribution's on both sides.
func withLibraries(t *testing.T, argv ...string) []string {
	t.Helper()
	dir := os.Getenv("COROSYNC_TEST_LIBRARIES")
	if dir == "" {
		return argv
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "libcpg.so.4")); err != nil {
		t.Fatalf("COROSYNC_TEST_LIBRARIES: %v", err)
	}
	return append([]string{"env", "LD_LIBRARY_PATH=" + dir}, argv...)
}

func quiet(s string) string {
	for _, v := range programNoise {
		s = v.re.ReplaceAllString(s, v.with)
	}
	return s
}

// TestOwnPrograms runs corosync's own test programs on a ring of ours and on a
// ring of C daemons and compares; first on two rings of C daemons. The first ring
// is always used through the distribution's libraries.
func TestOwnPrograms(t *testing.T) {
	netns.Need(t, "corosync-quorumtool", "stdbuf", "timeout")
	dir := filepath.Dir(program(t, "testcpg2"))
	for _, m := range []mix{"c", "g"} {
		t.Run(string(m), func(t *testing.T) {
			opt := netns.Options{Nodes: 2}
			ref := netns.New(t, opt)
			opt.Daemons = m.daemons(t, 2)
			got := netns.New(t, opt)
			ref.UpAndFormed(formTimeout)
			got.UpAndFormed(formTimeout)
			for _, p := range ownPrograms {
				limit := p.limit
				if limit == 0 {
					limit = 20 * time.Second
				}
				argv := []string{"sh", "-c", "P=" + dir + "; " + p.shell}
				type end struct {
					out string
					err error
				}
				ch := make(chan end)
				go func() {
					out, err := ref.Node(1).TryTimeout(limit, "", argv...)
					ch <- end{out, err}
				}()
				out, err := got.Node(1).TryTimeout(limit, "", withLibraries(t, argv...)...)
				want := <-ch
				if w, g := netns.ExitCode(want.err), netns.ExitCode(err); w != g {
					t.Errorf("%s: ends with %d (%v), on the C daemon with %d\n%s", p.shell, g, err, w, lastLines(out, 12))
				} else if g < 0 {
					t.Errorf("%s: %v, as on the C daemon", p.shell, err)
				}
				if p.text {
					if d := diff(quiet(want.out), quiet(out)); d != "" {
						t.Errorf("%s (- C daemon, + this one):\n%s", p.shell, d)
					}
				}
				if !got.Node(1).Running() || !ref.Node(1).Running() {
					t.Fatalf("%s: a daemon has ended", p.shell)
				}
			}
			got.WaitRing(formTimeout)
		})
	}
}

func lastLines(s string, n int) string {
	l := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(l[max(0, len(l)-n):], "\n")
}

// TestVerifyInMixedRing lets corosync's cpgverify send on every node of every
// mix; each checks a hash of all messages of all nodes.
func TestVerifyInMixedRing(t *testing.T) {
	bin := program(t, "cpgverify")
	each(t, []mix{"c", "g", "cgc", "gcg"}, func(t *testing.T, m mix) {
		c := netns.New(t, netns.Options{Nodes: 3, Daemons: m.daemons(t, 3)})
		c.UpAndFormed(formTimeout)
		var procs []*netns.Proc
		for _, n := range c.Nodes {
			procs = append(procs, n.Spawn("cpgverify", withLibraries(t, "stdbuf", "-oL", bin)...))
		}
		c.Eventually(60*time.Second, func() error {
			for i, p := range procs {
				if !p.Running() {
					t.Fatalf("n%d: cpgverify has ended:\n%s", i+1, lastLines(p.Output(), 8))
				}
				if n := strings.Count(p.Output(), "\n"); n < 4000 {
					return fmt.Errorf("n%d: cpgverify has seen %d lines", i+1, n)
				}
			}
			return nil
		})
	})
}

// TestSAM runs testsam, which checks recovery of processes for minutes.
func TestSAM(t *testing.T) {
	bin := program(t, "testsam")
	if os.Getenv("COROSYNC_LONG_TESTS") == "" {
		t.Skip("skip: takes minutes; COROSYNC_LONG_TESTS=1 runs it")
	}
	each(t, []mix{"c", "g"}, func(t *testing.T, m mix) {
		t.Parallel()
		c := netns.New(t, netns.Options{Nodes: 1, Daemons: m.daemons(t, 1)})
		c.UpAndFormed(formTimeout)
		out, err := c.Node(1).TryTimeout(8*time.Minute, "", withLibraries(t, bin)...)
		if err != nil {
			t.Errorf("testsam: %v\n%s", err, lastLines(out, 20))
		}
	})
}
