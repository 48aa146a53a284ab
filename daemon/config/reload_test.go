package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
)

// reloaded is a running node for reload tests.
type reloaded struct {
	m      *icmap.Map
	c      *Config
	events []string
	log    []string
}

func running(t *testing.T, conf string) *reloaded {
	t.Helper()
	r := &reloaded{}
	var err error
	if r.m, r.c, err = load(t, conf); err != nil {
		t.Fatal(err)
	}
	_, _ = r.m.Track("", icmap.EventAny|icmap.EventPrefix, func(ev icmap.Event, key string, v, _ icmap.Value) {
		r.events = append(r.events, fmt.Sprintf("%d %s %v", ev, key, v))
	})
	return r
}

func (r *reloaded) reload(conf string) error {
	r.events, r.log = nil, nil
	log := logsys.ToFunc(logsys.Info, nil, func(x logsys.Record) { r.log = append(r.log, x.Text) }).Logger("CFG")
	next, err := Prepare("/etc/corosync/corosync.conf", node1(conf)).Commit(r.m, r.c, log, nil)
	if err == nil {
		r.c = next
	}
	r.m.Flush()
	return err
}

func TestReload(t *testing.T) {
	r := running(t, withNodes(2, "token: 1000\nmerge: 300\nnetmtu: 1400"))
	if err := r.reload(withNodes(3, "token: 2000\nnetmtu: 1500\ntransport: knet")); err != nil {
		t.Fatal(err, r.log)
	}
	if r.c.Totem.TokenMs != 2650 || r.c.Totem.MergeMs != 200 || len(r.c.Links[0].Members) != 3 || len(r.c.Nodes) != 3 || r.c.LocalNo != 0 {
		t.Errorf("%+v", r.c.Totem)
	}
	if n, _ := r.m.GetUint32("totem.netmtu"); n != 1400 {
		t.Error("netmtu changed")
	}
	// `transport` is new in the file: refused, as by the C daemon, though it is the default.
	if want := []string{"Modified entry 'totem.netmtu' in corosync.conf cannot be changed at run-time",
		"Modified entry 'totem.transport' in corosync.conf cannot be changed at run-time"}; !slices.Equal(r.log, want) {
		t.Errorf("log %q", r.log)
	}
	at := func(s string) int { return slices.Index(r.events, s) }
	order := []string{
		"4 config.totemconfig_reload_in_progress u8 = 1", "4 config.reload_in_progress u8 = 1",
		"1 totem.interface.0.bindnetaddr type0 ", "1 totem.merge type0 ", "1 nodelist.local_node_pos type0 ",
		"4 nodelist.local_node_pos u32 = 0", "4 nodelist.node.2.nodeid u32 = 3", "2 runtime.config.totem.token u32 = 2650",
		"2 totem.token u32 = 2000", "4 config.reload_status i32 = 1",
		"2 config.totemconfig_reload_in_progress u8 = 0", "2 config.reload_in_progress u8 = 0",
	}
	for i := range order {
		if at(order[i]) < 0 || i > 0 && at(order[i]) < at(order[i-1]) {
			t.Errorf("event %q missing or out of order in\n%s", order[i], strings.Join(r.events, "\n"))
		}
	}
	if at("1 totem.netmtu type0 ") >= 0 {
		t.Error("netmtu deleted")
	}
}

func TestReloadRefused(t *testing.T) {
	for _, tc := range []struct{ name, conf, log string }{
		{"syntax", "totem {\n", "Unable to reload config file: parser error: /etc/corosync/corosync.conf:1: Missing closing brace"},
		{"value", withNodes(2, "token: 5"), "Configuration is not valid: parse error in config: The token timeout parameter (5 ms) may not be less than (30 ms)."},
		{"crypto", withNodes(2, "crypto_cipher: aes256"), "Crypto configuration is not valid: crypto_cipher requires crypto_hash with value other than none"},
		{"address", strings.Replace(withNodes(2, ""), "10.99.0.2", "10.99.0.7", 1), "new config has different address for link 0 (addr changed from 10.99.0.2 to 10.99.0.7). Internal value was NOT changed."},
		{"unresolvable", strings.Replace(withNodes(2, ""), "10.99.0.2", "nohost", 1), "Cannot configure new interface definitions: failed to parse node address 'nohost'"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := running(t, withNodes(2, "token: 1000"))
			if err := r.reload(tc.conf); !errors.Is(err, ErrReload) {
				t.Fatal(err)
			}
			if len(r.log) == 0 || !strings.HasPrefix(r.log[0], tc.log) {
				t.Errorf("log %q", r.log)
			}
			if r.c.Totem.TokenMs != 1000 {
				t.Error("configuration changed")
			}
			status, _ := r.m.GetInt32("config.reload_status")
			if flag, _ := r.m.GetUint8("config.totemconfig_reload_in_progress"); flag != 0 || (status == 7) != (tc.name != "syntax") {
				t.Errorf("flag %d status %d", flag, status)
			}
		})
	}
}

// Commit asks no resolver: everything was asked by Prepare.
func TestCommitDoesNotBlock(t *testing.T) {
	conf := strings.Replace(withNodes(2, ""), "10.99.0.2", "two.example.org", 1)
	env := node1(conf)
	env.hosts = map[string][]string{"two.example.org": {"10.99.0.2"}}
	m := icmap.New()
	old, err := Load("/etc/corosync/corosync.conf", env, m)
	if err != nil {
		t.Fatal(err)
	}
	cand := Prepare("/etc/corosync/corosync.conf", env)
	asked := env.asked
	if _, err := cand.Commit(m, old, logsys.Discard(), nil); err != nil {
		t.Fatal(err)
	}
	if env.asked != asked {
		t.Errorf("Commit asked %d times", env.asked-asked)
	}
}

func TestApplyFails(t *testing.T) {
	r := running(t, withNodes(1, ""))
	cand := Prepare("/etc/corosync/corosync.conf", node1(withNodes(1, "token: 2000")))
	_, err := cand.Commit(r.m, r.c, logsys.Discard(), func(*Config) error { return errors.New("no") })
	if status, _ := r.m.GetInt32("config.reload_status"); !errors.Is(err, ErrReload) || status != 7 {
		t.Error(err, status)
	}
}

func TestChanges(t *testing.T) {
	_, a, err := load(t, withNodes(2, ""))
	if err != nil {
		t.Fatal(err)
	}
	_, b, err := load(t, strings.Replace(withNodes(3, ""), "nodeid: 2", "nodeid: 7", 1))
	if err != nil {
		t.Fatal(err)
	}
	ch := Changes(a, b)
	if len(ch) != 1 || fmt.Sprint(ch[0].Removed) != "[2:10.99.0.2]" || fmt.Sprint(ch[0].Added) != "[7:10.99.0.2 3:10.99.0.3]" || !ch[0].Params {
		t.Errorf("%+v", ch)
	}
	if ch := Changes(a, a); len(ch) != 0 {
		t.Errorf("%+v", ch)
	}
}

// The events of four reloads are those of the C daemon, in its order.
func TestReloadEventsOfTheCDaemon(t *testing.T) {
	r := running(t, readFile(t, "testdata/reload/1-start.conf"))
	var got []string
	names := map[string]string{"1": "delete", "2": "modify", "4": "create"}
	for _, f := range []string{"2-changed", "3-refused", "4-unreadable", "5-back"} {
		_ = r.reload(readFile(t, "testdata/reload/"+f+".conf"))
		for _, e := range r.events {
			ev, rest, _ := strings.Cut(e, " ")
			key, value, _ := strings.Cut(rest, " ")
			got = append(got, names[ev]+"> "+key+" "+value)
		}
	}
	var want []string
	for _, line := range strings.Split(readFile(t, "testdata/reload/events.txt"), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		ev, rest, _ := strings.Cut(line, "> ")
		key, value, _ := strings.Cut(rest, " (")
		typ, value, _ := strings.Cut(value, ") = ")
		value = typ + " = " + value
		if ev == "delete" {
			value = "type0 " // the tool prints the old value
		}
		want = append(want, ev+"> "+key+" "+value)
	}
	// Two things are not as in 3.1.7 on purpose: knet ping timers follow the new
	// token at once, and an unreadable file does not leave the flag set.
	mended := func(list []string) []string {
		return slices.DeleteFunc(list, func(s string) bool { return strings.Contains(s, ".knet_ping_") })
	}
	got, want = mended(got), mended(want)
	for i, s := range got {
		if s == "modify> config.totemconfig_reload_in_progress u8 = 0" && i+1 < len(got) &&
			got[i+1] == "modify> config.totemconfig_reload_in_progress u8 = 1" {
			got = slices.Delete(got, i, i+2)
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// FuzzReload puts any text in the place of the configuration of a running node. What is refused changes nothing; what is
// accepted is what a fresh start with it would accept, and the node can go back.
func FuzzReload(f *testing.F) {
	for _, s := range []string{
		"", "}", "totem {\nversion: 2\ntoken: 0\n}", withNodes(2, "token: 2000"), withNodes(3, "netmtu: 1500\ntransport: knet"),
		withNodes(1, "token: 99999999999"), withNodes(2, "transport: udp"), "nodelist {\nnode {\nring0_addr: 10.0.0.9\n}\n}",
		withNodes(2, "interface {\nmcastport: 1\n}"), "logging {\nlogger_subsys {\nsubsys: X\ndebug: maybe\n}\n}",
	} {
		f.Add(s)
	}
	first := withNodes(2, "token: 1000\nmerge: 300")
	f.Fuzz(func(t *testing.T, text string) {
		r := running(t, first)
		before := dump(r.m)
		old := r.c
		if err := r.reload(text); err != nil {
			if r.c != old || err.Error() == "" {
				t.Errorf("refused with %q", err)
			}
			for k, v := range dump(r.m) {
				if before[k] != v && !strings.HasPrefix(k, "config.") {
					t.Errorf("refused with %q, and %s is %s instead of %s", err, k, v, before[k])
				}
			}
		}
		if err := r.reload(first); err != nil && r.c == old {
			t.Errorf("the first configuration is refused: %v", err)
		}
	})
}
