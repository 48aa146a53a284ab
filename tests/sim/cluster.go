package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop/simloop"
	"github.com/corosync-go/corosync/daemon/node"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/srp"
	"github.com/corosync-go/corosync/daemon/totem/transport"
	"github.com/corosync-go/corosync/daemon/totem/transport/memnet"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/tests/history"
)

// Options are how a run is made, not what happens in it.
type Options struct {
	// Log gets one line per event; nil for none. LogLevel adds what the daemons log, up to that level; below 0 nothing.
	Log      io.Writer
	LogLevel logsys.Level
	// Mutant, optional, breaks the daemons, to see that it is found out.
	Mutant *Mutant
}

// Mutant is a fault that no daemon may have. Its functions are optional.
type Mutant struct {
	// Env changes the world of a node, Conf its configuration.
	Env  func(h *host, e *node.Env)
	Conf func(h *host, text string) string
	// Send changes a packet on its way out; nil loses it. The frame must be copied to be changed.
	Send func(p *proc, k transport.Packet) []transport.Packet
	// Event changes an event on its way to a client.
	Event func(c *conn, msg []byte) [][]byte
}

// changesWorld says that the mutant may have another disk, or sends what no daemon has made.
func (m *Mutant) changesWorld() bool { return m != nil && (m.Env != nil || m.Send != nil) }

// Cluster is a run.
type Cluster struct {
	Seed  uint64
	Plan  Plan
	opt   Options
	rnd   *rand.Rand
	world *simloop.World
	net   *memnet.Network
	hosts []*host
	begin clock.Instant

	histories    map[string][]*history.Process
	lives        []*history.Life
	mappers      []*mapper
	incarnations uint64

	// final says that the faults have ended; whole, that all nodes are one ring.
	final, whole bool
	healed       clock.Instant
	// complete says that every client is a member and knows of all others.
	complete bool
	armed    []*trap

	hash       uint64
	faults     map[string]int
	sent       int
	delivered  int
	violations []Violation
	excused    map[string]int // broken by C's rules, by property
	stormed    bool

	configurations int
	tokens         []int // longest token timeout that each node may have, milliseconds
	healing        time.Duration
}

// Violation is a broken promise.
type Violation struct{ Property, Text string }

func (v Violation) String() string { return v.Property + ": " + v.Text }

// Result is what came of a run.
type Result struct {
	Seed       uint64
	Plan       Plan
	Hash       uint64 // of everything that was sent and seen: equal hashes, equal runs
	Simulated  time.Duration
	Faults     map[string]int
	Sent       int // messages of clients
	Delivered  int // to clients
	Rings      int // configurations installed, counted at each node
	Healing    time.Duration
	Bound      time.Duration
	Violations []Violation
	// Excused counts the promises that C's rules have broken on nodes that follow them.
	Excused map[string]int
}

// brokenByC are the promises that the C daemon's rules break, as srp, pg, cpg and votequorum follow them on the nodes of Plan.CRules:
//
//   - What is still in the transitional queue when a synchronisation ends waits there until the next change: who has sent it
//     does not get it, a process that has joined is not seen (self-delivery, liveness, ghost, final-view).
//   - A late frame of that queue destroys the beginning of a longer message, and with a message of which the beginning is
//     missing a whole run is dropped (fifo, same-set, and leaves and joins with them: ghost, same-view, view-arithmetic).
//   - A JOIN that is not believed is answered, and so is the answer: there are ever more (storm).
//   - A synchronisation that is cut short forgets who had left, and a process that goes away during one is announced before
//     its node's joinlist names it: messages are missing, and members are named without a process (fifo, same-set, ghost, reasons).
//     And clients that join then are told the next ring's id with the members of the last (ring-identity).
//   - last_man_standing counts members that have not told their votes (votes).
//   - Who comes from another ring drops the rest of a message that the change has cut (the same).
//
// What remains must hold in rings of both: one order, nothing twice, nothing invented or damaged, quorum, answers.
var brokenByC = map[string]bool{
	"self-delivery": true, "fifo": true, "same-set": true, "liveness": true, "ghost": true, "same-view": true,
	"final-view": true, "view-arithmetic": true, "storm": true, "ring-identity": true, "reasons": true,
}

// maxViolations bounds what one run reports.
const maxViolations = 20

func (c *Cluster) violate(property, format string, args ...any) {
	v := Violation{property, fmt.Sprintf(format, args...)}
	if len(c.Plan.CRules) > 0 && (brokenByC[property] || property == "votes" && c.Plan.LastManStandingMs > 0) {
		c.log(nil, "C rules", "%v", v)
		c.excused[property]++
		return
	}
	c.log(nil, "VIOLATION", "%v", v)
	if len(c.violations) < maxViolations {
		c.violations = append(c.violations, v)
	}
}

// log writes a line.
func (c *Cluster) log(h *host, kind, format string, args ...any) {
	if c.opt.Log == nil {
		return
	}
	d := c.world.Now().Sub(c.begin)
	who := "-"
	if h != nil {
		who = h.String()
	}
	fmt.Fprintf(c.opt.Log, "%4d.%06d %-4s %-9s %s\n", d/time.Second, d%time.Second/time.Microsecond, who, kind, fmt.Sprintf(format, args...))
}

// mix adds to the hash of the run.
func (c *Cluster) mix(values ...uint64) {
	h := c.hash ^ uint64(c.world.Now())
	for _, v := range values {
		h = (h ^ v) * 0x100000001b3
		h ^= h >> 29
	}
	c.hash = h
}

// New makes the cluster of a plan; nothing runs yet.
func New(seed uint64, plan Plan, opt Options) *Cluster {
	plan.normalize()
	if plan.Story == nil {
		plan.Story = plan.story(seed)
	}
	c := &Cluster{
		Seed: seed, Plan: plan, opt: opt, rnd: rand.New(rand.NewPCG(seed, 0x73696d)), world: simloop.New(),
		histories: map[string][]*history.Process{}, faults: map[string]int{}, excused: map[string]int{}, hash: seed,
	}
	c.begin = c.world.Now()
	c.tokens = slices.Clone(plan.TokenMs)
	c.net = memnet.New(c.world, seed, plan.Calm)
	c.net.Tap(c.tap)
	for i := range plan.Nodes {
		id := totem.NodeID(i + 1)
		h := &host{c: c, id: id, rate: plan.Rates[i], stored: plan.StoredSeq, older: plan.StoredSeq, late: plan.Late}
		h.foreign = slices.Contains(plan.Foreign, int(id))
		h.cRules = slices.Contains(plan.CRules, int(id))
		h.write(plan.conf(id))
		c.hosts = append(c.hosts, h)
		for k := range plan.Clients {
			s := &slot{h: h, c: c, group: fmt.Sprintf("group%d", k%plan.Groups), reuse: plan.Reuse, quiet: c.rnd.IntN(6) == 0}
			h.slots = append(h.slots, s)
		}
	}
	return c
}

// Run makes the run of a seed.
func Run(seed uint64, opt Options) *Result {
	return RunPlan(NewPlan(seed), opt)
}

// RunPlan makes the run of a plan.
func RunPlan(plan Plan, opt Options) *Result {
	c := New(plan.Seed, plan, opt)
	c.Start()
	c.Clients()
	c.Trouble()
	c.run(c.Plan.Trouble)
	c.Heal()
	c.Settle()
	return c.Judge()
}

// run lets time pass. A process that dies in the middle of a turn ends that turn.
func (c *Cluster) run(d time.Duration) {
	if c.stormed {
		return
	}
	end := c.world.Now().Add(d)
	for c.guard(func() { c.world.RunFor(end.Sub(c.world.Now())) }) {
	}
}

// storm ends a run in which frames cause ever more frames.
type storm struct{}

// maxPending is how many events may be under way; ten thousand are many.
const maxPending = 60_000

// poll is how often runUntil looks.
const poll = 2 * time.Millisecond

// runUntil lets time pass until done, which is asked at intervals; false if that takes longer than limit.
func (c *Cluster) runUntil(limit time.Duration, done func() bool) (ok bool) {
	for end := c.world.Now().Add(limit); !done(); {
		if c.world.Now() >= end || c.stormed {
			return false
		}
		c.run(poll)
	}
	return true
}

// guard calls fn and reports whether a process died in it, which has ended fn.
func (c *Cluster) guard(fn func()) (again bool) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case died:
			r.p.kill("crash")
			again = true
		case storm:
			c.stormed = true
			c.violate("storm", "%d events are under way", c.world.Pending())
		default:
			c.violate("panic", "%v", r)
			panic(r)
		}
	}()
	fn()
	return false
}

// Start boots the nodes, at once or one after the other.
func (c *Cluster) Start() {
	for _, h := range c.hosts {
		d := time.Duration(0)
		if !c.Plan.ColdStart {
			d = c.exp(time.Second)
		}
		c.world.After(d, func() {
			if !h.up() {
				h.boot()
			}
		})
	}
	c.world.After(c.exp(c.Plan.SpyEvery), c.spyStep)
}

// Clients starts the clients.
func (c *Cluster) Clients() {
	for _, h := range c.hosts {
		for _, s := range h.slots {
			c.world.After(c.exp(c.Plan.ClientStep), s.step)
		}
	}
}

// spyStep makes the spies send.
func (c *Cluster) spyStep() {
	if h := c.hosts[c.rnd.IntN(len(c.hosts))]; h.up() && h.proc.spy != nil && !h.proc.stopping && !c.whole {
		p := h.proc
		p.loop.Input(p.spy.send)
	}
	c.world.After(c.exp(c.Plan.SpyEvery), c.spyStep)
}

// Heal ends all faults and starts what does not run.
func (c *Cluster) Heal() {
	c.log(nil, "heal", "")
	c.healed = c.world.Now()
	c.final = true
	c.armed = nil
	c.net.SetConditions(c.Plan.Calm)
	c.net.Drop(nil)
	c.net.SetQueue(memnet.DefaultQueue)
	for _, a := range c.hosts {
		for _, b := range c.hosts {
			c.net.SetDirection(a.id, b.id, nil)
		}
	}
	c.net.Heal()
	for _, h := range c.hosts {
		h.diskErr, h.diskTime, h.late, h.broken = nil, 0, c.Plan.Late, ""
		if h.up() {
			h.proc.crashIn = 0
			h.proc.end.SetInterface(true)
			h.proc.loop.Resume()
		}
		for _, s := range h.slots {
			if s.cur != nil && s.cur.slow {
				s.cur.resume()
			}
			c.world.Do(0, s.step)
		}
	}
	c.reviveAll()
}

// reviveAll starts the nodes that are down or go down; those that are stopping first end.
func (c *Cluster) reviveAll() {
	for _, h := range c.hosts {
		if !h.up() {
			h.boot()
		}
	}
	if !c.whole {
		c.world.After(50*time.Millisecond, c.reviveAll)
	}
}

// formed says whether all nodes are in one ring, and synchronised.
func (c *Cluster) formed() bool {
	var first *proc
	for _, h := range c.hosts {
		p := h.proc
		if p == nil || p.stopping || p.spy == nil {
			return false
		}
		if first == nil {
			first = p
		}
		if p.node.Driver().State() != srp.Operational || p.spy.ring != first.spy.ring || len(p.spy.nodes) != len(c.hosts) ||
			p.node.Router().Syncing() {
			return false
		}
	}
	return true
}

// bound is the bound of the plan with the timeouts that reloads have made.
func (c *Cluster) bound() time.Duration {
	p := c.Plan
	p.TokenMs = c.tokens
	return p.Bound()
}

// Settle waits for the cluster to become one, and for the clients to have said and heard the last word.
func (c *Cluster) Settle() {
	if c.stormed {
		return
	}
	from := c.world.Now()
	bound := c.bound()
	if !c.runUntil(bound, c.formed) {
		c.violate("liveness", "no common ring %v after the last fault: %s", bound, c.states())
		return
	}
	c.healing = c.world.Now().Sub(from)
	c.whole = true
	c.log(nil, "whole", "after %v", c.healing)
	if !c.runUntil(bound, c.assembled) {
		c.violate("liveness", "clients are not all members %v after the ring has formed: %s", bound, c.apart())
		return
	}
	c.complete = true
	c.log(nil, "complete", "")
	if !c.runUntil(bound, c.served) {
		c.violate("liveness", "clients are not served %v after the ring has formed: %s", bound, c.unserved())
		return
	}
	c.run(2 * time.Second)
}

// assembled says whether every client is a member that sees all others.
func (c *Cluster) assembled() bool { return c.apart() == "" }

func (c *Cluster) apart() string {
	count := map[string]int{}
	for _, h := range c.hosts {
		for _, s := range h.slots {
			count[s.group]++
		}
	}
	for _, h := range c.hosts {
		if h.proc == nil || h.proc.watcher == nil || !h.proc.watcher.last.Quorate {
			return fmt.Sprintf("%v is not quorate", h)
		}
		for _, s := range h.slots {
			m := s.cur
			if m == nil || m.state != memberIn || m.slow {
				return fmt.Sprintf("%v: client of %s is not a member", h, s.group)
			}
			if len(m.members) < count[s.group] {
				return fmt.Sprintf("%v: client %d sees %v, not %d", h, m.pid, m.members, count[s.group])
			}
		}
	}
	return ""
}

// served says whether every client has heard the last message of every other one.
func (c *Cluster) served() bool { return c.unserved() == "" }

func (c *Cluster) unserved() string {
	for _, h := range c.hosts {
		if h.up() && h.proc.mapper != nil && !h.proc.mapper.idle() {
			m := h.proc.mapper
			return fmt.Sprintf("%v: the client of the map waits for %d answers and %d events", h, len(m.await), len(m.told))
		}
		for _, s := range h.slots {
			m := s.cur
			switch {
			case m == nil || m.state != memberIn:
				return fmt.Sprintf("%v: client of %s is no member any more", h, s.group)
			case !m.fin:
				return fmt.Sprintf("%v: client %d has not sent its last message", h, m.pid)
			}
			for _, o := range c.hosts {
				for _, t := range o.slots {
					if t.group == s.group && t.cur != nil && !m.fins[t.cur.incarnation] {
						return fmt.Sprintf("%v: client %d has not heard the last message of %d:%d", h, m.pid, o.id, t.pid)
					}
				}
			}
		}
	}
	return ""
}

func (c *Cluster) states() string {
	s := ""
	for _, h := range c.hosts {
		p := h.proc
		switch {
		case p == nil:
			s += fmt.Sprintf("[%v down]", h)
		case p.spy == nil:
			s += fmt.Sprintf("[%v not started]", h)
		default:
			s += fmt.Sprintf("[%v state %d ring %v %v syncing %v]", h, p.node.Driver().State(), p.spy.ring, p.spy.nodes, p.node.Router().Syncing())
		}
	}
	return s
}

// Judge looks at everything that was recorded.
func (c *Cluster) Judge() *Result {
	// C's rules leave a message in two pieces when the ring changes in the middle of it.
	opt := history.Options{Settled: c.served() && c.whole && !c.stormed, Forgetful: c.Plan.OldDisk, Whole: len(c.Plan.CRules) == 0}
	if c.whole && !c.stormed {
		c.judgeEnd()
	}
	groups := make([]string, 0, len(c.histories))
	for g := range c.histories {
		groups = append(groups, g)
	}
	slices.Sort(groups)
	for _, g := range groups {
		for _, v := range history.Check(c.histories[g], opt) {
			c.violate(string(v.Property), "%s: %v", g, v)
		}
	}
	for _, v := range history.CheckLives(c.lives, opt) {
		c.violate(string(v.Property), "rings: %v", v)
	}
	c.judgeLives()
	return &Result{
		Seed: c.Seed, Plan: c.Plan, Hash: c.hash, Simulated: c.world.Now().Sub(c.begin), Faults: c.faults, Sent: c.sent,
		Delivered: c.delivered, Rings: c.configurations, Healing: c.healing, Bound: c.bound(), Violations: c.violations, Excused: c.excused,
	}
}

// judgeEnd compares what each daemon says of the nodes and the groups to what is.
func (c *Cluster) judgeEnd() {
	for _, h := range c.hosts {
		for _, o := range c.hosts {
			if h.up() {
				if got := h.proc.value(fmt.Sprintf("runtime.members.%d.status", o.id)); got != "joined" {
					c.violate("cmap", "%v says that node %d is %q", h, o.id, got)
				}
			}
		}
	}
	for g := range c.Plan.Groups {
		group := fmt.Sprintf("group%d", g)
		var want []history.Member
		for _, h := range c.hosts {
			for _, s := range h.slots {
				if s.group == group && s.cur != nil && s.cur.state == memberIn {
					want = append(want, s.cur.hist.ID)
				}
			}
		}
		history.SortMembers(want)
		for _, h := range c.hosts {
			for _, s := range h.slots {
				if m := s.cur; m != nil && s.group == group && m.state == memberIn && !slices.Equal(m.members, want) {
					c.violate("ghost", "%v: client %d sees %v in %s, members are %v", h, m.pid, m.members, group, want)
				}
			}
			if h.proc == nil {
				continue
			}
			if got := h.proc.membership(group); !slices.Equal(got, want) {
				c.violate("ghost", "%v: the daemon lists %v in %s, members are %v", h, got, group, want)
			}
		}
	}
}

// once is a client that makes one request.
type once struct {
	conn *conn
	then func(answer []byte)
}

func (o *once) reply(msg []byte) {
	if o.then != nil {
		then := o.then
		o.then = nil
		then(msg)
		o.conn.disconnect()
	}
}
func (o *once) event([]byte)  {}
func (o *once) closed(string) { o.then = nil }

// ask makes a request as a client of its own. then gets the answer, if there is one before the daemon dies.
func (p *proc) ask(id service.ID, req []byte, then func(answer []byte)) {
	p.h.nextPID++
	o := &once{then: then}
	if o.conn = p.connect(id, p.h.nextPID, o); o.conn != nil {
		o.conn.send(req)
	}
}

// answer is ask that waits for the answer; nil if there is none in time.
func (p *proc) answer(id service.ID, req []byte) (answer []byte) {
	p.ask(id, req, func(a []byte) { answer = a })
	p.c.runUntil(p.c.bound(), func() bool { return answer != nil })
	return answer
}

// membership asks a daemon who is in a group.
func (p *proc) membership(group string) []history.Member {
	r, err := ipcmsg.ParseCPGMembershipResponse(p.answer(service.CPG, ipcmsg.CPGMembershipRequest{Group: []byte(group)}.Append(nil)))
	if err != nil {
		p.c.violate("ipc", "%v: membership: %v", p.h, err)
	}
	var out []history.Member
	for _, a := range r.Members {
		out = append(out, history.Member{Node: a.NodeID, PID: a.PID})
	}
	history.SortMembers(out)
	return out
}

// value reads a key of a daemon's map as text.
func (p *proc) value(key string) string {
	r, err := ipcmsg.ParseCmapGetResponse(p.answer(service.CMAP, ipcmsg.CmapGetRequest{Key: []byte(key), ValueLen: 256}.Append(nil)))
	if err != nil {
		p.c.violate("ipc", "%v: reading %s: %v", p.h, key, err)
	}
	return strings.TrimRight(string(r.Value), "\x00")
}
