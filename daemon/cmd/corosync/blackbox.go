package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/corosync-go/corosync/daemon/logsys"
)

// writeBlackbox writes the recent log messages to fdata-DATE-PID in the state
// directory and points the link fdata there, where corosync-blackbox looks.
func writeBlackbox(dir string, sys *logsys.System) {
	log := sys.Logger("MAIN")
	if !sys.HasBlackbox() {
		log.Errorf("Can't store blackbox file: No such file or directory (2)")
		return
	}
	name := filepath.Join(dir, fmt.Sprintf("fdata-%s-%d", time.Now().Format("2006-01-02T15:04:05"), os.Getpid()))
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o700)
	if err != nil {
		log.Errorf("Can't store blackbox file: %s", errnoText(err))
		return
	}
	if err := errors.Join(sys.WriteBlackbox(f), f.Close()); err != nil {
		log.Errorf("Can't store blackbox file: %s", errnoText(err))
		return
	}
	link := filepath.Join(dir, "fdata")
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Errorf("Can't replace '%s': %s", link, errnoText(err))
		return
	}
	if err := os.Symlink(name, link); err != nil {
		log.Errorf("Can't create symlink to '%s' for corosync blackbox file '%s'", name, link)
	}
}
