package sim

import (
	"fmt"
	"io"
	"os"
	"runtime"
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

// TestSim runs SEEDS seeds, from FIRST on, or with their log the one that SEED names or the plan in the file PLAN.
func TestSim(t *testing.T) {
	if s := os.Getenv("SEED"); s != "" {
		replay(t, NewPlan(env(t, "SEED", 0)))
		return
	}
	if s := os.Getenv("PLAN"); s != "" {
		f, err := os.Open(s)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		p, err := ParsePlan(f)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		replay(t, p)
		return
	}
	seeds := env(t, "SEEDS", defaultSeeds)
	if testing.Short() {
		seeds = min(seeds, 30)
	}
	first := env(t, "FIRST", 1)
	start := cpuTime(t)
	sum := RunSeeds(first, seeds, runtime.GOMAXPROCS(0), func(r *Result) {
		for i, v := range r.Violations {
			if i == 3 {
				t.Errorf("seed %d: %d more", r.Seed, len(r.Violations)-i)
				break
			}
			t.Errorf("seed %d: %v", r.Seed, v)
		}
		if len(r.Violations) > 0 {
			var b strings.Builder
			r.Plan.Print(&b)
			t.Logf("plan of seed %d:\n%s", r.Seed, b.String())
		}
	})
	fmt.Print(sum.Table(cpuTime(t) - start))
	for _, seed := range sum.Failed {
		fmt.Printf("repeat with: make sim SEED=%d\n", seed)
	}
}

// cpuTime is the time that this process has computed. Other processes do not count.
func cpuTime(t testing.TB) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// defaultSeeds is how many seeds plain go test runs.
const defaultSeeds = 2000

// replay makes one run with its plan and its log on standard output.
func replay(t *testing.T, plan Plan) {
	level := logsys.Level(-1)
	if s := os.Getenv("LOG"); s != "" {
		var ok bool
		if level, ok = logsys.ParseLevel(s); !ok {
			t.Fatalf("LOG=%s: no such level", s)
		}
	}
	c := New(plan.Seed, plan, Options{})
	c.Plan.Print(os.Stdout)
	r := RunPlan(plan, Options{Log: os.Stdout, LogLevel: level})
	var sum Summary
	sum.Add(r)
	fmt.Printf("seed %d: hash %016x\n%s", r.Seed, r.Hash, sum.Table(0))
	for _, v := range r.Violations {
		t.Errorf("seed %d: %v", r.Seed, v)
	}
}

// The same seed gives the same run, event by event.
func TestSameSeedSameRun(t *testing.T) {
	for seed := uint64(1); seed <= 12; seed++ {
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

// What a plan prints is read as the same plan, and makes the same run.
func TestPlanText(t *testing.T) {
	for seed := uint64(1); seed <= 60; seed++ {
		c := New(seed, NewPlan(seed), Options{LogLevel: -1})
		var text, again strings.Builder
		c.Plan.Print(&text)
		p, err := ParsePlan(strings.NewReader(text.String()))
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text.String())
		}
		if p.Print(&again); again.String() != text.String() {
			t.Fatalf("seed %d:\n%s\nbecomes\n%s", seed, text.String(), again.String())
		}
		if seed%10 == 0 {
			if a, b := Run(seed, Options{LogLevel: -1}), RunPlan(p, Options{LogLevel: -1}); a.Hash != b.Hash {
				t.Errorf("seed %d: its text is another run", seed)
			}
		}
	}
	for _, bad := range []string{"nodes", "nodes many", "nonsense 3", "at 1s nothing", "at kill", "at 1s kill node", "own 99 x", "cold-start maybe"} {
		if _, err := ParsePlan(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
