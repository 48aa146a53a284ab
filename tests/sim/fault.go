package sim

import (
	"slices"
	"time"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/transport/memnet"
	"github.com/corosync-go/corosync/daemon/totem/wire"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/tests/history"
)

// Fault is something that happens once in a run. Which fields mean something depends on the kind; see kinds.
type Fault struct {
	At   time.Duration // from the beginning of the trouble
	Kind string
	Node int           // where
	To   int           // the other end of a direction
	For  time.Duration // until it ends, if it ends by itself

	Size  int           // bytes
	Count int           // outputs until a crash
	Part  float64       // of what it hits, or a factor
	Time  time.Duration // of one pause or delay
	Frame string        // type of frame that sets it off, or is hit
	From  bool          // frames from the node instead of those to it
	All   bool          // all nodes instead of one
	Disk  string        // ring id that a node comes back with: "old", "lost", or empty for what was stored
	// Groups are the sides of a partition.
	Groups [][]int
}

// kind is a kind of fault. draw, optional, decides the details; do makes it happen to a host and returns what ends it,
// which may be nil.
type kind struct {
	name   string
	weight float64
	draw   func(d *draw, f *Fault)
	do     func(c *Cluster, h *host, f *Fault) (undo func())
}

// kinds is set in init, for the functions in it refer to it.
var kinds []kind

func init() {
	kinds = []kind{
		{"rough network", 2, nil, (*Cluster).rough},
		{"rough direction", 1, (*draw).to, (*Cluster).roughDirection},
		{"partition", 2, (*draw).groups, (*Cluster).partition},
		{"cut one way", 1, (*draw).to, (*Cluster).cutOneWay},
		{"cut both ways", 1, (*draw).to, (*Cluster).cutBothWays},
		{"deaf node", 0.5, nil, (*Cluster).deaf},
		{"mute node", 0.5, nil, (*Cluster).mute},
		{"mtu hole", 1, (*draw).hole, (*Cluster).mtuHole},
		{"short receive queue", 0.5, (*draw).queue, (*Cluster).shortQueue},
		{"interface down", 0.7, nil, (*Cluster).interfaceDown},
		{"kill", 1, (*draw).disk, (*Cluster).killNow},
		{"crash at output", 1.5, (*draw).crash, (*Cluster).crashAtOutput},
		{"crash at frame", 1.5, (*draw).crashAtFrame, (*Cluster).crashAtFrame},
		{"partition at frame", 1, (*draw).groupsAtFrame, (*Cluster).partitionAtFrame},
		{"lose frames of a type", 1, (*draw).loss, (*Cluster).loseType},
		{"pause", 1.5, (*draw).pause, (*Cluster).pause},
		{"pause at frame", 1, (*draw).pauseAtFrame, (*Cluster).pauseAtFrame},
		{"leave", 1, (*draw).disk, (*Cluster).leave},
		{"disk full", 0.3, (*draw).disk, (*Cluster).diskFull},
		{"slow disk", 0.7, (*draw).delay, (*Cluster).slowDisk},
		{"slow node", 0.5, (*draw).slow, (*Cluster).slowNode},
		{"clients die", 0.5, nil, (*Cluster).clientsDie},
		{"restart all", 0.2, (*draw).disk, (*Cluster).restartAll},
		{"pause all in turn", 0.2, (*draw).pause, (*Cluster).pauseAll},
		{"reload", 0.3, (*draw).factor, (*Cluster).reload},
		{"reload a broken file", 0.2, nil, (*Cluster).reloadBroken},
	}
}

func kindOf(name string) *kind {
	for i := range kinds {
		if kinds[i].name == name {
			return &kinds[i]
		}
	}
	return nil
}

// Trouble makes the faults of the plan happen until Heal.
func (c *Cluster) Trouble() {
	for i := range c.Plan.Story {
		f := &c.Plan.Story[i]
		c.world.Do(f.At, func() { c.inject(f) })
	}
}

func (c *Cluster) inject(f *Fault) {
	if c.final {
		return
	}
	h := c.hosts[(max(f.Node, 1)-1)%len(c.hosts)]
	c.faults[f.Kind]++
	c.log(h, "fault", "%s", f.Kind)
	if undo := kindOf(f.Kind).do(c, h, f); undo != nil {
		c.world.Do(f.For, func() {
			if !c.final {
				c.log(h, "fault", "%s ends", f.Kind)
				undo()
			}
		})
	}
}

func (c *Cluster) rough(*host, *Fault) func() {
	c.net.SetConditions(c.Plan.Rough)
	return func() { c.net.SetConditions(c.Plan.Calm) }
}

// other is the other end of a fault.
func (c *Cluster) other(f *Fault) *host { return c.hosts[(max(f.To, 1)-1)%len(c.hosts)] }

func (c *Cluster) roughDirection(h *host, f *Fault) func() {
	o := c.other(f)
	bad := c.Plan.Rough
	bad.Loss = max(bad.Loss, 0.3)
	c.net.SetDirection(h.id, o.id, &bad)
	return func() { c.net.SetDirection(h.id, o.id, nil) }
}

func (c *Cluster) partition(_ *host, f *Fault) func() {
	var groups [][]totem.NodeID
	for _, g := range f.Groups {
		var ids []totem.NodeID
		for _, n := range g {
			ids = append(ids, totem.NodeID(n))
		}
		groups = append(groups, ids)
	}
	c.log(nil, "partition", "%v", groups)
	c.net.Partition(groups...)
	return c.net.Join
}

func (c *Cluster) cutOneWay(h *host, f *Fault) func() {
	o := c.other(f)
	c.net.Cut(h.id, o.id, true)
	return func() { c.net.Cut(h.id, o.id, false) }
}

func (c *Cluster) cutBothWays(h *host, f *Fault) func() {
	o := c.other(f)
	c.net.Cut(h.id, o.id, true)
	c.net.Cut(o.id, h.id, true)
	return func() {
		c.net.Cut(h.id, o.id, false)
		c.net.Cut(o.id, h.id, false)
	}
}

func (c *Cluster) cutAll(h *host, in, out, cut bool) {
	for _, o := range c.hosts {
		if o == h {
			continue
		}
		if in {
			c.net.Cut(o.id, h.id, cut)
		}
		if out {
			c.net.Cut(h.id, o.id, cut)
		}
	}
}

func (c *Cluster) deaf(h *host, _ *Fault) func() {
	c.cutAll(h, true, false, true)
	return func() { c.cutAll(h, true, false, false) }
}

func (c *Cluster) mute(h *host, _ *Fault) func() {
	c.cutAll(h, false, true, true)
	return func() { c.cutAll(h, false, true, false) }
}

// mtuHole loses the large frames to one node, or to all.
func (c *Cluster) mtuHole(h *host, f *Fault) func() {
	c.net.Drop(func(_, to totem.NodeID, frame []byte) bool { return len(frame) > f.Size && (f.All || to == h.id) })
	return func() { c.net.Drop(nil) }
}

// shortQueue leaves the sockets little room for what arrives.
func (c *Cluster) shortQueue(_ *host, f *Fault) func() {
	c.net.SetQueue(f.Count)
	return func() { c.net.SetQueue(memnet.DefaultQueue) }
}

// loseType loses frames of one type from one node, or to it.
func (c *Cluster) loseType(h *host, f *Fault) func() {
	kind := frameType(f.Frame)
	c.net.Drop(func(from, to totem.NodeID, frame []byte) bool {
		head, err := wire.ParseHeader(frame)
		return err == nil && head.Type == kind && (f.From && from == h.id || !f.From && to == h.id) && c.rnd.Float64() < f.Part
	})
	return func() { c.net.Drop(nil) }
}

func (c *Cluster) interfaceDown(h *host, _ *Fault) func() {
	p := h.proc
	if p == nil {
		return nil
	}
	p.end.SetInterface(false)
	return func() { p.end.SetInterface(true) }
}

// reboot starts a daemon that has died, with its disk as it is.
func (h *host) reboot() { h.rebootWith(&Fault{}) }

// rebootWith starts a daemon that has died, with its disk as it is, with an old one, or without. A ring id that is used again
// while others are still in the ring that had it first makes their messages one; that is for nobody to tell, so that the disk is
// only lost with those that the others have noticed to be gone.
func (h *host) rebootWith(f *Fault) {
	if h.up() {
		return
	}
	h.diskErr = nil
	disk := f.Disk
	if h.c.world.Now().Sub(h.diedAt) < h.c.bound()/2 {
		disk = ""
	}
	switch disk {
	case "old":
		h.stored = h.older
		h.c.faults["old ring id"]++
	case "lost":
		h.stored = h.c.Plan.StoredSeq
		h.c.faults["lost ring id"]++
	}
	h.boot()
}

func (c *Cluster) killNow(h *host, f *Fault) func() {
	if h.up() {
		h.proc.kill("kill")
	}
	return func() { h.rebootWith(f) }
}

func (c *Cluster) crashAtOutput(h *host, f *Fault) func() {
	if h.up() {
		h.proc.crashIn = f.Count
	}
	return func() { h.rebootWith(f) }
}

// trap waits for a frame of a type from a node.
type trap struct {
	from totem.NodeID
	kind wire.Type
	fn   func()
}

// catch calls fn, in a turn of the world, when a node next sends a frame of the given type.
func (c *Cluster) catch(h *host, kind wire.Type, fn func()) {
	c.armed = append(c.armed, &trap{h.id, kind, fn})
}

// tap sees all frames that are sent.
func (c *Cluster) tap(from, to totem.NodeID, frame []byte) {
	n := len(frame)
	c.mix(uint64(from)<<32|uint64(to), uint64(n), uint64(frame[n-1])|uint64(frame[n/2])<<8|uint64(frame[n/3])<<16)
	if c.world.Pending() > maxPending {
		panic(storm{})
	}
	if len(c.armed) == 0 {
		return
	}
	h, err := wire.ParseHeader(frame)
	if err != nil {
		return
	}
	for i, t := range c.armed {
		if t.from == from && t.kind == h.Type {
			c.armed = slices.Delete(c.armed, i, i+1)
			c.world.After(0, t.fn)
			return
		}
	}
}

// frameType is the type with a name; types are printed by their names.
func frameType(name string) wire.Type {
	for t := wire.Type(0); t < wire.NumTypes; t++ {
		if t.String() == name {
			return t
		}
	}
	return wire.NumTypes
}

// crashAtFrame lets a node die soon after it has sent a frame of a rare type, at any output.
func (c *Cluster) crashAtFrame(h *host, f *Fault) func() {
	if h.up() {
		h.proc.crashIn = 0
	}
	c.catch(h, frameType(f.Frame), func() {
		if h.up() && !c.final {
			h.proc.crashIn = f.Count
		}
	})
	return func() { h.rebootWith(f) }
}

func (c *Cluster) partitionAtFrame(h *host, f *Fault) func() {
	c.catch(h, frameType(f.Frame), func() {
		if !c.final {
			c.partition(h, f)
		}
	})
	return c.net.Join
}

func (c *Cluster) pauseFor(h *host, d time.Duration) {
	p := h.proc
	if p == nil {
		return
	}
	p.loop.Pause()
	c.world.After(d, func() {
		if p.alive {
			p.loop.Resume()
		}
	})
}

func (c *Cluster) pause(h *host, f *Fault) func() {
	c.pauseFor(h, f.Time)
	return nil
}

func (c *Cluster) pauseAtFrame(h *host, f *Fault) func() {
	c.catch(h, frameType(f.Frame), func() {
		if !c.final {
			c.pauseFor(h, f.Time)
		}
	})
	return nil
}

func (c *Cluster) pauseAll(_ *host, f *Fault) func() {
	d := time.Duration(0)
	for _, h := range c.hosts {
		c.world.After(d, func() {
			if !c.final {
				c.pauseFor(h, f.Time)
			}
		})
		d += f.Time / 2
	}
	return nil
}

// slowNode makes a process come late to its timers and to what arrives.
func (c *Cluster) slowNode(h *host, f *Fault) func() {
	h.late = f.Time
	return func() { h.late = c.Plan.Late }
}

// reload changes the token timeout in the files of all nodes, or of one, and asks a daemon to have them read everywhere.
func (c *Cluster) reload(h *host, f *Fault) func() {
	p := c.Plan
	p.TokenMs = slices.Clone(c.Plan.TokenMs)
	for i, t := range c.Plan.TokenMs {
		if f.All || totem.NodeID(i+1) == h.id {
			p.TokenMs[i] = int(float64(t) * f.Part)
			c.tokens[i] = max(c.tokens[i], p.TokenMs[i])
		}
	}
	for _, o := range c.hosts {
		o.write(p.conf(o.id))
	}
	c.askReload(h, false)
	return nil
}

// reloadBroken has a file read that is none: the daemon must refuse it and go on.
func (c *Cluster) reloadBroken(h *host, _ *Fault) func() {
	h.broken = "totem {\n  version: 2\n  token: many\n}\nnodelist {\n"
	c.askReload(h, true)
	return func() { h.broken = "" }
}

func (c *Cluster) askReload(h *host, broken bool) {
	if !h.up() {
		return
	}
	h.proc.ask(service.CFG, ipcmsg.AppendRequest(nil, ipcmsg.CfgReqReloadConfig), func(answer []byte) {
		r, err := ipcmsg.ParseResponseHeader(answer)
		switch {
		case err != nil:
			c.violate("ipc", "%v: reload: %v", h, err)
		case broken:
			// Another fault may have written the file again meanwhile.
		case r.Error != cserr.OK && r.Error != cserr.TryAgain && c.faults["reload a broken file"] == 0:
			c.violate("reload", "%v: reload answered with %v", h, r.Error)
		}
	})
}

// leave stops a node gracefully.
func (c *Cluster) leave(h *host, f *Fault) func() {
	if p := h.proc; p != nil && !p.stopping {
		p.stopping = true
		if p.spy != nil && p.spy.life != nil {
			p.spy.record(history.Step{Kind: history.LifeLeaving})
		}
		p.loop.Input(func() { p.node.Shutdown("simulation") })
	}
	return func() { h.rebootWith(f) }
}

func (c *Cluster) diskFull(h *host, f *Fault) func() {
	h.diskErr = errDisk
	return func() {
		h.diskErr = nil
		h.rebootWith(f)
	}
}

// slowDisk makes each write of the ring id take its time; the process stands still meanwhile.
func (c *Cluster) slowDisk(h *host, f *Fault) func() {
	h.diskTime = f.Time
	return func() { h.diskTime = 0 }
}

// clientsDie ends all clients of a node at once, without a word.
func (c *Cluster) clientsDie(h *host, _ *Fault) func() {
	for _, s := range h.slots {
		if m := s.cur; m != nil {
			m.die()
		}
	}
	return nil
}

func (c *Cluster) restartAll(_ *host, f *Fault) func() {
	for _, h := range c.hosts {
		if h.up() {
			h.proc.kill("kill")
		}
	}
	return func() {
		for _, h := range c.hosts {
			h.rebootWith(f)
		}
	}
}
