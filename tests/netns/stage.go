//go:build linux

package netns

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The same binary plays three parts, told apart by this variable.
const (
	stageEnv  = "COROSYNC_NETNS_STAGE"
	stageHub  = "hub"
	stageNode = "node"
)

// unsupported holds why namespaces cannot be made here; empty if they can.
var unsupported = "netns.Main was not called from TestMain"

// Main runs the tests of m inside namespaces and exits the process. Where the
// machine allows none, the tests run outside and each call of [New] skips with
// the reason.
func Main(m *testing.M) { os.Exit(Stage(m.Run)) }

// Stage is Main for programs that are no tests: it runs f inside namespaces, or
// outside where there can be none (see [Supported]), and returns its exit code.
// It is called first thing in main.
func Stage(f func() int) int {
	switch os.Getenv(stageEnv) {
	case stageNode:
		nodeInit()
		return 1
	case stageHub:
		os.Unsetenv(stageEnv)
		unsupported = prepareHub()
		code := f()
		cleanBuilds()
		return code
	default:
		code, err := runHub()
		if err != nil {
			unsupported = err.Error()
			return f()
		}
		return code
	}
}

// Supported reports whether clusters can be built here, and if not, why.
func Supported() (bool, string) { return unsupported == "", unsupported }

// runHub executes this binary in fresh namespaces and waits for it.
func runHub() (int, error) {
	if _, err := exec.LookPath("nsenter"); err != nil {
		return 0, errors.New("nsenter (util-linux) is not installed")
	}
	// The death signal below belongs to the thread that started the child.
	runtime.LockOSThread()
	cmd, err := startHub(os.Geteuid() != 0)
	if errors.Is(err, unix.EPERM) && os.Geteuid() == 0 {
		cmd, err = startHub(true) // root of a container may be an ordinary user in this respect
	}
	if err != nil {
		return 0, fmt.Errorf("no namespaces on this machine for uid %d: %w", os.Getuid(), err)
	}
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, unix.SIGTERM, unix.SIGQUIT)
	go func() {
		for s := range ch {
			_ = cmd.Process.Signal(s)
		}
	}()
	err = cmd.Wait()
	var ee *exec.ExitError
	if errors.As(err, &ee) {
		if c := ee.ExitCode(); c >= 0 {
			return c, nil
		}
		return 1, nil
	}
	if err != nil {
		return 1, nil
	}
	return 0, nil
}

// startHub starts this binary as the hub, with a user namespace around it in
// which the caller is root, or without.
func startHub(user bool) (*exec.Cmd, error) {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), stageEnv+"="+stageHub)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	if user {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return cmd, cmd.Start()
}

// prepareHub makes the namespaces of the test process usable.
func prepareHub() string {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Sprintf("cannot make mounts private: %v", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Sprintf("cannot mount /proc in a new pid namespace: %v", err)
	}
	if err := linkUp("lo"); err != nil {
		return fmt.Sprintf("cannot configure links in a new network namespace: %v", err)
	}
	if err := probeBridge(); err != nil {
		return fmt.Sprintf("cannot make a bridge with veth ports: %v", err)
	}
	return ""
}

// nodeSpec is what a node's process 1 needs to know; it travels as JSON in the
// environment, because there is no other channel that survives the exec.
type nodeSpec struct {
	Name    string
	Dir     string            // node's directory outside
	Binds   map[string]string // path in the node -> directory below Dir
	Tmpfs   []string          // paths that start empty
	Overlay []string          // parents that lack an entry of Binds, made writable
}

const specEnv = "COROSYNC_NETNS_NODE"

// nodeInit is process 1 of a node. It never returns.
func nodeInit() {
	fail := func(what string, err error) {
		fmt.Fprintf(os.Stderr, "node init: %s: %v\n", what, err)
		os.Exit(1)
	}
	var sp nodeSpec
	if err := json.Unmarshal([]byte(os.Getenv(specEnv)), &sp); err != nil {
		fail("specification", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		fail("private mounts", err)
	}
	if err := unix.Sethostname([]byte(sp.Name)); err != nil {
		fail("hostname", err)
	}
	for i, p := range sp.Overlay {
		up, work := fmt.Sprintf("%s/ovl%d.up", sp.Dir, i), fmt.Sprintf("%s/ovl%d.work", sp.Dir, i)
		for _, d := range []string{up, work} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				fail(d, err)
			}
		}
		opt := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", p, up, work)
		if err := unix.Mount("overlay", p, "overlay", 0, opt); err != nil {
			fail("overlay on "+p, err)
		}
	}
	for path, dir := range sp.Binds {
		if err := os.MkdirAll(path, 0o755); err != nil {
			fail(path, err)
		}
		if err := unix.Mount(sp.Dir+"/"+dir, path, "", unix.MS_BIND, ""); err != nil {
			fail("bind "+path, err)
		}
	}
	for _, p := range sp.Tmpfs {
		if err := unix.Mount("tmpfs", p, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"); err != nil {
			fail("tmpfs "+p, err)
		}
	}
	for _, d := range []string{"/run/lock", "/run/resource-agents"} {
		_ = os.MkdirAll(d, 0o1777) // conveniences of resource agents, not needed by the daemon
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		fail("proc", err)
	}
	if err := linkUp("lo"); err != nil {
		fail("lo", err)
	}
	// Descriptor 3 is the pipe the harness waits on.
	ready := os.NewFile(3, "ready")
	if _, err := ready.WriteString("ready\n"); err != nil {
		fail("ready", err)
	}
	ready.Close()

	ch := make(chan os.Signal, 16)
	signal.Notify(ch, unix.SIGCHLD)
	for range ch {
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			if pid <= 0 || (err != nil && err != unix.EINTR) {
				break
			}
		}
	}
}
