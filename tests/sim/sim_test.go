package sim

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/logsys"
)

// env is a number from the environment.
func env(t *testing.T, key string, def uint64) uint64 {
	t.Helper()
	s := os.Getenv(key)
	if s == "" {
		return def
	}
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return n
}

// TestSim runs SEEDS seeds, from FIRST on, or the one that SEED names, with its log.
func TestSim(t *testing.T) {
	if s := os.Getenv("SEED"); s != "" {
		replay(t, env(t, "SEED", 0))
		return
	}
	seeds := env(t, "SEEDS", defaultSeeds)
	if testing.Short() {
		seeds = min(seeds, 30)
	}
	first := env(t, "FIRST", 1)
	// Runs are short and throw away much memory.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	var sum Summary
	start := cpuTime(t)
	for seed := first; seed < first+seeds; seed++ {
		r := Run(seed, Options{LogLevel: -1})
		sum.Add(r)
		for i, v := range r.Violations {
			if i == 3 {
				t.Errorf("seed %d: %d more", seed, len(r.Violations)-i)
				break
			}
			t.Errorf("seed %d: %v", seed, v)
		}
		if len(sum.Failed) == 10 {
			t.Errorf("10 seeds failed: stopped")
			break
		}
	}
	fmt.Print(sum.Table(cpuTime(t) - start))
	for _, seed := range sum.Failed {
		fmt.Printf("repeat with: make sim SEED=%d\n", seed)
	}
}

// cpuTime is the time that this process has computed. Other processes do not count, and there is one goroutine.
func cpuTime(t *testing.T) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// defaultSeeds is how many seeds plain go test runs.
const defaultSeeds = 150

// replay makes one run with its log on standard output.
func replay(t *testing.T, seed uint64) {
	level := logsys.Level(-1)
	if s := os.Getenv("LOG"); s != "" {
		var ok bool
		if level, ok = logsys.ParseLevel(s); !ok {
			t.Fatalf("LOG=%s: no such level", s)
		}
	}
	fmt.Printf("seed %d: %+v\n", seed, NewPlan(seed))
	r := Run(seed, Options{Log: os.Stdout, LogLevel: level})
	var sum Summary
	sum.Add(r)
	fmt.Printf("seed %d: hash %016x\n%s", seed, r.Hash, sum.Table(0))
	for _, v := range r.Violations {
		t.Errorf("seed %d: %v", seed, v)
	}
}

// The same seed gives the same run, event by event.
func TestSameSeedSameRun(t *testing.T) {
	for _, seed := range []uint64{3, 7, 11} {
		var logs [2]strings.Builder
		var hashes [2]uint64
		for i := range logs {
			hashes[i] = Run(seed, Options{Log: &logs[i], LogLevel: logsys.Debug}).Hash
		}
		if hashes[0] == hashes[1] && logs[0].String() == logs[1].String() {
			continue
		}
		a, b := strings.Split(logs[0].String(), "\n"), strings.Split(logs[1].String(), "\n")
		i := 0
		for i < min(len(a), len(b)) && a[i] == b[i] {
			i++
		}
		t.Errorf("seed %d: two runs differ in line %d:\n%s\n%s", seed, i,
			strings.Join(a[i:min(i+3, len(a))], "\n"), strings.Join(b[i:min(i+3, len(b))], "\n"))
	}
	// The log must not change the run.
	if a, b := Run(3, Options{LogLevel: -1}), Run(3, Options{Log: io.Discard, LogLevel: logsys.Debug}); a.Hash != b.Hash || !slices.Equal(a.Violations, b.Violations) {
		t.Error("the log changes the run")
	}
}
