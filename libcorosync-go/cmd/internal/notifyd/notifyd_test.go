package notifyd

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tooltest"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// bench is a System that remembers.
type bench struct {
	mu       sync.Mutex
	log      []string
	ready    chan struct{}
	stop     chan os.Signal
	names    map[string]string
	detached int
}

func newBench() *bench {
	return &bench{ready: make(chan struct{}), stop: make(chan os.Signal, 1), names: map[string]string{"10.0.0.2": "second.example."}}
}

func (b *bench) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.log)
}

func (b *bench) system() System {
	return System{
		Detach: func() (bool, error) { b.detached++; return true, nil },
		Syslog: func(_ int, text string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.log = append(b.log, text)
		},
		Stop:     b.stop,
		Ready:    func() { close(b.ready) },
		Hostname: func() (string, error) { return "here", nil },
		LookupAddr: func(_ context.Context, addr string) ([]string, error) {
			if n, ok := b.names[addr]; ok {
				return []string{n}, nil
			}
			if addr == "10.0.0.4" {
				return nil, &net.DNSError{Err: "no answer", IsTemporary: true}
			}
			return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
		},
		Now: time.Now,
	}
}

func (b *bench) run(d *tooltest.Daemon, line string) tooltest.Result {
	return d.Run(func(ctx context.Context, env *tool.Env, s tool.Services) int { return Run(ctx, env, s, b.system()) }, line, "")
}

func TestOptions(t *testing.T) {
	const notifyd = "corosync-notifyd: "
	for _, test := range []struct{ line, stderr, log string }{
		{"-h", usage, ""},
		{"-x", notifyd + "invalid option -- 'x'\n" + usage, ""},
		{"-l -c", notifyd + "option requires an argument -- 'c'\n" + usage, ""},
		{"", "", "[error] no event type enabled, see corosync-notifyd -h, exiting."},
		{"-f -n -c x", "", "[error] no event type enabled, see corosync-notifyd -h, exiting."},
		{"-o", "[error] configured to print to stdout and run in the background, exiting\n",
			"[error] configured to print to stdout and run in the background, exiting"},
		{"-s -c " + strings.Repeat("x", 128), "", "[error] SNMP community is longer than 127 bytes, exiting"},
	} {
		b := newBench()
		want := tooltest.Result{Stderr: test.stderr, Code: 1}
		if r := b.run(&tooltest.Daemon{}, "corosync-notifyd "+test.line); r != want || strings.Join(b.log, "\n") != test.log {
			t.Errorf("%q: %+v, log %q", test.line, r, b.log)
		}
	}
	b := newBench()
	if r := b.run(&tooltest.Daemon{}, "corosync-notifyd -l"); r != (tooltest.Result{}) || b.detached != 1 || len(b.log) > 0 {
		t.Errorf("in the background: %+v, %d, log %q", r, b.detached, b.log)
	}
}

func TestNoDaemon(t *testing.T) {
	for service, want := range map[string]string{
		"cmap": "[error] Failed to initialize the cmap API. Error 2",
		"cfg":  "[error] Failed to initialize the cfg API. Error 2",
	} {
		b := newBench()
		d := &tooltest.Daemon{Quorate: true, Members: []uint32{1}, Refuse: map[string][]cserr.Error{service: {cserr.Library}}}
		if r := b.run(d, "corosync-notifyd -fo"); r.Code != 1 || r.Stderr != want+"\n" || strings.Join(b.log, "\n") != want {
			t.Errorf("%s: %+v, log %q", service, r, b.log)
		}
	}
}

// TestEvents sends every kind of event, and ends the daemon.
func TestEvents(t *testing.T) {
	d := &tooltest.Daemon{
		Local: 1, Quorate: true, Members: []uint32{1},
		Keys: map[string]cmap.Value{
			"runtime.members.2.ip":              cmap.Of("r(0) ip(10.0.0.2)"),
			"runtime.members.3.ip":              cmap.Of("r(0) ip(10.0.0.3) r(1) ip(10.1.0.3)"),
			"runtime.members.4.ip":              cmap.Of("r(0) ip(10.0.0.4)"),
			"runtime.members.5.ip":              cmap.Of("nonsense"),
			"stats.knet.node2.link0.connected":  cmap.Of(uint8(1)),
			"stats.knet.node3.link1.connected":  cmap.Of(uint8(0)),
			"stats.knet.node3.link1.rx_packets": cmap.Of(uint64(0)),
		},
	}
	b := newBench()
	end := make(chan tooltest.Result)
	go func() { end <- b.run(d, "corosync-notifyd -lf") }()
	<-b.ready
	text := func(s string) ipcmsg.CmapValue {
		v := cmap.Of(s)
		return ipcmsg.CmapValue{Type: uint8(v.Type), Data: v.Data}
	}
	send := func(m cmap.Map, instance uint64, event int32, key string, v, old ipcmsg.CmapValue) {
		d.NotifyMap(m, ipcmsg.CmapNotifyEvent{Instance: instance, Event: event, Key: []byte(key), New: v, Old: old})
	}
	wait := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); len(b.lines()) < n; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d lines, wanted %d: %q", len(b.lines()), n, b.lines())
			}
		}
	}
	const add, del, mod = ipcmsg.CmapTrackAdd, ipcmsg.CmapTrackDelete, ipcmsg.CmapTrackModify
	wait(1) // quorum
	send(cmap.Icmap, 1, add, "runtime.members.2.ip", text("x"), ipcmsg.CmapValue{})
	send(cmap.Icmap, 1, add, "runtime.members.2.status", text("joined"), ipcmsg.CmapValue{})
	send(cmap.Icmap, 1, mod, "runtime.members.3.status", text("left"), text("joined"))
	send(cmap.Icmap, 1, mod, "runtime.members.4.status", text("left"), text("joined"))
	send(cmap.Icmap, 1, mod, "runtime.members.5.status", text("left"), text("joined"))
	send(cmap.Icmap, 1, mod, "runtime.members.6.status", text("left"), text("joined")) // has no address
	wait(6)
	send(cmap.Stats, 1, add, "stats.ipcs.service0.77.0x1a.sent", text("no"), text("no"))
	send(cmap.Stats, 1, add, "stats.ipcs.service0.77.0x1a.procname", text("app"), text("app"))
	send(cmap.Stats, 1, del, "stats.ipcs.service0.77.0x1a.procname", text("app"), text("app"))
	send(cmap.Stats, 1, del, "stats.ipcs.service0.78.0x1b.procname", ipcmsg.CmapValue{}, text("was"))
	// Trackers 3 and 4 are those of the links that were there; 5 is of one that comes.
	send(cmap.Stats, 3, mod, "stats.knet.node2.link0.connected", ipcmsg.CmapValue{}, ipcmsg.CmapValue{})
	send(cmap.Stats, 4, mod, "stats.knet.node3.link1.connected", ipcmsg.CmapValue{}, ipcmsg.CmapValue{})
	send(cmap.Stats, 2, add, "stats.knet.node2.link1.connected", ipcmsg.CmapValue{}, ipcmsg.CmapValue{})
	send(cmap.Stats, 5, mod, "stats.knet.node2.link1.connected", ipcmsg.CmapValue{}, ipcmsg.CmapValue{}) // not there any more
	send(cmap.Stats, 2, del, "stats.knet.node2.link0.connected", ipcmsg.CmapValue{}, ipcmsg.CmapValue{})
	send(cmap.Stats, 3, mod, "stats.knet.node2.link0.connected", ipcmsg.CmapValue{}, ipcmsg.CmapValue{}) // of a deleted tracker
	wait(11)
	d.DieMap(cmap.Stats)
	r := <-end
	want := []string{
		"[notice] here[1] is now quorate",
		"[notice] second.example[2] ip:10.0.0.2 joined",
		"[notice] 10.1.0.3[3] ip:10.1.0.3 left",
		"[error] error looking up 10.0.0.4 : Temporary failure in name resolution",
		"[notice] 10.0.0.4[4] ip:10.0.0.4 left",
		"[error] ip_str: nonsense",
		"[notice] here[1] 0x1a.77.app is now connected to corosync",
		"[notice] here[1] 0x1a.77.app is now disconnected from corosync",
		"[notice] here[1] 0x1b.78.was is now disconnected from corosync",
		"[notice] here[1] link 0 to node 2 is now operational",
		"[notice] here[1] link 1 to node 3 is now disconnected",
		"[error] Could not dispatch cmap events. Error 2",
	}
	if got := b.lines(); r != (tooltest.Result{Code: 1}) || !slices.Equal(got, want) {
		t.Errorf("%+v\n%s\nwant\n%s", r, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestStop(t *testing.T) {
	b := newBench()
	b.stop <- os.Interrupt
	d := &tooltest.Daemon{Local: 1, Members: []uint32{1}}
	if r := b.run(d, "corosync-notifyd -fl"); r != (tooltest.Result{}) || len(b.log) > 0 {
		t.Errorf("%+v, %q", r, b.log)
	}
}

// traps are what corosync-notifyd 3.1.7 sent, up to its request id and from the
// error status on.
var traps = []struct {
	head, tail string
	send       func(sink)
}{
	{"3081a40201010400a7819c", "02010002010030818d301006082b0601020101030043046b0b56943018060a2b060106030101040100060a2b0601040182952000043010060a2b06010401829520010104026e31300f060a2b060104018295200105420101300f060a2b060104018295200102420103300f060a2b06010401829520013c020101301a060a2b06010401829520013d040c646973636f6e6e6563746564",
		func(s sink) { s.link("n1", 1, 3, 1, disconnected) }},
	{"30819a0201010400a78192", "020100020100308183301006082b0601020101030043046b0b56943018060a2b060106030101040100060a2b0601040182952000013017060a2b060104018295200101040931302e37382e302e33300f060a2b0601040182952001024201033017060a2b060104018295200104040931302e37382e302e333012060a2b06010401829520010304046c656674",
		func(s sink) { s.member("10.78.0.3", 3, "10.78.0.3", "left") }},
	{"307f0201010400a778", "020100020100306a301006082b0601020101030043046b0b56943018060a2b060106030101040100060a2b0601040182952000023010060a2b06010401829520010104026e31300f060a2b0601040182952001024201013019060a2b060104018295200115040b6e6f742071756f72617465",
		func(s sink) { s.quorum("n1", 1, notQuorate) }},
}

// TestTraps compares with the recorded bytes. The request id is a random number
// whose length may differ, and with it the length of what is around it.
func TestTraps(t *testing.T) {
	manager, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	b := newBench()
	now := func() time.Time { return time.Unix(0x6b0b5694, 0) }
	s := newSNMP(manager.LocalAddr().String(), "", &logger{syslog: b.system().Syslog}, now)
	defer s.close()
	s.application("n1", 1, "app", connected) // sends nothing
	for _, trap := range traps {
		trap.send(s)
		if err := manager.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 2000)
		n, _, err := manager.ReadFrom(buf)
		if err != nil {
			t.Fatal(err, b.log)
		}
		got := hex.EncodeToString(buf[:n])
		if !strings.HasSuffix(got, trap.tail) || !strings.Contains(got, "0201010400a7") {
			t.Errorf("trap is\n%s\nwant at its end\n%s", got, trap.tail)
		}
	}
	if len(b.log) > 0 {
		t.Errorf("log %q", b.log)
	}
}

func TestManagers(t *testing.T) {
	for _, test := range []struct {
		in, network, host string
		port              uint16
	}{
		{"localhost", "udp", "localhost", 162},
		{"10.0.0.1:1162", "udp", "10.0.0.1", 1162},
		{"udp:host:7", "udp", "host", 7},
		{"tcp:host", "tcp", "host", 162},
		{"udp6:[::1]:9", "udp6", "::1", 9},
		{"udp6:::1", "udp6", "::1", 162},
		{"fe80::1", "udp", "fe80::1", 162},
		{"host:0", "", "", 0},
		{"host:99999", "", "", 0},
		{"udp:", "", "", 0},
		{"", "", "", 0},
	} {
		network, host, port, err := managerAddr(test.in)
		if network != test.network || host != test.host || port != test.port || (err == nil) != (test.host != "") {
			t.Errorf("%q: %q %q %d %v", test.in, network, host, port, err)
		}
	}
	b := newBench()
	newSNMP("host:0", "", &logger{syslog: b.system().Syslog}, time.Now).quorum("n1", 1, quorate)
	if len(b.log) != 1 || !strings.Contains(b.log[0], "the port must be a number") {
		t.Errorf("log %q", b.log)
	}
}

// bus starts a private message bus as the system bus and returns what stops it.
func bus(t *testing.T) (address string, stop func()) {
	t.Helper()
	program, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Skip("skip: dbus-daemon is not installed")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "bus")
	conf := filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(conf, []byte(`<busconfig><type>system</type><listen>unix:path=`+socket+`</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/></policy></busconfig>`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--nofork", "--nopidfile", "--config-file="+conf, "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	line := make([]byte, 1000)
	if _, err := out.Read(line); err != nil { // it listens when it prints
		stop()
		t.Fatal(err)
	}
	return "unix:path=" + socket, stop
}

func TestSignals(t *testing.T) {
	b := newBench()
	log := &logger{syslog: b.system().Syslog}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	s := newDBus(log)
	defer s.close()
	s.quorum("n0", 9, quorate) // lost
	address, stop := bus(t)
	defer stop()
	if len(b.log) != 1 || !strings.HasPrefix(b.log[0], "[error] dbus_bus_get: ") {
		t.Errorf("without a bus: %q", b.log)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
	listener, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	got := make(chan *dbus.Signal, 10)
	listener.Signal(got)
	if err := listener.AddMatchSignal(dbus.WithMatchInterface(busInterface)); err != nil {
		t.Fatal(err)
	}
	s.quorum("n1", 1, notQuorate)
	s.member("n2", 2, "10.0.0.2", "joined")
	s.application("n1", 1, "0x1.2.app", connected)
	s.link("n1", 1, 2, 3, operational)
	for _, want := range []*dbus.Signal{
		{Name: "org.corosync.QuorumStateChange", Body: []any{"n1", uint32(1), "not quorate"}},
		{Name: "org.corosync.NodeStateChange", Body: []any{"n2", uint32(2), "10.0.0.2", "joined"}},
		{Name: "org.corosync.ConnectionStateChange", Body: []any{"n1", uint32(1), "0x1.2.app", "connected"}},
		{Name: "org.corosync.QuorumStateChange", Body: []any{"n1", uint32(1), uint32(2), uint32(3), "operational"}},
	} {
		select {
		case g := <-got:
			if g.Sender == "org.freedesktop.DBus" { // greets the listener
				g = <-got
			}
			if g.Path != busPath || g.Name != want.Name || !slices.Equal(g.Body, want.Body) {
				t.Errorf("signal %+v, want %+v", g, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no signal %v: log %q", want, b.log)
		}
	}
	stop()
	for deadline := time.Now().Add(10 * time.Second); s.conn.Connected() && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	s.quorum("n1", 1, quorate)
	s.quorum("n1", 1, quorate)
	if len(b.log) != 2 || b.log[1] != "[error] DBus connection lost" {
		t.Errorf("log %q", b.log)
	}
}

func TestSyslogIsTriedAgain(t *testing.T) {
	var l systemLog // usually nobody listens in a test; it must not matter
	l.write(sevNotice, "a test of corosync-notifyd")
	l.write(sevError, "a test of corosync-notifyd")
}

func TestDetachFails(t *testing.T) {
	b := newBench()
	sys := b.system()
	sys.Detach = func() (bool, error) { return false, errors.New("none left") }
	d := &tooltest.Daemon{}
	r := d.Run(func(ctx context.Context, env *tool.Env, s tool.Services) int { return Run(ctx, env, s, sys) }, "corosync-notifyd -l", "")
	if r != (tooltest.Result{Stderr: "daemon() failed: none left\n", Code: 1}) {
		t.Errorf("%+v", r)
	}
}

func FuzzKeys(f *testing.F) {
	for _, s := range []string{"runtime.members.1.status", "stats.ipcs.service1.2.0x3.procname", "stats.knet.node1.link2.connected", "r(0) ip(1.2.3.4)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if node, ok := memberKey(s); ok && !bytes.HasPrefix([]byte(s), []byte(membersPrefix)) {
			t.Error(node)
		}
		clientKey(s)
		linkKey(s)
		if a, ok := memberAddr(s); ok && !strings.Contains(s, "("+a+")") {
			t.Error(a)
		}
	})
}
