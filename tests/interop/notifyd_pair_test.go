//go:build linux

package interop

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"
	vnetns "github.com/vishvananda/netns"

	"github.com/corosync-go/corosync/tests/netns"
)

// busConf is the configuration of a private message bus on which all is allowed.
const busConf = `<busconfig><type>system</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/></policy></busconfig>`

// TestNotifydPair runs Debian's corosync-notifyd and ours on one daemon, and
// compares what they report by every way they have.
func TestNotifydPair(t *testing.T) {
	netns.Need(t, "corosync-notifyd", "dbus-daemon", "dbus-monitor", "corosync-cmapctl", "corosync-cpgtool")
	each(t, []mix{"c", "g"}, func(t *testing.T, m mix) {
		opt := netns.Options{Nodes: 3, Transport: netns.UDPU, Daemons: m.daemons(t, 3)}
		if m == "c" {
			opt.Transport, opt.Links = netns.Knet, 2
		}
		c := netns.New(t, opt)
		n := c.Node(1)
		log := listenSyslog(t, n)
		write := func(name, text string) {
			if err := os.WriteFile(filepath.Join(n.Dir(), "log", name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		// Node 2 has a name, node 3 has none. Of several links the last one counts.
		addr := func(id int) string { return c.Node(id).IP(max(opt.Links, 1) - 1) }
		write("hosts", "127.0.0.1 localhost\n"+addr(2)+" second.example second\n")
		n.Exec("mount", "--bind", "/var/log/hosts", "/etc/hosts")
		c.UpAndFormed(formTimeout)

		var both []*notifyd
		for i, program := range []string{"/usr/sbin/corosync-notifyd", netns.BuildGo(t, "libcorosync-go/cmd/corosync-notifyd")} {
			d := &notifyd{traps: listenTraps(t, n)}
			socket := fmt.Sprintf("/run/bus%d", i)
			write(fmt.Sprintf("bus%d.conf", i), fmt.Sprintf(busConf, socket))
			n.Spawn(fmt.Sprintf("bus%d", i), "dbus-daemon", "--nofork", "--nopidfile", fmt.Sprintf("--config-file=/var/log/bus%d.conf", i))
			c.Eventually(10*time.Second, func() error { _, err := n.Try("test", "-S", socket); return err })
			d.monitor = n.Spawn(fmt.Sprintf("monitor%d", i), "dbus-monitor", "--address", "unix:path="+socket)
			c.Eventually(10*time.Second, func() error { return contains(d.monitor.Output(), "NameAcquired") })
			d.proc = n.Spawn(fmt.Sprintf("notifyd%d", i), "env", "DBUS_SYSTEM_BUS_ADDRESS=unix:path="+socket,
				program, "-f", "-o", "-d", "-c", "secret", "-m", d.traps.addr)
			both = append(both, d)
		}
		see := func(text string) {
			t.Helper()
			for _, d := range both {
				c.Eventually(formTimeout, func() error { return contains(d.proc.Output(), text) })
			}
		}
		see("is now quorate")
		if _, err := n.Try("corosync-cmapctl", "-g", "totem.token"); err != nil { // applications are compared from here
			t.Error(err)
		}
		see(firstApp + " is now disconnected")
		c.Node(3).Kill()
		see("[3] ip:" + addr(3) + " left")
		c.Node(2).Stop()
		see("n1[1] has lost quorum")
		if opt.Transport == netns.Knet { // what a link is, is read when its event is: it must not change meanwhile
			see("link 0 to node 2 is now disconnected")
			see("link 1 to node 2 is now disconnected")
		}
		c.Start(2)
		see("second.example[2] ip:" + addr(2) + " joined")
		c.WaitRing(formTimeout, 1, 2)
		if opt.Transport == netns.Knet {
			see("link 1 to node 2 is now operational")
			c.SetLink(1, 2, false)
			for _, d := range both {
				c.Eventually(formTimeout, func() error {
					_, out, _ := strings.Cut(d.proc.Output(), "is now operational")
					return contains(out, "link 1 to node 2 is now disconnected")
				})
			}
		}
		_, _ = n.Try("corosync-cpgtool") // and up to here
		see(lastApp + " is now disconnected")
		n.Stop()
		for i, d := range both {
			if code, ok := d.proc.Wait(formTimeout); code != 1 || !ok {
				t.Errorf("%d: exit status %d (%v) when the daemon has ended", i, code, ok)
			}
		}
		theirs, ours := both[0], both[1]
		compareClasses(t, "standard error", theirs.lines(theirs.proc.Output()), ours.lines(ours.proc.Output()))
		compareClasses(t, "signals", theirs.signals(), ours.signals())
		c.Eventually(formTimeout, func() error { // the last ones are on their way
			if a, b := theirs.traps.count(), ours.traps.count(); a != b {
				return fmt.Errorf("%d traps, Debian's program sent %d", b, a)
			}
			return nil
		})
		compareClasses(t, "traps", theirs.traps.list(), ours.traps.list())
		groups := log.groups()
		if len(groups) != 2 {
			t.Fatalf("%d processes wrote to syslog: %v", len(groups), groups)
		}
		compareClasses(t, "syslog", theirs.lines(strings.Join(groups[0], "\n")), ours.lines(strings.Join(groups[1], "\n")))
	})
}

func contains(text, what string) error {
	if !strings.Contains(text, what) {
		return fmt.Errorf("no %q in %s", what, text)
	}
	return nil
}

// Names, as cut by the daemon, of the first and last application whose coming and going is compared.
const (
	firstApp = "corosync-cmapct"
	lastApp  = "corosync-cpgtoo"
)

// notifyd is one of the two programs, with who listens to it.
type notifyd struct {
	proc, monitor *netns.Proc
	traps         *trapListener
}

// lines sorts log lines into what comes over one connection, in which the order
// is certain.
func (d *notifyd) lines(text string) map[string][]string {
	out := map[string][]string{}
	started := false
	for l := range strings.SplitSeq(text, "\n") {
		class := "other"
		switch {
		case l == "" || strings.Contains(l, "[debug]"):
			continue
		case strings.Contains(l, "[error]"):
			class = "errors"
		case strings.Contains(l, " ip:"):
			class = "nodes"
		case strings.Contains(l, "quora") || strings.Contains(l, "quorum") && !strings.Contains(l, "corosync-quorum"):
			class = "quorum"
		case strings.Contains(l, " link "):
			class = "links"
		case strings.Contains(l, "connected "):
			class = "applications"
			started = started || strings.Contains(l, firstApp)
			if !started || strings.Contains(l, "corosync-notify") || len(out[class]) > 0 && strings.Contains(out[class][len(out[class])-1], lastApp+" is now disconnected") {
				continue
			}
		}
		out[class] = append(out[class], l)
	}
	return out
}

var signalHead = regexp.MustCompile(`^signal .*path=(\S+); interface=(\S+); member=(\S+)$`)

// signals reads dbus-monitor's output, an event in each line.
func (d *notifyd) signals() map[string][]string {
	var b strings.Builder
	keep := false
	for l := range strings.SplitSeq(d.monitor.Output(), "\n") {
		if m := signalHead.FindStringSubmatch(l); m != nil {
			keep = m[2] == "org.corosync"
			if keep {
				fmt.Fprintf(&b, "\n%s %s %s", m[1], m[2], m[3])
			}
		} else if !strings.HasPrefix(l, " ") {
			keep = false
		} else if keep {
			b.WriteString(" " + strings.TrimSpace(l))
		}
	}
	out := map[string][]string{}
	started := false
	for l := range strings.SplitSeq(b.String(), "\n") {
		if l == "" {
			continue
		}
		class, _, _ := strings.Cut(strings.TrimPrefix(l, "/org/corosync org.corosync "), " ")
		if class == "ConnectionStateChange" {
			started = started || strings.Contains(l, firstApp)
			list := out[class]
			if !started || strings.Contains(l, "corosync-notify") || len(list) > 0 && strings.Contains(list[len(list)-1], lastApp+`" string "disconnected"`) {
				continue
			}
		} else if strings.Count(l, "uint32") == 3 {
			class = "links"
		}
		out[class] = append(out[class], l)
	}
	return out
}

func compareClasses(t *testing.T, what string, want, got map[string][]string) {
	t.Helper()
	total := 0
	for class := range want {
		total += len(want[class])
	}
	if total < 4 {
		t.Errorf("%s: Debian's program reported next to nothing: %q", what, want)
	}
	for _, class := range []string{"nodes", "quorum", "links", "applications", "errors", "other", "NodeStateChange", "QuorumStateChange", "ConnectionStateChange", "1", "2", "4"} {
		if w, g := want[class], got[class]; !slices.Equal(w, g) {
			t.Errorf("%s, %s:\n%s\nDebian's program:\n%s", what, class, strings.Join(g, "\n"), strings.Join(w, "\n"))
		}
	}
	t.Logf("%s: %d events compared", what, total)
}

// trapListener receives traps in a node.
type trapListener struct {
	addr string
	mu   sync.Mutex
	got  [][]byte
}

// listenTraps opens a socket in the network namespace of a node.
func listenTraps(t *testing.T, n *netns.Node) *trapListener {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := vnetns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	there, err := vnetns.GetFromPid(n.Proc().PID())
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	if err := vnetns.Set(there); err != nil {
		t.Fatal(err)
	}
	s, err := net.ListenPacket("udp", "127.0.0.1:0")
	if back := vnetns.Set(here); back != nil {
		t.Fatal(back)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	l := &trapListener{addr: s.LocalAddr().String()}
	go func() {
		buf := make([]byte, 4096)
		for {
			k, _, err := s.ReadFrom(buf)
			if err != nil {
				return
			}
			l.mu.Lock()
			l.got = append(l.got, slices.Clone(buf[:k]))
			l.mu.Unlock()
		}
	}()
	return l
}

func (l *trapListener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.got)
}

// list decodes the traps, by the last number of their name; the time and the
// request id are left out.
func (l *trapListener) list() map[string][]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string][]string{}
	decoder := gosnmp.GoSNMP{Version: gosnmp.Version2c}
	for _, b := range l.got {
		p, err := decoder.UnmarshalTrap(b, false)
		if err != nil {
			out["other"] = append(out["other"], fmt.Sprintf("%x: %v", b, err))
			continue
		}
		text := fmt.Sprintf("version %v community %s type %v", p.Version, p.Community, p.PDUType)
		class := "other"
		for i, v := range p.Variables {
			value := fmt.Sprint(v.Value)
			if raw, ok := v.Value.([]byte); ok {
				value = string(raw)
			}
			switch {
			case i == 0:
				if at, ok := v.Value.(uint32); !ok || time.Since(time.Unix(int64(at), 0)).Abs() > time.Hour {
					text += " time is " + value
				}
				value = "T"
			case i == 1:
				class = value[strings.LastIndexByte(value, '.')+1:]
			}
			text += fmt.Sprintf(" %s=%v:%s", v.Name, v.Type, value)
		}
		out[class] = append(out[class], text)
	}
	return out
}

// syslogListener is /dev/log of a node.
type syslogListener struct {
	mu    sync.Mutex
	lines []string
}

// listenSyslog puts a socket of this process at /dev/log of a node whose daemon
// does not run yet: /dev is the machine's, so it gets a layer of the node's own.
func listenSyslog(t *testing.T, n *netns.Node) *syslogListener {
	t.Helper()
	path := filepath.Join(n.Dir(), "log", "devlog")
	s, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	// The kernel refuses it in the user namespace of an ordinary user.
	if out, err := n.Try("sh", "-ec", "mkdir /run/dev.up /run/dev.work; "+
		"mount -t overlay -o lowerdir=/dev,upperdir=/run/dev.up,workdir=/run/dev.work overlay /dev"); err != nil {
		t.Skipf("skip: no layer over /dev: %s", strings.SplitN(strings.TrimSpace(out), "\n", 2)[0])
	}
	n.Exec("sh", "-ec", "mount -t tmpfs -o mode=1777 tmpfs /dev/shm; rm -f /dev/log; ln -s /var/log/devlog /dev/log")
	l := &syslogListener{}
	go func() {
		buf := make([]byte, 8192)
		for {
			k, err := s.Read(buf)
			if err != nil {
				return
			}
			l.mu.Lock()
			l.lines = append(l.lines, strings.TrimRight(string(buf[:k]), "\n\x00"))
			l.mu.Unlock()
		}
	}()
	return l
}

var syslogLine = regexp.MustCompile(`^(<\d+>)\w{3} [ \d]\d \d\d:\d\d:\d\d (\w+)\[(\d+)\]: (.*)$`)

// groups are the lines of each process in the order in which the processes
// first wrote, with priority and name in front.
func (l *syslogListener) groups() [][]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var pids []string
	byPID := map[string][]string{}
	for _, line := range l.lines {
		m := syslogLine.FindStringSubmatch(line)
		if m == nil {
			m = []string{"", "", "", "?", line}
		}
		if byPID[m[3]] == nil {
			pids = append(pids, m[3])
		}
		byPID[m[3]] = append(byPID[m[3]], m[1]+m[2]+": "+m[4])
	}
	var out [][]string
	for _, p := range pids {
		out = append(out, byPID[p])
	}
	return out
}

// TestNotifydAlone compares the ways the two programs start and end.
func TestNotifydAlone(t *testing.T) {
	netns.Need(t, "corosync-notifyd")
	c := netns.New(t, netns.Options{Nodes: 1})
	n := c.Node(1)
	log := listenSyslog(t, n)
	ours := filepath.Dir(netns.BuildGo(t, "libcorosync-go/cmd/corosync-notifyd"))
	run := func(path, script string) string {
		out, err := n.Try("env", "PATH="+path, "sh", "-c", script)
		return fmt.Sprintf("%sexit status %d", out, netns.ExitCode(err))
	}
	// logged is how many processes write to syslog; the messages of one in the background come when they come.
	compare := func(logged int, scripts ...string) {
		t.Helper()
		for _, script := range scripts {
			var got [2]string
			for i, path := range []string{debianPath, ours + ":" + debianPath} {
				before := len(log.groups())
				got[i] = run(path, `{ `+script+`; } 2>/var/log/err; echo $?; grep -v '^.debug. ' /var/log/err; true`)
				c.Eventually(formTimeout, func() error {
					if n := len(log.groups()) - before; n < logged {
						return fmt.Errorf("%s: %d processes wrote to syslog", script, n)
					}
					return nil
				})
				for _, g := range log.groups()[before:] {
					for _, line := range g {
						if !strings.Contains(line, "connected ") {
							got[i] += "\nsyslog " + line
						}
					}
				}
			}
			if got[0] != got[1] {
				t.Errorf("%s\n%s\nDebian's program:\n%s", script, got[1], got[0])
			}
		}
	}
	compare(0, "corosync-notifyd -h", "corosync-notifyd -x", "corosync-notifyd -l -m")
	compare(1, "corosync-notifyd", "corosync-notifyd -o", "corosync-notifyd -fn",
		"corosync-notifyd -f -l", "corosync-notifyd -fo", "corosync-notifyd -f -o -s -d", "corosync-notifyd -fd", "corosync-notifyd -l")
	c.UpAndFormed(formTimeout)
	for _, signal := range []string{"TERM", "INT", "QUIT"} {
		compare(1, "corosync-notifyd -fl & p=$!; for i in $(seq 300); do corosync-cmapctl -m stats 2>/dev/null | grep -q 'corosync-notify$' && break; sleep 0.1; done; "+
			"sleep 0.3; kill -"+signal+" $p; wait $p")
	}
	// In the background: what kind of process it is, and that it serves.
	background := `corosync-notifyd -l </dev/null; echo started $?
for i in $(seq 300); do p=$(pgrep -x corosync-notify) && corosync-cmapctl -m stats 2>/dev/null | grep -q "\.$p\..*corosync-notify$" && break; sleep 0.1; done
ps -o comm=,tty= -p $p; readlink /proc/$p/cwd /proc/$p/fd/0 /proc/$p/fd/1 /proc/$p/fd/2; test $(ps -o sid= -p $p) != $(ps -o sid= -p $$) && echo session of its own
tr '\0' '\n' </proc/$p/cmdline; env | wc -l; tr '\0' '\n' </proc/$p/environ | grep -v DETACHED | wc -l
kill $p; for i in $(seq 100); do pgrep -x corosync-notify >/dev/null || break; sleep 0.1; done; pgrep -x corosync-notify; true`
	if theirs, got := run(debianPath, background), run(ours+":"+debianPath, background); theirs != got || !strings.Contains(got, "started 0\ncorosync-notify") {
		t.Errorf("in the background:\n%s\nDebian's program:\n%s", got, theirs)
	}
}

// TestBlackbox has both daemons write their flight recorder, and compares what
// qb-blackbox and our corosync-blackbox print of it.
func TestBlackbox(t *testing.T) {
	netns.Need(t, "qb-blackbox", "corosync-blackbox")
	each(t, []mix{"c", "g"}, func(t *testing.T, m mix) {
		c := netns.New(t, netns.Options{Nodes: 1, Daemons: m.daemons(t, 1)})
		n := c.Node(1)
		ours := netns.BuildGo(t, "libcorosync-go/cmd/corosync-blackbox")
		c.UpAndFormed(formTimeout)
		read := func(name string) string {
			b, err := os.ReadFile(filepath.Join(n.Dir(), "log", name))
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		for round := range 2 {
			n.Exec("sh", "-ec", ours+" >/var/log/ours; qb-blackbox /var/lib/corosync/fdata >/var/log/theirs 2>/var/log/theirs.err")
			want, got := strings.Split(read("theirs"), "\n"), strings.Split(read("ours"), "\n")
			if len(want) != len(got) || len(want) < 30 {
				t.Fatalf("%d lines, qb-blackbox prints %d", len(got), len(want))
			}
			for i := range want {
				// libqb garbles a doubled percent sign of a format.
				if want[i] != got[i] && !strings.Contains(got[i], "%") {
					t.Errorf("%s\nqb-blackbox:\n%s", got[i], want[i])
				}
			}
			// Debian's script makes a new file for the second round.
			if out, err := n.Try("sh", "-c", "sleep 1; corosync-blackbox"); err != nil || !strings.Contains(out, "Corosync Cluster Engine") {
				t.Errorf("round %d: %v: %s", round, err, out)
			}
		}
		if files := n.Exec("sh", "-c", "ls /var/lib/corosync | grep -c fdata-; readlink /var/lib/corosync/fdata | grep -c /var/lib/corosync/fdata-"); files < "3" {
			t.Errorf("files, and links to them: %s", files)
		}
		n.Stop()
		// Without a daemon what it left is printed.
		out, err := n.Try(ours)
		if err != nil || strings.Count(out, "Failed to initialize the cmap API. Error CS_ERR_LIBRARY\n") != 2 || !strings.Contains(out, "Corosync Cluster Engine") {
			t.Errorf("without a daemon: %v: %s", err, out)
		}
	})
}
