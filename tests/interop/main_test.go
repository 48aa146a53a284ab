//go:build linux

package interop

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/corosync-go/corosync/tests/netns"
)

func TestMain(m *testing.M) {
	os.Exit(netns.Stage(func() int {
		code := m.Run()
		costs.print()
		return code
	}))
}

// with makes a command that runs with the client libraries of dir, or with those installed if dir is empty.
func with(dir string, argv ...string) []string {
	if dir == "" {
		return argv
	}
	return append([]string{"env", "LD_LIBRARY_PATH=" + dir}, argv...)
}

// ipcVariable makes our libraries and tools speak a protocol.
const ipcVariable = "COROSYNC_IPC"

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
