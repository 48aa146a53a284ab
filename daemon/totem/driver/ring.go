package driver

import (
	"slices"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/pg"
	"github.com/corosync-go/corosync/daemon/totem/srp"
	"github.com/corosync-go/corosync/daemon/totem/transport"
)

// Multicast queues a message to a totem group. The parts are copied before it returns. The errors are
// totem.ErrQueueFull, totem.ErrTooBig and pg.ErrGroup.
func (d *Driver) Multicast(group string, g totem.Guarantee, parts [][]byte) error {
	if err := d.pg.Queue(group, g, parts); err != nil {
		return err
	}
	d.filled()
	d.Poke()
	return nil
}

// Reserve sets aside queue room for a message of n bytes.
func (d *Driver) Reserve(n int) bool { return d.pg.Reserve(n) }

// Release gives back a reservation of n bytes.
func (d *Driver) Release(n int) { d.pg.Release(n) }

// MaxSize is the size limit of one message in bytes.
func (d *Driver) MaxSize() int { return d.pg.MaxSize() }

// Usage is the percentage of the queue that is used or reserved, 0 to 100.
func (d *Driver) Usage() int { return d.pg.Usage() }

// Level is the fill level of the queue, with the hysteresis that clients of corosync see.
func (d *Driver) Level() pg.Level { return d.pg.Level() }

// Hungry reports whether the next visit of the token could send more than is queued.
func (d *Driver) Hungry() bool { return d.pg.Pending(false) < d.cfg.SRP.MaxMessages }

// TransAck says that synchronisation has ended: the ordinary send queue is used again.
//
// The packing layer switches at once, so that the frames delivered next are put together in the ordinary set, as every
// other node does from this point of the order on. The machine learns it after the present outputs, unless they hold the
// next configuration change.
func (d *Driver) TransAck() {
	if d.stopped {
		return
	}
	d.pg.SetTransitional(false)
	if d.executing {
		d.ackDue = true
		return
	}
	d.machine.TransAck(d.now())
	d.finish()
}

// OnTokenSent sets the function that is called each time the token has been passed on.
func (d *Driver) OnTokenSent(fn func()) { d.tokenSent = fn }

// Poke asks for a token visit soon: a held token is released in the next turn, when what other clients ask for by then is
// queued as well and shares frames.
func (d *Driver) Poke() {
	if d.wakeSoon || d.stopped {
		return
	}
	// While outputs are executed the token may be about to be held, so the question is asked afterwards.
	if d.executing || d.machine.TokenHeld() {
		d.wakeSoon = true
		d.cfg.Loop.Next(d.runWakeFn)
	}
}

func (d *Driver) runWake() {
	d.wakeSoon = false
	if d.stopped || !d.machine.TokenHeld() {
		return
	}
	d.machine.Wake(d.now())
	d.finish()
}

// ForceGather makes the membership form again.
func (d *Driver) ForceGather() { d.input(func() { d.machine.ForceGather(d.now()) }) }

// Reconfigure changes the protocol parameters that may change while the ring runs.
func (d *Driver) Reconfigure(c srp.Config) {
	d.cfg.SRP = c
	d.input(func() { d.machine.Reconfigure(c) })
}

// SetMembers changes the nodes and their addresses. It does not wait for a member that was removed to leave the ring.
func (d *Driver) SetMembers(members []transport.Member) error {
	d.cfg.Members = slices.Clone(members)
	return d.cfg.Transport.SetMembers(d.cfg.Members)
}

// SetBlockUnlisted changes totem.block_unlisted_ips.
func (d *Driver) SetBlockUnlisted(block bool) { d.cfg.Transport.SetBlockUnlisted(block) }

// RingStatus describes the links of this node.
func (d *Driver) RingStatus() []totem.RingStatus { return d.cfg.Transport.RingStatus() }

// NodeStatus describes a node; false if the transport refuses.
func (d *Driver) NodeStatus(id totem.NodeID) (totem.NodeStatus, bool) {
	return d.cfg.Transport.NodeStatus(id, slices.Contains(d.machine.Members(), id))
}

// NodeAddrs returns the configured addresses of a node in the order of links, none for an unknown node.
func (d *Driver) NodeAddrs(id totem.NodeID) []totem.NodeAddr {
	var list []totem.NodeAddr
	for i := range d.cfg.Members {
		if d.cfg.Members[i].ID != id {
			continue
		}
		for link, a := range d.cfg.Members[i].Addrs {
			if a.IsValid() {
				list = append(list, totem.NodeAddr{Link: link, IP: a.Unmap().WithZone("")})
			}
		}
	}
	return list
}

// Ring returns the id of the present ring, or of the one being formed.
func (d *Driver) Ring() totem.RingID { return d.machine.Ring() }

// Members returns the members of the last ring that was installed. The slice must not be changed or kept.
func (d *Driver) Members() []totem.NodeID { return d.machine.Members() }

// State returns the state of the membership automaton.
func (d *Driver) State() srp.State { return d.machine.State() }

// Stats are the counters of all parts.
type Stats struct {
	SRP       srp.Stats
	PG        pg.Stats
	Transport transport.Stats
	// QueueUsage is the percentage of the send queue that is used or reserved.
	QueueUsage int
	// Processors is the number of members of the ring being formed, or formed last.
	Processors int
}

// Stats returns the counters at the present instant.
func (d *Driver) Stats() Stats {
	return Stats{
		SRP:        d.machine.Stats(d.now()),
		PG:         d.pg.Stats,
		Transport:  d.cfg.Transport.Stats(),
		QueueUsage: d.pg.Usage(),
		Processors: d.processors,
	}
}

// ClearStats sets the counters of the protocol to zero.
func (d *Driver) ClearStats() { d.machine.ClearStats() }

// Queue returns the slots of the send queue that are free, and those set aside by Reserve.
func (d *Driver) Queue() (free, reserved int) { return d.pg.Room(), d.pg.Reserved() }
