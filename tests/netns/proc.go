//go:build linux

package netns

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Proc is a process inside a node, started by [Node.Spawn] or [Node.Start].
type Proc struct {
	Name string
	Log  string // file with its standard output and error

	node *Node
	cmd  *exec.Cmd // nsenter; the program is its only child
	pid  int       // of the program, as the hub sees it
	done chan struct{}

	mu    sync.Mutex
	state *os.ProcessState
}

// spawn runs argv in the node with output appended to the file log.
func (n *Node) spawn(name, log string, stdin *os.File, env []string, argv ...string) (*Proc, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd := exec.Command("nsenter", n.enterArgs(argv)...)
	cmd.Stdout, cmd.Stderr = f, f
	if stdin != nil {
		cmd.Stdin = stdin
	}
	cmd.Env = append(nodeEnv(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Proc{Name: name, Log: log, node: n, cmd: cmd, done: make(chan struct{})}
	// nsenter forks to enter the pid namespace; the child may not be there yet.
	deadline := time.Now().Add(5 * time.Second)
	for p.pid == 0 && time.Now().Before(deadline) {
		p.pid = onlyChild(cmd.Process.Pid)
		if p.pid == 0 {
			if zombie(cmd.Process.Pid) {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	go func() {
		_ = cmd.Wait() // the state tells all
		p.mu.Lock()
		p.state = cmd.ProcessState
		p.mu.Unlock()
		close(p.done)
	}()
	return p, nil
}

func onlyChild(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	if len(f) == 0 {
		return 0
	}
	c, _ := strconv.Atoi(f[0])
	return c
}

func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	s := string(b)
	i := strings.LastIndexByte(s, ')')
	return i < 0 || len(s) < i+3 || s[i+2] == 'Z'
}

// reapOrphans collects programs that ended in a node after the nsenter that had started them: they become children of this
// process, which is process 1 of its own namespace, and nobody waits for them.
func (c *Cluster) reapOrphans() {
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return
	}
	for _, t := range tasks {
		b, err := os.ReadFile(t)
		if err != nil {
			continue // the thread has ended
		}
		for _, f := range strings.Fields(string(b)) {
			pid, err := strconv.Atoi(f)
			if err == nil && zombie(pid) && nested(pid) && !c.isInit(pid) {
				_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
			}
		}
	}
}

// nested says that a process is in a pid namespace below this one.
func nested(pid int) bool {
	depth := func(pid string) int {
		b, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			return 0
		}
		_, ids, _ := strings.Cut(string(b), "\nNSpid:")
		ids, _, _ = strings.Cut(ids, "\n")
		return len(strings.Fields(ids))
	}
	return depth(strconv.Itoa(pid)) > depth("self")
}

func (c *Cluster) isInit(pid int) bool {
	for _, n := range c.Nodes {
		if init := n.init; init != nil && init.Process.Pid == pid {
			return true
		}
	}
	return false
}

// PID is the program's process id in the hub's pid namespace.
func (p *Proc) PID() int { return p.pid }

// Running reports whether the process has not ended.
func (p *Proc) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Done is closed when the process has ended.
func (p *Proc) Done() <-chan struct{} { return p.done }

// Signal sends s to the program; sending to an ended one does nothing.
func (p *Proc) Signal(s syscall.Signal) {
	if p.pid > 0 && p.Running() {
		_ = unix.Kill(p.pid, s)
	}
}

// Stop stops the program's execution until Continue.
func (p *Proc) Stop() { p.Signal(unix.SIGSTOP) }

// Continue ends Stop.
func (p *Proc) Continue() { p.resume() }

// resume continues the program and nsenter, which stops itself when its child
// is stopped and would never reap it.
func (p *Proc) resume() {
	p.Signal(unix.SIGCONT)
	if p.Running() {
		_ = unix.Kill(p.cmd.Process.Pid, unix.SIGCONT)
	}
}

// Wait waits up to d for the end and returns the exit code, or -signal. ok is
// false if the process still runs.
func (p *Proc) Wait(d time.Duration) (code int, ok bool) {
	select {
	case <-p.done:
	case <-time.After(d):
		return 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	ws, isWS := p.state.Sys().(syscall.WaitStatus)
	if isWS && ws.Signaled() {
		return -int(ws.Signal()), true
	}
	return p.state.ExitCode(), true
}

// kill ends the process and waits until it is reaped.
func (p *Proc) kill() {
	if !p.Running() {
		return
	}
	if p.pid > 0 {
		_ = unix.Kill(p.pid, unix.SIGKILL)
	}
	p.resume()
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL)
	}
}

// Output returns what the process has written so far.
func (p *Proc) Output() string {
	b, _ := os.ReadFile(p.Log) // an absent file is no output
	return string(b)
}

// nodeEnv is the environment inside nodes: what the tests run under, without
// what ties a program to the outside.
func nodeEnv() []string {
	var out []string
	for _, kv := range os.Environ() {
		k, _, _ := strings.Cut(kv, "=")
		switch k {
		case "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "XDG_RUNTIME_DIR", stageEnv, specEnv:
		default:
			out = append(out, kv)
		}
	}
	return out
}
