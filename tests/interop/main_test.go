//go:build linux

package interop

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

func TestMain(m *testing.M) {
	// COROSYNC_LIBRARIES is a directory of client libraries that everything in the nodes runs with.
	if dir := os.Getenv("COROSYNC_LIBRARIES"); dir != "" {
		if abs, err := filepath.Abs(dir); err == nil {
			os.Setenv("LD_LIBRARY_PATH", abs)
		}
	}
	netns.Main(m)
}

var clientLibrary = regexp.MustCompile(`/\S*/lib(cpg|cmap|quorum|votequorum|cfg|sam|corosync_common|corosync-go)\.so\S*`)

// checkLibraries looks at what the processes of the nodes have mapped: of the client libraries, those that
// COROSYNC_LIBRARIES names and no others. Without it there is nothing to see.
func checkLibraries(t *testing.T, nodes []*netns.Node) {
	t.Helper()
	dir := os.Getenv("LD_LIBRARY_PATH")
	if os.Getenv("COROSYNC_LIBRARIES") == "" {
		return
	}
	for _, n := range nodes {
		out, _ := n.Try("sh", "-c", "for p in /proc/[0-9]*; do echo @$(cat $p/comm); cat $p/maps; done 2>/dev/null")
		found := map[string]string{}
		comm := ""
		for l := range strings.SplitSeq(out, "\n") {
			if name, ok := strings.CutPrefix(l, "@"); ok {
				comm = name
			} else if p := clientLibrary.FindString(l); p != "" {
				if found[comm] = "ours"; !strings.HasPrefix(p, dir+"/") && !strings.HasPrefix(p, "/memfd:libcorosync-go") {
					t.Errorf("%s: %s has mapped %s", n.Name, comm, p)
				}
			}
		}
		if len(found) == 0 {
			t.Errorf("%s: no process uses the libraries", n.Name)
		}
		t.Logf("%s: with the libraries of %s: %v", n.Name, dir, slices.Sorted(maps.Keys(found)))
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
