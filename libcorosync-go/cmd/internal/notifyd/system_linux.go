package notifyd

import (
	"log/syslog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// detachedEnv marks the second process.
const detachedEnv = "COROSYNC_NOTIFYD_DETACHED"

// Host is the machine that the process runs on.
func Host() System {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM)
	return System{
		Detach:     detach,
		Syslog:     new(systemLog).write,
		Stop:       stop,
		Ready:      func() { _, _ = daemon.SdNotify(false, daemon.SdNotifyReady) }, // nobody asked, or nobody listens
		Hostname:   os.Hostname,
		LookupAddr: net.DefaultResolver.LookupAddr,
		Now:        time.Now,
	}
}

// detach starts this program again in a session of its own, in the root
// directory and with nothing on its standard descriptors. A Go process cannot
// fork. Like daemon(3) it does not wait for anything.
func detach() (parent bool, err error) {
	if os.Getenv(detachedEnv) != "" {
		_ = os.Unsetenv(detachedEnv)
		// It was started by the name "exe"; init scripts and pidof look for another.
		_ = os.WriteFile("/proc/self/comm", []byte(filepath.Base(os.Args[0])), 0)
		return false, nil
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer null.Close()
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe",
		Args:        os.Args,
		Dir:         "/",
		Env:         append(os.Environ(), detachedEnv+"=1"),
		Stdin:       null,
		Stdout:      null,
		Stderr:      null,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	return true, cmd.Start()
}

// systemLog writes to /dev/log. Where nobody listens, messages are lost, and
// the next one tries again.
type systemLog struct{ w *syslog.Writer }

func (l *systemLog) write(severity int, text string) {
	if l.w == nil {
		w, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_INFO, "notifyd")
		if err != nil {
			return
		}
		l.w = w
	}
	switch severity {
	case sevError:
		_ = l.w.Err(text)
	case sevWarning:
		_ = l.w.Warning(text)
	default:
		_ = l.w.Notice(text)
	}
}
