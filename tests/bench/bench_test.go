//go:build linux

package bench

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// load is one kind of measurement.
type load struct {
	name    string
	nodes   int
	all     bool // every node sends
	latency bool
	bytes   int
	// target is the least ratio of throughput that is good enough, 0 if there is none.
	target float64
}

// loads are the rows of the table, by cluster size. What Debian's daemon does on
// the same machine is the measure; with three nodes and whole frames
// segmentation offload is expected to show.
var loads = []load{
	{name: "1 node, 64 B", nodes: 1, bytes: 64, target: 1},
	{name: "1 node, 1 kB", nodes: 1, bytes: 1000, target: 1},
	{name: "1 node, 8 kB", nodes: 1, bytes: 8000, target: 1},
	{name: "1 node, 60 kB", nodes: 1, bytes: 60000, target: 1},
	{name: "1 node, 1 MB", nodes: 1, bytes: 1000000, target: 1},
	{name: "1 node, one in flight", nodes: 1, bytes: 64, latency: true, target: 1},
	{name: "3 nodes, 64 B", nodes: 3, bytes: 64, target: 1},
	{name: "3 nodes, 1 kB", nodes: 3, bytes: 1000, target: 1},
	{name: "3 nodes, 8 kB", nodes: 3, bytes: 8000, target: 1.5},
	{name: "3 nodes, 60 kB", nodes: 3, bytes: 60000, target: 1.5},
	{name: "3 nodes, 1 MB", nodes: 3, bytes: 1000000, target: 1.5},
	{name: "3 nodes, all send 64 B", nodes: 3, bytes: 64, all: true, target: 1},
	{name: "3 nodes, all send 8 kB", nodes: 3, bytes: 8000, all: true, target: 1.5},
	{name: "3 nodes, all send 1 MB", nodes: 3, bytes: 1000000, all: true, target: 1.5},
	{name: "3 nodes, one in flight", nodes: 3, bytes: 64, latency: true, target: 1},
}

// TestBesideC measures all rows and prints the table.
func TestBesideC(t *testing.T) {
	s := readSettings(t)
	netns.Need(t, "corosync-quorumtool")
	prog := loadProgram(t)
	var tab table
	for _, nodes := range []int{1, 3} {
		var rows []load
		for _, l := range loads {
			if l.nodes == nodes && s.rows.MatchString(l.name) {
				rows = append(rows, l)
			}
		}
		if len(rows) == 0 {
			continue
		}
		t.Run(fmt.Sprintf("%d nodes", nodes), func(t *testing.T) {
			p := newPair(t, s, nodes)
			tab.memory(t, fmt.Sprintf("%d node(s), memory at start", nodes), p)
			for i, c := range p {
				t.Logf("%-2s scheduling: %s", names[i], policies(c.Node(1).Proc().PID()))
			}
			for _, l := range rows {
				measure(t, &tab, s, p, prog, l)
			}
			tab.memory(t, fmt.Sprintf("%d node(s), memory after load", nodes), p)
		})
	}
	t.Log("\n" + tab.String())
	for _, r := range tab.missed() {
		if s.strict {
			t.Errorf("%s: ratio %.2f, wanted %.2f", r.name, r.ratio, r.target)
		} else {
			t.Logf("%s: ratio %.2f, wanted %.2f", r.name, r.ratio, r.target)
		}
	}
}

// measure runs one load on both clusters in turn.
func measure(t *testing.T, tab *table, s settings, p pair, prog string, l load) {
	t.Helper()
	var results [2][]result
	for range s.reps {
		for i, c := range p {
			r, err := run(c, prog, l, s)
			if err != nil {
				t.Fatalf("%s on %s: %v", l.name, names[i], err)
			}
			results[i] = append(results[i], r)
		}
	}
	if l.latency {
		for _, q := range []string{"p50", "p99"} {
			tab.latency(l, q, values(results[0], q), values(results[1], q))
		}
		return
	}
	tab.throughput(l, rates(results[0]), rates(results[1]))
}

// run starts the client on the nodes that send and adds up what they counted.
func run(c *netns.Cluster, prog string, l load, s settings) (result, error) {
	mode := "flood"
	if l.latency {
		mode = "latency"
	}
	senders := 1
	if l.all {
		senders = l.nodes
	}
	argv := []string{prog, mode, fmt.Sprint(l.bytes), fmt.Sprintf("%.3f", s.length.Seconds())}
	if s.realtime {
		argv = append([]string{"chrt", "-r", "1"}, argv...)
	}
	outs, errs := make([]string, senders), make([]error, senders)
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() { outs[i], errs[i] = c.Node(i+1).TryTimeout(s.length+30*time.Second, "", argv...) })
	}
	wg.Wait()
	total := result{}
	for i := range senders {
		if errs[i] != nil {
			return nil, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), errs[i], outs[i])
		}
		r, err := parseResult(outs[i])
		if err != nil {
			return nil, err
		}
		if !l.latency {
			if r["received"] != r["sent"] {
				return nil, fmt.Errorf("sent %.0f, received %.0f", r["sent"], r["received"])
			}
			total["rate"] += r["own"] / r["seconds"]
			continue
		}
		for k, v := range r {
			total[k] += v
		}
	}
	return total, nil
}
