//go:build linux

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// The daemon and the libraries of one run of a scenario that is compared among such runs.
type consumerSide struct {
	daemons mix
	libs    string // directory; empty: Debian's
}

func (s consumerSide) String() string {
	libs := "debian"
	if s.libs != "" {
		libs = "ours"
	}
	return string(s.daemons) + "-" + libs
}

// consumerSides are all four; the first is the reference.
func consumerSides(libs string) []consumerSide {
	return []consumerSide{{"c", ""}, {"g", ""}, {"g", libs}, {"c", libs}}
}

// quickCIB is a configuration for Pacemaker to begin with, in which no node waits for others for long, and dummy runs on n1.
const quickCIB = `<cib crm_feature_set="3.0.14" validate-with="pacemaker-3.0" epoch="1" num_updates="0" admin_epoch="0">
<configuration><crm_config><cluster_property_set id="opt">
<nvpair id="opt-deadtime" name="dc-deadtime" value="2s"/><nvpair id="opt-stonith" name="stonith-enabled" value="false"/>
</cluster_property_set></crm_config><nodes/><resources>` + dummyXML + `</resources><constraints>
<rsc_location id="home" rsc="dummy" node="n1" score="INFINITY"/></constraints></configuration><status/></cib>`

// needPacemaker skips where Pacemaker cannot run.
func needPacemaker(t *testing.T) {
	t.Helper()
	netns.Need(t, "pacemakerd", "crm_mon", "cibadmin")
	if os.Getuid() != 0 || !mapsAllUsers() {
		t.Skip("skip: pacemaker needs the users root and hacluster, here is only one")
	}
	if _, err := os.Stat("/usr/lib/ocf/resource.d/pacemaker/Dummy"); err != nil {
		t.Skip("skip: ocf:pacemaker:Dummy is not installed (Debian: pacemaker-resource-agents or resource-agents)")
	}
}

// writeCIB gives a node its configuration before Pacemaker starts there.
func (p pacemaker) writeCIB(id int, text string) {
	p.t.Helper()
	u, err := user.Lookup("hacluster")
	if err != nil {
		p.t.Skip("skip: there is no user hacluster")
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	path := filepath.Join(p.Node(id).Dir(), "pacemaker/cib/cib.xml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Chown(path, uid, gid); err != nil {
		p.t.Fatal(err)
	}
}

// compile makes a library that is preloaded to a program, in place of something of the kernel's.
func compile(t *testing.T, src string) string {
	t.Helper()
	netns.Need(t, "gcc")
	out := filepath.Join(t.TempDir(), "standin.so")
	if msg, err := exec.Command("gcc", "-O1", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", out, src, "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	return out
}

// watchdogSeconds is what sbd tells the watchdog; it acts when it has not been able to feed for so long.
const watchdogSeconds = 5

// watchdog is an sbd in a node with its stand-in.
type watchdog struct {
	p    pacemaker
	n    *netns.Node
	log  string
	from int // bytes of the log of earlier lives
}

// powerless are programs that may not reboot, whatever they call: the capability is gone, and beneath it the node has a pid
// namespace, in which reboot(2) reaches the processes of the node only.
var powerless = []string{"setpriv", "--bounding-set", "-sys_boot", "--inh-caps", "-sys_boot"}

// sbd starts it, in the background as its unit does; it returns when both watchers have been well.
func (p pacemaker) sbd(id int, preload string) *watchdog {
	p.t.Helper()
	n := p.Node(id)
	w := &watchdog{p: p, n: n, log: filepath.Join(n.Dir(), "log/standin.log")}
	w.from = len(w.all())
	caps, err := n.Try(append(slices.Clone(powerless), "sh", "-c", "grep CapEff /proc/self/status")...)
	if err != nil {
		p.t.Fatalf("%v: %s", err, caps)
	}
	bits, err := strconv.ParseUint(strings.TrimSpace(strings.TrimPrefix(caps, "CapEff:")), 16, 64)
	if err != nil || bits&(1<<22) != 0 {
		p.t.Skipf("skip: a program cannot be kept from rebooting here: %q %v", caps, err)
	}
	for _, f := range []string{"/proc/sysrq-trigger", "/proc/sys/kernel/sysrq"} {
		if _, err := n.Try("test", "-e", f); err == nil {
			n.Exec("mount", "--bind", "/dev/null", f)
		}
	}
	argv := append(slices.Clone(powerless), "env", "LD_PRELOAD="+preload, "STANDIN_DEVICE=/run/watchdog", "STANDIN_LOG=/var/log/standin.log",
		"SBD_PACEMAKER=yes", "SBD_MOVE_TO_ROOT_CGROUP=no")
	if p.libs != "" {
		argv = append(argv, "LD_LIBRARY_PATH="+p.libs)
	}
	n.Spawn("sbd", append(argv, "sbd", "-v", "-w", "/run/watchdog", "-1", fmt.Sprint(watchdogSeconds), "-p", "/run/sbd.pid", "-n", n.Name, "watch")...)
	return w
}

func (w *watchdog) all() string {
	b, _ := os.ReadFile(w.log) // absent before the first line
	return string(b)
}

var standinLine = regexp.MustCompile(`(?m)^(\d+\.\d+) (\d+) (.*)$`)

// lines are what the stand-in has seen of this life, without times.
func (w *watchdog) lines() []string {
	var out []string
	for _, m := range standinLine.FindAllStringSubmatch(w.all()[w.from:], -1) {
		out = append(out, m[3])
	}
	return out
}

func (w *watchdog) count(line string) int {
	k := 0
	for _, l := range w.lines() {
		if l == line {
			k++
		}
	}
	return k
}

func (w *watchdog) waitSays(d time.Duration, re string) {
	w.p.t.Helper()
	x := regexp.MustCompile(re)
	w.p.Eventually(d, func() error {
		if slices.ContainsFunc(w.lines(), x.MatchString) {
			return nil
		}
		return fmt.Errorf("%s: sbd has not said %q:\n%s", w.n.Name, re, tailOf(w.all(), 25))
	})
}

func tailOf(text string, lines int) string {
	l := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(l[max(0, len(l)-lines):], "\n")
}

// waitFed waits until the watchdog has been fed anew k times.
func (w *watchdog) waitFed(k int) {
	w.p.t.Helper()
	before := w.count("feed")
	w.p.Eventually(pacemakerTimeout, func() error {
		if n := w.count("feed"); n < before+k {
			return fmt.Errorf("%s: watchdog fed %d times\n%s", w.n.Name, n, tailOf(w.all(), 25))
		}
		return nil
	})
}

// acted is what the process that feeds did from its last feeding on: to end the machine, and nothing else. When it has ended
// the watchers do the same, if they notice before the machine is gone.
func (w *watchdog) acted() []string {
	var out []string
	feeder := ""
	for _, m := range standinLine.FindAllStringSubmatch(w.all()[w.from:], -1) {
		pid, l := m[2], m[3]
		if l == "feed" {
			feeder, out = pid, nil
		} else if pid == feeder && !strings.HasPrefix(l, "say ") && l != "begin" {
			out = append(out, l)
		}
	}
	return out
}

// checkProcesses: the inquisitor and both watchers run, with the libraries of this side and no others.
func (w *watchdog) checkProcesses(m mix) {
	w.p.t.Helper()
	var all []string
	for _, p := range clientProcesses(w.n) {
		if strings.Fields(p.name)[0] != "sbd" {
			continue
		}
		all = append(all, fmt.Sprintf("%s: %v", p.title, p))
		for _, l := range p.libs {
			if w.p.libs != "" && !ours(w.p.libs, l) {
				w.p.t.Errorf("%s: %s has mapped %s", w.n.Name, p.title, l)
			}
		}
		if _, part, ok := strings.Cut(p.title, "sbd: "); ok {
			p.name, _, _ = strings.Cut("sbd "+strings.TrimPrefix(part, "watcher: "), " - ")
		}
		costs.add(m, w.p.libs, p)
	}
	slices.Sort(all)
	text := strings.Join(all, "; ")
	for _, part := range []string{"inquisitor", "watcher: Pacemaker", "watcher: Cluster"} {
		if !strings.Contains(text, part) {
			w.p.t.Errorf("%s: no sbd process with client libraries is called %q: %s", w.n.Name, part, text)
		}
	}
	w.p.t.Logf("%s: %s", w.n.Name, text)
}

// TestSBD: sbd without a disk, on three nodes with Pacemaker. While the cluster is well it feeds its watchdog. Who loses quorum,
// or the daemon, stops being fed, and sbd asks the kernel for a reboot.
//
// sbd forks its watchers with memory locked and real-time priority, and they open cmap, cpg and votequorum.
func TestSBD(t *testing.T) {
	netns.Need(t, "sbd", "setpriv", "corosync-quorumtool")
	needPacemaker(t)
	libs, preload := netns.BuildLibraries(t), compile(t, "testdata/watchdog/standin.c")
	sides := consumerSides(libs)
	did := make([]string, len(sides))
	t.Run("run", func(t *testing.T) {
		for i, sd := range sides {
			t.Run(sd.String(), func(t *testing.T) {
				t.Parallel()
				did[i] = sbdScenario(t, sd, preload)
			})
		}
	})
	t.Logf("with Debian's libraries on the C daemon:\n%s", did[0])
	for i, sd := range sides[1:] {
		if did[i+1] != did[0] && did[i+1] != "" {
			t.Errorf("%s: %s\nwith Debian's libraries on the C daemon: %s", sd, did[i+1], did[0])
		}
	}
}

func sbdScenario(t *testing.T, sd consumerSide, preload string) string {
	p := pacemaker{netns.New(t, netns.Options{Nodes: 3, Daemons: sd.daemons.daemons(t, 3)}), t, sd.libs}
	p.UpAndFormed(formTimeout)
	for id := 1; id <= 3; id++ {
		p.writeCIB(id, quickCIB)
		p.start(id)
	}
	p.waitOnline(true, 1, 2, 3)
	var w []*watchdog
	for id := 1; id <= 3; id++ {
		w = append(w, p.sbd(id, preload))
	}
	for _, w := range w {
		w.waitSays(pacemakerTimeout, "say .*Active cluster detected")
		w.waitFed(2)
		w.checkProcesses(sd.daemons)
	}

	var did strings.Builder
	note := func(what string, w *watchdog) {
		fmt.Fprintf(&did, "%s, %s: %s\n", what, w.n.Name, strings.Join(w.acted(), ", "))
	}
	// Cut off in a minority.
	p.Partition([]int{1, 2}, []int{3})
	w[2].waitSays(pacemakerTimeout, "^reboot")
	note("without quorum", w[2])
	p.Node(3).PowerOff()
	p.waitOnline(true, 1, 2)
	w[0].waitFed(2)
	w[1].waitFed(2)
	for _, w := range w[:2] {
		if a := w.acted(); len(a) != 0 {
			t.Errorf("%s is in the majority, and sbd did: %v", w.n.Name, a)
		}
	}

	// The daemon dies beneath it; with it goes the quorum of the other.
	p.Node(2).Kill()
	w[1].waitSays(pacemakerTimeout, "^reboot")
	note("without a daemon", w[1])
	w[0].waitSays(pacemakerTimeout, "^reboot")
	note("the last", w[0])
	return did.String()
}
