package main

import (
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"math/rand"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/engine/mon"
	"github.com/corosync-go/corosync/daemon/engine/wd"
	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop"
	"github.com/corosync-go/corosync/daemon/node"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/driver"
)

// server is the running daemon.
type server struct {
	sys  *logsys.System
	log  logsys.Logger // MAIN
	cfg  *config.Config
	db   *icmap.Map
	loop *loop.Loop
	node *node.Node

	status int  // exit code once ended
	ended  bool // Exit was called
}

// serve runs the daemon on this goroutine, which main has locked to its thread,
// and returns the exit code. up is told when it serves.
func serve(sys *logsys.System, db *icmap.Map, cfg *config.Config, up *child) (code int) {
	s := &server{sys: sys, log: sys.Logger("MAIN"), cfg: cfg, db: db}
	// What a crash of the C daemon writes from its signal handler.
	defer func() {
		if r := recover(); r != nil {
			s.log.Critf("Corosync crashed: %v\n%s", r, debug.Stack())
			writeBlackbox(cfg.System.StateDir, sys)
			sys.Flush(closeWait)
			panic(r)
		}
	}()
	if err := schedule(&cfg.System, s.log); err != nil {
		s.log.Errorf("%s", err)
		return exitMainConfig
	}
	lockMemory(s.log)
	lp, err := loop.New()
	if err != nil {
		s.log.Errorf("Can't create the main loop: %s", err)
		return exitFatal
	}
	s.loop = lp
	defer lp.Close()
	stopSignals := s.signals()
	defer stopSignals()
	lock, code := acquire(lockPath, s.log)
	if lock == nil {
		return code
	}
	defer lock.release()

	store := driver.NewFileStore(cfg.System.StateDir, totem.NodeID(cfg.NodeID))
	defer store.Close()
	barrier := node.NewBarrierFile(cfg.System.StateDir, sys.Logger("VOTEQ"))
	defer barrier.Wait()
	s.node, err = node.New(cfg, db, node.Env{
		Turns: lp, Loop: lp, Logs: sys, Files: config.OS{}, Rand: random(), Store: store,
		Barrier: barrier, Sampler: mon.Proc{}, Platform: wd.Linux{},
		Offload: s.offload, ApplyLogging: sys.Apply, ReopenLogs: sys.Reopen,
		DumpBlackbox: s.dumpBlackbox,
		DumpState:    s.dumpState,
		OnReady:      func() { s.notify(sd.SdNotifyReady) },
		Exit:         s.exit,
	})
	if err != nil {
		s.log.Errorf("%s", err)
		if errors.Is(err, driver.ErrStore) {
			return exitStoreRingID
		}
		s.log.Errorf("Can't initialize TOTEM layer")
		return exitFatal
	}
	if err := s.node.Start(); err != nil {
		s.node.Close()
		if s.ended {
			return s.status
		}
		return s.failed(err)
	}
	up.ready()
	if err := lp.Run(); err != nil {
		s.log.Errorf("Main loop failed: %s", err)
		return exitFatal
	}
	return s.status
}

// failed logs why the start failed and returns the exit code.
func (s *server) failed(err error) int {
	// service "NAME": reason
	if rest, ok := strings.CutPrefix(err.Error(), `service "`); ok {
		name, _, _ := strings.Cut(rest, `"`)
		cause := err
		for e := err; e != nil; e = errors.Unwrap(e) {
			cause = e
		}
		s.sys.Logger("SERV").Errorf("Service engine 'corosync_%s' failed to load for reason '%s'", name, cause)
		return exitServiceEngine
	}
	s.log.Errorf("%s", err)
	s.log.Errorf("Can't initialize TOTEM layer")
	return exitFatal
}

// exit is Env.Exit: it ends the loop. A node that was killed has status -1,
// which the kernel makes 255.
func (s *server) exit(status int) {
	if s.ended {
		return
	}
	s.ended, s.status = true, status
	s.loop.Stop()
}

// offload runs work on a goroutine of its own and then, if the loop still runs,
// then on the loop.
func (s *server) offload(work, then func()) {
	go func() {
		work()
		for s.loop.Post(then) == loop.ErrBusy {
			time.Sleep(time.Millisecond)
		}
	}()
}

// notify tells systemd, without waiting for it on the loop.
func (s *server) notify(state string) {
	s.offload(func() {
		if _, err := sd.SdNotify(false, state); err != nil {
			s.log.Warningf("Can't notify systemd: %s", err)
		}
	}, func() {})
}

// random returns a generator that differs from process to process.
func random() *rand.Rand {
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails
	return rand.New(rand.NewSource(int64(binary.NativeEndian.Uint64(b[:]))))
}

// signals hands signals to the loop until the returned function is called.
func (s *server) signals() (stop func()) {
	signal.Ignore(unix.SIGPIPE)
	c := make(chan os.Signal, 16)
	signal.Notify(c, unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR2, unix.SIGSEGV, unix.SIGABRT)
	done := make(chan struct{})
	go func() { // ends when stop closes done
		for {
			select {
			case <-done:
				return
			case sig := <-c:
				s.signal(sig)
			}
		}
	}()
	return func() {
		signal.Stop(c)
		close(done)
	}
}

// signal acts on one signal, on the goroutine of signals.
func (s *server) signal(sig os.Signal) {
	switch sig {
	case unix.SIGTERM, unix.SIGINT, unix.SIGQUIT:
		_ = s.loop.Post(func() {
			s.log.Noticef("Node was shut down by a signal")
			if s.node == nil {
				s.exit(exitOK)
				return
			}
			s.node.Shutdown("signal")
		})
	case unix.SIGHUP:
		_ = s.loop.Post(func() {
			if s.node != nil {
				s.node.Reload()
			}
		})
	case unix.SIGUSR2:
		_ = s.loop.Post(s.dumpState)
	case unix.SIGSEGV, unix.SIGABRT:
		// Sent from outside; faults of our own are panics. The blackbox, then what
		// the runtime does by default: a traceback, and exit status 2. (Its mode that
		// ends with the signal itself may take seconds, and other nodes wait.)
		writeBlackbox(s.cfg.System.StateDir, s.sys)
		s.sys.Flush(closeWait)
		signal.Reset(sig)
		_ = unix.Kill(os.Getpid(), sig.(unix.Signal))
	}
}

// dumpWait bounds how long the loop waits for a disk that is asked for by a client.
const dumpWait = 100 * time.Millisecond

// dumpBlackbox writes the recent messages to a file. The file is there when it returns, for corosync-blackbox reads it as
// soon as its request is answered; only a disk that takes longer than any ring can wait is not waited for.
func (s *server) dumpBlackbox() {
	done := make(chan struct{})
	go func() {
		writeBlackbox(s.cfg.System.StateDir, s.sys)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(dumpWait):
	}
}

// dumper is implemented by engines that have a state to log.
type dumper interface{ Dump() }

// dumpState lets the services log their state (exec_dump_fn).
func (s *server) dumpState() {
	if s.node == nil {
		return
	}
	for _, svc := range s.node.Router().Services() {
		if d, ok := svc.Engine.(dumper); ok {
			d.Dump()
		}
	}
}
