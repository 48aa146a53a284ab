package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/corosync-go/corosync/daemon/totem"
)

const referencePath = "/usr/bin/corosync-vqsim"

// answerTimeout is the longest time to wait for something the C program must say.
const answerTimeout = 5 * time.Second

var (
	stateLine = regexp.MustCompile(`(\d+):(\d+): q=(?:\d+ ring=\[[0-9a-f.]+\] nodes=\[[0-9 ]*\]|UNINITIALIZED)`)
	exitLine  = regexp.MustCompile(`(\d+):(\d+)(?:: Quit | exited on signal (\d+))`)
)

// errCrashed says that a node of the C program ended by itself: an assertion.
var errCrashed = errors.New("a node of corosync-vqsim crashed")

// reference is a running corosync-vqsim without waiting of its own (-n): every report of a node is printed at once,
// which is how this side sees when a command is done.
type reference struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
	log   strings.Builder // the whole session
	// reports and exits count since the last command, by node.
	reports, exits map[totem.NodeID]int
	pids           map[totem.NodeID]int // processes of the nodes
	killed         map[totem.NodeID]bool
}

// startReference runs corosync-vqsim. Its -c accepts a path of at most seven characters, so it is started beside the file.
func startReference(conf string) (*reference, error) {
	r := &reference{
		lines: make(chan string, 1024), reports: map[totem.NodeID]int{}, exits: map[totem.NodeID]int{}, pids: map[totem.NodeID]int{}, killed: map[totem.NodeID]bool{},
	}
	args := []string{referencePath, "-n", "-c", filepath.Base(conf)}
	if stdbuf, err := exec.LookPath("stdbuf"); err == nil {
		args = append([]string{stdbuf, "-oL"}, args...)
	} else {
		return nil, err
	}
	r.cmd = exec.Command(args[0], args[1:]...)
	r.cmd.Dir = filepath.Dir(conf)
	r.cmd.Env = append(os.Environ(), "TERM=dumb")
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	var err error
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	pr, pw, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	r.cmd.Stdout, r.cmd.Stderr = pw, pw
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	pw.Close()
	go func() {
		defer pr.Close()
		defer close(r.lines)
		sc := bufio.NewScanner(pr)
		for sc.Scan() {
			r.lines <- sc.Text()
		}
	}()
	return r, nil
}

// stop ends the program and all its nodes.
func (r *reference) stop() {
	r.in.Close()
	// The group is this program's own: Setpgid.
	syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
	for range r.lines {
	}
	r.cmd.Wait()
}

// next reads a line.
func (r *reference) next(deadline time.Time) (string, error) {
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case l, ok := <-r.lines:
		if !ok {
			return "", io.EOF
		}
		r.log.WriteString(l + "\n")
		if m := exitLine.FindStringSubmatch(l); m != nil {
			id := totem.NodeID(atoi(m[2]))
			r.exits[id]++
			if m[3] != "" && !r.killed[id] {
				return l, errCrashed
			}
		} else if m := stateLine.FindStringSubmatch(l); m != nil && !strings.Contains(l, "ring=[0.0]") {
			// A node that starts quorate says so before its first ring.
			id := totem.NodeID(atoi(m[2]))
			r.reports[id]++
		}
		return l, nil
	case <-t.C:
		return "", fmt.Errorf("no answer in %v", answerTimeout)
	}
}

// await reads until each node has reported as often as said, and the nodes that end have ended.
func (r *reference) await(reports map[totem.NodeID]int, exits []totem.NodeID) error {
	deadline := time.Now().Add(answerTimeout)
	for {
		missing := false
		for id, n := range reports {
			missing = missing || r.reports[id] < n
		}
		for _, id := range exits {
			missing = missing || r.exits[id] == 0
		}
		if !missing {
			return nil
		}
		if _, err := r.next(deadline); err != nil {
			return fmt.Errorf("waiting for reports %v and exits %v, have %v and %v: %w", reports, exits, r.reports, r.exits, err)
		}
	}
}

// send makes one command.
func (r *reference) send(command string) error {
	clear(r.reports)
	clear(r.exits)
	if id, ok := strings.CutPrefix(command, "crash "); ok {
		n := totem.NodeID(atoi(id))
		r.killed[n] = true
		return syscall.Kill(r.pids[n], syscall.SIGKILL)
	}
	_, err := io.WriteString(r.in, command+"\n")
	return err
}

// until reads lines up to one with text, and returns the states among them.
func (r *reference) until(text string) (states []string, err error) {
	deadline := time.Now().Add(answerTimeout)
	for {
		l, err := r.next(deadline)
		if err != nil {
			return nil, err
		}
		if m := stateLine.FindString(l); m != "" {
			states = append(states, m)
		}
		if strings.Contains(l, text) {
			return states, nil
		}
	}
}

// show asks for the states of all nodes, of which there are count.
func (r *reference) show(count int) ([]string, error) {
	if _, err := io.WriteString(r.in, "show\n"); err != nil {
		return nil, err
	}
	all, err := r.until("#autofence:")
	return all[max(0, len(all)-count):], err
}

// children returns the processes of the nodes in the order of their start.
func (r *reference) children() []int {
	pid := r.cmd.Process.Pid
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var list []int
	for _, f := range strings.Fields(string(b)) {
		if n, err := strconv.Atoi(f); err == nil {
			list = append(list, n)
		}
	}
	return list
}

// learn notes the process of a node that was just started, the only unknown child.
func (r *reference) learn(ids ...totem.NodeID) {
	known := map[int]bool{}
	for _, p := range r.pids {
		known[p] = true
	}
	i := 0
	for _, p := range r.children() {
		if !known[p] && i < len(ids) {
			r.pids[ids[i]] = p
			r.killed[ids[i]] = false
			i++
		}
	}
}

// rest waits until no message is under way: all processes sleep, and none has run between two looks at each.
func (r *reference) rest() error {
	deadline := time.Now().Add(answerTimeout)
	var last string
	for time.Now().Before(deadline) {
		now, asleep := r.activity()
		if asleep && now == last {
			return nil
		}
		last = now
		time.Sleep(200 * time.Microsecond)
	}
	return errors.New("corosync-vqsim does not come to rest")
}

func (r *reference) activity() (fingerprint string, asleep bool) {
	var b strings.Builder
	asleep = true
	for _, pid := range append(r.children(), r.cmd.Process.Pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/status", pid, pid))
		if err != nil {
			asleep = false
			continue
		}
		for _, l := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(l, "State:") {
				asleep = asleep && strings.Contains(l, "S (sleeping)")
			} else if strings.Contains(l, "ctxt_switches:") {
				b.WriteString(l)
			}
		}
		fmt.Fprintf(&b, " %d;", pid)
	}
	return b.String(), asleep
}
