//go:build linux

package bench

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// result is what one run of the client printed.
type result map[string]float64

func parseResult(out string) (result, error) {
	r := result{}
	for line := range strings.Lines(out) {
		k, v, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			return nil, fmt.Errorf("unexpected output: %q", line)
		}
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return nil, fmt.Errorf("unexpected output: %q", line)
		}
		r[k] = f
	}
	if len(r) == 0 {
		return nil, fmt.Errorf("no output")
	}
	return r, nil
}

func values(rs []result, key string) []float64 {
	var list []float64
	for _, r := range rs {
		list = append(list, r[key])
	}
	return list
}

func rates(rs []result) []float64 { return values(rs, "rate") }

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(list))
	n := len(s) / 2
	if len(s)%2 == 1 {
		return s[n]
	}
	return (s[n-1] + s[n]) / 2
}

// ratios divides neighbours. Where nothing was counted below, as happens with large messages and short measurements, there
// is no ratio; if that is so everywhere the only one is infinite, or 1 if nothing was counted above either.
func ratios(above, below []float64) []float64 {
	var list []float64
	for i := range above {
		if below[i] > 0 {
			list = append(list, above[i]/below[i])
		}
	}
	switch {
	case len(list) > 0:
	case slices.Max(above) > 0:
		list = append(list, math.Inf(1))
	default:
		list = append(list, 1)
	}
	return list
}

// row is one line of the table.
type row struct {
	name, unit    string
	c, g          float64
	ratio, lo, hi float64
	target        float64
}

type table struct {
	rows []row
	// heads name the two that are compared; C and Go if empty.
	heads [2]string
}

func (t *table) add(name, unit string, c, g, quotients []float64, target float64) {
	t.rows = append(t.rows, row{name: name, unit: unit, c: median(c), g: median(g), ratio: median(quotients),
		lo: slices.Min(quotients), hi: slices.Max(quotients), target: target})
}

func (t *table) throughput(l load, c, g []float64) {
	unit := "msg/s"
	if l.bytes >= 8000 {
		unit = "MB/s"
		for _, list := range [][]float64{c, g} {
			for i := range list {
				list[i] *= float64(l.bytes) / 1e6
			}
		}
	}
	t.add(l.name, unit, c, g, ratios(g, c), l.target)
}

func (t *table) latency(l load, quantile string, c, g []float64) {
	t.add(l.name+", "+quantile, "us", c, g, ratios(c, g), l.target)
}

// memory adds what node 1's daemon occupies now, and at most until now.
func (t *table) memory(tb testing.TB, name string, p pair) {
	tb.Helper()
	for _, key := range []string{"VmRSS", "VmHWM"} {
		var v [2][]float64
		for i, c := range p {
			kb, err := statusKB(c.Node(1).Proc().PID(), key)
			if err != nil {
				tb.Fatal(err)
			}
			v[i] = []float64{kb / 1024}
		}
		t.add(name+", "+key, "MiB", v[0], v[1], ratios(v[0], v[1]), 0)
	}
}

func statusKB(pid int, key string) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if k, v, _ := strings.Cut(line, ":"); k == key {
			return strconv.ParseFloat(strings.Fields(v)[0], 64)
		}
	}
	return 0, fmt.Errorf("process %d: no %s", pid, key)
}

// policies names the scheduling policy of the threads of a process, the numbers
// being of threads.
func policies(pid int) string {
	names := map[uint32]string{unix.SCHED_NORMAL: "other", unix.SCHED_FIFO: "fifo", unix.SCHED_RR: "rr", unix.SCHED_BATCH: "batch"}
	count := map[string]int{}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*", pid)) // the pattern is good
	for _, p := range tasks {
		tid, err := strconv.Atoi(filepath.Base(p))
		if err != nil {
			continue
		}
		if a, err := unix.SchedGetAttr(tid, 0); err == nil {
			count[names[a.Policy]]++
		}
	}
	return fmt.Sprint(count)
}

func (t *table) String() string {
	var b strings.Builder
	heads := t.heads
	if heads == [2]string{} {
		heads = names
	}
	fmt.Fprintf(&b, "%-36s %10s %10s  %-5s %6s  %-13s %s\n", "", heads[0], heads[1], "", "ratio", "least..most", "target")
	for _, r := range t.rows {
		target := ""
		if r.target > 0 {
			target = fmt.Sprintf("%.1f", r.target)
			if r.ratio < r.target {
				target += " missed"
			}
		}
		fmt.Fprintf(&b, "%-36s %10s %10s  %-5s %6.2f  %-13s %s\n", r.name, number(r.c), number(r.g), r.unit, r.ratio,
			fmt.Sprintf("%.2f..%.2f", r.lo, r.hi), target)
	}
	return b.String()
}

func number(f float64) string {
	if f >= 1000 {
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprintf("%.1f", f)
}

// missed are the rows below their target.
func (t *table) missed() []row {
	var list []row
	for _, r := range t.rows {
		if r.target > 0 && r.ratio < r.target {
			list = append(list, r)
		}
	}
	return list
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 2, 3}, 2.5}} {
		if got := median(c.in); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.in, got, c.want)
		}
	}
}

func TestRatios(t *testing.T) {
	for _, c := range []struct{ above, below, want []float64 }{
		{[]float64{2, 6}, []float64{1, 2}, []float64{2, 3}},
		{[]float64{2, 6}, []float64{0, 2}, []float64{3}},
		{[]float64{2, 6}, []float64{0, 0}, []float64{math.Inf(1)}},
		{[]float64{0}, []float64{0}, []float64{1}},
		{[]float64{0}, []float64{5}, []float64{0}},
	} {
		if got := ratios(c.above, c.below); !slices.Equal(got, c.want) {
			t.Errorf("ratios(%v, %v) = %v, want %v", c.above, c.below, got, c.want)
		}
	}
}

func TestParseResult(t *testing.T) {
	r, err := parseResult("seconds=2.5\nown=10\n")
	if err != nil || r["seconds"] != 2.5 || r["own"] != 10 {
		t.Fatalf("%v, %v", r, err)
	}
	for _, bad := range []string{"", "oops\n", "own=ten\n"} {
		if _, err := parseResult(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
