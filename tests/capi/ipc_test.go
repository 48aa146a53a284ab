//go:build linux

package capi

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/coroipc"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
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

// TestFallback: without COROSYNC_IPC the libraries turn to coroipc where nobody listens for libqb's protocol, and say what that said
// where nobody listens at all. The daemon is one of a few lines, in a network of its own.
func TestFallback(t *testing.T) {
	dir := needLibraries(t)
	prog := compile(t, dir, "ipc")
	netns.Need(t, "true") // skips where there are no namespaces
	play := func(mode string) {
		t.Helper()
		argv := []string{"env", "-u", "COROSYNC_IPC", prog, mode}
		if out, err := host(t, dir, argv...); err != nil || out != "" {
			t.Errorf("%s: %v\n%s", mode, err, out)
		}
	}
	ownNetwork(t, func() {
		play("nobody")
		l, err := coroipc.ListenAt(coroipc.SocketName)
		if err != nil {
			t.Error(err)
			return
		}
		defer l.Close()
		served := make(chan error, 1)
		go func() { served <- serveOne(l) }()
		play("fallback")
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// serveOne serves one connection to its end: it knows the number of its node, and agrees to everything else.
func serveOne(l *coroipc.Listener) error {
	c, err := acceptOne(l.Fd(), l.Accept)
	if err != nil {
		return err
	}
	defer c.Close()
	asked := make(chan struct{}, 1)
	c.Watch(func() bool {
		select {
		case asked <- struct{}{}:
		default:
		}
		return true
	})
	gone := make(chan error, 1)
	go func() { gone <- readable(c.Fd()) }()
	for {
		select {
		case err := <-gone:
			return err
		case <-asked:
		}
		_, err := c.ReadRequests(1, func(req []byte) {
			answer := ipcmsg.AppendResponse(nil, 0, cserr.OK)
			if binary.NativeEndian.Uint32(req) == uint32(ipcmsg.CPGReqLocalGet) {
				answer = ipcmsg.CPGLocalGetResponse{Error: cserr.OK, NodeID: 77}.Append(nil)
			}
			_ = c.Respond(answer)
		})
		if err != nil {
			return err
		}
	}
}
