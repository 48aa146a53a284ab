package sim

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand"
	"net/netip"
	"strings"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/engine/wd"
	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop/simloop"
	"github.com/corosync-go/corosync/daemon/node"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/transport"
	"github.com/corosync-go/corosync/daemon/totem/transport/memnet"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// host is a machine: what survives the death of the daemon that runs on it.
type host struct {
	c    *Cluster
	id   totem.NodeID
	conf string // text of corosync.conf
	// broken, if not empty, is what the file holds for a while instead.
	broken string
	rate   float64
	late   time.Duration // how late the process comes to things at most
	// foreign says that control frames are written in the other byte order, cRules that the daemon follows C's rules.
	foreign, cRules bool

	proc   *proc // nil while no daemon runs
	life   int
	diedAt clock.Instant

	stored  uint64 // ring sequence number on disk
	older   uint64 // what it was some time ago
	barrier uint32 // of votequorum
	diskErr error  // the disk refuses to write
	// diskTime is how long a write takes.
	diskTime time.Duration

	slots   []*slot
	nextPID uint32
}

// proc is one daemon from start to death.
type proc struct {
	h       *host
	c       *Cluster
	loop    *simloop.Node
	turns   clock.Turns
	end     *memnet.Endpoint
	node    *node.Node
	db      *icmap.Map
	spy     *spy
	watcher *watcher
	mapper  *mapper
	alive   bool
	// stopping says that a graceful stop was asked for.
	stopping bool

	// crashIn counts the outputs (packets, writes, events to clients) until the process dies; 0 is never.
	crashIn int

	// stalled says that the process waits for its disk; outbox is what it sends afterwards.
	stalled bool
	outbox  []transport.Packet

	conns  []*conn
	connID uint64
	retry  bool // connections that wait for flow control are looked at when the turn ends
}

// invariants makes the protocol machines verify theirs after each input. Mutants are to be found by what the histories show.
var invariants = true

// died ends the goroutine's way through a process that has just died, at whatever depth it is.
type died struct{ p *proc }

// output is called before each thing that the process does to the world.
func (p *proc) output() {
	if p.crashIn == 0 {
		return
	}
	if p.crashIn--; p.crashIn == 0 {
		panic(died{p})
	}
}

func (h *host) up() bool { return h.proc != nil }

func (h *host) String() string { return fmt.Sprintf("n%d", h.id) }

// write writes the configuration file.
func (h *host) write(text string) {
	if m := h.c.opt.Mutant; m != nil && m.Conf != nil {
		text = m.Conf(h, text)
	}
	h.conf, h.broken = text, ""
}

// boot starts a daemon.
func (h *host) boot() {
	c := h.c
	h.life++
	p := &proc{h: h, c: c, loop: c.world.NewNode(), alive: true}
	p.turns = p.loop
	if h.rate != 1 {
		p.turns = &skewed{p.loop, h.rate}
	}
	p.loop.SetLate(func() time.Duration {
		if h.late == 0 {
			return 0
		}
		return time.Duration(c.rnd.Int64N(int64(h.late)))
	})
	p.end = c.net.Endpoint(h.id, p.loop)
	h.proc = p
	c.log(h, "boot", "life %d stored ring %d", h.life, h.stored)
	p.db = icmap.New()
	p.db.ProtectDaemonKeys()
	files := machine{h}
	origin, err := config.Parse("corosync.conf", []byte(h.conf), files, p.db)
	var cfg *config.Config
	if err == nil {
		cfg, err = config.Read(p.db, files, origin)
	}
	if err == nil {
		cfg.Path = "corosync.conf"
		err = cfg.Validate(p.db)
	}
	if err != nil {
		c.violate("configuration", "%v: %v", h, err)
		h.proc = nil
		return
	}
	env := node.Env{
		Turns: p.turns, Transport: card{p.end, p}, Logs: c.logs(h), Files: files,
		Rand: rand.New(rand.NewSource(c.rnd.Int64())), Store: disk{h},
		Barrier: barrier{h}, Sampler: idle{}, Platform: wdNone{},
		Offload:   func(work, then func()) { work(); p.loop.Next(then) },
		Endpoints: p, Wall: c.wall, Check: invariants, StartSeq: c.Plan.StartSeq,
		OnReady: func() { p.loop.Next(p.ready) },
		CRules:  h.cRules, Buggify: c.buggify(),
		Exit: p.exit,
	}
	if m := c.opt.Mutant; m != nil && m.Env != nil {
		m.Env(h, &env)
	}
	p.node, err = node.New(cfg, p.db, env)
	if err == nil {
		p.loop.OnTurnEnd(p.turnEnd)
		err = p.node.Start()
	}
	if err == nil {
		p.spy = &spy{p: p}
		err = p.node.Router().Load(p.spy)
	}
	if err != nil {
		c.violate("start", "%v: %v", h, err)
	}
}

// ready is called when the daemon admits clients.
func (p *proc) ready() {
	if p.alive {
		// Without a provider the quorum service says yes, and knows of no ring.
		if strings.Contains(p.h.conf, "provider:") {
			p.watchQuorum()
		}
		if p.c.Plan.Maps {
			p.useMap()
		}
	}
}

// buggify is the function that makes rare paths common; nil in runs without. Each seed does so at about half of the places.
func (c *Cluster) buggify() func(place string) bool {
	if c.Plan.Buggify == 0 {
		return nil
	}
	return func(place string) bool {
		h := fnv.New64a()
		h.Write([]byte(place))
		if (h.Sum64()^c.Seed*0x9e3779b97f4a7c15)>>32&1 == 0 || c.whole || c.rnd.Float64() >= c.Plan.Buggify {
			return false
		}
		c.faults["buggify: "+place]++
		return true
	}
}

// exit is what ends the process from within.
func (p *proc) exit(status int) {
	want := p.stopping || p.h.diskErr != nil
	p.c.log(p.h, "exit", "status %d", status)
	if !want {
		p.c.violate("exit", "%v ended itself with status %d", p.h, status)
	}
	p.kill("exit")
}

// kill ends the process, now and without a word.
func (p *proc) kill(how string) {
	if !p.alive {
		return
	}
	p.alive = false
	p.h.diedAt = p.c.world.Now()
	p.loop.Kill()
	p.end.Close()
	if p.h.proc == p {
		p.h.proc = nil
	}
	if p.spy != nil && p.spy.life != nil {
		p.spy.life.Ended = true
	}
	p.c.log(p.h, "dead", "%s", how)
	for _, c := range p.conns {
		if !c.gone {
			c.gone = true
			c.client.closed("died")
		}
	}
	p.conns = nil
}

// card is the network card of a process.
type card struct {
	*memnet.Endpoint
	p *proc
}

// Send sends packets; each one, and each copy of a multicast, may be the last.
func (w card) Send(batch []transport.Packet) {
	if m := w.p.c.opt.Mutant; m != nil && m.Send != nil {
		var changed []transport.Packet
		for _, k := range batch {
			changed = append(changed, m.Send(w.p, k)...)
		}
		batch = changed
	}
	for _, k := range batch {
		if w.p.spy != nil {
			w.p.spy.count(k.Frame)
		}
		w.p.stored(k.Frame)
	}
	if w.p.h.foreign {
		for i := range batch {
			batch[i].Frame = swapped(batch[i].Frame)
		}
	}
	if w.p.stalled {
		for _, k := range batch {
			k.Frame = bytes.Clone(k.Frame)
			w.p.outbox = append(w.p.outbox, k)
		}
		return
	}
	if w.p.crashIn == 0 {
		w.Endpoint.Send(batch)
		return
	}
	for _, k := range batch {
		if k.To != 0 {
			w.p.output()
			w.Endpoint.Send([]transport.Packet{k})
			continue
		}
		for _, to := range w.p.c.hosts {
			if to != w.p.h {
				w.p.output()
				w.Endpoint.Send([]transport.Packet{{To: to.id, Frame: k.Frame}})
			}
		}
	}
}

// stored looks whether the id of a ring that is proposed or accepted is on the disk. No history shows it: who dies between the two
// takes no part in the ring, and gives it another number when it comes back and hears of it. But nothing else keeps an id from
// being used twice by who does not hear of it.
func (p *proc) stored(frame []byte) {
	if h, err := wire.ParseHeader(frame); err != nil || h.Type != wire.TypeCommitToken {
		return
	}
	var t wire.CommitToken
	if t.Parse(frame) == nil && t.Ring.Seq > p.h.stored && !p.c.opt.Mutant.changesWorld() {
		p.c.violate("stored", "%v sends a commit token of ring %v, its disk has %d", p.h, t.Ring, p.h.stored)
	}
}

// disk is the ring id store.
type disk struct{ h *host }

// Load reads the number.
func (d disk) Load() (uint64, error) { return d.h.stored, nil }

// Store writes the number; the process may die before or after.
func (d disk) Store(seq uint64) error {
	if d.h.proc != nil {
		d.h.proc.output()
	}
	if d.h.diskErr != nil {
		return d.h.diskErr
	}
	d.h.older, d.h.stored = d.h.stored, seq
	if p := d.h.proc; p != nil {
		p.output()
		if d.h.diskTime > 0 {
			p.stall(d.h.diskTime)
		}
	}
	return nil
}

// stall lets the process stand still in the middle of its turn: what it sends in the rest of that leaves at the end.
func (p *proc) stall(d time.Duration) {
	if p.stalled {
		return
	}
	p.stalled = true
	p.loop.Pause()
	p.c.world.Do(d, func() {
		if !p.alive {
			return
		}
		p.stalled = false
		batch := p.outbox
		p.outbox = nil
		if len(batch) > 0 {
			p.end.Send(batch)
		}
		p.loop.Resume()
	})
}

// swapped writes a frame in the other byte order, where the formats allow it: control frames, and the outer header of what
// is recovered. Other messages would need each service's messages converted, and 3.1's synchronisation does not read those.
func swapped(frame []byte) []byte {
	h, err := wire.ParseHeader(frame)
	if err != nil || h.Foreign {
		return frame
	}
	var m interface {
		Parse(frame []byte) error
		AppendForeign(dst []byte) []byte
	}
	switch h.Type {
	case wire.TypeToken:
		m = new(wire.Token)
	case wire.TypeMergeDetect:
		m = new(wire.MergeDetect)
	case wire.TypeJoin:
		m = new(wire.Join)
	case wire.TypeCommitToken:
		m = new(wire.CommitToken)
	case wire.TypeMcast:
		if !h.Encapsulated {
			return frame
		}
		m = new(wire.Mcast)
	default:
		// A C peer does not convert HOLD_CANCEL, so that it means nothing to one of the other order.
		m = new(wire.HoldCancel)
	}
	if m.Parse(frame) != nil {
		return frame
	}
	return m.AppendForeign(nil)
}

var errDisk = errors.New("no space left on device")

type barrier struct{ h *host }

func (b barrier) Load() (uint32, error) { return b.h.barrier, nil }
func (b barrier) Save(v uint32)         { b.h.barrier = v }

// idle is a machine without load.
type idle struct{}

func (idle) MemoryUsed() (int32, error) { return 0, nil }
func (idle) Load15() (float64, error)   { return 0, nil }

// wdNone is a machine without watchdog.
type wdNone struct{}

func (wdNone) Open(string) (wd.Device, error) { return nil, fs.ErrNotExist }
func (wdNone) Reboot() error                  { return nil }
func (wdNone) PowerOff() error                { return nil }

// machine answers what the configuration asks.
type machine struct{ h *host }

func (m machine) Hostname() (string, error) { return fmt.Sprintf("node%d", m.h.id), nil }
func (m machine) InterfaceAddrs() ([]netip.Addr, error) {
	return []netip.Addr{addrOf(m.h.id)}, nil
}
func (m machine) Resolve(name string) ([]netip.Addr, error) {
	a, err := netip.ParseAddr(name)
	return []netip.Addr{a}, err
}
func (m machine) Names(netip.Addr) []string { return nil }
func (m machine) ReadFile(path string) ([]byte, error) {
	if strings.HasSuffix(path, "corosync.conf") && m.h.broken != "" {
		return []byte(m.h.broken), nil
	}
	if strings.HasSuffix(path, "corosync.conf") {
		return []byte(m.h.conf), nil
	}
	return nil, fs.ErrNotExist
}
func (m machine) ReadDir(string) []string   { return nil }
func (m machine) UID(string) (uint32, bool) { return 0, false }
func (m machine) GID(string) (uint32, bool) { return 0, false }

func addrOf(id totem.NodeID) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 0, byte(id >> 8), byte(id)})
}

// wall is the time of day in the simulation.
func (c *Cluster) wall() time.Time { return time.Unix(1e9, int64(c.world.Now())) }

// logs is where the daemon of a host logs to.
func (c *Cluster) logs(h *host) logsys.Factory {
	if c.opt.Log == nil || c.opt.LogLevel < 0 {
		return logsys.DiscardAll()
	}
	return logsys.ToFunc(c.opt.LogLevel, c.wall, func(r logsys.Record) {
		c.log(h, "log", "%s %s: %s", r.Level, r.Subsys, r.Text)
	})
}
