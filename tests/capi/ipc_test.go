//go:build linux

package capi

import (
	"strings"
	"testing"

	"github.com/corosync-go/corosync/tests/netns"
)

// TestProtocols: the libraries speak what COROSYNC_IPC names, and hold out where that is hard.
func TestProtocols(t *testing.T) {
	dir := needLibraries(t)
	prog := compile(t, dir, "ipc")
	c := netns.New(t, netns.Options{Daemon: netns.GoDaemon(t), TokenMS: 500})
	n := c.Node(1)
	c.Start()
	c.WaitRing(formTimeout)
	for _, p := range protocols {
		for _, mode := range []string{"protocol", "turns", "unread", "file-size", "cancelled"} {
			argv := append([]string{"env", "LD_LIBRARY_PATH=" + dir}, over(p, prog, mode)...)
			if out, err := n.TryTimeout(hostTimeout, "", argv...); err != nil || out != "" {
				t.Errorf("%s over %s: %v\n%s", mode, p, err, out)
			}
		}
	}

	// Without room for shared memory, whoever needs it, all say the same.
	n.LimitShm("64k")
	full := func(env ...string) string {
		// Over coroipc the client may turn to /run.
		argv := append([]string{"unshare", "-m", "sh", "-c", `mount -t tmpfs -o size=64k tmpfs /run && exec env "$@"`, "sh"}, env...)
		out, err := n.TryTimeout(hostTimeout, "", append(argv, prog, "full")...)
		if err != nil || !strings.HasPrefix(out, "CS_ERR_") {
			t.Errorf("%s: %v\n%s", env, err, out)
		}
		return out
	}
	want := full("LC_ALL=C") // with Debian's libraries
	for _, p := range protocols {
		if got := full("LD_LIBRARY_PATH="+dir, ipcVariable+p); got != want {
			t.Errorf("without room over %s: %s, with Debian's libraries: %s", p, got, want)
		}
	}
	n.Exec("umount", "/dev/shm")
	for _, p := range protocols {
		argv := append([]string{"env", "LD_LIBRARY_PATH=" + dir}, over(p, prog, "protocol")...)
		if out, err := n.Try(argv...); err != nil {
			t.Errorf("with room again, over %s: %v\n%s", p, err, out)
		}
	}
}
