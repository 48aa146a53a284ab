package conformance

import (
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/loop"
)

// patience is how long a test with real sockets waits for what should take microseconds.
const patience = 10 * time.Second

// Loop returns an owner loop and the Wait and Settle functions of a cluster that runs on it.
func Loop(t *testing.T) (l *loop.Loop, wait func(func() bool) bool, settle func()) {
	t.Helper()
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	wait = func(cond func() bool) bool {
		late := false
		timeout := l.After(patience, func() { late = true })
		defer timeout.Stop()
		// Conditions that send something themselves are asked again now and then.
		tick := l.NewAlarm(func() {})
		defer tick.Stop()
		for !cond() {
			tick.Set(l.Now().Add(10 * time.Millisecond))
			if late || l.RunOnce(true) != nil {
				return false
			}
		}
		return true
	}
	settle = func() {
		// What was sent over loopback or veth is in the receiver's socket when the call returns; other machines' delays do
		// not exist here. A short wait catches what the kernel handed to another thread.
		over := false
		l.After(20*time.Millisecond, func() { over = true })
		for !over {
			if l.RunOnce(true) != nil {
				return
			}
		}
	}
	return l, wait, settle
}
