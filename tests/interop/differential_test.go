//go:build linux

package interop

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// step is one thing done to a cluster of a differential scenario. After it the
// ring states named in rings have formed.
type step struct {
	name  string
	do    func(c *netns.Cluster)
	rings [][]int // node ids that are together afterwards
}

func stopNode(ids ...int) func(*netns.Cluster) {
	return func(c *netns.Cluster) {
		for _, id := range ids {
			c.Node(id).Stop()
		}
	}
}

func killNode(ids ...int) func(*netns.Cluster) {
	return func(c *netns.Cluster) {
		for _, id := range ids {
			c.Node(id).Kill()
		}
	}
}

func startNode(ids ...int) func(*netns.Cluster) {
	return func(c *netns.Cluster) { c.Start(ids...) }
}

func split(groups ...[]int) func(*netns.Cluster) {
	return func(c *netns.Cluster) { c.Partition(groups...) }
}

func run(id int, argv ...string) func(*netns.Cluster) {
	return func(c *netns.Cluster) {
		out, err := c.Node(id).Try(argv...)
		c.T().Logf("n%d: %s: %v: %s", id, strings.Join(argv, " "), netns.ExitCode(err), strings.TrimSpace(out))
	}
}

func heal(c *netns.Cluster) { c.Heal() }

// waitExpected waits until the nodes expect that many votes.
func waitExpected(votes string, ids ...int) func(*netns.Cluster) {
	return func(c *netns.Cluster) {
		c.T().Helper()
		c.Eventually(2*formTimeout, func() error {
			for _, id := range ids {
				st, err := c.Node(id).Status()
				if err != nil {
					return err
				}
				if st.Fields["Expected votes"] != votes {
					return fmt.Errorf("n%d expects %s votes, not %s", id, st.Fields["Expected votes"], votes)
				}
			}
			return nil
		})
	}
}

// rewrite changes every node's corosync.conf.
func rewrite(old, new string) func(*netns.Cluster) {
	return func(c *netns.Cluster) {
		c.T().Helper()
		conf := strings.Replace(c.Opt.Conf(), old, new, 1)
		if conf == c.Opt.Conf() {
			c.T().Fatalf("corosync.conf has no %q", old)
		}
		for _, n := range c.Nodes {
			if err := n.WriteConf(conf); err != nil {
				c.T().Fatal(err)
			}
		}
	}
}

func kv(pairs ...string) []netns.KV {
	var out []netns.KV
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, netns.KV{Key: pairs[i], Value: pairs[i+1]})
	}
	return out
}

// scenarios are scripts whose outcome, as quorumtool and the logs tell it, must
// not depend on the daemon.
var scenarios = []struct {
	name  string
	opt   netns.Options
	steps []step
}{
	{name: "plain", opt: netns.Options{Nodes: 3}, steps: []step{
		{"start 1", startNode(1), [][]int{{1}}},
		{"start 2", startNode(2), [][]int{{1, 2}}},
		{"start 3", startNode(3), [][]int{{1, 2, 3}}},
		{"stop 3", stopNode(3), [][]int{{1, 2}}},
		{"stop 2", stopNode(2), [][]int{{1}}},
		{"start both", startNode(2, 3), [][]int{{1, 2, 3}}},
		{"crash 1", killNode(1), [][]int{{2, 3}}},
		{"start 1 again", startNode(1), [][]int{{1, 2, 3}}},
		{"split", split([]int{1}, []int{2, 3}), [][]int{{1}, {2, 3}}},
		{"heal", heal, [][]int{{1, 2, 3}}},
	}},
	{name: "two_node", opt: netns.Options{Nodes: 2, Quorum: kv("two_node", "1")}, steps: []step{
		{"start 1", startNode(1), [][]int{{1}}},
		{"start 2", startNode(2), [][]int{{1, 2}}},
		{"crash 2", killNode(2), [][]int{{1}}},
		{"start 2 again", startNode(2), [][]int{{1, 2}}},
		{"stop 1", stopNode(1), [][]int{{2}}},
		{"stop 2", stopNode(2), nil},
		{"start 2 alone", startNode(2), [][]int{{2}}},
		{"start 1 too", startNode(1), [][]int{{1, 2}}},
	}},
	{name: "wait_for_all", opt: netns.Options{Nodes: 3, Quorum: kv("wait_for_all", "1")}, steps: []step{
		{"start 1 and 2", startNode(1, 2), [][]int{{1, 2}}},
		{"start 3", startNode(3), [][]int{{1, 2, 3}}},
		{"crash 3", killNode(3), [][]int{{1, 2}}},
		{"stop all", stopNode(1, 2), nil},
		{"start 1 and 2 again", startNode(1, 2), [][]int{{1, 2}}},
		{"cancel", run(1, "corosync-cmapctl", "-s", "quorum.cancel_wait_for_all", "u8", "1"), [][]int{{1, 2}}},
	}},
	{name: "auto_tie_breaker", opt: netns.Options{Nodes: 4, Quorum: kv("auto_tie_breaker", "1")}, steps: []step{
		{"start", startNode(), [][]int{{1, 2, 3, 4}}},
		{"split in halves", split([]int{1, 2}, []int{3, 4}), [][]int{{1, 2}, {3, 4}}},
		{"heal", heal, [][]int{{1, 2, 3, 4}}},
		{"split in other halves", split([]int{2, 3}, []int{1, 4}), [][]int{{2, 3}, {1, 4}}},
		{"heal again", heal, [][]int{{1, 2, 3, 4}}},
	}},
	{name: "last_man_standing", opt: netns.Options{Nodes: 4, Quorum: kv("last_man_standing", "1", "last_man_standing_window", "3000", "wait_for_all", "1")}, steps: []step{
		{"start", startNode(), [][]int{{1, 2, 3, 4}}},
		// What is expected during the window depends on when one looks.
		{"crash 4", killNode(4), nil},
		{"window", waitExpected("3", 1, 2, 3), [][]int{{1, 2, 3}}},
		{"crash 3", killNode(3), nil},
		{"window again", waitExpected("2", 1, 2), [][]int{{1, 2}}},
		{"start 3 and 4", startNode(3, 4), [][]int{{1, 2, 3, 4}}},
	}},
	{name: "allow_downscale", opt: netns.Options{Nodes: 4, Quorum: kv("allow_downscale", "1")}, steps: []step{
		{"start", startNode(), [][]int{{1, 2, 3, 4}}},
		{"stop 4", stopNode(4), [][]int{{1, 2, 3}}},
		{"stop 3", stopNode(3), [][]int{{1, 2}}},
		{"start 4", startNode(4), [][]int{{1, 2, 4}}},
	}},
	{name: "votes", opt: netns.Options{Nodes: 3}, steps: []step{
		{"start", startNode(), [][]int{{1, 2, 3}}},
		{"three votes for 2", run(1, "corosync-quorumtool", "-n", "2", "-v", "3"), [][]int{{1, 2, 3}}},
		{"expect 5", run(3, "corosync-quorumtool", "-e", "5"), [][]int{{1, 2, 3}}},
		{"crash 2", killNode(2), [][]int{{1, 3}}},
		// A part without quorum that meets a node with other expectations ends with the one's or the other's, by the
		// number of rings that it takes to meet (in 3.1 too; tests/vqsim has such scripts, with all their ends).
		{"expect 3", run(1, "corosync-quorumtool", "-e", "3"), [][]int{{1, 3}}},
		{"start 2", startNode(2), [][]int{{1, 2, 3}}},
	}},
	{name: "administration", opt: netns.Options{Nodes: 3}, steps: []step{
		{"start", startNode(), [][]int{{1, 2, 3}}},
		{"longer token", rewrite("token: 1000", "token: 1500"), [][]int{{1, 2, 3}}},
		{"reload", run(2, "corosync-cfgtool", "-R"), [][]int{{1, 2, 3}}},
		{"token now", run(1, "corosync-cmapctl", "-g", "runtime.config.totem.token"), [][]int{{1, 2, 3}}},
		{"broken file", rewrite("version: 2", "version: 7"), [][]int{{1, 2, 3}}},
		{"reload refused", run(2, "corosync-cfgtool", "-R"), [][]int{{1, 2, 3}}},
		{"good file", rewrite("token: 1000", "token: 1001"), [][]int{{1, 2, 3}}},
		{"debug on", rewrite("debug: off", "debug: on"), [][]int{{1, 2, 3}}},
		{"reload again", run(1, "corosync-cfgtool", "-R"), [][]int{{1, 2, 3}}},
		{"debug off", rewrite("debug: off", "debug:  off"), [][]int{{1, 2, 3}}},
		{"reload once more", run(1, "corosync-cfgtool", "-R"), [][]int{{1, 2, 3}}},
		{"kill 3 from 1", run(1, "corosync-cfgtool", "-k", "3"), [][]int{{1, 2}}},
		{"shut 2 down", run(2, "corosync-cfgtool", "-H"), [][]int{{1}}},
		{"both have ended", func(c *netns.Cluster) {
			for _, id := range []int{2, 3} {
				if _, ok := c.Node(id).Proc().Wait(10 * time.Second); !ok {
					c.T().Fatalf("n%d still runs", id)
				}
			}
		}, [][]int{{1}}},
	}},
	{name: "fewer and more nodes", opt: netns.Options{Nodes: 3, Listed: 4}, steps: []step{
		{"start", startNode(), [][]int{{1, 2, 3}}},
		{"drop 4", rewrite("\tnode {\n\t\tring0_addr: 10.77.0.4\n\t\tnodeid: 4\n\t\tname: n4\n\t}\n", ""), [][]int{{1, 2, 3}}},
		{"reload", run(1, "corosync-cfgtool", "-R"), [][]int{{1, 2, 3}}},
		{"stop 3", stopNode(3), [][]int{{1, 2}}},
		{"back", func(c *netns.Cluster) {
			for _, n := range c.Nodes {
				if err := n.WriteConf(c.Opt.Conf()); err != nil {
					c.T().Fatal(err)
				}
			}
		}, [][]int{{1, 2}}},
		{"reload again", run(1, "corosync-cfgtool", "-R"), [][]int{{1, 2}}},
		{"start 3", startNode(3), [][]int{{1, 2, 3}}},
	}},
}

// observed is what a scenario left: one text per step, and the kinds of lines
// in the logs.
type observed struct {
	steps []string
	logs  map[string]bool
	exits []string // how daemons ended that nothing here had killed
}

var (
	ringSeq  = regexp.MustCompile(`(Ring ID: *\d+)\.[0-9a-f]+`)
	dateLine = regexp.MustCompile(`(?m)^Date: .*\n`)
	logLine  = regexp.MustCompile(`^\w{3} \d+ [\d:.]+ \[\d+\] \S+ corosync (\w+) +\[(\w+) *\] (.*)$`)
	number   = regexp.MustCompile(`\b[0-9a-f]*[0-9][0-9a-f]*\b|\b\w+\.(c|go):\d+`) // also places in sources
)

// stateOf is what quorumtool says of a node, without dates and ring numbers.
func stateOf(c *netns.Cluster, id int) string {
	st, err := c.Node(id).Status()
	if err != nil {
		return err.Error()
	}
	return ringSeq.ReplaceAllString(dateLine.ReplaceAllString(st.Text, ""), "$1")
}

// settle waits until the states of nodes are those that are wanted, or, where
// nothing is wanted, until they have stopped changing, and returns them: votes
// and flags follow the ring by some messages. How long that takes depends on the
// machine, where it ends does not.
func settle(c *netns.Cluster, ids []int, want string) string {
	const (
		poll  = 60 * time.Millisecond
		still = 10 // times the same
		bound = 10 * time.Second
	)
	last, same := "", 0
	for deadline := time.Now().Add(bound); time.Now().Before(deadline); time.Sleep(poll) {
		var b strings.Builder
		for _, id := range ids {
			fmt.Fprintf(&b, "%s:\n%s", c.Node(id).Name, stateOf(c, id))
		}
		text := b.String()
		if want != "" && text == want {
			return text
		}
		if text != last {
			last, same = text, 0
		} else if same++; want == "" && same >= still {
			break
		}
	}
	return last
}

// play does the steps and observes. want, if not nil, is what is expected after each.
func play(t *testing.T, opt netns.Options, steps []step, want []string) observed {
	t.Helper()
	c := netns.New(t, opt)
	o := observed{logs: map[string]bool{}}
	for i, s := range steps {
		t.Logf("--- %s", s.name)
		s.do(c)
		for _, r := range s.rings {
			c.WaitRing(formTimeout, r...)
		}
		var ids []int
		for _, n := range c.Nodes {
			if n.Running() && slices.ContainsFunc(s.rings, func(r []int) bool { return slices.Contains(r, n.ID) }) {
				ids = append(ids, n.ID)
			}
		}
		expected := ""
		if want != nil {
			expected = want[i]
		}
		o.steps = append(o.steps, settle(c, ids, expected))
	}
	for _, n := range c.Nodes {
		if n.Running() {
			n.Stop()
		} else if code, ok := n.Proc().Wait(time.Second); ok && code != -9 {
			o.exits = append(o.exits, fmt.Sprintf("%s: %d", n.Name, code))
		}
		for line := range strings.SplitSeq(n.ReadLog(), "\n") {
			if m := logLine.FindStringSubmatch(line); m != nil && m[1] != "debug" {
				o.logs[fmt.Sprintf("%s [%s] %s", m[1], m[2], number.ReplaceAllString(m[3], "N"))] = true
			}
		}
		if b, err := os.ReadFile(filepath.Join(n.Dir(), "log/daemon.out")); err == nil && len(b) > 0 {
			o.logs["output: "+number.ReplaceAllString(string(b), "N")] = true
		}
	}
	return o
}

// logAllowed are lines that one daemon may have and the other not, and why.
var logAllowed = []struct{ re, why string }{
	{`built-in features`, "what was compiled in differs"},
	{`\[TOTEM\] (Token has not been received|A processor failed|Process pause detected|Retransmit List)`, "depends on timing"},
	{`\[TOTEM\] A new membership`, "which rings lie between depends on timing"},
	{`\[QB\] Denied connection, is not ready`, "a client asked too early"},
	{`\[VOTEQ\] Unable to update ev_tracking_barrier`, "the C daemon writes to a descriptor that it opens later"},
	{`\[TOTEM\] Failed to receive the leave message`, "depends on timing"},
	{`\[QUORUM\] (Sync|Members)`, "which rings lie between depends on timing"},
	{`\[QUORUM\] This node is within the (non-)?primary`, "which rings lie between depends on timing"},
	{`\[MAIN\] Corosync main process was not scheduled`, "depends on the machine"},
}

func allowed(line string) bool {
	return slices.ContainsFunc(logAllowed, func(a struct{ re, why string }) bool {
		return regexp.MustCompile(a.re).MatchString(line)
	})
}

// TestDifferential plays each scenario on C daemons and on ours, and compares
// what quorumtool says after each step, which kinds of lines the logs have and
// how daemons ended. With COROSYNC_LONG_TESTS=1 also on C daemons a second time,
// which shows that a scenario has one outcome.
func TestDifferential(t *testing.T) {
	netns.Need(t, "corosync-quorumtool", "corosync-cfgtool", "corosync-cmapctl")
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			ref := play(t, s.opt, s.steps, nil)
			mixes := []mix{"g"}
			if os.Getenv("COROSYNC_LONG_TESTS") != "" {
				mixes = []mix{"c", "g"}
			}
			for _, m := range mixes {
				t.Run(string(m), func(t *testing.T) {
					opt := s.opt
					opt.Daemons = m.daemons(t, opt.Nodes)
					got := play(t, opt, s.steps, ref.steps)
					for i, st := range s.steps {
						if d := diff(ref.steps[i], got.steps[i]); d != "" {
							t.Errorf("after %q (- C daemon, + this one):\n%s", st.name, d)
						}
					}
					if !slices.Equal(ref.exits, got.exits) {
						t.Errorf("daemons ended with %v, C daemons with %v", got.exits, ref.exits)
					}
					var lines []string
					for _, l := range slices.Sorted(maps.Keys(ref.logs)) {
						if !got.logs[l] && !allowed(l) {
							lines = append(lines, "- "+l)
						}
					}
					for _, l := range slices.Sorted(maps.Keys(got.logs)) {
						if !ref.logs[l] && !allowed(l) {
							lines = append(lines, "+ "+l)
						}
					}
					if len(lines) > 0 {
						t.Errorf("logs (- only the C daemon, + only this one):\n%s", strings.Join(lines, "\n"))
					}
				})
			}
		})
	}
}
