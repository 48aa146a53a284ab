package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/corosync-go/corosync/daemon/logsys"
)

// Exit codes of the daemon (enum e_corosync_done). Scripts and systemd units
// know them.
const (
	exitOK            = 0
	exitUsage         = 1
	exitFork          = 4
	exitLogConfig     = 7
	exitMainConfig    = 8
	exitInitServices  = 13
	exitFatal         = 15 // totem layer
	exitStateDir      = 16
	exitLock          = 17
	exitRunning       = 18
	exitNullRedirect  = 19
	exitServiceEngine = 20
	exitStoreRingID   = 21
)

// closeWait is how long the log may take to be written at exit.
const closeWait = 2 * time.Second

// leave logs the last line, ends the log and returns code. The line names the
// place that decided to exit.
func leave(sys *logsys.System, code int) int {
	log := sys.Logger("MAIN")
	if code == exitOK {
		log.Noticef("Corosync Cluster Engine exiting normally")
	} else {
		_, file, line, _ := runtime.Caller(1)
		shown := code
		if code == 255 {
			shown = -1 // of a node that was killed, as the C daemon prints it
		}
		log.Errorf("Corosync Cluster Engine exiting with status %d at %s:%d.", shown, filepath.Base(file), line)
	}
	sys.Close(closeWait)
	return code
}

// exitError carries an exit code through an error.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return fmt.Sprintf("%v (exit %d)", e.err, e.code) }
func (e *exitError) Unwrap() error { return e.err }
