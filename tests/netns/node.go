//go:build linux

package netns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Node is one machine of a cluster.
type Node struct {
	ID     int    // node id, 1..
	Name   string // host name and name in the nodelist: n1, n2, ...
	Daemon Daemon // what Start runs; may be changed while stopped

	c       *Cluster
	dir     string
	init    *exec.Cmd
	proc    *Proc // the daemon, nil before the first Start
	procs   []*Proc
	records int // recorders started, for names
}

// execTimeout bounds one command in a node: a client that hangs on a daemon is
// a finding, and must not stop the suite.
const execTimeout = 30 * time.Second

func (n *Node) enterArgs(argv []string) []string {
	pid := strconv.Itoa(n.init.Process.Pid)
	return append([]string{"-t", pid, "-n", "-m", "-u", "-i", "-p", "--"}, argv...)
}

// Dir is the node's directory as the test sees it: etc, lib, log, rec below it
// are /etc/corosync, /var/lib/corosync, /var/log and recordings.
func (n *Node) Dir() string { return n.dir }

// IP returns the node's address on link 0, 1, ...
func (n *Node) IP(link int) string { return nodeIP(link, n.ID).String() }

// Try runs a command in the node and returns its standard output and error,
// mixed. The error is *exec.ExitError for a status other than zero.
func (n *Node) Try(argv ...string) (string, error) {
	return n.TryInput("", argv...)
}

// TryInput is Try with standard input.
func (n *Node) TryInput(input string, argv ...string) (string, error) {
	return n.TryTimeout(execTimeout, input, argv...)
}

// TryTimeout is TryInput with another bound than 30 s.
func (n *Node) TryTimeout(d time.Duration, input string, argv ...string) (string, error) {
	if n.init == nil {
		return "", errors.New("node is down")
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", n.enterArgs(argv)...)
	cmd.Env = nodeEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second
	if input != "" {
		cmd.Stdin = strings.NewReader(input)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("%s: no end after %v", strings.Join(argv, " "), d)
	}
	return out.String(), err
}

// Exec is Try for commands that have to succeed; it echoes the command.
func (n *Node) Exec(argv ...string) string {
	n.c.t.Helper()
	n.c.logf("%s: %s", n.Name, strings.Join(argv, " "))
	out, err := n.Try(argv...)
	if err != nil {
		n.c.t.Fatalf("%s: %s: %v\n%s", n.Name, strings.Join(argv, " "), err, out)
	}
	return out
}

// ExitCode returns the exit status in the error of Try, 0 for nil, -1 for
// anything else.
func ExitCode(err error) int {
	var ee *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ee):
		return ee.ExitCode()
	}
	return -1
}

// Spawn starts a background program whose output goes to a file. It ends with
// the cluster at the latest.
func (n *Node) Spawn(name string, argv ...string) *Proc {
	n.c.t.Helper()
	n.c.logf("%s: %s: %s &", n.Name, name, strings.Join(argv, " "))
	p, err := n.spawn(name, filepath.Join(n.dir, "log", name+".out"), nil, nil, argv...)
	if err != nil {
		n.c.t.Fatalf("%s: %s: %v", n.Name, name, err)
	}
	n.procs = append(n.procs, p)
	return p
}

// WriteConf replaces the node's corosync.conf.
func (n *Node) WriteConf(text string) error {
	return os.WriteFile(filepath.Join(n.dir, "etc/corosync.conf"), []byte(text), 0o644)
}

// Start runs the node's daemon and returns at once.
func (n *Node) Start() {
	n.c.t.Helper()
	if n.proc != nil && n.proc.Running() {
		n.c.t.Fatalf("%s: daemon runs already", n.Name)
	}
	args := n.Daemon.Args
	if args == nil {
		args = []string{"-f"}
	}
	argv := append([]string{n.Daemon.Path}, args...)
	n.c.logf("%s: %s (%s)", n.Name, strings.Join(argv, " "), n.Daemon.Name)
	p, err := n.spawn("daemon", filepath.Join(n.dir, "log/daemon.out"), nil, nil, argv...)
	if err != nil {
		n.c.t.Fatalf("%s: %v", n.Name, err)
	}
	n.c.sawC = n.c.sawC || n.Daemon.Name != "go"
	n.proc = p
	n.procs = append(n.procs, p)
}

// Proc is the daemon's process, nil before the first Start.
func (n *Node) Proc() *Proc { return n.proc }

// Running reports whether the daemon runs.
func (n *Node) Running() bool { return n.proc != nil && n.proc.Running() }

// Stop ends the daemon with SIGTERM, the orderly way, and fails the test if it
// takes longer than 20 s or ends with an error.
func (n *Node) Stop() {
	n.c.t.Helper()
	n.c.logf("%s: SIGTERM", n.Name)
	n.proc.Signal(unix.SIGTERM)
	code, ok := n.proc.Wait(20 * time.Second)
	if !ok {
		n.c.t.Fatalf("%s: daemon does not end on SIGTERM", n.Name)
	}
	if code != 0 {
		n.c.t.Errorf("%s: daemon ended with %d on SIGTERM", n.Name, code)
	}
}

// Kill ends the daemon with SIGKILL: the process dies, the machine lives.
func (n *Node) Kill() {
	n.c.t.Helper()
	n.c.logf("%s: SIGKILL", n.Name)
	n.proc.kill()
}

// Pause stops the daemon's execution; Resume continues it.
func (n *Node) Pause() {
	n.c.t.Helper()
	n.c.logf("%s: SIGSTOP", n.Name)
	n.proc.Stop()
}

// Resume continues a daemon after Pause.
func (n *Node) Resume() {
	n.c.t.Helper()
	n.c.logf("%s: SIGCONT", n.Name)
	n.proc.Continue()
}

// PowerOff kills every process of the node at once, as a crash of the machine
// does. The namespaces and files stay; [Node.Start] works again.
func (n *Node) PowerOff() {
	n.c.t.Helper()
	n.c.logf("%s: power off", n.Name)
	// First silence it: the death of one process after the other must not be seen.
	for l := range n.c.Opt.Links {
		if err := setPort(n.c.port(l, n.ID), false); err != nil {
			n.c.t.Fatal(err)
		}
	}
	n.killAll()
	for l := range n.c.Opt.Links {
		if err := setPort(n.c.port(l, n.ID), true); err != nil {
			n.c.t.Fatal(err)
		}
	}
	// What a reboot empties.
	if out, err := n.Try("sh", "-c", "rm -rf /dev/shm/* /run/*; mkdir -p /run/lock /run/resource-agents"); err != nil {
		n.c.t.Fatalf("%s: %v: %s", n.Name, err, out)
	}
}

// killAll kills all processes of the node's pid namespace except its process 1.
// kill(-1) inside the namespace reaches exactly these.
func (n *Node) killAll() {
	_, _ = n.TryTimeout(5*time.Second, "", "sh", "-c", "kill -9 -1") // the shell dies by its own signal
	for _, p := range n.procs {
		p.kill()
	}
	n.procs = nil
}

func (n *Node) shutdown() {
	if n.init == nil {
		return
	}
	for _, p := range n.procs {
		p.kill()
	}
	// The kernel kills what is left of a pid namespace with its process 1, which ends when the last of them is reaped.
	_ = n.init.Process.Kill()
	done := make(chan struct{})
	go func() {
		_ = n.init.Wait()
		close(done)
	}()
	for {
		select {
		case <-done:
			n.init = nil
			return
		case <-time.After(20 * time.Millisecond):
			n.c.reapOrphans()
		}
	}
}

// ReadLog returns the daemon's log file.
func (n *Node) ReadLog() string {
	b, _ := os.ReadFile(filepath.Join(n.dir, "log/corosync/corosync.log")) // absent before the first start
	return string(b)
}

// WaitLog waits until the daemon's log matches re at or after offset bytes, and
// returns the match and the offset behind it.
func (n *Node) WaitLog(re string, offset int, d time.Duration) (string, int) {
	n.c.t.Helper()
	x := regexp.MustCompile(re)
	var match string
	var end int
	n.c.Eventually(d, func() error {
		s := n.ReadLog()
		if offset < len(s) {
			if loc := x.FindStringIndex(s[offset:]); loc != nil {
				match, end = s[offset+loc[0]:offset+loc[1]], offset+loc[1]
				return nil
			}
		}
		return fmt.Errorf("%s: log has no %q", n.Name, re)
	})
	return match, end
}

func tail(path string, lines int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	l := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	if len(l) > lines {
		l = l[len(l)-lines:]
	}
	return strings.Join(l, "\n")
}

// pacemakerDirs makes what Debian's pacemaker package has in /var/lib/pacemaker,
// owned by the cluster user where that exists and may be used.
func (n *Node) pacemakerDirs() error {
	base := filepath.Join(n.dir, "pacemaker")
	if !exists(base) {
		return nil
	}
	uid, gid := 0, 0
	if u, err := user.Lookup("hacluster"); err == nil {
		uid, _ = strconv.Atoi(u.Uid)
		gid, _ = strconv.Atoi(u.Gid)
	}
	for _, d := range []string{"", "cib", "pengine", "blackbox", "cores"} {
		p := filepath.Join(base, d)
		if err := os.MkdirAll(p, 0o750); err != nil {
			return err
		}
		_ = os.Chown(p, uid, gid) // fails in a user namespace with one id, where pacemaker is not run
	}
	_ = os.Chown(filepath.Join(n.dir, "log/pacemaker"), uid, gid)
	return nil
}

// LimitShm gives the node an empty /dev/shm of the given size ("24m"), before anything runs in it. It is no remount: as an
// ordinary user that is refused, because mount(8) repeats options that hold ids of the outer namespace.
func (n *Node) LimitShm(size string) {
	n.c.t.Helper()
	n.Exec("mount", "-t", "tmpfs", "-o", "size="+size+",mode=1777", "tmpfs", "/dev/shm")
}

// AsNobody before a command runs it without rights.
const AsNobody = "setpriv --reuid 65534 --regid 65534 --clear-groups "

// HasNobody tells whether AsNobody works: in the user namespace of an ordinary user there is one user.
func (n *Node) HasNobody() bool {
	_, err := n.Try(append(strings.Fields(AsNobody), "true")...)
	return err == nil
}
