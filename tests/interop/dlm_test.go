//go:build linux

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/tests/netns"
)

// dlm is a cluster with dlm_controld on it, and what it was seen to do.
type dlm struct {
	*netns.Cluster
	t       *testing.T
	side    consumerSide
	preload string // stands for the kernel's files, see testdata/dlm
	kernel  string // plays the kernel, see testdata/dlmkernel
	dir     string // what the nodes share: agents, /proc/misc
	seen    *strings.Builder
}

// TestDLM: dlm_controld of the distribution on three nodes. The kernel's dlm is played by the test; all the rest is real: it
// joins its groups, agrees on a protocol, starts and stops a lockspace as nodes come and go, has the dead fenced, replicates
// POSIX locks, runs commands on the others, has corosync ended under a dead brother, and ends with its own. It uses CPG with its ring ids, QUORUM of
// model 1, CMAP and CFG, and forks helpers and agents while it does.
func TestDLM(t *testing.T) {
	compareDLM(t, consumerSides(netns.BuildLibraries(t))...)
}

// compareDLM leads sides through it at the same time, of which the first is the reference.
func compareDLM(t *testing.T, sides ...consumerSide) {
	netns.Need(t, "dlm_controld", "dlm_tool", "corosync-quorumtool", "corosync-cfgtool")
	preload, kernel := compile(t, "testdata/dlm/standin.c"), netns.BuildGo(t, "tests/interop/testdata/dlmkernel")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"misc":        " 57 dlm-control\n 56 dlm-monitor\n 55 dlm_plock\n",
		"dlm_stonith": "#!/bin/sh\ngrep ^node >>/var/log/fenced\n",
		"lvm":         "#!/bin/sh\necho \"$@\" >>/var/log/ran\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	seen := make([]string, len(sides))
	t.Run("run", func(t *testing.T) {
		for i, sd := range sides {
			t.Run(sd.String(), func(t *testing.T) {
				t.Parallel()
				c := netns.New(t, netns.Options{Nodes: 3, Daemons: sd.daemons.daemons(t, 3)})
				d := dlm{c, t, sd, preload, kernel, dir, &strings.Builder{}}
				d.scenario()
				seen[i] = d.seen.String()
			})
		}
	})
	if seen[0] != "" {
		t.Logf("%s:\n%s", sides[0], seen[0])
	}
	for i, sd := range sides[1:] {
		if seen[i+1] != "" && seen[0] != "" && seen[i+1] != seen[0] {
			t.Errorf("%s against %s:\n%s", sd, sides[0], diff(seen[0], seen[i+1]))
		}
	}
}

// boot gives a node what its kernel would have.
func (d dlm) boot(id int) {
	d.t.Helper()
	d.Node(id).Exec("sh", "-c", `mount -t tmpfs tmpfs /sys/kernel && mkdir -p /sys/kernel/config/dlm /sys/kernel/dlm && mount --bind $0 /proc/misc`, d.dir+"/misc")
	d.Node(id).Spawn("kernel", d.kernel, "serve")
	d.waitFile(id, "/run/dlm_kernel")
}

func (d dlm) waitFile(id int, path string) {
	d.t.Helper()
	d.Eventually(formTimeout, func() error {
		if out, err := d.Node(id).Try("test", "-e", path); err != nil {
			return fmt.Errorf("n%d: no %s: %w %s", id, path, err, out)
		}
		return nil
	})
}

// start runs dlm_controld, in the background except on node 1: there it forks before it opens a connection, and its helper after.
func (d dlm) start(id int) {
	d.t.Helper()
	how := ""
	if id == 1 {
		how = "--foreground"
	}
	argv := append([]string{"env", "LD_PRELOAD=" + d.preload, "STANDIN_PLOCK=/run/dlm_plock"},
		with(d.side.libs, "sh", "-c", `PATH=$0:$PATH; exec dlm_controld -L --post_join_delay 0 --enable_startup_fencing 0 $1`, d.dir, how)...)
	if id == 1 {
		d.Node(id).Spawn("dlm_controld", argv...)
	} else {
		d.Node(id).Exec(argv...)
	}
}

// dlmPID is the shell's word for the process id that dlm_controld has written.
const dlmPID = "$(cat /run/dlm_controld/dlm_controld.pid)"

// says waits until a tool's output in a node, masked, matches.
func (d dlm) says(id int, re string, argv ...string) {
	d.t.Helper()
	x := regexp.MustCompile("(?s)" + re)
	d.Eventually(pacemakerTimeout, func() error {
		out, err := d.Node(id).Try(argv...)
		if !x.MatchString(maskDLM(out)) {
			return fmt.Errorf("n%d: %v: %v: no %q:\n%s\n%s", id, argv, err, re, maskDLM(out), tailOf(d.log(id), 30))
		}
		return nil
	})
}

func (d dlm) log(id int) string {
	b, _ := os.ReadFile(filepath.Join(d.Node(id).Dir(), "log/dlm_controld/dlm_controld.log")) // absent before the first line
	return string(b)
}

var (
	dlmTime   = regexp.MustCompile(`\b(now|add|rem|fail|fence|time|start) ([0-9]+)`)
	dlmRing   = regexp.MustCompile(`(cluster .*seq|ring \d+:)( ?\d+)+`)
	dlmNumber = regexp.MustCompile(`\b(fence_pid|pid|fd|plocks|plocks_data|setup_cpg_daemon|walltime|local|at \d+) [0-9]+|[0-9a-f]{8}-[0-9a-f-]{27}`)
)

// maskDLM leaves of times whether they are zero, and nothing of process ids, descriptors and the numbers of rings.
func maskDLM(text string) string {
	text = dlmNumber.ReplaceAllString(dlmRing.ReplaceAllString(text, "$1 N"), "$1 N")
	return dlmTime.ReplaceAllStringFunc(text, func(s string) string {
		name, number, _ := strings.Cut(s, " ")
		if len(number) > 2 {
			number = "T"
		}
		return name + " " + number
	})
}

// note keeps what the tools say on the nodes.
func (d dlm) note(what string, ids ...int) {
	d.t.Helper()
	for _, id := range ids {
		for _, line := range []string{"dlm_tool status", "dlm_tool -n ls", "dlm_tool plocks vol1"} {
			out, err := d.Node(id).Try(strings.Fields(line)...)
			fmt.Fprintf(d.seen, "%s, n%d, %s: %d\n%s\n", what, id, line, netns.ExitCode(err), maskDLM(strings.TrimSpace(out)))
		}
	}
}

// does keeps what a command says and how it ends.
func (d dlm) does(id int, argv ...string) {
	d.t.Helper()
	out, err := d.Node(id).Try(argv...)
	if netns.ExitCode(err) < 0 {
		d.t.Errorf("n%d: %v: %v", id, argv, err)
	}
	argv = slices.Clone(argv)
	argv[0] = filepath.Base(argv[0])
	fmt.Fprintf(d.seen, "n%d, %s: %d %s\n", id, strings.Join(argv, " "), netns.ExitCode(err), maskDLM(strings.TrimSpace(out)))
}

// members waits until dlm_controld of each node knows each as a member, and that it has agreed on a protocol.
func (d dlm) members(ids ...int) {
	d.t.Helper()
	for _, id := range ids {
		var re strings.Builder
		re.WriteString("quorate 1")
		for _, other := range ids {
			fmt.Fprintf(&re, ".*node %d M add T", other)
		}
		d.says(id, re.String(), "dlm_tool", "status")
		d.says(id, `daemon run 3\.`, "dlm_tool", "dump")
	}
}

// lockspace waits until these are its members, and the kernel of each has been told to go on.
func (d dlm) lockspace(ids ...int) {
	d.t.Helper()
	for _, id := range ids {
		d.says(id, fmt.Sprintf(`flags +0x00000000 .*\nmembers +%s *\n*$`, strings.Trim(fmt.Sprint(ids), "[]")), "dlm_tool", "ls")
		d.says(id, "^1\x00$", "cat", "/sys/kernel/dlm/vol1/control")
	}
}

func (d dlm) scenario() {
	d.UpAndFormed(formTimeout)
	all := []int{1, 2, 3}
	for _, id := range all {
		d.boot(id)
		d.start(id)
		d.members(all[:id]...)
	}
	d.note("begun", all...)
	checkLibraries(d.t, d.side.daemons, d.side.libs, d.Nodes...)

	// A lockspace, with a lock that is taken by each.
	for _, id := range all {
		d.does(id, d.kernel, "join", "vol1")
		d.lockspace(all[:id]...)
	}
	d.does(1, d.kernel, "wr", "vol1", "77", "5", "0", "99")
	d.does(2, d.kernel, "wr", "vol1", "77", "6", "50", "150")
	d.does(2, d.kernel, "rd", "vol1", "77", "6", "100", "150")
	d.does(3, d.kernel, "rd", "vol1", "77", "7", "120", "300")
	d.does(1, d.kernel, "wr", "vol1", "77", "5", "200", "250")
	d.says(2, "300 nodeid 3", "dlm_tool", "plocks", "vol1")
	d.note("locked", all...)

	// A command for all others.
	d.does(2, "dlm_tool", "-i", "20", "run", "lvm lvs of all")
	d.does(3, "cat", "/var/log/ran")

	// The death of a node. It is fenced, its lock goes, and its kernel is heard no more.
	d.Node(3).PowerOff()
	d.members(1, 2)
	d.lockspace(1, 2)
	d.note("fenced", 1, 2)
	d.does(1, d.kernel, "wr", "vol1", "77", "5", "200", "250")

	// It comes back, and is given the locks.
	d.Node(3).Start()
	d.WaitRing(formTimeout)
	d.boot(3)
	d.start(3)
	d.members(all...)
	d.does(3, d.kernel, "join", "vol1")
	d.lockspace(all...)
	d.says(3, "200-250 nodeid 1", "dlm_tool", "plocks", "vol1")
	d.note("back", all...)

	// The death of dlm_controld alone: the others have the node's corosync ended.
	d.Node(2).Exec("sh", "-c", "kill -9 "+dlmPID)
	if code, ok := d.Node(2).Proc().Wait(pacemakerTimeout); ok {
		fmt.Fprintf(d.seen, "n2, corosync ended: %d\n", code)
	} else {
		d.t.Error("corosync of n2 was not ended")
	}
	d.lockspace(1, 3)
	d.note("killed", 1, 3)

	d.does(1, "cat", "/var/log/fenced")

	// An orderly end.
	d.does(1, d.kernel, "leave", "vol1")
	d.lockspace(3)
	d.does(1, "sh", "-c", "kill "+dlmPID+"; while kill -0 "+dlmPID+"; do sleep 0.05; done 2>/dev/null")
	d.does(3, d.kernel, "leave", "vol1")
	d.does(3, "corosync-cfgtool", "-H")
	if code, ok := d.Node(3).Proc().Wait(pacemakerTimeout); !ok || code != 0 {
		d.t.Errorf("corosync of n3 has not ended: %d, %v", code, ok)
	}
	d.Eventually(formTimeout, func() error {
		if !strings.Contains(d.log(3), "cluster is down, exiting") {
			return fmt.Errorf("n3: dlm_controld goes on without corosync:\n%s", tailOf(d.log(3), 20))
		}
		return nil
	})
	d.says(3, "^gone", "sh", "-c", "test -e /run/dlm_controld/dlm_controld.pid || echo gone") // its last deed
	for _, id := range all {
		fmt.Fprintf(d.seen, "n%d, log: %s\n", id, strings.ReplaceAll(dlmLog(d.log(id)), "\n", fmt.Sprintf("\nn%d, log: ", id)))
	}
}

var (
	dlmStamp = regexp.MustCompile(`(?m)^\w+ +\d+ [\d:]+ \d+ `)
	// What depends on which of two messages comes first, or on how long something takes. When dlm_controld of a node dies it
	// leaves vol1 and then dlm:controld; at the first the others have that node's corosync ended, mostly after the second.
	dlmRace = regexp.MustCompile(`wait_messages|check_ringid|check_fencing \d+ wait|fence wait|fence work wait|wait for fencing|connection|wait_count|receive_protocol|` +
		`prot max|save max|run protocol|result_wait|check_run|_dispatch|fence_clear|remove 2|fence request 2 pid|left reason`)
)

// dlmLog is a log's lines, each once and in the order of the alphabet.
func dlmLog(text string) string {
	lines := strings.Split(maskDLM(dlmStamp.ReplaceAllString(text, "")), "\n")
	lines = slices.DeleteFunc(lines, dlmRace.MatchString)
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}
