package sim

import (
	"slices"
	"time"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/wire"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// kind is a kind of fault. do makes it happen to a host and returns what ends it, which may be nil.
type kind struct {
	name   string
	weight float64
	do     func(c *Cluster, h *host) (undo func())
}

var kinds = []kind{
	{"rough network", 2, (*Cluster).rough},
	{"rough direction", 1, (*Cluster).roughDirection},
	{"partition", 2, (*Cluster).partition},
	{"cut one way", 1, (*Cluster).cutOneWay},
	{"cut both ways", 1, (*Cluster).cutBothWays},
	{"deaf node", 0.5, (*Cluster).deaf},
	{"mute node", 0.5, (*Cluster).mute},
	{"mtu hole", 1, (*Cluster).mtuHole},
	{"interface down", 0.7, (*Cluster).interfaceDown},
	{"kill", 1, (*Cluster).killNow},
	{"crash at output", 1.5, (*Cluster).crashAtOutput},
	{"crash at frame", 1.5, (*Cluster).crashAtFrame},
	{"partition at frame", 1, (*Cluster).partitionAtFrame},
	{"lose frames of a type", 1, (*Cluster).loseType},
	{"pause", 1.5, (*Cluster).pause},
	{"pause at frame", 1, (*Cluster).pauseAtFrame},
	{"leave", 1, (*Cluster).leave},
	{"disk full", 0.3, (*Cluster).diskFull},
	{"restart all", 0.2, (*Cluster).restartAll},
	{"pause all in turn", 0.2, (*Cluster).pauseAll},
	{"reload", 0.3, (*Cluster).reload},
}

// Trouble makes the faults of the plan happen until Heal.
func (c *Cluster) Trouble() {
	if len(c.Plan.Faults) > 0 {
		c.world.After(c.exp(c.Plan.FaultEvery), c.nextFault)
	}
}

func (c *Cluster) nextFault() {
	if c.final {
		return
	}
	c.world.After(c.exp(c.Plan.FaultEvery), c.nextFault)
	total := 0.0
	for _, k := range kinds {
		total += c.Plan.Faults[k.name]
	}
	x := c.rnd.Float64() * total
	for _, k := range kinds {
		if x -= c.Plan.Faults[k.name]; x < 0 && c.Plan.Faults[k.name] > 0 {
			c.inject(k, c.hosts[c.rnd.IntN(len(c.hosts))])
			return
		}
	}
}

func (c *Cluster) inject(k kind, h *host) {
	c.faults[k.name]++
	c.log(h, "fault", "%s", k.name)
	if undo := k.do(c, h); undo != nil {
		c.world.After(c.exp(c.Plan.FaultFor), func() {
			if !c.final {
				c.log(h, "fault", "%s ends", k.name)
				undo()
			}
		})
	}
}

func (c *Cluster) rough(*host) func() {
	c.net.SetConditions(c.Plan.Rough)
	return func() { c.net.SetConditions(c.Plan.Calm) }
}

// other is another host; h itself if there is none.
func (c *Cluster) other(h *host) *host {
	if len(c.hosts) == 1 {
		return h
	}
	for {
		if o := c.hosts[c.rnd.IntN(len(c.hosts))]; o != h {
			return o
		}
	}
}

func (c *Cluster) roughDirection(h *host) func() {
	o := c.other(h)
	bad := c.Plan.Rough
	bad.Loss = max(bad.Loss, 0.3)
	c.net.SetDirection(h.id, o.id, &bad)
	return func() { c.net.SetDirection(h.id, o.id, nil) }
}

func (c *Cluster) partition(*host) func() {
	groups := make([][]totem.NodeID, 2+c.rnd.IntN(2))
	for _, h := range c.hosts {
		i := c.rnd.IntN(len(groups))
		groups[i] = append(groups[i], h.id)
	}
	c.log(nil, "partition", "%v", groups)
	c.net.Partition(groups...)
	return c.net.Join
}

func (c *Cluster) cutOneWay(h *host) func() {
	o := c.other(h)
	c.net.Cut(h.id, o.id, true)
	return func() { c.net.Cut(h.id, o.id, false) }
}

func (c *Cluster) cutBothWays(h *host) func() {
	o := c.other(h)
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

func (c *Cluster) deaf(h *host) func() {
	c.cutAll(h, true, false, true)
	return func() { c.cutAll(h, true, false, false) }
}

func (c *Cluster) mute(h *host) func() {
	c.cutAll(h, false, true, true)
	return func() { c.cutAll(h, false, true, false) }
}

// mtuHole loses the large frames to one node, or to all.
func (c *Cluster) mtuHole(h *host) func() {
	limit := pick(c.rnd, 200, 600, 1200)
	all := c.rnd.IntN(3) == 0
	c.net.Drop(func(_, to totem.NodeID, frame []byte) bool { return len(frame) > limit && (all || to == h.id) })
	return func() { c.net.Drop(nil) }
}

// loseType loses frames of one type from one node, or to it.
func (c *Cluster) loseType(h *host) func() {
	kind := wire.Type(c.rnd.IntN(int(wire.NumTypes)))
	from := c.rnd.IntN(2) == 0
	part := pick(c.rnd, 0.3, 1.0)
	c.net.Drop(func(f, to totem.NodeID, frame []byte) bool {
		h2, err := wire.ParseHeader(frame)
		return err == nil && h2.Type == kind && (from && f == h.id || !from && to == h.id) && c.rnd.Float64() < part
	})
	return func() { c.net.Drop(nil) }
}

func (c *Cluster) interfaceDown(h *host) func() {
	p := h.proc
	if p == nil {
		return nil
	}
	p.end.SetInterface(false)
	return func() { p.end.SetInterface(true) }
}

// reboot starts a daemon that has died, with its disk as it is, with an old one, or without.
func (h *host) reboot() {
	if h.up() {
		return
	}
	h.diskErr = nil
	if h.c.Plan.OldDisk {
		switch h.c.rnd.IntN(4) {
		case 0:
			h.stored = h.older
			h.c.faults["old ring id"]++
		case 1:
			h.stored = h.c.Plan.StoredSeq
			h.c.faults["lost ring id"]++
		}
	}
	h.boot()
}

func (c *Cluster) killNow(h *host) func() {
	if h.up() {
		h.proc.kill("kill")
	}
	return h.reboot
}

func (c *Cluster) crashAtOutput(h *host) func() {
	if h.up() {
		h.proc.crashIn = 1 + c.rnd.IntN(pick(c.rnd, 3, 30, 300))
	}
	return h.reboot
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

// rare is a type of frame that marks a moment of a membership change.
func (c *Cluster) rare() wire.Type {
	return pick(c.rnd, wire.TypeJoin, wire.TypeCommitToken, wire.TypeCommitToken, wire.TypeMergeDetect, wire.TypeToken, wire.TypeMcast)
}

// crashAtFrame lets a node die soon after it has sent a frame of a rare type, at any output.
func (c *Cluster) crashAtFrame(h *host) func() {
	if h.up() {
		h.proc.crashIn = 0
	}
	c.catch(h, c.rare(), func() {
		if h.up() && !c.final {
			h.proc.crashIn = 1 + c.rnd.IntN(pick(c.rnd, 2, 10, 40))
		}
	})
	return h.reboot
}

func (c *Cluster) partitionAtFrame(h *host) func() {
	c.catch(h, c.rare(), func() {
		if !c.final {
			c.partition(h)
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

// pauseTime is around the token timeout of a node: shorter, or much longer.
func (c *Cluster) pauseTime(h *host) time.Duration {
	token := time.Duration(c.Plan.TokenMs[h.id-1]) * time.Millisecond
	return time.Duration(float64(token) * pick(c.rnd, 0.2, 0.9, 1.1, 2, 5, 10) * (0.8 + 0.4*c.rnd.Float64()))
}

func (c *Cluster) pause(h *host) func() {
	c.pauseFor(h, c.pauseTime(h))
	return nil
}

func (c *Cluster) pauseAtFrame(h *host) func() {
	c.catch(h, c.rare(), func() {
		if !c.final {
			c.pauseFor(h, c.pauseTime(h))
		}
	})
	return nil
}

func (c *Cluster) pauseAll(*host) func() {
	d := time.Duration(0)
	for _, h := range c.hosts {
		c.world.After(d, func() {
			if !c.final {
				c.pause(h)
			}
		})
		d += c.pauseTime(h) / 2
	}
	return nil
}

// reload changes the token timeout in the files of all nodes, and asks one daemon to have it read everywhere.
func (c *Cluster) reload(h *host) func() {
	p := c.Plan
	p.TokenMs = nil
	factor := pick(c.rnd, 7, 10, 14)
	for i, t := range c.Plan.TokenMs {
		p.TokenMs = append(p.TokenMs, t*factor/10)
		c.tokens[i] = max(c.tokens[i], t*factor/10)
	}
	for _, o := range c.hosts {
		o.conf = p.conf(o.id)
	}
	if h.up() {
		h.proc.ask(service.CFG, ipcmsg.AppendRequest(nil, ipcmsg.CfgReqReloadConfig), func(answer []byte) {
			r, err := ipcmsg.ParseResponseHeader(answer)
			switch {
			case err != nil:
				c.violate("ipc", "%v: reload: %v", h, err)
			case r.Error != cserr.OK && r.Error != cserr.TryAgain:
				c.violate("reload", "%v: reload answered with %v", h, r.Error)
			}
		})
	}
	return nil
}

// leave stops a node gracefully.
func (c *Cluster) leave(h *host) func() {
	if p := h.proc; p != nil && !p.stopping {
		p.stopping = true
		p.loop.Input(func() { p.node.Shutdown("simulation") })
	}
	return h.reboot
}

func (c *Cluster) diskFull(h *host) func() {
	h.diskErr = errDisk
	return func() {
		h.diskErr = nil
		h.reboot()
	}
}

func (c *Cluster) restartAll(*host) func() {
	for _, h := range c.hosts {
		if h.up() {
			h.proc.kill("kill")
		}
	}
	return func() {
		for _, h := range c.hosts {
			h.reboot()
		}
	}
}
