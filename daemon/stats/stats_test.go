package stats

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/totem/srp"
)

// fill registers one of everything, as on the node of testdata/knet2.dump.
func fill(r *Registry) {
	r.Register(PrefixPG, func(o *Out) { PG(o, 7, 1) })
	r.Register(PrefixSRP, func(o *Out) { SRP(o, &srp.Stats{OrfTokenTx: 5, TimeSinceTokenLastReceived: 17 * time.Millisecond}, 3) })
	r.Register(PrefixKnet, func(o *Out) {
		if o.Under("handle.") {
			(&KnetHandle{TxCryptTimeMin: 1<<64 - 1}).Emit(o)
		}
		for _, n := range []string{"node1.link0.", "node2.link0."} {
			if o.Under(n) {
				(&KnetLink{Enabled: true, MTU: 1397, TxTotalRetries: 4}).Emit(o)
			}
		}
	})
}

// The names and types are those of the C daemon.
func TestKeysOfTheCDaemon(t *testing.T) {
	b, err := os.ReadFile("testdata/knet2.dump")
	if err != nil {
		t.Fatal(err)
	}
	r := New()
	fill(r)
	keys := r.Keys("")
	seen := 0
	for _, line := range strings.Split(string(b), "\n") {
		m := regexp.MustCompile(`^(\S+) \((\w+)\) = `).FindStringSubmatch(line)
		if m == nil || strings.HasPrefix(m[1], PrefixIPC) {
			continue
		}
		seen++
		v, ok := r.Get(m[1])
		if !ok || v.Type.String() != m[2] || !slices.Contains(keys, m[1]) {
			t.Errorf("%s: %v %v, want type %s", m[1], v, ok, m[2])
		}
	}
	if seen != len(keys) || seen < 100 || !slices.IsSorted(keys) {
		t.Errorf("%d keys in C, %d here", seen, len(keys))
	}
}

func TestGet(t *testing.T) {
	r := New()
	fill(r)
	for key, want := range map[string]icmap.Value{
		"stats.pg.msg_queue_avail":                  icmap.Uint32(7),
		"stats.srp.orf_token_tx":                    icmap.Uint64(5),
		"stats.srp.time_since_token_last_received":  icmap.Uint64(17),
		"stats.srp.continuous_sendmsg_failures":     icmap.Uint32(3),
		"stats.srp.firewall_enabled_or_nic_failure": icmap.Uint8(0),
		"stats.knet.node2.link0.rx_total_retries":   icmap.Uint64(4),
		"stats.knet.node2.link0.enabled":            icmap.Uint8(1),
		"stats.knet.handle.tx_crypt_time_min":       icmap.Uint64(1<<64 - 1),
		"stats.knet.node3.link0.enabled":            {},
		"stats.knet.node2.link0.":                   {},
		"stats.knet.node2.link0":                    {},
		"stats.srp.":                                {},
		"stats.srp":                                 {},
		"stats.nothing.at.all":                      {},
		"stats.clear.all":                           {},
		"stats.knet.enabled":                        {},
	} {
		v, ok := r.Get(key)
		if ok == want.IsZero() || !v.Equal(want) {
			t.Errorf("%s = %v %v", key, v, ok)
		}
	}
}

func TestKeysByPrefix(t *testing.T) {
	r := New()
	fill(r)
	for prefix, n := range map[string]int{
		"": 2 + 30 + 22 + 2*39, "stats.": 132, "stats.pg": 2, "stats.pg.msg_r": 1, "stats.knet.node": 78, "stats.knet.node1.": 39,
		"stats.knet.node2.link0.latency_": 4, "nothing": 0, "stats.knet.node1.link1.": 0, "stats.schedmiss.": 0,
	} {
		if got := r.Keys(prefix); len(got) != n {
			t.Errorf("%q: %d keys, want %d", prefix, len(got), n)
		}
	}
}

func TestUnregister(t *testing.T) {
	r := New()
	a := r.Register("stats.x.", func(o *Out) { o.Uint8("a", 1) })
	r.Register("stats.x.", func(o *Out) { o.Uint8("b", 2) })
	if got := r.Keys("stats.x."); !slices.Equal(got, []string{"stats.x.a", "stats.x.b"}) {
		t.Error(got)
	}
	a()
	a()
	if _, ok := r.Get("stats.x.a"); ok {
		t.Error("a is still there")
	}
	if v, ok := r.Get("stats.x.b"); !ok || !v.Equal(icmap.Uint8(2)) {
		t.Error("b is gone")
	}
}

func TestScheduleMisses(t *testing.T) {
	r := New()
	at := time.UnixMilli(1_700_000_000_000)
	for i := range 13 {
		r.ScheduleMiss(at.Add(time.Duration(i)*time.Second), time.Duration(i)*time.Millisecond)
	}
	if keys := r.Keys("stats.schedmiss."); len(keys) != 20 || keys[0] != "stats.schedmiss.0.delay" {
		t.Error(keys)
	}
	ts, _ := r.Get("stats.schedmiss.0.timestamp")
	delay, _ := r.Get("stats.schedmiss.9.delay")
	if !ts.Equal(icmap.Uint64(1_700_000_012_000)) || !delay.Equal(icmap.Float(3)) {
		t.Error(ts, delay)
	}
	if !r.Set("stats.clear.schedmiss") || len(r.Keys("stats.schedmiss.")) != 0 {
		t.Error("not cleared")
	}
}

func TestClear(t *testing.T) {
	r := New()
	var done []string
	for _, n := range []string{"ipc", "totem"} {
		r.OnClear(n, func() { done = append(done, n) })
	}
	for _, tc := range []struct {
		key  string
		ok   bool
		done string
	}{
		{"stats.clear.ipc", true, "ipc"}, {"stats.clear.ipcs", true, "ipc"}, {"stats.clear.totem", true, "totem"},
		{"stats.clear.all", true, "ipc totem"}, {"stats.clear.knet", true, ""}, {"stats.clear.foo", false, ""},
		{"stats.clear.", false, ""}, {"stats.srp.mcast_tx", false, ""},
	} {
		done = nil
		if ok := r.Set(tc.key); ok != tc.ok || strings.Join(done, " ") != tc.done {
			t.Errorf("%s: %v %q", tc.key, ok, done)
		}
	}
}
