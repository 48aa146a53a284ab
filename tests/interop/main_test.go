//go:build linux

package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

func TestMain(m *testing.M) { netns.Main(m) }

var clientLibrary = regexp.MustCompile(`/\S*/lib(cpg|cmap|quorum|votequorum|cfg|sam|corosync_common|corosync-go)\.so\S*`)

// with makes a command that runs with the client libraries of dir, or with those installed if dir is empty.
func with(dir string, argv ...string) []string {
	if dir == "" {
		return argv
	}
	return append([]string{"env", "LD_LIBRARY_PATH=" + dir}, argv...)
}

// ipcVariable makes our libraries and tools speak a protocol.
const ipcVariable = "COROSYNC_IPC"

// checkLibraries looks at what the processes that run with the client libraries of dir have mapped: no others, and the memory of
// the protocol that they are to speak.
func checkLibraries(t *testing.T, dir string, nodes ...*netns.Node) {
	t.Helper()
	if dir == "" {
		return
	}
	const script = `for p in /proc/[0-9]*; do if grep -qz "^LD_LIBRARY_PATH=$0" $p/environ; then
echo "@$(cat $p/comm) $(grep -E 'VmRSS|Threads' $p/status | tr -s '\t\n' ' ')"; cat $p/maps; fi; done 2>/dev/null`
	for _, n := range nodes {
		out, _ := n.Try("sh", "-c", script, dir)
		var users []string
		comm, counted := "", false
		if wanted := os.Getenv(ipcVariable) == "coroipc"; strings.Contains(out, "/dev/shm/control_buffer-") != wanted {
			t.Errorf("%s: speaks coroipc: %v, is to: %v", n.Name, !wanted, wanted)
		}
		for l := range strings.SplitSeq(out, "\n") {
			if name, ok := strings.CutPrefix(l, "@"); ok {
				comm, counted = name, false
				continue
			}
			p := clientLibrary.FindString(l)
			if p == "" {
				continue
			}
			if !counted {
				counted, users = true, append(users, comm)
			}
			if !strings.HasPrefix(p, dir+"/") && !strings.HasPrefix(p, "/memfd:libcorosync-go") {
				t.Errorf("%s: %s has mapped %s", n.Name, comm, p)
			}
		}
		if len(users) == 0 {
			t.Errorf("%s: no process uses the libraries", n.Name)
		}
		t.Logf("%s, with our libraries: %s", n.Name, strings.Join(users, "; "))
	}
}

// formTimeout bounds a wait for a ring with token 1000 on a busy machine.
const formTimeout = 20 * time.Second

// mix is a choice of daemons for the nodes of a cluster: one letter per node,
// repeated if there are more nodes, c for the C daemon and g for ours.
type mix string

func (m mix) daemons(t testing.TB, nodes int) []netns.Daemon {
	t.Helper()
	var out []netns.Daemon
	for i := range nodes {
		if m[i%len(m)] == 'c' {
			out = append(out, netns.CDaemon())
		} else {
			out = append(out, netns.GoDaemon(t))
		}
	}
	return out
}

// each runs a scenario with several mixes. The one of C daemons alone comes
// first: if it fails, the scenario is wrong.
func each(t *testing.T, mixes []mix, f func(t *testing.T, m mix)) {
	netns.Need(t, "corosync-quorumtool")
	for _, m := range mixes {
		t.Run(string(m), func(t *testing.T) { f(t, m) })
	}
}

// program returns one of corosync's own test programs.
func program(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("COROSYNC_TEST_PROGRAMS")
	if dir == "" {
		t.Skip("skip: COROSYNC_TEST_PROGRAMS is not set (directory of corosync's own test programs)")
	}
	p := filepath.Join(dir, name)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("skip: %v", err)
	}
	return p
}
