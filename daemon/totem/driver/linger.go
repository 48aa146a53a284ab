package driver

import (
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/totem/srp"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// busyRotation is how long the token takes from one visit to the next at least, while clients send one message after the
// other here and the visit has room for more than is queued. Far below all timers of the protocol.
const busyRotation = 150 * time.Microsecond

// linger keeps a token that comes back early.
//
// A rotation costs every node a few system calls, however little the token brings. With small messages the ring turns so
// fast that these take the processor from the clients, and each visit finds less to send. A short wait gives the clients
// their turn, and more messages share a frame. Where clients send one message and wait for it nothing is kept, and a token
// that others have kept already is not kept again.
type linger struct {
	visit clock.Instant // when a token was handled last
	token []byte        // the frame
	kept  bool
	alarm clock.Alarm
	next  bool // release has been asked for
	fn    func()
	frame [1][]byte
}

func (d *Driver) initLinger() {
	d.linger.alarm = d.cfg.Loop.NewAlarm(d.release)
	d.linger.fn = d.release
}

// keep takes the token at the end of frames and reports whether it did.
func (d *Driver) keep(frames [][]byte) bool {
	if d.cfg.Pipelining == nil || len(frames) == 0 || d.machine.State() != srp.Operational || !d.Hungry() {
		return false
	}
	last := frames[len(frames)-1]
	if h, err := wire.ParseHeader(last); err != nil || h.Type != wire.TypeToken {
		return false
	}
	now, until := d.now(), d.linger.visit.Add(busyRotation)
	if !d.cfg.Pipelining() || now >= until {
		d.linger.visit = now
		return false
	}
	d.linger.token = append(d.linger.token[:0], last...)
	d.linger.kept = true
	d.linger.alarm.Set(until)
	return true
}

// release hands the token that was kept to the machine.
func (d *Driver) release() {
	d.linger.next = false
	if !d.linger.kept {
		return
	}
	d.forget()
	d.linger.visit = d.now()
	d.linger.frame[0] = d.linger.token
	d.step(d.linger.frame[:])
}

func (d *Driver) forget() {
	d.linger.kept = false
	d.linger.alarm.Stop()
}

// filled ends the wait in the next turn if there is no room for more.
func (d *Driver) filled() {
	if d.linger.kept && !d.linger.next && !d.Hungry() {
		d.linger.next = true
		d.cfg.Loop.Next(d.linger.fn)
	}
}
