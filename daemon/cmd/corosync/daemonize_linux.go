package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/logsys"
)

// Going into the background: a Go process cannot fork, so it starts itself
// again, detached, with one end of a pipe. The second process writes a byte to
// the pipe when it serves; the first one waits for that and exits with 0, or
// with the status of the second one if that ends before. (The C daemon forks
// and does not wait, so a second instance or a busy port is only in its log.)

// childEnv tells the second process which descriptor the pipe is.
const childEnv = "COROSYNC_GO_READY_FD"

// detachWait bounds the wait of the first process: reaching the network may
// take retries of bind, then the start counts as made.
const detachWait = 60 * time.Second

// child is the second process's end of the pipe; nil where there is none.
type child struct{ pipe *os.File }

// detached returns the pipe if this is the second process. It is called once,
// before anything else is started, and hides the variable from children.
func detached() *child {
	v := os.Getenv(childEnv)
	if v == "" {
		return nil
	}
	_ = os.Unsetenv(childEnv)
	fd, err := strconv.Atoi(v)
	if err != nil || fd < 3 {
		return nil
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil
	}
	unix.CloseOnExec(fd)
	// It was started by the name "exe"; init scripts and pidof look for another.
	_ = os.WriteFile("/proc/self/comm", []byte(filepath.Base(os.Args[0])), 0)
	return &child{os.NewFile(uintptr(fd), "ready")}
}

// ready lets the first process go.
func (c *child) ready() {
	if c == nil || c.pipe == nil {
		return
	}
	_, _ = c.pipe.Write([]byte{0})
	_ = c.pipe.Close()
	c.pipe = nil
}

// detach starts this program again in the background, in directory dir with
// the same arguments, and returns the exit code for this process.
func detach(dir string, log logsys.Logger) int {
	r, w, err := os.Pipe()
	if err != nil {
		log.Errorf("Can't create pipe: %s", errnoText(err))
		return exitFork
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return exitNullRedirect
	}
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe",
		Args:        os.Args,
		Dir:         dir,
		Env:         append(os.Environ(), childEnv+"=3"),
		Stdin:       null,
		Stdout:      null,
		Stderr:      null,
		ExtraFiles:  []*os.File{w},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		log.Errorf("Can't fork: %s", errText(err))
		return exitFork
	}
	_ = w.Close()
	_ = null.Close()
	_ = r.SetReadDeadline(time.Now().Add(detachWait))
	var b [1]byte
	_, err = io.ReadFull(r, b[:])
	_ = r.Close()
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return exitOK
	}
	// The pipe was closed without a word: the process is ending.
	state := new(exec.ExitError)
	if err := cmd.Wait(); errors.As(err, &state) && state.ExitCode() > 0 {
		return state.ExitCode()
	} else if err != nil && !strings.HasPrefix(err.Error(), "exit status") {
		log.Errorf("Corosync ended at start: %s", err)
		return exitFatal
	}
	return exitOK
}
