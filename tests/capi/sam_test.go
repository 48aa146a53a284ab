//go:build linux

package capi

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

// samProgram compiles the scenes against Debian's libraries; it runs with
// theirs, and as the same file with ours.
func samProgram(t *testing.T) (program, libraries string) {
	t.Helper()
	netns.Need(t, "gcc", "unshare")
	program = netns.BuildC(t, "testdata/sam.c", "sam", "cmap")
	libraries = needLibraries(t)
	out, err := exec.Command("env", "LD_LIBRARY_PATH="+libraries, "ldd", program).CombinedOutput()
	for _, lib := range []string{"libsam.so.4", "libquorum.so.5", "libcmap.so.4"} {
		if err != nil || !strings.Contains(string(out), filepath.Join(libraries, lib)) {
			t.Fatalf("%s is not ours: %v\n%s", lib, err, out)
		}
	}
	return program, libraries
}

// TestSam plays the scenes that need no daemon, with both libraries.
func TestSam(t *testing.T) {
	program, libraries := samProgram(t)
	for _, scene := range []string{"errors", "ended", "nodaemon", "quit-unstarted", "quit-started", "quit-killed", "restart",
		"late-term", "late-usr1", "late-usr2", "stopped", "data", "callback", "orphan"} {
		t.Run(scene, func(t *testing.T) {
			t.Parallel() // they wait most of the time
			play := func(env ...string) string {
				// A network of its own has no daemon.
				cmd := exec.Command("timeout", "-s", "KILL", "60", "unshare", "-n", program, scene)
				cmd.Env = append(os.Environ(), env...)
				var out strings.Builder
				cmd.Stdout, cmd.Stderr = &out, &out
				err := cmd.Run()
				return fmt.Sprintf("%s%v", out.String(), err)
			}
			want, got := play(), play("LD_LIBRARY_PATH="+libraries)
			if want != got || strings.Count(got, "\n") < 1 {
				t.Errorf("our library:\n%s\nDebian's:\n%s", got, want)
			}
		})
	}
	// The C library takes a sign of life of another thread for a part of the data.
	t.Run("both", func(t *testing.T) {
		cmd := exec.Command("timeout", "-s", "KILL", "60", program, "both")
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+libraries)
		out, err := cmd.CombinedOutput()
		const want = "instance 1\ninstance 2\nsam_data_getsize(&n): 1\nsam_data_restore(back, sizeof(back)): 1\nsize 100000 same 1\n"
		if string(out) != want || netns.ExitCode(err) != 8 {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// samPair is one scene with both libraries at the same time in a node.
type samPair struct {
	scene string
	procs [2]*netns.Proc
}

func playPair(n *netns.Node, program, libraries, protocol, scene string) samPair {
	p := samPair{scene: scene}
	p.procs[0] = n.Spawn(scene+".debian", program, scene)
	p.procs[1] = n.Spawn(scene+".ours", over(protocol, "env", "LD_LIBRARY_PATH="+libraries, program, scene)...)
	return p
}

// says waits until both have printed the text so often.
func (p samPair) says(c *netns.Cluster, text string, times int) {
	c.T().Helper()
	for _, proc := range p.procs {
		c.Eventually(20*time.Second, func() error {
			if n := strings.Count(proc.Output(), text); n < times {
				return fmt.Errorf("%s has said %q %d times:\n%s", proc.Name, text, n, proc.Output())
			}
			return nil
		})
	}
}

// same waits for the end of both and compares.
func (p samPair) same(t *testing.T) {
	t.Helper()
	var got [2]string
	for i, proc := range p.procs {
		code, ok := proc.Wait(20 * time.Second)
		got[i] = fmt.Sprintf("%sexit status %d %v", proc.Output(), code, ok)
	}
	if got[0] != got[1] || !strings.HasSuffix(got[1], "true") || strings.Count(got[1], "\n") < 2 {
		t.Errorf("%s: our library:\n%s\nDebian's:\n%s", p.scene, got[1], got[0])
	}
}

var samKey = regexp.MustCompile(`(?m)^resources\.process\.(\d+)\.(\S+) \((\w+)\) = (.*)$`)

// TestSamWithDaemon plays the scenes with the policies QUORUM and CMAP on both
// daemons: node 2 gives quorum to node 1 and takes it. Our library speaks both protocols
// to ours.
func TestSamWithDaemon(t *testing.T) {
	program, libraries := samProgram(t)
	netns.Need(t, "corosync-cmapctl", "corosync-quorumtool")
	for _, run := range []struct {
		name, protocol string
		daemon         func() netns.Daemon
	}{
		{name: "c", protocol: "qb", daemon: netns.CDaemon},
		{name: "go", protocol: "qb", daemon: func() netns.Daemon { return netns.GoDaemon(t) }},
		{name: "go over coroipc", protocol: "coroipc", daemon: func() netns.Daemon { return netns.GoDaemon(t) }},
	} {
		t.Run(run.name, func(t *testing.T) {
			c := netns.New(t, netns.Options{Nodes: 2, Daemon: run.daemon()})
			n := c.Node(1)
			play := func(scene string) samPair { return playPair(n, program, libraries, run.protocol, scene) }
			c.Start(1)
			c.WaitRing(20*time.Second, 1)

			// Without quorum: one is killed while it waits, the others wait.
			play("quorum-impatient").same(t)
			pairs := []samPair{play("quorum-restart"), play("quorum-quit"), play("quorum-cmap")}
			for _, p := range pairs {
				p.says(c, "instance 1", 1)
			}
			c.Eventually(20*time.Second, func() error {
				if out := n.Exec("sh", "-c", "corosync-cmapctl resources.process.; true"); strings.Count(out, ".state (str) = waiting for quorum") != 2 {
					return fmt.Errorf("not both wait for quorum:\n%s", out)
				}
				return nil
			})
			c.Start(2)
			for _, p := range pairs {
				p.says(c, "sam_start(): 1", 1)
			}
			pairs[2].says(c, "state = running", 1) // it has seen its keys
			c.Node(2).Kill()
			for _, p := range pairs {
				p.says(c, "quorum lost", 1)
			}
			pairs[0].says(c, "instance 2", 1)
			pairs[2].says(c, "instance 2", 1)
			c.Start(2)
			for _, p := range pairs {
				p.same(t)
			}

			for _, scene := range []string{"cmap-restart", "cmap-quit", "cmap-fails", "cmap-marked", "marked-unstarted"} {
				play(scene).same(t)
			}
			// What is left is of those that failed: four scenes, played twice.
			left := map[string]map[string]string{}
			for _, m := range samKey.FindAllStringSubmatch(n.Exec("sh", "-c", "corosync-cmapctl resources.process.; true"), -1) {
				if left[m[1]] == nil {
					left[m[1]] = map[string]string{}
				}
				if m[2] == "last_updated" {
					m[4] = "T"
				}
				left[m[1]][m[2]] = m[3] + " " + m[4]
			}
			kinds := map[string]int{}
			for _, keys := range left {
				kinds[fmt.Sprint(keys)]++
			}
			want := map[string]int{
				"map[last_updated:u64 T poll_period:u64 5000 recovery:str quit state:str failed]":    2,
				"map[last_updated:u64 T poll_period:u64 5000 recovery:str restart state:str failed]": 2,
				"map[last_updated:u64 T poll_period:u64 0 recovery:str quit state:str failed]":       2,
				"map[last_updated:u64 T poll_period:u64 600 recovery:str restart state:str failed]":  2,
			}
			if fmt.Sprint(kinds) != fmt.Sprint(want) {
				t.Errorf("keys left: %v, want %v", kinds, want)
			}
		})
	}
}
