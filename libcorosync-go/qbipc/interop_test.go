package qbipc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/cabi"
)

// TestMain removes what buildPeer made.
func TestMain(m *testing.M) {
	code := m.Run()
	if peerDir != "" {
		os.RemoveAll(peerDir)
	}
	os.Exit(code)
}

// qbpeer is the C peer on the installed libqb, built once. A test that runs itself again passes it on.
func qbpeer(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("QBIPC_PEER"); path != "" {
		return path
	}
	if _, err := os.Stat("/usr/include/qb/qbipcc.h"); err != nil {
		t.Skip("libqb-dev is not installed")
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no C compiler")
	}
	path, err := buildPeer()
	if err != nil {
		t.Fatal(err)
	}
	os.Setenv("QBIPC_PEER", path)
	return path
}

var peerDir string

var buildPeer = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "qbpeer")
	if err != nil {
		return "", err
	}
	peerDir = dir
	if err := os.Chmod(dir, 0o755); err != nil { // other users run it too
		return "", err
	}
	out := filepath.Join(dir, "qbpeer")
	if b, err := exec.Command("gcc", "-O2", "-o", out, "testdata/qbpeer.c", "-lqb").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, b)
	}
	return out, nil
})

// startPeer runs the C echo server and waits until it listens.
func startPeer(t testing.TB, transport string) (service string, cmd *exec.Cmd) {
	t.Helper()
	service = fmt.Sprintf("goc%d-%d", os.Getpid(), hostNumber.Add(1))
	cmd = exec.Command(qbpeer(t), "server", service, transport)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd) })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "READY\n" {
		t.Fatal(line, err)
	}
	return service, cmd
}

// kill ends a server and removes what it could not.
func kill(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
	left, _ := filepath.Glob(fmt.Sprintf("/dev/shm/qb-%d-*", cmd.Process.Pid))
	for _, dir := range left {
		os.RemoveAll(dir)
	}
}

// echoOrEvents is the counterpart of qbpeer's client: id 7 asks for events, anything else is echoed.
func echoOrEvents(t testing.TB) func(c *ServerConn, req []byte) Verdict {
	return func(c *ServerConn, req []byte) Verdict {
		if cabi.I32(req, 0) != 7 {
			return echo(c, req)
		}
		n := int(cabi.U32(req, 24))
		for i := range n {
			b := message(5, make([]byte, 4+i%500)...)
			binary.NativeEndian.PutUint32(b[24:], uint32(i))
			err := c.Event(b)
			for ; err == unix.EAGAIN; err = c.Event(b) { // the client reads while this waits
				time.Sleep(100 * time.Microsecond)
			}
			if err != nil {
				t.Error("event", i, err)
			}
		}
		return Next
	}
}

func TestInteropCClient(t *testing.T)       { testCClient(t, false) }
func TestInteropCClientSocket(t *testing.T) { testCClient(t, true) }

func testCClient(t *testing.T, sockets bool) {
	peer := qbpeer(t)
	h := startHost(t, echoOrEvents(t))
	if sockets {
		h.do(h.l.UseSockets)
	}
	out, err := exec.Command(peer, "client", h.l.Service(), "2000", "3000").CombinedOutput()
	if err != nil || string(out) != "OK\n" {
		t.Fatalf("%v: %s", err, out)
	}
	for h.gone.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if left, _ := filepath.Glob(fmt.Sprintf("/dev/shm/qb-%d-*/qb-*-%s-*", os.Getpid(), h.l.Service())); len(left) != 0 {
		t.Error("left behind:", left)
	}
}

func TestInteropCServer(t *testing.T)       { testCServer(t, "shm") }
func TestInteropCServerSocket(t *testing.T) { testCServer(t, "socket") }

func testCServer(t *testing.T, transport string) {
	service, cmd := startPeer(t, transport)
	ctx := context.Background()
	c, err := Dial(ctx, service, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	echoAndEvents(t, c)
	if t.Failed() {
		return
	}

	// Flow control: level 2 holds multicasts back, and lets others wait for the 100 ms the server stays closed.
	if err := c.Send(1, [][]byte{message(8, 2)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Receive(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(2, [][]byte{message(1)}); err != unix.EAGAIN {
		t.Error("multicast at level 2:", err)
	}
	if err := c.Send(1, [][]byte{message(1)}); err != nil {
		t.Error("request at level 2:", err)
	}
	if _, err := c.Receive(ctx, nil); err != nil {
		t.Error(err)
	}

	// The server dies: everything says so, and its files go with the last user.
	dir := ""
	if c.dg != nil {
		dir = filepath.Dir(c.dg.ctlPath)
	} else {
		dir = filepath.Dir(c.paths[0])
	}
	cmd.Process.Kill()
	cmd.Wait()
	if _, err := c.Event(ctx, -1); err != unix.ENOTCONN {
		t.Error(err)
	}
	if err := c.Send(1, [][]byte{message(1)}); err != unix.ENOTCONN {
		t.Error(err)
	}
	if c.Connected() {
		t.Error("connected to a dead server")
	}
	c.Close()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Error("left behind:", dir)
	}
}

// echoAndEvents is what qbpeer's client does.
func echoAndEvents(t *testing.T, c *Client) {
	t.Helper()
	ctx := context.Background()
	var reply []byte
	for i := range 1000 {
		size := i * 37 % 5000
		if i%100 == 99 {
			size = c.MaxMessage() - 24 - i%7
		}
		req := message(1, bytes.Repeat([]byte{byte(i)}, size)...)
		if err := c.Send(1, [][]byte{req[:24], req[24:]}); err != nil {
			t.Fatal(i, err)
		}
		var err error
		if reply, err = c.Receive(ctx, reply[:0]); err != nil || !bytes.Equal(reply, req) {
			t.Fatal(i, err, len(reply), len(req))
		}
	}
	const events = 250
	if err := c.Send(1, [][]byte{message(7, events, 0, 0, 0)}); err != nil {
		t.Fatal(err)
	}
	for i := range events {
		b, err := c.Event(ctx, 5*time.Second)
		if err != nil || len(b) != 28+i%500 || binary.NativeEndian.Uint32(b[24:]) != uint32(i) {
			t.Fatal(i, err, len(b))
		}
		c.ReleaseEvent()
	}
	if _, err := c.Event(ctx, 0); err != unix.EAGAIN || poll1(c.Fd(), unix.POLLIN) != 0 {
		t.Error("left over:", err)
	}
}

// inNamespace runs the calling test again, alone in network and mount namespaces of its own, with empty /dev/shm and
// /run. It returns true inside.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv("QBIPC_INSIDE") == t.Name() {
		return true
	}
	args := []string{"--net", "--mount", "--propagation", "private"}
	if os.Getuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	if err := exec.Command("unshare", append(args, "true")...).Run(); err != nil {
		t.Skip("no namespaces: ", err)
	}
	cmd := exec.Command("unshare", append(args, "sh", "-c",
		"mount -t tmpfs none /dev/shm && mount -t tmpfs none /run && ip link set lo up && exec \"$@\"", "sh",
		os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=50s")...)
	cmd.Env = append(os.Environ(), "QBIPC_INSIDE="+t.Name())
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// TestInteropTools lets Debian's tools meet a server that knows nothing: "does not exist" to every request.
func TestInteropTools(t *testing.T) {
	cmapctl, err := exec.LookPath("corosync-cmapctl")
	if err != nil {
		t.Skip("corosync is not installed")
	}
	if !inNamespace(t) {
		return
	}
	asked := map[int32]int{}
	h := startHostAt(t, "cmap", 0, func(c *ServerConn, req []byte) Verdict {
		id := cabi.I32(req, 0)
		asked[id]++
		b := message(id)
		code := uint32(12)
		if id == 9 { // set_current_map
			code = 1
		}
		binary.NativeEndian.PutUint32(b[16:], code)
		if err := c.Respond(b); err != nil {
			t.Error(err)
		}
		return Next
	})
	out, _ := exec.Command(cmapctl, "-g", "totem.version").CombinedOutput()
	if !strings.Contains(string(out), "CS_ERR_NOT_EXIST") {
		t.Errorf("%s", out)
	}
	h.do(func() {
		if asked[2] != 1 {
			t.Error("requests by id:", asked)
		}
	})
	h.stop()
	if left, _ := filepath.Glob("/dev/shm/qb-*"); len(left) != 0 {
		t.Error("left behind:", left)
	}
	h = startHostAt(t, "cmap", unix.EACCES, echo)
	if out, _ := exec.Command(cmapctl, "-g", "x").CombinedOutput(); !strings.Contains(string(out), "CS_ERR_ACCESS") {
		t.Errorf("%s", out)
	}
}

// TestInteropUser: a client that is not root owns its files and can open them.
func TestInteropUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to become somebody else")
	}
	peer := qbpeer(t)
	var seen Credentials
	h := startHost(t, func(c *ServerConn, req []byte) Verdict { seen = c.Credentials(); return echo(c, req) })
	cmd := exec.Command(peer, "client", h.l.Service(), "200", "0")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 23456}}
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "OK\n" {
		t.Fatalf("%v: %s", err, out)
	}
	h.do(func() {
		if int(seen.PID) != cmd.Process.Pid || seen.UID != 12345 || seen.GID != 23456 {
			t.Error(seen)
		}
	})
}

// TestInteropFilesystemSockets: with the host's marker, both sides meet in SocketDir.
func TestInteropFilesystemSockets(t *testing.T) {
	peer := qbpeer(t)
	if !inNamespace(t) {
		return
	}
	over := t.TempDir()
	if err := unix.Mount("none", over, "tmpfs", 0, ""); err != nil {
		t.Skip("mount: ", err)
	}
	defer unix.Unmount(over, unix.MNT_DETACH)
	os.MkdirAll(over+"/up/libqb", 0o755)
	os.Mkdir(over+"/work", 0o755)
	os.WriteFile(over+"/up/libqb/force-filesystem-sockets", nil, 0o644)
	if err := unix.Mount("overlay", "/etc", "overlay", 0, "lowerdir=/etc,upperdir="+over+"/up,workdir="+over+"/work"); err != nil {
		t.Skip("overlay: ", err)
	}
	for _, sockets := range []bool{false, true} {
		h := startHost(t, echoOrEvents(t))
		if sockets {
			h.do(h.l.UseSockets)
		}
		path := SocketDir + "/" + h.l.Service()
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o777 {
			t.Error(st, err)
		}
		if out, err := exec.Command(peer, "client", h.l.Service(), "200", "200").CombinedOutput(); err != nil || string(out) != "OK\n" {
			t.Errorf("%v: %s", err, out)
		}
		serves(t, h)
		h.stop()
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Error("socket stays")
		}
		if left, _ := filepath.Glob("/dev/shm/qb-*"); len(left) != 0 {
			t.Error("left behind:", left)
		}
	}
}

const oneNode = `
totem {
	version: 2
	cluster_name: t
	transport: udpu
	token: 1000
}
nodelist {
	node {
		nodeid: 1
		name: n1
		ring0_addr: 127.0.0.1
	}
}
quorum {
	provider: corosync_votequorum
}
logging {
	to_stderr: no
	to_syslog: no
}
system {
	state_dir: %s
	qb_ipc_type: %s
}
`

// TestInteropDaemon asks a C daemon for a key.
func TestInteropDaemon(t *testing.T)       { testDaemon(t, "shm") }
func TestInteropDaemonSocket(t *testing.T) { testDaemon(t, "socket") }

func testDaemon(t *testing.T, transport string) {
	bin, err := exec.LookPath("corosync")
	if err != nil {
		t.Skip("corosync is not installed")
	}
	if !inNamespace(t) {
		return
	}
	conf := filepath.Join(t.TempDir(), "corosync.conf")
	if err := os.WriteFile(conf, []byte(fmt.Sprintf(oneNode, t.TempDir(), transport)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-f", "-c", conf)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var c *Client
	for {
		if c, err = Dial(ctx, "cmap", 1<<20); err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	defer c.Close()
	w := cabi.NewWriter(nil) // cmap get
	w.I32(2)
	w.Align(8)
	w.I32(288)
	w.Align(8)
	w.U16(uint16(len("totem.version")))
	w.Align(8)
	w.FixedString("totem.version", 256)
	w.U64(4)
	if err := c.Send(1, [][]byte{w.Result()}); err != nil {
		t.Fatal(err)
	}
	r, err := c.Receive(ctx, nil)
	if err != nil || len(r) != 44 || cabi.I32(r, 0) != 2 || cabi.I32(r, 16) != 1 || cabi.U32(r, 32) != 6 || cabi.U32(r, 40) != 2 {
		t.Errorf("%v %x", err, r)
	}
	if err := c.Send(1, [][]byte{append(message(77)[:8], 16, 0, 0, 0, 0, 0, 0, 0)}); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Receive(ctx, nil); err != nil || len(r) != 24 || cabi.I32(r, 16) != 7 {
		t.Errorf("%v %x", err, r)
	}
}

// TestInteropClientKilled: what a killed C client leaves is cleaned up at once.
func TestInteropClientKilled(t *testing.T) {
	peer := qbpeer(t)
	seen := make(chan struct{})
	n := 0
	h := startHost(t, func(c *ServerConn, req []byte) Verdict {
		if n++; n == 100 {
			close(seen)
		}
		return echo(c, req)
	})
	cmd := exec.Command(peer, "bench", h.l.Service(), "1000000000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-seen
	cmd.Process.Kill()
	cmd.Wait()
	eventually(t, "client gone", func() bool { return h.gone.Load() == 1 })
	if left, _ := filepath.Glob(fmt.Sprintf("/dev/shm/qb-%d-*/qb-*-%s-*", os.Getpid(), h.l.Service())); len(left) != 0 {
		t.Error("left behind:", left)
	}
	serves(t, h)
}
