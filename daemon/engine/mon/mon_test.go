package mon

import (
	"errors"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
)

// machine is a Sampler.
type machine struct {
	memory int32
	load   float64
	err    error
	asked  int
}

func (m *machine) MemoryUsed() (int32, error) { m.asked++; return m.memory, m.err }
func (m *machine) Load15() (float64, error)   { m.asked++; return m.load, m.err }

const (
	memory = "resources.system.memory_used."
	load   = "resources.system.load_15min."
)

func newNode(t *testing.T, m *machine, setup func(db *icmap.Map)) *servicetest.Node {
	c := servicetest.New(t, 1, func(n *servicetest.Node) {
		if setup != nil {
			setup(n.DB)
		}
		n.Load(New(m))
	})
	return c.Node(1)
}

func put(t *testing.T, n *servicetest.Node, key, text string) {
	t.Helper()
	if err := n.DB.SetString(key, text); err != nil {
		t.Fatal(err)
	}
	n.DB.Flush()
}

func want(t *testing.T, n *servicetest.Node, key, text string) {
	t.Helper()
	v, ok := n.DB.Get(key)
	if got := v.String(); !ok || got != text {
		t.Errorf("%s: %s, want %s", key, got, text)
	}
}

func TestKeysAtStart(t *testing.T) {
	m := &machine{memory: 50, load: 1}
	n := newNode(t, m, nil)
	want(t, n, memory+"current", "i32 = 0")
	want(t, n, load+"current", "dbl = 0.000000")
	for _, p := range []string{memory, load} {
		want(t, n, p+"state", "str = stopped")
		want(t, n, p+"last_updated", "u64 = 0")
		want(t, n, p+"poll_period", "u64 = 3000")
	}
	n.Cluster.Advance(time.Minute)
	if m.asked != 0 {
		t.Error("sampled without a maximum")
	}
}

func TestSampling(t *testing.T) {
	m := &machine{memory: 50, load: 1}
	n := newNode(t, m, func(db *icmap.Map) { _ = db.SetString(memory+"max", "80") })
	want(t, n, memory+"state", "str = running")
	want(t, n, memory+"current", "u32 = 50")
	if v, _ := n.DB.GetUint64(memory + "last_updated"); v != uint64(n.Cluster.Now()) {
		t.Errorf("last_updated %d, now %d", v, n.Cluster.Now())
	}
	m.memory = 80
	n.Cluster.Advance(3 * time.Second)
	want(t, n, memory+"state", "str = running")
	m.memory = 81
	n.Cluster.Advance(3*time.Second - 1)
	want(t, n, memory+"current", "u32 = 80")
	n.Cluster.Advance(1)
	want(t, n, memory+"state", "str = failed")
	want(t, n, memory+"current", "u32 = 81")
	// A new maximum starts over.
	put(t, n, memory+"max", "90")
	want(t, n, memory+"state", "str = running")
	put(t, n, memory+"max", "many")
	want(t, n, memory+"state", "str = stopped")
	asked := m.asked
	n.Cluster.Advance(time.Minute)
	if m.asked != asked {
		t.Error("sampled without a maximum")
	}

	put(t, n, load+"max", "2.5")
	want(t, n, load+"state", "str = running")
	want(t, n, load+"current", "dbl = 1.000000")
	m.load = 2.6
	n.Cluster.Advance(3 * time.Second)
	want(t, n, load+"state", "str = failed")
	if err := n.DB.Delete(load + "max"); err != nil {
		t.Fatal(err)
	}
	n.DB.Flush()
	want(t, n, load+"state", "str = stopped")
}

func TestPeriod(t *testing.T) {
	m := &machine{memory: 50}
	n := newNode(t, m, func(db *icmap.Map) {
		_ = db.SetString(memory+"poll_period", "500")
		_ = db.SetString(memory+"max", "99")
	})
	per := func(d time.Duration) int {
		before := m.asked
		n.Cluster.Advance(d)
		return m.asked - before
	}
	if got := per(2 * time.Second); got != 4 {
		t.Errorf("%d samples in 2 s", got)
	}
	for _, bad := range []string{"499", "120001", "-1", "often"} {
		put(t, n, memory+"poll_period", bad)
		if got := per(2 * time.Second); got != 4 {
			t.Errorf("poll_period %s: %d samples in 2 s", bad, got)
		}
	}
	put(t, n, memory+"poll_period", "2000")
	if got := per(2 * time.Second); got != 1 {
		t.Errorf("poll_period 2000: %d samples in 2 s", got)
	}
	m.err = errors.New("no /proc")
	updated, _ := n.DB.GetUint64(memory + "last_updated")
	per(10 * time.Second)
	if v, _ := n.DB.GetUint64(memory + "last_updated"); v != updated {
		t.Error("a failed sample counts as an update")
	}
	n.Router.Unload(service.MON)
	if got := per(time.Minute); got != 0 {
		t.Errorf("%d samples after unloading", got)
	}
}

func TestMeminfo(t *testing.T) {
	for _, tc := range []struct {
		text string
		want int32
		fail bool
	}{
		{"MemTotal: 100 kB\nMemFree: 25 kB\nMemAvailable: 90 kB\nSwapTotal: 100 kB\nSwapFree: 100 kB\n", 37, false},
		{"MemTotal: 100 kB\nMemFree: 100 kB\n", 0, false},
		{"", 0, true},
		{"MemTotal: 1 kB\nMemFree: 2 kB\n", 0, true},
		{"MemTotal: x kB\nMemFree\n", 0, true},
	} {
		got, err := memoryUsed([]byte(tc.text))
		if got != tc.want || (err != nil) != tc.fail {
			t.Errorf("%q: %d, %v", tc.text, got, err)
		}
	}
	if v, err := (Proc{}).MemoryUsed(); err != nil || v < 0 || v > 100 {
		t.Errorf("this machine: %d, %v", v, err)
	}
	if v, err := (Proc{}).Load15(); err != nil || v < 0 {
		t.Errorf("this machine: %g, %v", v, err)
	}
}
