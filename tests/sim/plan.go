package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/transport/memnet"
)

// Plan is what a seed decides before the run. Its text form is in text.go.
type Plan struct {
	// Seed decides what chance decides during the run: delays and losses of single frames, what clients do.
	Seed  uint64
	Nodes int
	// TokenMs is totem.token of each node; most plans have one value for all.
	TokenMs []int
	// Rates are the speeds of the nodes' clocks.
	Rates []float64
	// Own are settings of the section totem that single nodes have, such as "netmtu: 900; max_messages: 3"; by node.
	Own []string
	// Foreign are the nodes whose control frames and recovered messages are written in the other byte order.
	Foreign []int
	// CRules are the nodes that follow the C daemon's rules where ours differ.
	CRules []int
	// Buggify is how often a rare path is taken without need, at the places that the seed selects.
	Buggify float64
	// Late is how late processes come to timers and frames at most.
	Late time.Duration

	// Trouble is how long faults occur.
	Trouble time.Duration
	// FaultEvery is the mean time from one fault to the next, FaultFor the mean duration of one that ends by itself.
	FaultEvery, FaultFor time.Duration
	// Faults are the weights of the kinds; absent ones do not occur. New makes the Story of them if there is none.
	Faults map[string]float64
	Story  []Fault
	// Calm and Rough are the network at rest and in bad times.
	Calm, Rough memnet.Conditions
	// ColdStart starts all nodes at once.
	ColdStart bool

	// Clients is the number of slots for clients on a node, Groups that of process groups.
	Clients, Groups  int
	ClientStep       time.Duration
	Burst            int
	Leave, Die, Slow float64
	SlowFor          time.Duration
	Reuse            bool
	MaxSize          int // of most messages
	Large            float64
	LargeSize        int
	SpyEvery         time.Duration
	// Maps makes clients change and follow the configuration map.
	Maps bool

	StartSeq                   uint32
	StoredSeq                  uint64
	WaitForAll, AutoTieBreaker bool
	TwoNode                    bool
	// LastManStandingMs is the window of last_man_standing. Expected is expected_votes, with allow_downscale.
	LastManStandingMs, Expected int
	CancelHold                  bool
	// OldDisk lets nodes come back without their ring id, or with an old one.
	OldDisk                 bool
	WindowSize, MaxMessages int
	NetMTU                  int
	MissCount               int
	SendJoinMs              int
	Heartbeat               int
}

// pick is one of the values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// between is a duration, evenly distributed on a logarithmic scale.
func between(r *rand.Rand, lo, hi time.Duration) time.Duration {
	return time.Duration(float64(lo) * math.Pow(float64(hi)/float64(lo), r.Float64()))
}

// NewPlan decides all that a seed decides.
//
// Runs are short, for what goes wrong goes wrong within a few membership changes, and many short runs meet more different
// beginnings than few long ones. One in forty has more than eight nodes.
func NewPlan(seed uint64) Plan {
	r := rand.New(rand.NewPCG(seed, 0x706c616e))
	p := Plan{
		Seed:       seed,
		Nodes:      pick(r, 1, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 5, 5, 5, 5, 6, 7, 8),
		Trouble:    between(r, time.Second, 10*time.Second),
		FaultEvery: between(r, 100*time.Millisecond, 3*time.Second),
		FaultFor:   between(r, 100*time.Millisecond, 5*time.Second),
		ColdStart:  r.IntN(2) == 0,
		Clients:    pick(r, 1, 1, 1, 2, 3),
		Groups:     pick(r, 1, 1, 1, 2),
		ClientStep: between(r, 50*time.Millisecond, 2*time.Second),
		Burst:      pick(r, 1, 1, 1, 3, 3, 10),
		Leave:      pick(r, 0, 0.01, 0.05),
		Die:        pick(r, 0, 0.01, 0.05),
		Slow:       pick(r, 0, 0, 0.02),
		SlowFor:    between(r, 100*time.Millisecond, 5*time.Second),
		Reuse:      r.IntN(3) == 0,
		MaxSize:    pick(r, 64, 300, 1500, 8000),
		Large:      pick(r, 0, 0, 0, 0.01, 0.05),
		LargeSize:  100 << 10,
		SpyEvery:   between(r, 100*time.Millisecond, 2*time.Second),
		Maps:       r.IntN(4) == 0,
		Faults:     map[string]float64{},
	}
	switch x := r.IntN(200); {
	case x < 4:
		p.Nodes = 9 + r.IntN(8)
		p.Trouble /= 4
		p.ClientStep *= 2
	case x == 4:
		p.Nodes = 17 + r.IntN(16)
		p.Trouble /= 8
		p.ClientStep *= 6
	}
	p.drawNodes(r)
	p.drawNetwork(r)
	for _, k := range kinds {
		if r.IntN(2) == 0 {
			p.Faults[k.name] = k.weight * (0.2 + r.Float64())
		}
	}
	if r.IntN(4) == 0 {
		p.StartSeq = pick(r, uint32(0xffffff00), 0xfffffff0, 0xffffffff, 0x7ffffff0, 0x7fffff00)
	}
	if r.IntN(6) == 0 {
		p.StoredSeq = pick(r, uint64(1)<<32-9, 1<<32-2, 1<<31-3, 1<<63-5, 1<<40, 1<<64-1<<33)
	}
	// A token that cannot come round in time makes no ring.
	hop := time.Duration(slices.Min(p.TokenMs)) * time.Millisecond / time.Duration(p.Nodes)
	p.Late = min(p.Late, hop/4)
	p.Calm.Delay, p.Calm.Jitter = min(p.Calm.Delay, hop/8), min(p.Calm.Jitter, hop/8)
	p.WaitForAll = r.IntN(6) == 0
	p.AutoTieBreaker = !p.WaitForAll && r.IntN(6) == 0
	p.CancelHold = r.IntN(4) == 0
	p.OldDisk = r.IntN(5) == 0
	if r.IntN(5) == 0 {
		p.WindowSize, p.MaxMessages = pick(r, 10, 20, 300), pick(r, 1, 5, 60)
	}
	if p.NetMTU = pick(r, 0, 0, 0, 0, 250, 600); p.NetMTU > 0 || p.MaxMessages == 1 || len(p.Own) > 0 {
		// What is queued when the faults end must be sent within the bound.
		p.MaxSize = min(p.MaxSize, 1500)
		p.LargeSize = 6 << 10
		p.ClientStep = max(p.ClientStep, 150*time.Millisecond)
	}
	p.MissCount = pick(r, 0, 0, 0, 1, 2, 10)
	p.SendJoinMs = pick(r, 0, 0, 0, 10, 80)
	p.Heartbeat = pick(r, 0, 0, 0, 0, 2)
	if r.IntN(4) == 0 {
		p.Buggify = pick(r, 0.002, 0.01, 0.05, 0.2)
	}
	p.drawQuorum(r)
	if r.IntN(10) == 0 {
		p.talk(r)
	}
	return p
}

// talk makes the observers talk so much, and what they say be asked for so late, that whatever happens happens in the middle of
// their messages: gaps at the end of a ring, long messages that its change cuts. Only for plans with room for that.
func (p *Plan) talk(r *rand.Rand) {
	if p.Nodes > 5 || p.NetMTU > 0 || p.WindowSize > 0 || len(p.Own) > 0 || p.Late > 0 {
		return
	}
	p.SpyEvery = between(r, time.Millisecond, 10*time.Millisecond)
	p.MissCount = pick(r, 5, 15)
	p.Rough.Loss = pick(r, 0.1, 0.3)
	p.Calm.Delay, p.Calm.Jitter = min(p.Calm.Delay, time.Millisecond), min(p.Calm.Jitter, time.Millisecond)
	p.Faults["rough network"] = 4
}

// drawNodes decides what differs between the nodes.
func (p *Plan) drawNodes(r *rand.Rand) {
	token := pick(r, 300, 500, 500, 1000, 1000, 3000)
	differ := r.IntN(6) == 0
	spread := pick(r, 0, 0, 0, 0, 0.1, 0.4)
	own := r.IntN(6) == 0
	for n := range p.Nodes {
		t := token
		if differ {
			t = token * (10 + r.IntN(11)) / 10
		}
		p.TokenMs = append(p.TokenMs, t)
		p.Rates = append(p.Rates, 1+math.Round((r.Float64()-0.5)*spread*1000)/1000)
		if own && r.IntN(2) == 0 {
			for len(p.Own) <= n {
				p.Own = append(p.Own, "")
			}
			p.Own[n] = ownSettings(r)
		}
	}
	if r.IntN(8) == 0 {
		for n := range p.Nodes {
			if r.IntN(2) == 0 {
				p.Foreign = append(p.Foreign, n+1)
			}
		}
	}
	if r.IntN(16) == 0 {
		for n := range p.Nodes {
			if r.IntN(2) == 0 {
				p.CRules = append(p.CRules, n+1)
			}
		}
	}
	if r.IntN(6) == 0 {
		p.Late = between(r, 100*time.Microsecond, 50*time.Millisecond).Round(time.Microsecond)
	}
}

// ownSettings are settings that the nodes of a ring need not agree on.
func ownSettings(r *rand.Rand) string {
	var list []string
	for _, s := range []struct {
		key    string
		values []int
	}{
		{"max_messages", []int{3, 17, 50}}, {"window_size", []int{20, 50, 200}}, {"netmtu", []int{250, 600, 1500}},
		{"miss_count_const", []int{1, 5, 20}}, {"join", []int{30, 50, 200}}, {"send_join", []int{10, 100}},
		{"merge", []int{50, 200, 1000}}, {"seqno_unchanged_const", []int{2, 30, 100}},
		{"token_retransmits_before_loss_const", []int{2, 4, 6}}, {"fail_recv_const", []int{500, 2500}},
	} {
		if r.IntN(3) == 0 {
			list = append(list, fmt.Sprintf("%s: %d", s.key, pick(r, s.values...)))
		}
	}
	return strings.Join(list, "; ")
}

func (p *Plan) drawNetwork(r *rand.Rand) {
	delay := between(r, 100*time.Microsecond, 4*time.Millisecond)
	p.Calm = memnet.Conditions{Delay: delay, Jitter: delay / time.Duration(pick(r, 1, 2, 10))}
	p.Rough = p.Calm
	if r.IntN(2) == 0 {
		p.Rough.Loss = pick(r, 0.001, 0.01, 0.05, 0.15, 0.3)
	}
	if r.IntN(2) == 0 {
		p.Rough.Duplicate = pick(r, 0.01, 0.1, 0.5)
	}
	if r.IntN(2) == 0 {
		p.Rough.Reorder = pick(r, 0.01, 0.1, 0.5)
		p.Rough.ReorderBy = between(r, time.Millisecond, 300*time.Millisecond)
	}
	if r.IntN(3) == 0 {
		p.Rough.Jitter = between(r, time.Millisecond, 100*time.Millisecond)
	}
}

// size is the size of the next message of a client, in bytes.
func (p *Plan) size(r *rand.Rand) int {
	if r.Float64() < p.Large {
		return p.LargeSize/2 + r.IntN(p.LargeSize/2)
	}
	return headSize + r.IntN(p.MaxSize)
}

// conf is the configuration file of a node.
func (p *Plan) conf(id totem.NodeID) string {
	var b strings.Builder
	fmt.Fprintf(&b, "totem {\n  version: 2\n  cluster_name: sim\n  transport: udpu\n  token: %d\n  token_coefficient: 0\n", p.TokenMs[id-1])
	if p.CancelHold {
		b.WriteString("  cancel_token_hold_on_retransmit: yes\n")
	}
	own := ""
	if int(id) <= len(p.Own) {
		own = p.Own[id-1]
	}
	for _, s := range []struct {
		key   string
		value int
	}{
		{"window_size", p.WindowSize}, {"max_messages", p.MaxMessages}, {"netmtu", p.NetMTU}, {"miss_count_const", p.MissCount},
		{"send_join", p.SendJoinMs}, {"heartbeat_failures_allowed", p.Heartbeat},
	} {
		if s.value > 0 && !strings.Contains(own, s.key+":") {
			fmt.Fprintf(&b, "  %s: %d\n", s.key, s.value)
		}
	}
	for _, line := range strings.Split(own, ";") {
		fmt.Fprintf(&b, "  %s\n", strings.TrimSpace(line))
	}
	b.WriteString("}\nquorum {\n  provider: corosync_votequorum\n")
	if p.WaitForAll {
		b.WriteString("  wait_for_all: 1\n")
	}
	if p.AutoTieBreaker {
		b.WriteString("  auto_tie_breaker: 1\n")
	}
	p.quorumConf(&b)
	b.WriteString("}\nnodelist {\n")
	for i := range p.Nodes {
		fmt.Fprintf(&b, "  node {\n    ring0_addr: %v\n    name: node%d\n    nodeid: %d\n  }\n", addrOf(totem.NodeID(i+1)), i+1, i+1)
	}
	b.WriteString("}\n")
	return b.String()
}

// normalize fills in what a plan that was written by hand leaves out.
func (p *Plan) normalize() {
	p.Nodes = min(max(p.Nodes, 1), 32)
	for len(p.TokenMs) < p.Nodes {
		p.TokenMs = append(p.TokenMs, slices.Concat(p.TokenMs, []int{1000})[0])
	}
	for len(p.Rates) < p.Nodes {
		p.Rates = append(p.Rates, 1)
	}
	p.TokenMs, p.Rates = p.TokenMs[:p.Nodes], p.Rates[:p.Nodes]
	p.Groups, p.Burst, p.MaxSize, p.LargeSize = max(p.Groups, 1), max(p.Burst, 1), max(p.MaxSize, 1), max(p.LargeSize, 2*headSize)
	for _, d := range []*time.Duration{&p.ClientStep, &p.SpyEvery} {
		if *d <= 0 {
			*d = time.Hour
		}
	}
}

// Timeouts of a node with this token timeout, as the configuration derives them.
func consensusOf(tokenMs int) time.Duration {
	return time.Duration(tokenMs) * time.Millisecond * 12 / 10
}

// Bound is how long a cluster of nodes that hear each other, with no fault any more, may need to become one ring with all
// synchronised: everybody may have to lose its token, and the memberships that form may have to find each other one
// after the other by MERGE_DETECT, at worst as many as there are nodes, each time with a consensus that somebody who
// has just begun anew makes run out.
func (p *Plan) Bound() time.Duration {
	slow := 1.0
	token := 0
	for i, t := range p.TokenMs {
		token = max(token, t)
		slow = max(slow, 1/p.Rates[i])
	}
	t := time.Duration(token) * time.Millisecond
	wait := 200*time.Millisecond + time.Duration(p.SendJoinMs)*time.Millisecond + 4*p.Late
	if len(p.Own) > 0 {
		wait += 1200 * time.Millisecond // the longest merge and send_join of ownSettings
	}
	// What is synchronised, and what was queued meanwhile, takes rotations.
	rotation := time.Duration(p.Nodes) * (p.Calm.Delay + p.Calm.Jitter + p.Late)
	return time.Duration(float64(t+2*consensusOf(token)+wait)*slow*float64(2+bitsOf(p.Nodes))) + (60+p.backlog())*rotation
}

// backlog is how many rotations it takes at most to send what the clients of a node have queued.
func (p *Plan) backlog() time.Duration {
	mtu, visit, perRotation := 1500, 17, 50
	if p.NetMTU > 0 {
		mtu = p.NetMTU
	}
	if p.WindowSize > 0 {
		visit, perRotation = p.MaxMessages, p.WindowSize
	}
	if len(p.Own) > 0 {
		mtu, visit, perRotation = min(mtu, 250), min(visit, 3), min(perRotation, 20) // the least of ownSettings
	}
	frames := window * p.Clients * (p.MaxSize/(mtu-100) + 1)
	return time.Duration(frames / max(1, min(visit, perRotation/p.Nodes)))
}

func bitsOf(n int) (b int) {
	for ; n > 0; n >>= 1 {
		b++
	}
	return b
}
