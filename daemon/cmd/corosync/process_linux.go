package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/logsys"
)

// Priorities of SCHED_RR on Linux: the highest and the lowest.
const (
	rrPriority     = 99
	rrPriorityRest = 1
)

// schedule gives the calling thread, which must be locked to its goroutine and
// will run the loop, the priority that the configuration asks for.
//
// The other threads come below it, but before all ordinary work. They do little,
// and yet the loop waits for them at times: for the end of a collection's pause,
// and each time the runtime, every 10 ms under load, takes the right to run Go
// code from it and gives it back. On a busy machine an ordinary thread would
// keep the token for milliseconds then.
//
// What is not permitted is a warning. It fails only for a malformed priority.
func schedule(s *config.System, log logsys.Logger) error {
	prio, err := niceValue(s.Priority)
	if err != nil {
		return err
	}
	if s.MoveToRootCgroup == "yes" {
		moveToRootCgroup(log)
	}
	if s.SchedRR {
		err := roundRobin()
		if err != nil && s.MoveToRootCgroup == "auto" {
			// A cgroup without realtime budget refuses; the root has one.
			moveToRootCgroup(log)
			err = roundRobin()
		}
		prio = 0
		if err != nil {
			log.Warningf("Could not set SCHED_RR at priority %d: %s", rrPriority, errnoText(err))
			prio = math.MinInt32
		}
	}
	if prio != 0 {
		// The kernel cuts the value to -20..19.
		if err := unix.Setpriority(unix.PRIO_PGRP, 0, prio); err != nil {
			log.Warningf("Could not set priority %d: %s", prio, errnoText(err))
		}
	}
	return nil
}

// niceValue reads system.priority.
func niceValue(s string) (int, error) {
	switch s {
	case "":
		return 0, nil
	case "max":
		return math.MinInt32, nil
	case "min":
		return math.MaxInt32, nil
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("Priority value %s is invalid", s)
	}
	return int(n), nil
}

// roundRobin makes all threads SCHED_RR, the calling one with the highest priority. Threads made later have the low one:
// they are children of those that are there now, and never of one that is locked to its goroutine.
func roundRobin() error {
	err := unix.SchedSetAttr(0, &unix.SchedAttr{
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Flags: unix.SCHED_FLAG_RESET_ON_FORK, Priority: rrPriority,
	}, 0)
	if err != nil {
		return err
	}
	self := unix.Gettid()
	// Another thread may be born of one that was not reached yet, so look again until nothing is new.
	for done := map[int]bool{self: true}; ; {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return nil // without /proc the threads stay as they are
		}
		fresh := false
		for _, t := range tasks {
			tid, err := strconv.Atoi(t.Name())
			if err != nil || done[tid] {
				continue
			}
			done[tid], fresh = true, true
			// A thread may have ended meanwhile.
			_ = unix.SchedSetAttr(tid, &unix.SchedAttr{
				Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: rrPriorityRest,
			}, 0)
		}
		if !fresh {
			return nil
		}
	}
}

// moveToRootCgroup puts the process into the root of the cpu controller.
// Failures are warnings.
func moveToRootCgroup(log logsys.Logger) {
	tasks := "/sys/fs/cgroup/cpu/tasks"
	switch {
	case readable("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"):
		log.Debugf("Moving main pid to cgroup v1 root cgroup")
	case readable("/sys/fs/cgroup/cgroup.procs"):
		log.Debugf("Moving main pid to cgroup v2 root cgroup")
		tasks = "/sys/fs/cgroup/cgroup.procs"
	default:
		log.Debugf("cpu.rt_runtime_us or cgroup.procs doesn't exist -> system without cgroup or with disabled CONFIG_RT_GROUP_SCHED")
		return
	}
	f, err := os.OpenFile(tasks, os.O_WRONLY, 0)
	if err != nil {
		log.Warningf("Can't open cgroups tasks file for writing")
		return
	}
	_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
	if errors.Join(err, f.Close()) != nil {
		log.Warningf("Can't write corosync pid into cgroups tasks file")
	}
}

func readable(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}

// lockMemory keeps the process's pages in memory once they have been touched:
// MCL_ONFAULT, because the Go runtime reserves far more than it uses.
func lockMemory(log logsys.Logger) {
	inf := &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, inf); err != nil {
		log.Warningf("Could not increase RLIMIT_MEMLOCK, not locking memory: %s", errnoText(err))
		return
	}
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		log.Warningf("Could not lock memory of service to avoid page faults: %s", errnoText(err))
	}
}

// errnoText is what LOGSYS_PERROR writes: `Operation not permitted (1)`.
func errnoText(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return fmt.Sprintf("%s (%d)", errText(errno), int(errno))
	}
	return err.Error()
}

// pidFile is the lock that keeps a second instance out, and tells scripts the
// process id.
type pidFile struct {
	path string
	f    *os.File
}

// lockPath is where the lock file is.
const lockPath = "/var/run/corosync.pid"

// acquire locks the file and writes the process id into it. The exit code goes
// with the error.
func acquire(path string, log logsys.Logger) (*pidFile, int) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o640)
	if err != nil {
		log.Errorf("Corosync Executive couldn't create lock file.")
		return nil, exitLock
	}
	p := &pidFile{path, f}
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	for {
		err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			log.Errorf("Another Corosync instance is already running.")
			return nil, exitRunning
		}
		log.Errorf("Corosync Executive couldn't acquire lock. Error was %s", errText(err))
		return nil, exitLock
	}
	if err := f.Truncate(0); err != nil {
		log.Errorf("Corosync Executive couldn't truncate lock file. Error was %s", errText(err))
		p.release()
		return nil, exitLock
	}
	if _, err := f.WriteString(strconv.Itoa(os.Getpid()) + "\n"); err != nil {
		log.Errorf("Corosync Executive couldn't write pid to lock file. Error was %s", errText(err))
		p.release()
		return nil, exitLock
	}
	return p, exitOK
}

// release removes the file and ends the lock.
func (p *pidFile) release() {
	_ = os.Remove(p.path)
	_ = p.f.Close()
}

// errText is strerror of what is beneath err.
func errText(err error) string {
	for e := err; e != nil; e = errors.Unwrap(e) {
		err = e
	}
	t := err.Error()
	if t == "" {
		return t
	}
	return strings.ToUpper(t[:1]) + t[1:]
}
