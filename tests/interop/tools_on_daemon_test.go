//go:build linux

package interop

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/tests/netns"
)

// toolCommands are run one after the other on node 1 of a ring of three; what
// they print and how they end must not depend on the daemon.
var toolCommands = [][]string{
	{"corosync-quorumtool"},
	{"corosync-quorumtool", "-s"},
	{"corosync-quorumtool", "-s", "-H"},
	{"corosync-quorumtool", "-s", "-p"},
	{"corosync-quorumtool", "-l"},
	{"corosync-quorumtool", "-l", "-i"},
	{"corosync-quorumtool", "-l", "-a"},
	{"corosync-quorumtool", "-l", "-o", "i"},
	{"corosync-quorumtool", "-l", "-p"},
	{"corosync-quorumtool", "-e", "4"},
	{"corosync-quorumtool", "-s"},
	{"corosync-quorumtool", "-e", "9"},
	{"corosync-quorumtool", "-s"},
	{"corosync-quorumtool", "-e", "1"},
	{"corosync-quorumtool", "-e", "3"},
	{"corosync-quorumtool", "-n", "2", "-v", "3"},
	{"corosync-quorumtool", "-s"},
	{"corosync-quorumtool", "-n", "2", "-v", "1"},
	{"corosync-quorumtool", "-n", "7", "-v", "1"},
	{"corosync-quorumtool", "-f"},

	{"corosync-cfgtool", "-s"},
	{"corosync-cfgtool", "-b"},
	{"corosync-cfgtool", "-n"},
	{"corosync-cfgtool", "-a", "1"},
	{"corosync-cfgtool", "-a", "3"},
	{"corosync-cfgtool", "-a", "9"},
	{"corosync-cfgtool", "-R"},
	{"corosync-cfgtool", "-L"},
	{"corosync-cfgtool", "-r"},
	{"corosync-cfgtool", "-k", "9"},

	{"corosync-cmapctl"},
	{"corosync-cmapctl", "-b"},
	{"corosync-cmapctl", "totem."},
	{"corosync-cmapctl", "-g", "totem.token"},
	{"corosync-cmapctl", "-g", "no.such.key"},
	{"corosync-cmapctl", "-s", "test.i8", "i8", "-5"},
	{"corosync-cmapctl", "-s", "test.u8", "u8", "200"},
	{"corosync-cmapctl", "-s", "test.i16", "i16", "-300"},
	{"corosync-cmapctl", "-s", "test.u16", "u16", "60000"},
	{"corosync-cmapctl", "-s", "test.i32", "i32", "-70000"},
	{"corosync-cmapctl", "-s", "test.u32", "u32", "4000000000"},
	{"corosync-cmapctl", "-s", "test.i64", "i64", "-5000000000"},
	{"corosync-cmapctl", "-s", "test.u64", "u64", "18446744073709551615"},
	{"corosync-cmapctl", "-s", "test.flt", "flt", "1.5"},
	{"corosync-cmapctl", "-s", "test.dbl", "dbl", "2.25"},
	{"corosync-cmapctl", "-s", "test.str", "str", "some words"},
	{"corosync-cmapctl", "test."},
	{"corosync-cmapctl", "-d", "test.str"},
	{"corosync-cmapctl", "-D", "test.i"},
	{"corosync-cmapctl", "test."},
	{"corosync-cmapctl", "-s", "totem.version", "u32", "3"},
	{"corosync-cmapctl", "-s", "runtime.votequorum.this_node_id", "u32", "3"},
	{"corosync-cmapctl", "-s", "no spaces", "u32", "3"},
	{"corosync-cmapctl", "-s", "x", "u32", "3"},
	{"corosync-cmapctl", "-m", "stats"},
	{"corosync-cmapctl", "-m", "stats", "-g", "stats.srp.continuous_gather"},
	{"corosync-cmapctl", "-m", "stats", "-g", "stats.nothing"},
	{"corosync-cmapctl", "-m", "stats", "-s", "stats.srp.x", "u32", "1"},
	{"corosync-cmapctl", "-C", "all"},
	{"corosync-cmapctl", "-C", "totem"},

	{"corosync-cpgtool"},
	{"corosync-cpgtool", "-d", ":"},
	{"corosync-cpgtool", "-e"},
	{"corosync-cpgtool", "-i", "2"},
	{"corosync-cpgtool", "-n"},
}

// volatile is what differs between two clusters of the same daemon, and what to
// write instead.
var volatile = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?m)^Date: .*$`), "Date: DATE"},
	{regexp.MustCompile(`(Ring ID: *\d+)\.[0-9a-f]+`), "$1.SEQ"},
	// Process ids in names of connections and in lists of processes.
	{regexp.MustCompile(`(stats\.(?:ipcs|cpg)\.[a-z0-9_]*)\.?\d+\.0x[0-9a-f]+`), "$1.PID.CONN"},
	{regexp.MustCompile(`(?m)^(history:|\s+)\d+(:\d+$|\s+\d+ \()`), "${1}PID$2"},
	{regexp.MustCompile(`(?m)(recorder\S*|\.procname \(str\) = ).*$`), "$1"},
	// Counters, times and identifiers of this run.
	{regexp.MustCompile(`(?m)^(stats\.\S+ \([a-z0-9]+\) = ).*$`), "${1}VALUE"},
	{regexp.MustCompile(`(?m)^(runtime\.(?:blackbox|config|force_gather|totem)\S* \([a-z0-9]+\) = ).*$`), "${1}VALUE"},
	{regexp.MustCompile(`(?m)^(runtime\.services\.\S+\.(?:rx|tx) \(u64\) = ).*$`), "${1}N"},
	{regexp.MustCompile(`(join_count \(u32\) = )\d+`), "${1}N"},
	{regexp.MustCompile(`(?m)^(internal_configuration\.\S+ \([a-z0-9]+\) = ).*$`), "${1}VALUE"},
}

func steady(s string) string {
	for _, v := range volatile {
		s = v.re.ReplaceAllString(s, v.with)
	}
	return s
}

// TestToolsOnDaemon compares what Debian's tools print on a ring of our daemons
// and on a ring of C daemons, command by command; first on two rings of C
// daemons, which shows that nothing else differs.
func TestToolsOnDaemon(t *testing.T) {
	netns.Need(t, "corosync-quorumtool", "corosync-cfgtool", "corosync-cmapctl", "corosync-cpgtool")
	for _, m := range []mix{"c", "g"} {
		for _, tr := range []string{netns.UDPU, netns.Knet} {
			t.Run(fmt.Sprintf("%s/%s", m, tr), func(t *testing.T) {
				opt := netns.Options{Nodes: 3, Transport: tr}
				ref := netns.New(t, opt)
				opt.Daemons = m.daemons(t, 3)
				got := netns.New(t, opt)
				for _, c := range []*netns.Cluster{ref, got} {
					c.UpAndFormed(formTimeout)
					c.RecordAll(netns.Load{Quiet: true})
					c.WaitGroup(formTimeout)
				}
				waitKnetLinks(ref, got)
				for i, argv := range toolCommands {
					wantOut, wantErr := ref.Node(1).Try(argv...)
					gotOut, gotErr := got.Node(1).Try(argv...)
					name := fmt.Sprintf("%02d %s", i, strings.Join(argv, " "))
					if w, g := netns.ExitCode(wantErr), netns.ExitCode(gotErr); w != g {
						t.Errorf("%s: exit status %d, the C daemon's is %d", name, g, w)
					}
					if d := diff(steady(wantOut), steady(gotOut)); d != "" {
						t.Errorf("%s (- C daemon, + this one):\n%s", name, d)
					}
				}
			})
		}
	}
}

// linkMTU finds what cfgtool -n says of the path MTU of links.
var linkMTU = regexp.MustCompile(` mtu: (\d+)`)

// waitKnetLinks waits until all links are up, which cfgtool -s prints, and their path MTU is found, which is some time after that.
func waitKnetLinks(cs ...*netns.Cluster) {
	for _, c := range cs {
		c.Eventually(formTimeout, func() error {
			out, err := c.Node(1).Try("corosync-cfgtool", "-s")
			if err != nil || strings.Contains(out, "disconnected") {
				return fmt.Errorf("links are not up: %v: %s", err, out)
			}
			if c.Opt.Transport != netns.Knet {
				return nil
			}
			out, err = c.Node(1).Try("corosync-cfgtool", "-n")
			links := linkMTU.FindAllStringSubmatch(out, -1)
			if err != nil || len(links) < c.Opt.Nodes-1 {
				return fmt.Errorf("%d links: %v: %s", len(links), err, out)
			}
			for _, l := range links {
				if l[1] != "1446" { // of 1500; knet begins with 522
					return fmt.Errorf("a path MTU is still to be found: %s", out)
				}
			}
			return nil
		})
	}
}

// diff compares two texts as sets of lines in order: which lines are only in
// one of them, up to a bound.
func diff(want, got string) string {
	if want == got {
		return ""
	}
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	var out []string
	for _, l := range w {
		if !slices.Contains(g, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range g {
		if !slices.Contains(w, l) {
			out = append(out, "+ "+l)
		}
	}
	if len(out) == 0 {
		return "the lines are the same, in another order or number:\n" + got
	}
	const bound = 60
	if len(out) > bound {
		out = append(out[:bound], fmt.Sprintf("... and %d more", len(out)-bound))
	}
	return strings.Join(out, "\n")
}

// TestDiff keeps the comparison honest.
func TestDiff(t *testing.T) {
	if d := diff("a\nb\n", "a\nb\n"); d != "" {
		t.Errorf("equal texts differ: %s", d)
	}
	if d := diff("a\nb\n", "a\nc\n"); d != "- b\n+ c" {
		t.Errorf("diff is %q", d)
	}
	if d := diff("a\nb\n", "b\na\n"); d == "" {
		t.Error("order is not seen")
	}
}
