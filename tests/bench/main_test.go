//go:build linux

package bench

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

func TestMain(m *testing.M) { netns.Main(m) }

// formTimeout bounds the forming of a ring with token 1000 on a busy machine.
const formTimeout = 30 * time.Second

// settings come from the environment, see the package comment.
type settings struct {
	length   time.Duration
	reps     int
	rows     *regexp.Regexp
	sched    string
	realtime bool // of the client
	strict   bool
	programs string
}

func readSettings(t testing.TB) settings {
	t.Helper()
	if os.Getenv("COROSYNC_BENCH") == "" {
		t.Skip("skip: COROSYNC_BENCH is not set (make bench sets it)")
	}
	s := settings{length: 2 * time.Second, reps: 5, sched: "yes", programs: os.Getenv("COROSYNC_TEST_PROGRAMS")}
	if v := os.Getenv("COROSYNC_BENCH_SECONDS"); v != "" {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || f <= 0 || f > 600 {
			t.Fatalf("COROSYNC_BENCH_SECONDS=%q: not a number of seconds", v)
		}
		s.length = time.Duration(f * float64(time.Second))
	}
	if v := os.Getenv("COROSYNC_BENCH_REPS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 1000 {
			t.Fatalf("COROSYNC_BENCH_REPS=%q: not a count", v)
		}
		s.reps = n
	}
	re, err := regexp.Compile(os.Getenv("COROSYNC_BENCH_ROWS"))
	if err != nil {
		t.Fatalf("COROSYNC_BENCH_ROWS: %v", err)
	}
	s.rows = re
	if v := os.Getenv("COROSYNC_BENCH_SCHED"); v != "" {
		s.sched = v
	}
	s.realtime = os.Getenv("COROSYNC_BENCH_CLIENT") == "rr"
	s.strict = os.Getenv("COROSYNC_BENCH_STRICT") != ""
	return s
}

// pair is a cluster of C daemons and one of ours.
type pair [2]*netns.Cluster

var names = [2]string{"C", "Go"}

func newPair(t testing.TB, s settings, nodes int) pair {
	t.Helper()
	var p pair
	for i, d := range []netns.Daemon{netns.CDaemon(), netns.GoDaemon(t)} {
		p[i] = netns.New(t, netns.Options{Nodes: nodes, Daemon: d, Tail: "system {\n\tsched_rr: " + s.sched + "\n}\n"})
		p[i].Start()
	}
	for _, c := range p {
		c.WaitRing(formTimeout)
		c.WaitQuorate(formTimeout, true)
	}
	return p
}

func loadProgram(t testing.TB) string {
	t.Helper()
	src, err := filepath.Abs("testdata/cpgload.c")
	if err != nil {
		t.Fatal(err)
	}
	return netns.BuildC(t, src, "cpg")
}
