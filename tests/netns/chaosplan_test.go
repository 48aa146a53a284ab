//go:build linux

package netns

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// chaosRings are the rings that seeds choose from: g is a daemon of ours, c the distribution's.
var chaosRings = []string{"ggg", "gcg", "cgc", "ggggg", "cgg", "gcc", "gcgcg", "ggc", "ccg", "cggc", "ggg", "ccc"}

// chaosPlan is what a seed decides before anything runs: the ring, what its clients send, and which fault begins and ends when.
type chaosPlan struct {
	seed   uint64
	ring   string
	opt    Options // without daemons
	loads  []Load  // of each node
	faults []chaosFault
}

// chaosFault is one fault, from at until at+lasts.
type chaosFault struct {
	at, lasts time.Duration
	kind      string
	node      int
	groups    [][]int         // partition
	paths     [][2]int        // one-way: frames from the first node to the second get lost
	gaps      []time.Duration // restart-storm: between a death and the next start, and so on
	orderly   bool            // client: it leaves, otherwise it is killed
}

func (f chaosFault) String() string {
	s := fmt.Sprintf("%6.2f-%-6.2f %s", f.at.Seconds(), (f.at + f.lasts).Seconds(), f.kind)
	switch {
	case f.groups != nil:
		s += fmt.Sprintf(" %v", f.groups)
	case f.paths != nil:
		s += fmt.Sprintf(" %v", f.paths)
	case f.gaps != nil:
		s += fmt.Sprintf(" n%d %v", f.node, f.gaps)
	case f.kind == "client":
		s += fmt.Sprintf(" n%d orderly=%v", f.node, f.orderly)
	default:
		s += fmt.Sprintf(" n%d", f.node)
	}
	return s
}

// chaosKinds says of each kind of fault how likely it is, how long it lasts (milliseconds), and which parts of the node, or of the
// cluster, it takes for itself. Kinds that take nothing in common overlap.
var chaosKinds = []struct {
	kind     string
	weight   int
	min, max int
	takes    []string // "net" and "paths" are the cluster's, the others the node's
}{
	{"kill", 4, 50, 4000, []string{"daemon"}},                            // SIGKILL of the daemon
	{"stop", 2, 50, 3000, []string{"daemon"}},                            // SIGTERM of the daemon
	{"pause", 4, 100, 4000, []string{"daemon"}},                          // SIGSTOP, then SIGCONT
	{"restart-storm", 2, 0, 0, []string{"daemon"}},                       // killed again and again, in all phases of coming up
	{"power", 2, 200, 4000, []string{"daemon", "client", "shm", "link"}}, // everything on the node dies at once
	{"partition", 4, 200, 6000, []string{"net"}},                         // two or three groups
	{"one-way", 3, 200, 5000, []string{"paths"}},                         // heard and not hearing, or the other way round
	{"interface", 3, 100, 4000, []string{"link"}},                        // ip link set down and up
	{"cable", 2, 100, 4000, []string{"link"}},                            // the carrier goes
	{"narrow", 2, 500, 5000, []string{"queue"}},                          // a slow link that drops what does not fit
	{"full-disk", 2, 1000, 6000, []string{"disk"}},                       // state and log directory
	{"full-shm", 2, 1000, 6000, []string{"shm"}},                         // no new client, and no restart of some daemons
	{"client", 3, 50, 1500, []string{"client"}},                          // one client ends, another comes
	{"slow-client", 2, 500, 5000, []string{"client"}},                    // a client that does not read
	{"reload", 1, 0, 0, nil},                                             // corosync-cfgtool -R
}

// newChaosPlan makes the plan of a seed for faults during d.
func newChaosPlan(seed uint64, d time.Duration) chaosPlan {
	rnd := rand.New(rand.NewPCG(seed, 0x63686173))
	p := chaosPlan{seed: seed, ring: chaosRings[seed%uint64(len(chaosRings))]}
	nodes := len(p.ring)
	p.opt = Options{Nodes: nodes, Transport: UDPU}
	if rnd.IntN(4) == 0 {
		p.opt.Transport = UDP
	}
	// Into a file that the faults do not fill, too.
	p.opt.Logging = []KV{{"to_stderr", "yes"}}
	p.opt.Totem = []KV{{"token_coefficient", "0"}}
	for range nodes {
		p.loads = append(p.loads, Load{
			Rate: 50 + rnd.IntN(250), Window: 4 + rnd.IntN(40), Again: true,
			Size: []string{"64", "64:300", "64:4000", "1300:1500", "64:60000"}[rnd.IntN(5)],
		})
	}
	total := 0
	for _, k := range chaosKinds {
		total += k.weight
	}
	busy := map[string]time.Duration{} // part -> until when
	for at := time.Second; at < d; at += time.Duration(rnd.ExpFloat64() * float64(900*time.Millisecond)) {
		i, x := 0, rnd.IntN(total)
		for ; x >= chaosKinds[i].weight; i++ {
			x -= chaosKinds[i].weight
		}
		k := chaosKinds[i]
		f := chaosFault{at: at, kind: k.kind, node: 1 + rnd.IntN(nodes)}
		f.lasts = time.Duration(k.min+rnd.IntN(k.max-k.min+1)) * time.Millisecond
		switch k.kind {
		case "restart-storm":
			for range 3 + rnd.IntN(5) {
				f.gaps = append(f.gaps, time.Duration(20+rnd.IntN(200))*time.Millisecond, time.Duration(20+rnd.IntN(1500))*time.Millisecond)
			}
			for _, g := range f.gaps {
				f.lasts += g
			}
		case "partition":
			f.groups = split(rnd, nodes)
		case "one-way":
			f.paths = paths(rnd, nodes, f.node)
		case "client":
			f.orderly = rnd.IntN(2) == 0
		}
		free := f.at+f.lasts < d
		var parts []string
		for _, part := range k.takes {
			if part != "net" && part != "paths" {
				part = fmt.Sprintf("%s %d", part, f.node)
			}
			parts = append(parts, part)
			free = free && busy[part] < f.at
		}
		if !free {
			continue
		}
		for _, part := range parts {
			busy[part] = f.at + f.lasts
		}
		p.faults = append(p.faults, f)
	}
	return p
}

// split puts the nodes into two or three groups at random.
func split(rnd *rand.Rand, nodes int) [][]int {
	groups := make([][]int, 2+rnd.IntN(2))
	for id := 1; id <= nodes; id++ {
		g := rnd.IntN(len(groups))
		groups[g] = append(groups[g], id)
	}
	groups = slices.DeleteFunc(groups, func(g []int) bool { return len(g) == 0 })
	if len(groups) == 1 {
		return [][]int{groups[0][:1], groups[0][1:]}
	}
	return groups
}

// paths chooses which ways are lost: all to the node, all from it, or one.
func paths(rnd *rand.Rand, nodes, node int) [][2]int {
	var out [][2]int
	how, other := rnd.IntN(3), 1+(node+rnd.IntN(nodes-1))%nodes
	for id := 1; id <= nodes; id++ {
		switch {
		case id == node:
		case how == 0:
			out = append(out, [2]int{id, node})
		case how == 1:
			out = append(out, [2]int{node, id})
		case id == other:
			out = append(out, [2]int{node, id})
		}
	}
	return out
}

// counts is the faults by kind.
func (p chaosPlan) counts() string {
	n := map[string]int{}
	for _, f := range p.faults {
		n[f.kind]++
	}
	var out []string
	for _, k := range chaosKinds {
		if n[k.kind] > 0 {
			out = append(out, fmt.Sprintf("%s %d", k.kind, n[k.kind]))
		}
	}
	return strings.Join(out, ", ")
}
