//go:build linux

package bench

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// TestProtocols measures our client library over both protocols on one node of our daemon, in turn, and prints medians. The
// faster one is to be the default.
func TestProtocols(t *testing.T) {
	s := readSettings(t)
	libs, prog := netns.BuildLibraries(t), loadProgram(t)
	c := netns.New(t, netns.Options{Daemon: netns.GoDaemon(t), Tail: "system {\n\tsched_rr: " + s.sched + "\n}\n"})
	c.UpAndFormed(20 * time.Second)
	protocols := []string{"qb", "coroipc"}
	lines := []string{fmt.Sprintf("%-24s %14s %14s", "", protocols[0], protocols[1])}
	for _, row := range []struct {
		name, mode string
		bytes      int
	}{
		{"64 B", "flood", 64}, {"8 kB", "flood", 8000}, {"1 MB", "flood", 1000000},
		{"one in flight", "latency", 64}, {"request and reply", "request", 0},
	} {
		if !s.rows.MatchString(row.name) {
			continue
		}
		var results [2][]result
		for range s.reps {
			for i, p := range protocols {
				argv := []string{"env", "LD_LIBRARY_PATH=" + libs, "COROSYNC_IPC=" + p, prog, row.mode, fmt.Sprint(row.bytes), fmt.Sprintf("%.3f", s.length.Seconds())}
				out, err := c.Node(1).TryTimeout(s.length+30*time.Second, "", argv...)
				if err != nil {
					t.Fatalf("%s over %s: %v\n%s", row.name, p, err, out)
				}
				r, err := parseResult(out)
				if err != nil {
					t.Fatal(err)
				}
				if row.mode == "flood" {
					if r["received"] != r["sent"] {
						t.Errorf("%s over %s: sent %.0f, received %.0f", row.name, p, r["sent"], r["received"])
					}
					r["rate"] = r["own"] / r["seconds"]
				}
				results[i] = append(results[i], r)
			}
		}
		if row.mode == "flood" {
			lines = append(lines, fmt.Sprintf("%-24s %10.0f m/s %10.0f m/s", row.name, median(rates(results[0])), median(rates(results[1]))))
			continue
		}
		for _, q := range []string{"p50", "p99"} {
			lines = append(lines, fmt.Sprintf("%-24s %11.1f us %11.1f us", row.name+", "+q, median(values(results[0], q)), median(values(results[1], q))))
		}
	}
	t.Log("\n" + strings.Join(lines, "\n"))
}
