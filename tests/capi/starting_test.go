//go:build linux

package capi

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/tests/netns"
)

// TestStartingDaemon: what initialize and the first calls give while a daemon starts, with Debian's libraries and with ours.
//
// The C daemon is kept from being ready: it sends the token of a ring of one over the network, and that is filtered. Our daemon
// has such a ring at once, so there both are let loose on it before it starts.
func TestStartingDaemon(t *testing.T) {
	netns.Need(t, "corosync-quorumtool", "nft")
	libs := needLibraries(t)
	prog := compileStarting(t)
	for _, d := range []netns.Daemon{netns.CDaemon(), netns.GoDaemon(t)} {
		t.Run(d.Name, func(t *testing.T) {
			c := netns.New(t, netns.Options{Daemon: d, TokenMS: 500})
			n := c.Node(1)
			argv := func(dir, mode string) []string {
				if dir == "" {
					return []string{prog, mode}
				}
				return []string{"env", "LD_LIBRARY_PATH=" + dir, prog, mode}
			}
			held := d.Name == "c"
			if held {
				out, err := n.TryInput("table inet hold { chain in { type filter hook input priority 0; udp dport 5405 drop; }; }\n", "nft", "-f", "-")
				if err != nil {
					t.Skipf("skip: nft cannot filter here: %v: %s", err, out)
				}
				n.Start()
				c.Eventually(formTimeout, func() error {
					if out, _ := n.Try(argv("", "once")...); !strings.Contains(out, "cpg_initialize: 6\n") {
						return fmt.Errorf("the daemon does not say that it is not ready:\n%s", out)
					}
					return nil
				})
				want, _ := n.Try(argv("", "once")...)
				got, _ := n.Try(argv(libs, "once")...)
				if got != want {
					t.Errorf("of a daemon that is not ready, our libraries say:\n%s\nDebian's:\n%s", got, want)
				}
				t.Logf("not ready:\n%s", got)
			}
			theirs, ours := n.Spawn("theirs", argv("", "until")...), n.Spawn("ours", argv(libs, "until")...)
			if held {
				n.Exec("nft", "delete", "table", "inet", "hold")
			} else {
				n.Start()
			}
			for _, p := range []*netns.Proc{theirs, ours} {
				if code, ok := p.Wait(runTimeout); !ok || code != 0 {
					t.Errorf("%s: ended %v with %d: %s", p.Name, ok, code, p.Output())
				}
			}
			for line := range strings.Lines(theirs.Output()) {
				checkStarting(t, "Debian's libraries", line)
			}
			for line := range strings.Lines(ours.Output()) {
				checkStarting(t, "our libraries", line)
			}
			t.Logf("Debian's:\n%sours:\n%s", theirs.Output(), ours.Output())
		})
	}
}

// checkStarting judges the results of one function, each that differed from the one before: initialize goes from no daemon
// over not ready to ready and never back, and what has been initialized works, but for a change of the membership.
func checkStarting(t *testing.T, who, line string) {
	t.Helper()
	f := strings.Fields(line)
	if len(f) < 2 {
		t.Errorf("%s: %q", who, line)
		return
	}
	const ok, library, again = "1", "2", "6"
	results := f[1:]
	if strings.HasSuffix(f[0], "_initialize:") {
		order := []string{library, again, ok}
		at := 0
		for _, r := range results {
			next := slices.Index(order, r)
			if next < at {
				t.Errorf("%s: %s", who, line)
				return
			}
			at = next
		}
	}
	for _, r := range results {
		if r != ok && r != again && (r != library || !strings.HasSuffix(f[0], "_initialize:")) {
			t.Errorf("%s: %s", who, line)
			return
		}
	}
	if results[len(results)-1] != ok {
		t.Errorf("%s: %s", who, line)
	}
}

func compileStarting(t *testing.T) string {
	t.Helper()
	cc := compiler(t)
	debianLibraries(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "starting")
	args := []string{"-O1", "-Wall", "-Wextra", "-I" + ourHeaders(), "-o", out, "testdata/starting.c"}
	for _, l := range []string{"cpg", "cmap", "quorum", "votequorum", "cfg"} {
		args = append(args, "-l:"+sonames[l])
	}
	if msg, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return out
}
