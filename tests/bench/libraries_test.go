//go:build linux

package bench

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// firstCalls is how many fresh processes make a first call with each of the libraries.
const firstCalls = 20

// firstCall is that row's name, and firstCallLimit what it may take, in microseconds: the median, on either daemon. The C
// daemon alone needs the larger part of it to make a connection.
const (
	firstCall      = "first call"
	firstCallLimit = 5000
)

// libraryRow is one kind of measurement of the libraries.
type libraryRow struct {
	name, unit string
	key        string // of the program's output; empty for a rate
	argv       func(s settings) []string
	scale      float64
	less       bool // is better
	target     float64
	reps       int // if not the settings'
}

func seconds(s settings) string { return fmt.Sprintf("%.3f", s.length.Seconds()) }

func flood(bytes int) libraryRow {
	r := libraryRow{name: fmt.Sprintf("cpg, %d B", bytes), unit: "msg/s", scale: 1, target: 1,
		argv: func(s settings) []string { return []string{"cpgload", "flood", fmt.Sprint(bytes), seconds(s)} }}
	if bytes >= 8000 {
		r.unit, r.scale = "MB/s", float64(bytes)/1e6
	}
	return r
}

func inFlight(key string) libraryRow {
	return libraryRow{name: "cpg, one in flight, " + key, unit: "us", key: key, scale: 1, less: true, target: 1,
		argv: func(s settings) []string { return []string{"cpgload", "latency", "64", seconds(s)} }}
}

func occupied(key, unit string, scale float64) libraryRow {
	return libraryRow{name: "idle client, " + key, unit: unit, key: key, scale: scale, less: true, reps: 3,
		argv: func(settings) []string { return []string{"libload", "idle"} }}
}

var libraryRows = []libraryRow{
	flood(64), flood(1000), flood(8000), flood(60000), flood(1000000),
	inFlight("p50"), inFlight("p99"), inFlight("call"),
	{name: "cmap_get, p50", unit: "us", key: "p50", scale: 1, less: true,
		argv: func(s settings) []string { return []string{"libload", "get", seconds(s)} }},
	{name: firstCall, unit: "us", key: "first", scale: 1, less: true, reps: firstCalls,
		argv: func(settings) []string { return []string{"libload", "first"} }},
	occupied("rss", "MiB", 1.0/1024), occupied("anon", "MiB", 1.0/1024), occupied("threads", "", 1),
}

// TestLibraries measures one and the same program with Debian's libraries and with ours, in turn, on a daemon of each kind.
func TestLibraries(t *testing.T) {
	s := readSettings(t)
	dir := netns.BuildLibraries(t)
	progs := map[string]string{"cpgload": loadProgram(t)}
	src, err := filepath.Abs("testdata/libload.c")
	if err != nil {
		t.Fatal(err)
	}
	progs["libload"] = netns.BuildC(t, src, "cpg", "cmap", "quorum", "cfg")
	for _, d := range []struct {
		name   string
		daemon func() netns.Daemon
	}{{"Go daemon", func() netns.Daemon { return netns.GoDaemon(t) }}, {"C daemon", netns.CDaemon}} {
		t.Run(d.name, func(t *testing.T) {
			if d.name == "C daemon" {
				netns.Need(t, "corosync-quorumtool")
			}
			c := netns.New(t, netns.Options{Nodes: 1, Daemon: d.daemon(), Tail: "system {\n\tsched_rr: " + s.sched + "\n}\n"})
			c.Start()
			c.WaitRing(formTimeout)
			c.WaitQuorate(formTimeout, true)
			tab := table{heads: [2]string{"Debian", "ours"}}
			for _, r := range libraryRows {
				if s.rows.MatchString(r.name) {
					compare(t, &tab, c, r, s, progs, dir)
				}
			}
			for _, r := range tab.rows {
				if r.name == firstCall && r.g > firstCallLimit {
					t.Errorf("%s: %.0f us", r.name, r.g)
				}
			}
			t.Log("\n" + tab.String())
			for _, r := range tab.missed() {
				if s.strict {
					t.Errorf("%s: ratio %.2f, wanted %.2f", r.name, r.ratio, r.target)
				}
			}
		})
	}
}

// compare runs the row with Debian's libraries, ours, and Debian's again, over and over: ours are compared with the geometric mean
// of their neighbours, and these with each other, which is what the machine makes of no difference at all.
func compare(t *testing.T, tab *table, c *netns.Cluster, r libraryRow, s settings, progs map[string]string, dir string) {
	t.Helper()
	argv := r.argv(s)
	argv[0] = progs[argv[0]]
	var v [3][]float64 // Debian's, ours, Debian's
	reps := s.reps
	if r.reps > 0 {
		reps = r.reps
	}
	for range reps {
		for i, libraries := range []string{"", dir, ""} {
			argv := argv
			if libraries != "" {
				argv = append([]string{"env", "LD_LIBRARY_PATH=" + libraries}, argv...)
			}
			if s.realtime {
				argv = append([]string{"chrt", "-r", "1"}, argv...)
			}
			out, err := c.Node(1).TryTimeout(s.length+30*time.Second, "", argv...)
			if err != nil {
				t.Fatalf("%s: %v: %s", strings.Join(argv, " "), err, out)
			}
			got, err := parseResult(out)
			if err != nil {
				t.Fatal(err)
			}
			if r.key == "" {
				if got["received"] != got["sent"] {
					t.Fatalf("%s: sent %.0f, received %.0f", strings.Join(argv, " "), got["sent"], got["received"])
				}
				got[r.key] = got["own"] / got["seconds"]
			}
			v[i] = append(v[i], got[r.key]*r.scale)
		}
	}
	debian := make([]float64, reps)
	for i := range debian {
		debian[i] = math.Sqrt(v[0][i] * v[2][i])
	}
	q, control := ratios(v[1], debian), ratios(v[2], v[0])
	if r.less {
		q, control = ratios(debian, v[1]), ratios(v[0], v[2])
	}
	tab.add(r.name, r.unit, debian, v[1], q, r.target)
	tab.add("  Debian's with itself", r.unit, v[0], v[2], control, 0)
	if r.key == "first" {
		t.Logf("first call, %d fresh processes: Debian's %v us, ours %v us", reps, v[0], v[1])
	}
}
