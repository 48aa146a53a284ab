package loop

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/clock"
)

// MaxPosted bounds the functions that wait to be run for other goroutines.
const MaxPosted = 8192

// errors of Post.
var (
	// ErrStopped says that the loop will not run again.
	ErrStopped = errors.New("loop: stopped")
	// ErrBusy says that MaxPosted functions wait already.
	ErrBusy = errors.New("loop: too many posted functions")
)

// Loop is an owner loop. Create it with New, run it with Run (or RunOnce) and release it with Close.
type Loop struct {
	poll  poller
	watch watches
	heap  timerHeap

	clk clock.Clock
	now clock.Instant

	next, nextRun []func()
	hooks         []func()
	stopping      bool

	mu        sync.Mutex
	posted    []func() // guarded by mu
	stopped   bool     // guarded by mu
	wakeFD    int      // -1 once closed; guarded by mu
	postedRun []func()
}

// New creates a loop with the clock of the machine.
func New() (*Loop, error) {
	l := &Loop{clk: clock.System{}, wakeFD: -1}
	var err error
	if l.wakeFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("loop: eventfd: %w", err)
	}
	if err = l.poll.open(); err != nil {
		unix.Close(l.wakeFD)
		return nil, err
	}
	if _, err = l.Watch(l.wakeFD, Readable, High, l.drainWake); err != nil {
		l.Close()
		return nil, err
	}
	l.now = l.clk.Now()
	return l, nil
}

// Close releases the descriptors of the loop. Registered descriptors stay open: they belong to who registered them.
func (l *Loop) Close() {
	l.mu.Lock()
	l.stopped = true
	l.posted = nil
	if l.wakeFD >= 0 {
		unix.Close(l.wakeFD)
		l.wakeFD = -1
	}
	l.mu.Unlock()
	l.poll.close()
}

// Now returns the time of the current turn: the reading taken when its wait ended.
func (l *Loop) Now() clock.Instant { return l.now }

// Run locks the goroutine to its thread and runs turns until Stop. It returns the error of a wait that failed for good,
// which no running kernel reports.
func (l *Loop) Run() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !l.stopping {
		if err := l.RunOnce(true); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends Run after the current turn. Functions that were posted before are still run in that turn or the one it
// wakes; what is posted later is refused.
func (l *Loop) Stop() {
	_ = l.Post(func() {
		l.stopping = true
		l.mu.Lock()
		l.stopped = true
		l.mu.Unlock()
	})
}

// RunOnce runs one turn. With block it first waits until there is something to do.
func (l *Loop) RunOnce(block bool) error {
	wait := time.Duration(0)
	if block && len(l.next) == 0 && !l.hasPosted() {
		wait = l.untilNextTimer()
	}
	n, err := l.poll.wait(wait)
	if err != nil {
		return err
	}
	l.now = l.clk.Now()
	l.watch.dispatch(l.poll.events[:n])
	l.heap.expire(l.now)
	l.runNext()
	l.runPosted()
	for _, fn := range l.hooks {
		fn()
	}
	return nil
}

// untilNextTimer returns how long the loop may sleep: negative for ever.
func (l *Loop) untilNextTimer() time.Duration {
	at := l.heap.first()
	if at == clock.Never {
		return -1
	}
	d := at.Sub(l.clk.Now())
	if d < 0 {
		return 0
	}
	return d
}

// Next calls fn in the next turn; see [clock.Turns].
func (l *Loop) Next(fn func()) { l.next = append(l.next, fn) }

// OnTurnEnd adds fn to the calls made at the end of every turn.
func (l *Loop) OnTurnEnd(fn func()) { l.hooks = append(l.hooks, fn) }

// runNext runs what Next collected until now. What these calls add waits for the next turn, so that a component that
// always has something to do does not starve the descriptors.
func (l *Loop) runNext() {
	l.next, l.nextRun = l.nextRun[:0], l.next
	for i, fn := range l.nextRun {
		l.nextRun[i] = nil
		fn()
	}
}

// Post runs fn on the owner goroutine, in order of posting. It may be called from any goroutine and does not wait.
func (l *Loop) Post(fn func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return ErrStopped
	}
	if len(l.posted) >= MaxPosted {
		return ErrBusy
	}
	l.posted = append(l.posted, fn)
	if len(l.posted) == 1 {
		wake(l.wakeFD)
	}
	return nil
}

func (l *Loop) hasPosted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.posted) > 0
}

func (l *Loop) runPosted() {
	l.mu.Lock()
	l.posted, l.postedRun = l.postedRun[:0], l.posted
	l.mu.Unlock()
	for i, fn := range l.postedRun {
		l.postedRun[i] = nil
		fn()
	}
}

// drainWake resets the wake descriptor. It runs before runPosted of the same turn, so a Post in between is either seen
// by that runPosted or wakes the next turn.
func (l *Loop) drainWake(uint32) { clearWake(l.wakeFD) }
