package config

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
)

const oneNode = "nodelist {\nnode {\nring0_addr: 10.99.0.1\nnodeid: 1\nname: n1\n}\n}\n"

// withNodes makes a configuration of n nodes with extra lines in totem.
func withNodes(n int, extra string) string {
	var b strings.Builder
	b.WriteString("totem {\nversion: 2\n" + extra + "\n}\nnodelist {\n")
	for i := 1; i <= n; i++ {
		d := string(rune('0' + i))
		b.WriteString("node {\nring0_addr: 10.99.0." + d + "\nnodeid: " + d + "\nname: n" + d + "\n}\n")
	}
	return b.String() + "}\n"
}

// The table of totem.md 13.1.
func TestDerivedValues(t *testing.T) {
	for _, tc := range []struct {
		nodes                               int
		extra                               string
		token, retransmit, hold, cons, i, o uint32
	}{
		{1, "", 3000, 714, 561, 3600, 750, 1500},
		{2, "", 3000, 714, 561, 3600, 750, 1500},
		{3, "", 3650, 869, 685, 4380, 912, 1825},
		{4, "", 4300, 1023, 808, 5160, 1075, 2150},
		{5, "", 4950, 1178, 932, 5940, 1237, 2475},
		{2, "token: 1000", 1000, 238, 180, 1200, 250, 500},
		{3, "token: 1000\ntoken_coefficient: 0", 1000, 238, 180, 1200, 250, 500},
		{3, "token: 0\ntoken_coefficient: 10", 3010, 716, 562, 3612, 752, 1505},
		{1, "token_retransmit: 100\nhold: 50\nconsensus: 9000", 3000, 100, 50, 9000, 750, 1500},
		{1, "token_retransmits_before_loss_const: 10", 3000, 294, 225, 3600, 750, 1500},
		{1, "interface {\nknet_pong_count: 5\n}", 3000, 714, 561, 3600, 300, 600},
	} {
		_, c, err := load(t, withNodes(tc.nodes, tc.extra))
		if err != nil {
			t.Errorf("%d %q: %v", tc.nodes, tc.extra, err)
			continue
		}
		p, l := &c.Totem.Params, &c.Links[0]
		got := []uint32{p.TokenMs, p.TokenRetransmitMs, p.HoldMs, p.ConsensusMs, l.PingIntervalMs, l.PingTimeoutMs}
		if want := []uint32{tc.token, tc.retransmit, tc.hold, tc.cons, tc.i, tc.o}; !slices.Equal(got, want) {
			t.Errorf("%d %q: got %v want %v", tc.nodes, tc.extra, got, want)
		}
		if p.Token() != time.Duration(tc.token)*time.Millisecond || p.TokenWarning() != time.Duration(tc.token*75/100)*time.Millisecond {
			t.Errorf("durations %v %v", p.Token(), p.TokenWarning())
		}
	}
}

func TestConfigOfThreeNodes(t *testing.T) {
	_, c, err := load(t, readFile(t, "testdata/cmap/knet3.conf"))
	if err != nil {
		t.Fatal(err)
	}
	a := netip.MustParseAddr
	if c.NodeID != 1 || c.LocalNo != 0 || len(c.Nodes) != 3 || c.Nodes[1].Votes != 2 || c.Nodes[2].Name != "n3" {
		t.Errorf("nodes %+v", c.Nodes)
	}
	want := []Member{{1, a("10.98.0.1")}, {2, a("10.98.0.2")}, {3, a("10.98.0.3")}}
	if l := c.Links[1]; !l.Configured || !slices.Equal(l.Members, want) || l.Port != 5409 || l.Local != a("10.98.0.1") || l.PingTimeoutMs != 740 {
		t.Errorf("link 1 %+v", l)
	}
	if c.Links[0].Priority != 10 || c.Links[2].Configured {
		t.Error("links")
	}
	if c.Totem.NetMTU != KnetMaxPacket || c.Totem.LinkMode != "passive" || c.Totem.ConfigVersion != 12 || c.Totem.BlockUnlistedIPs != 0 {
		t.Errorf("%+v", c.Totem)
	}
	if c.System.SchedRR || c.Quorum.Provider != "corosync_votequorum" || c.Quorum.Device != "net" || c.System.WatchdogTimeoutSecs != 10 {
		t.Errorf("%+v %+v", c.System, c.Quorum)
	}
}

func TestGeneratedIDAndMulticast(t *testing.T) {
	m, c, err := load(t, readFile(t, "testdata/cmap/udpu1.conf"))
	if err != nil || c.NodeID != 0x0A630001 || c.Totem.NetMTU != 1400 {
		t.Fatal(err, c)
	}
	if id, _ := m.GetUint32("nodelist.node.0.nodeid"); id != c.NodeID {
		t.Error("generated id not published")
	}
	_, c, err = load(t, strings.Replace(readFile(t, "testdata/cmap/udpu1.conf"), "token: 1000", "clear_node_high_bit: yes", 1))
	if err != nil || c.NodeID != 0x0A630001 {
		t.Error(err)
	}
	// The captured group of cluster "lab" (udp-2node-formation).
	_, c, err = load(t, readFile(t, "testdata/cmap/udp1.conf"))
	if err != nil || c.Links[0].Mcast != netip.MustParseAddr("239.192.2.214") || c.Links[0].TTL != 2 || c.Totem.IPVersion != "ipv4" {
		t.Fatal(err, c.Links[0])
	}
	if a, ok := clusterMcast("lab", 1, true); !ok || a.String() != "ff15::2d5" {
		t.Error(a)
	}
}

func TestLocalNode(t *testing.T) {
	const list = "totem {\nversion: 2\ntransport: udpu\n}\nnodelist {\nnode {\nring0_addr: 10.99.0.8\nname: other\nnodeid: 8\n}\n" +
		"node {\nring0_addr: NAME\nname: ALIAS\nnodeid: 9\n}\n}\n"
	for _, tc := range []struct {
		what, ring0, name string
		env               fakeEnv
		found             bool
		asks              bool
	}{
		{"name", "10.1.1.1", "box", fakeEnv{host: "box"}, true, false},
		{"ring0_addr", "box", "zzz", fakeEnv{host: "box", hosts: map[string][]string{"box": {"10.1.1.1"}}}, true, true},
		{"host name shortened", "10.1.1.1", "box.lab", fakeEnv{host: "box.lab.example.org"}, true, false},
		{"configured name shortened", "10.1.1.1", "box.elsewhere", fakeEnv{host: "box.lab.example.org"}, true, false},
		{"prefix is not enough", "10.1.1.1", "bo", fakeEnv{host: "box"}, false, true},
		{"address", "10.1.1.1", "zzz", fakeEnv{host: "box", addrs: []string{"127.0.0.1", "10.1.1.1"}}, true, false},
		{"name of address", "10.2.2.2", "zzz", fakeEnv{host: "box", addrs: []string{"10.1.1.1"},
			names: map[string][]string{"10.1.1.1": {"zzz.example.org"}}}, true, true},
		{"alias", "10.2.2.2", "zzz", fakeEnv{host: "box", addrs: []string{"10.1.1.1"},
			hosts: map[string][]string{"zzz": {"10.1.1.1"}}}, true, true},
		{"ipv6", "fd00::1", "zzz", fakeEnv{host: "box", addrs: []string{"fd00::1"}}, true, false},
		{"nowhere", "10.2.2.2", "zzz", fakeEnv{host: "box", addrs: []string{"10.1.1.1"}}, false, true},
	} {
		t.Run(tc.what, func(t *testing.T) {
			env := tc.env
			text := strings.NewReplacer("NAME", tc.ring0, "ALIAS", tc.name).Replace(list)
			if strings.Contains(tc.ring0, "::") {
				text = strings.Replace(text, "10.99.0.8", "fd00::8", 1)
			}
			env.files = map[string]string{"/c": text}
			m := icmap.New()
			c, err := Load("/c", &env, m)
			if tc.found {
				if err != nil || c.LocalNo != 1 || c.NodeID != 9 {
					t.Fatal(err)
				}
			} else if err == nil || !strings.Contains(err.Error(), "No valid name found for local host") {
				t.Fatal(err)
			}
			if (env.asked > 0) != tc.asks {
				t.Errorf("asked the resolver %d times", env.asked)
			}
		})
	}
}

func TestIPVersion(t *testing.T) {
	env := &fakeEnv{hosts: map[string][]string{"both": {"10.0.0.1", "fd00::1"}, "four": {"10.0.0.4"}}}
	for _, tc := range []struct{ name, version, want string }{
		{"both", "ipv4", "10.0.0.1"}, {"both", "ipv6", "fd00::1"}, {"both", "ipv6-4", "fd00::1"}, {"both", "ipv4-6", "10.0.0.1"},
		{"four", "ipv6-4", "10.0.0.4"}, {"four", "ipv6", ""}, {"10.0.0.9", "ipv6", ""}, {"10.0.0.9", "ipv6-4", "10.0.0.9"},
		{"::ffff:10.0.0.9", "ipv4", "10.0.0.9"}, {"none", "ipv4", ""},
	} {
		a, ok := resolve(env, tc.name, tc.version)
		if ok != (tc.want != "") || ok && a.String() != tc.want {
			t.Errorf("%v: %v %v", tc, a, ok)
		}
	}
}

func TestCrypto(t *testing.T) {
	key := strings.Repeat("k", 5000)
	env := node1("")
	env.files["/k"], env.files["/short"], env.files[DefaultKeyfile] = key, "short", key[:200]
	for _, tc := range []struct {
		lines, cipher, hash string
		key                 int
		err                 string
	}{
		{"", "none", "none", 0, ""},
		{"secauth: on", "aes256", "sha256", 200, ""},
		{"secauth: on\ncrypto_cipher: none", "none", "sha256", 200, ""},
		{"crypto_cipher: aes128\ncrypto_hash: sha1\nkeyfile: /k", "aes128", "sha1", 4096, ""},
		{"crypto_hash: md5\nkey: " + key[:150], "none", "md5", 151, ""},
		{"crypto_hash: md5\nkey: " + key[:126], "", "", 0, "key is too short"},
		{"crypto_cipher: aes128", "", "", 0, "crypto_cipher requires crypto_hash with value other than none"},
		{"secauth: on\nkeyfile: /none", "", "", 0, "Could not open /none: No such file or directory"},
		{"secauth: on\nkeyfile: /short", "", "", 0, "Could only read 40 bits of minimum 1024 bits from /short."},
	} {
		m := icmap.New()
		if _, err := Parse("f", []byte(withNodes(1, tc.lines)), env, m); err != nil {
			t.Fatal(err)
		}
		c, err := Read(m, env, nil)
		if tc.err != "" {
			if err == nil || err.Error() != tc.err {
				t.Errorf("%q: %v", tc.lines, err)
			}
			continue
		}
		if err != nil || c.Crypto.Cipher != tc.cipher || c.Crypto.Hash != tc.hash || len(c.Crypto.Key) != tc.key || c.Crypto.Enabled() != (tc.lines != "") {
			t.Errorf("%q: %v %+v", tc.lines, err, c)
		}
	}
}

func TestWarnings(t *testing.T) {
	const migrate = "Please migrate config file to nodelist."
	for lines, want := range map[string][]string{
		"":          nil,
		"nodeid: 3": {"nodeid in totem section is deprecated and ignored. Nodelist (or autogenerated) nodeid is going to be used.", migrate},
		"transport: udpu\ninterface {\nbindnetaddr: 10.99.0.0\nmember {\nmemberaddr: 10.99.0.1\n}\n}": {
			"member section is used together with nodelist. Members ignored.",
			"interface section bindnetaddr is used together with nodelist. Nodelist one is going to be used.", migrate},
	} {
		_, c, err := load(t, withNodes(1, lines))
		if err != nil || !slices.Equal(c.Warnings, want) {
			t.Errorf("%q: %v %q", lines, err, c.Warnings)
		}
	}
}

// Places are told for values that are refused late.
func TestPlaceOfError(t *testing.T) {
	_, _, err := load(t, withNodes(1, "token: 10\nmerge: 1"))
	want := "parse error in config: The token timeout parameter (10 ms) may not be less than (30 ms). (/etc/corosync/corosync.conf:3, totem.token)\n" +
		"parse error in config: The merge timeout parameter (1 ms) may not be less than (30 ms). (/etc/corosync/corosync.conf:4, totem.merge)"
	if err == nil || err.Error() != want {
		t.Fatal(err)
	}
}

// A client changes keys of the map.
func TestUpdate(t *testing.T) {
	m, c, err := load(t, withNodes(3, ""))
	if err != nil {
		t.Fatal(err)
	}
	_ = m.SetUint32("totem.token", 10000)
	if err := c.Update(m, ""); err != nil || c.Totem.TokenMs != 10650 || c.Totem.ConsensusMs != 12780 {
		t.Fatal(err, c.Totem.TokenMs)
	}
	if n, _ := m.GetUint32("runtime.config.totem.consensus"); n != 12780 {
		t.Error("not published")
	}
	if err := c.Update(m, "totem.token"); err != nil || c.Totem.TokenMs != 3650 {
		t.Fatal("deletion", err, c.Totem.TokenMs)
	}
	_ = m.SetUint32("totem.join", 1)
	if err := c.Update(m, ""); err == nil || c.Totem.JoinMs != 1 {
		t.Fatal("a bad value is told and in force, as in the C daemon")
	}
	if !IsParam("totem.token") || !IsParam("totem.token_coefficient") || IsParam("totem.version") || IsParam("totem.interface.0.ttl") {
		t.Error("IsParam")
	}
}

func TestReadLogging(t *testing.T) {
	read := func(lines string) (logsys.Settings, []string, error) {
		m := icmap.New()
		if _, err := Parse("f", []byte("logging {\n"+lines+"\n}\n"), &fakeEnv{}, m); err != nil {
			t.Fatal(err)
		}
		return ReadLogging(m)
	}
	s, w, err := read("")
	if err != nil || len(w) != 0 || !s.Stderr || !s.Syslog || s.File || !s.Blackbox || s.LogfilePriority != logsys.Info || s.Facility != 3 {
		t.Fatal(err, s)
	}
	s, w, err = read("timestamp: off\nfileline: on\nfunction_name: on\nblackbox: off\nto_stderr: no\nto_syslog: off\nto_logfile: on\nlogfile: /l\n" +
		"logfile_priority: debug\nsyslog_priority: err\nsyslog_facility: local3\ndebug: trace\n" +
		"logger_subsys {\nsubsys: CPG\nlogfile: /cpg\nlogfile_priority: crit\nsyslog_facility: local4\n}")
	if err != nil || len(w) != 0 {
		t.Fatal(err, w)
	}
	top := logsys.Target{File: true, Logfile: "/l", LogfilePriority: logsys.Debug, SyslogPriority: logsys.Error, Debug: logsys.DebugTrace}
	cpg := logsys.Target{File: true, Logfile: "/cpg", LogfilePriority: logsys.Crit, SyslogPriority: logsys.Error}
	if s.Target != top || s.Subsys["CPG"] != cpg || s.Facility != 20 || s.Timestamp != logsys.TimestampOff || !s.FileLine || !s.FunctionName || s.Blackbox {
		t.Errorf("%+v", s)
	}
	s, w, err = read("to_file: yes\nsyslog_level: crit")
	if err != nil || len(w) != 2 || !s.File || s.SyslogPriority != logsys.Crit {
		t.Errorf("obsolete keys: %v %v %+v", err, w, s)
	}
	for line, want := range map[string]string{
		"debug: x": "unknown value for debug", "fileline: yes": "unknown value for fileline", "timestamp: x": "unknown value for timestamp",
		"blackbox: x": "unknown value for blackbox", "to_stderr: 1": "unknown value for to_stderr", "syslog_facility: x": "unknown syslog facility specified",
		"syslog_priority: x": "unknown syslog priority specified", "logfile_priority: x": "unknown logfile priority specified",
		"syslog_level: x": "unknown syslog level specified",
		"logger_subsys {\nsubsys: A\nto_logfile: x\n}": "unknown value for to_logfile",
	} {
		if _, _, err := read(line); err == nil || err.Error() != "parse error in config: "+want+"." {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// The example and the demo configuration are valid.
func TestExample(t *testing.T) {
	b, err := os.ReadFile("../../corosync.conf.example")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no example beside the module")
	}
	m := icmap.New()
	if _, err := Parse("corosync.conf.example", b, &fakeEnv{}, m); err != nil {
		t.Fatal(err)
	}
	m, c, err := load(t, DemoText)
	if err != nil || c.Totem.Transport != UDPU || !m.Has("quorum.provider") {
		t.Fatal(err)
	}
}
