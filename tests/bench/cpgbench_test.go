//go:build linux

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// cpgbench prints one line per message size, ten seconds apart.
var cpgbenchLine = regexp.MustCompile(`(\d+) bytes per write .* Seconds runtime +([0-9.]+) TP/s`)

// TestCpgbench runs corosync's own benchmark on one node, once per daemon.
func TestCpgbench(t *testing.T) {
	s := readSettings(t)
	if s.programs == "" {
		t.Skip("skip: COROSYNC_TEST_PROGRAMS is not set (directory of corosync's own test programs)")
	}
	if !s.rows.MatchString("cpgbench") {
		t.Skip("skip: COROSYNC_BENCH_ROWS leaves cpgbench out")
	}
	prog := filepath.Join(s.programs, "cpgbench")
	if _, err := os.Stat(prog); err != nil {
		t.Skipf("skip: %v", err)
	}
	p := newPair(t, s, 1)
	var lines [2][][]string
	for i, c := range p {
		out, err := c.Node(1).TryTimeout(2*time.Minute, "", prog)
		if err != nil {
			t.Fatalf("cpgbench on %s: %v\n%s", names[i], err, out)
		}
		lines[i] = cpgbenchLine.FindAllStringSubmatch(out, -1)
		t.Logf("%s\n%s", names[i], out)
	}
	if len(lines[0]) == 0 || len(lines[0]) != len(lines[1]) {
		t.Fatalf("%d and %d lines of results", len(lines[0]), len(lines[1]))
	}
	var tab table
	for i := range lines[0] {
		var v [2][]float64
		for d := range v {
			f, err := strconv.ParseFloat(lines[d][i][2], 64)
			if err != nil {
				t.Fatal(err)
			}
			v[d] = []float64{f}
		}
		tab.add(fmt.Sprintf("cpgbench, %s B", lines[0][i][1]), "msg/s", v[0], v[1], ratios(v[1], v[0]), 1)
	}
	t.Log("\n" + tab.String())
}
