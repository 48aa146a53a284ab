package sim

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// draw decides the details of the faults of a plan.
type draw struct {
	*rand.Rand
	p *Plan
}

// story draws the faults of a plan from the weights of their kinds.
func (p *Plan) story(seed uint64) []Fault {
	d := draw{rand.New(rand.NewPCG(seed, 0x73746f7279)), p}
	total := 0.0
	for _, k := range kinds {
		total += p.Faults[k.name]
	}
	var story []Fault
	if total == 0 {
		return nil
	}
	for at := d.exp(p.FaultEvery); at < p.Trouble; at += d.exp(p.FaultEvery) {
		x := d.Float64() * total
		for i := range kinds {
			k := &kinds[i]
			if w := p.Faults[k.name]; w > 0 {
				if x -= w; x >= 0 {
					continue
				}
				f := Fault{At: at, Kind: k.name, Node: 1 + d.IntN(p.Nodes)}
				if k.draw != nil {
					k.draw(&d, &f)
				}
				if !instant[k.name] {
					f.For = d.exp(p.FaultFor)
				}
				story = append(story, f)
				break
			}
		}
	}
	return story
}

// instant are the faults that nothing ends.
var instant = map[string]bool{"pause": true, "pause at frame": true, "pause all in turn": true, "reload": true, "clients die": true}

// exp is a random duration with the given mean, in microseconds.
func (d *draw) exp(mean time.Duration) time.Duration {
	return time.Duration(-math.Log(1-d.Float64()) * float64(mean)).Round(time.Microsecond)
}

func (d *draw) to(f *Fault) {
	f.To = f.Node
	for f.To == f.Node && d.p.Nodes > 1 {
		f.To = 1 + d.IntN(d.p.Nodes)
	}
}

func (d *draw) groups(f *Fault) {
	f.Groups = make([][]int, 2+d.IntN(2))
	for n := range d.p.Nodes {
		i := d.IntN(len(f.Groups))
		f.Groups[i] = append(f.Groups[i], n+1)
	}
}

// rare is a type of frame that marks a moment of a membership change.
func (d *draw) rare(f *Fault) {
	f.Frame = pick(d.Rand, wire.TypeJoin, wire.TypeCommitToken, wire.TypeCommitToken, wire.TypeMergeDetect, wire.TypeToken,
		wire.TypeMcast).String()
}

func (d *draw) groupsAtFrame(f *Fault) {
	d.groups(f)
	d.rare(f)
}

func (d *draw) hole(f *Fault) { f.Size, f.All = pick(d.Rand, 200, 600, 1200), d.IntN(3) == 0 }

func (d *draw) queue(f *Fault) { f.Count = pick(d.Rand, 2, 5, 20) }

func (d *draw) loss(f *Fault) {
	f.Frame = wire.Type(d.IntN(int(wire.NumTypes))).String()
	f.From = d.IntN(2) == 0
	f.Part = pick(d.Rand, 0.3, 1.0)
}

// disk decides what a node has kept of its ring id when it comes back.
func (d *draw) disk(f *Fault) {
	if d.p.OldDisk {
		f.Disk = pick(d.Rand, "old", "lost", "", "")
	}
}

func (d *draw) crash(f *Fault) {
	f.Count = 1 + d.IntN(pick(d.Rand, 3, 30, 300))
	d.disk(f)
}

func (d *draw) crashAtFrame(f *Fault) {
	d.rare(f)
	f.Count = 1 + d.IntN(pick(d.Rand, 2, 10, 40))
	d.disk(f)
}

// pause is around the token timeout of a node: shorter, or much longer.
func (d *draw) pause(f *Fault) {
	token := time.Duration(d.p.TokenMs[f.Node-1]) * time.Millisecond
	f.Time = time.Duration(float64(token) * pick(d.Rand, 0.2, 0.9, 1.1, 2, 5, 10) * (0.8 + 0.4*d.Float64())).Round(time.Microsecond)
}

func (d *draw) pauseAtFrame(f *Fault) {
	d.pause(f)
	d.rare(f)
}

func (d *draw) delay(f *Fault) {
	token := time.Duration(d.p.TokenMs[f.Node-1]) * time.Millisecond
	f.Time = between(d.Rand, time.Millisecond, 2*token).Round(time.Microsecond)
}

func (d *draw) slow(f *Fault) {
	f.Time = between(d.Rand, time.Millisecond, 200*time.Millisecond).Round(time.Microsecond)
}

func (d *draw) factor(f *Fault) { f.Part, f.All = pick(d.Rand, 0.7, 1, 1.4), d.IntN(3) > 0 }
