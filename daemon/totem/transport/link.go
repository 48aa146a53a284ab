package transport

import (
	"fmt"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/totem/transport/netif"
)

// Binding the sockets is tried this often, with pauses that grow by bindPause each time (totem.md 14.2): after a crash
// the ports may still be taken for a moment, and an IPv6 address is not usable until it is known to be unique.
const (
	bindTries = 10
	bindPause = 100 * time.Millisecond
)

// Link is the life of the bound address for the transports that have sockets of their own: it opens them when the
// interface comes up, closes them when it goes down, and tells the handler. A node whose interface is down is a ring of
// one until it comes back; it is never bound to the loopback address instead.
type Link struct {
	// Sched is the owner loop; Log is the TOTEM logger.
	Sched clock.Scheduler
	Log   logsys.Logger
	// Open and Close open and close the sockets for a state that is up. Open fails as a whole or not at all.
	Open  func(netif.State) error
	Close func()
	// Announce, if set, is called when the interface is up for the first time, before the handler is told.
	Announce func()
	// Handler is told.
	Handler Handler

	state    netif.State
	open     bool // the sockets are open
	reported bool // the handler has been told something
	up       bool // what it has been told last
	tries    int
	retry    clock.Timer
	stopped  bool
}

// Up reports whether the sockets are open.
func (l *Link) Up() bool { return l.open }

// State returns what is known of the interface.
func (l *Link) State() netif.State { return l.state }

// Set takes a new state of the interface.
func (l *Link) Set(s netif.State) {
	if l.stopped {
		return
	}
	same := s.Up && l.state.Up && s.Addr == l.state.Addr && s.Index == l.state.Index
	l.state = s
	if same && l.open {
		return
	}
	l.stopRetry()
	if l.open {
		l.Close()
		l.open = false
	}
	if !s.Up {
		l.tell(false)
		return
	}
	l.tries = 0
	l.tryOpen()
}

// Stop closes the sockets for good.
func (l *Link) Stop() {
	l.stopped = true
	l.stopRetry()
	if l.open {
		l.Close()
		l.open = false
	}
}

func (l *Link) stopRetry() {
	if l.retry != nil {
		l.retry.Stop()
		l.retry = nil
	}
}

func (l *Link) tryOpen() {
	l.retry = nil
	if l.stopped {
		return
	}
	err := l.Open(l.state)
	if err == nil {
		l.open = true
		l.tell(true)
		return
	}
	l.tries++
	l.Log.Warningf("Unable to set up the network: %v", err)
	if l.tries > bindTries {
		l.Handler.Fail(fmt.Errorf("network setup failed %d times: %w", l.tries, err))
		return
	}
	l.retry = l.Sched.After(time.Duration(l.tries)*bindPause, l.tryOpen)
}

func (l *Link) tell(up bool) {
	if l.reported && l.up == up {
		// The address or its interface is a new one; the ring does not notice more than lost datagrams.
		return
	}
	l.reported, l.up = true, up
	if up {
		l.Log.Noticef("The network interface [%s] is now up.", l.state.Addr)
		if l.Announce != nil {
			l.Announce()
			l.Announce = nil
		}
	} else {
		l.Log.Noticef("The network interface is down.")
	}
	l.Handler.Interface(up)
}
