package sim

import (
	"errors"
	"fmt"
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
)

// host is a machine: what survives the death of the daemon that runs on it.
type host struct {
	c    *Cluster
	id   totem.NodeID
	conf string // text of corosync.conf
	rate float64

	proc *proc // nil while no daemon runs
	life int

	stored  uint64 // ring sequence number on disk
	older   uint64 // what it was some time ago
	barrier uint32 // of votequorum
	diskErr error  // the disk refuses to write

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
	alive   bool
	// stopping says that a graceful stop was asked for.
	stopping bool

	// crashIn counts the outputs (packets, writes, events to clients) until the process dies; 0 is never.
	crashIn int

	conns  []*conn
	connID uint64
	retry  bool // connections that wait for flow control are looked at when the turn ends
}

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

// boot starts a daemon.
func (h *host) boot() {
	c := h.c
	h.life++
	p := &proc{h: h, c: c, loop: c.world.NewNode(), alive: true}
	p.turns = p.loop
	if h.rate != 1 {
		p.turns = &skewed{p.loop, h.rate}
	}
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
		return
	}
	env := node.Env{
		Turns: p.turns, Transport: card{p.end, p}, Logs: c.logs(h), Files: files,
		Rand: rand.New(rand.NewSource(c.rnd.Int64())), Store: disk{h},
		Barrier: barrier{h}, Sampler: idle{}, Platform: wdNone{},
		Offload:   func(work, then func()) { work(); p.loop.Next(then) },
		Endpoints: p, Wall: c.wall, Check: true, StartSeq: c.Plan.StartSeq,
		OnReady: func() { p.loop.Next(p.ready) },
		Exit:    p.exit,
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
		p.watchQuorum()
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
	if d.h.proc != nil {
		d.h.proc.output()
	}
	return nil
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
