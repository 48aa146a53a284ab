package driver

import (
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// lingering returns a rig whose clients are pipelining as the pointer says, behind the visit of a token just now.
func lingering(t *testing.T) (r *rig, token string, pipelining *bool) {
	r = newRig(t)
	r.m.deadline = clock.Never
	r.d.cfg.SRP.MaxMessages = 17
	pipelining = new(bool)
	r.d.cfg.Pipelining = func() bool { return *pipelining }
	r.w.RunFor(time.Second)
	tok := wire.Token{Header: wire.Header{NodeID: 2, Target: 1}}
	token = string(tok.Append(nil))
	r.handle.Receive(frames(token))
	r.expect("in: step " + token)
	return r, token, pipelining
}

func TestTokenLingersForPipeliningClients(t *testing.T) {
	r, token, pipelining := lingering(t)
	*pipelining = true
	r.w.RunFor(busyRotation / 3)
	r.handle.Receive(frames("m", token))
	r.expect("in: step m")
	r.w.RunFor(busyRotation / 3)
	r.expect()
	r.w.RunFor(busyRotation / 2)
	r.expect("in: step " + token)

	// It has taken that long by itself.
	r.w.RunFor(busyRotation)
	r.handle.Receive(frames(token))
	r.expect("in: step " + token)

	// What comes meanwhile keeps its place.
	r.handle.Receive(frames("a", token))
	r.handle.Receive(frames("b"))
	r.expect("in: step a", "in: step "+token, "in: step b")

	*pipelining = false
	r.handle.Receive(frames("c", token))
	r.expect("in: step c," + token)
}

func TestTokenLingersUntilTheVisitIsFull(t *testing.T) {
	r, token, pipelining := lingering(t)
	*pipelining = true
	r.handle.Receive(frames(token))
	r.expect()
	msg := make([]byte, 4000)
	for r.d.Hungry() {
		if err := r.d.Multicast("a", totem.Agreed, [][]byte{msg}); err != nil {
			t.Fatal(err)
		}
	}
	r.expect()
	r.w.RunFor(time.Microsecond)
	r.expect("in: step " + token)

	// With a full visit waiting there is nothing to linger for.
	r.handle.Receive(frames(token))
	r.expect("in: step " + token)
}

// The timers of the machine see a token that has come before them; a node that stops has none.
func TestLingeringTokenBeforeTimers(t *testing.T) {
	r, token, pipelining := lingering(t)
	*pipelining = true
	r.handle.Receive(frames("a", token))
	r.expect("in: step a")
	r.d.expired()
	r.expect("in: step "+token, "in: advance")
	r.handle.Receive(frames("b", token))
	r.d.stop()
	r.w.RunFor(time.Second)
	r.expect("in: step b")
}
