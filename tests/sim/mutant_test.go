package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/daemon/node"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/transport"
	"github.com/corosync-go/corosync/daemon/totem/wire"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// forgetful is a ring id store that stores nothing.
type forgetful struct{}

func (forgetful) Load() (uint64, error) { return 0, nil }
func (forgetful) Store(uint64) error    { return nil }

// frames is a Mutant.Send that changes the frames of one type; nil from change loses the frame.
func frames(kind wire.Type, change func(p *proc, frame []byte) []byte) func(*proc, transport.Packet) []transport.Packet {
	return func(p *proc, k transport.Packet) []transport.Packet {
		if h, err := wire.ParseHeader(k.Frame); err == nil && h.Type == kind {
			if k.Frame = change(p, k.Frame); k.Frame == nil {
				return nil
			}
		}
		return []transport.Packet{k}
	}
}

// tokens is a Mutant.Send that changes tokens.
func tokens(change func(t *wire.Token)) func(*proc, transport.Packet) []transport.Packet {
	return frames(wire.TypeToken, func(_ *proc, frame []byte) []byte {
		var t wire.Token
		if t.Parse(frame) != nil {
			return frame
		}
		change(&t)
		return t.Append(nil)
	})
}

// events is a Mutant.Event that changes every nth event of a kind.
func events(id int32, nth int, change func(msg []byte) [][]byte) func() *Mutant {
	return func() *Mutant {
		n := 0
		return &Mutant{Event: func(_ *conn, msg []byte) [][]byte {
			if h, err := ipcmsg.ParseResponseHeader(msg); err == nil && h.ID == id {
				if n++; n%nth == 0 {
					return change(msg)
				}
			}
			return [][]byte{msg}
		}}
	}
}

func lose([]byte) [][]byte { return nil }

// mutants are the broken daemons. Each is made anew for each run, for some have a memory.
var mutants = []struct {
	name string
	make func() *Mutant
	// seeds is within how many seeds it must be found.
	seeds uint64
}{
	{"ring id not stored", func() *Mutant {
		return &Mutant{Env: func(_ *host, e *node.Env) { e.Store = forgetful{} }}
	}, 20},
	{"aru too high", func() *Mutant {
		return &Mutant{Send: tokens(func(t *wire.Token) { t.ARU = t.Seq })}
	}, 20},
	{"no retransmit requests", func() *Mutant {
		return &Mutant{Send: tokens(func(t *wire.Token) { t.RTR = nil })}
	}, 20},
	{"messages are not retransmitted", func() *Mutant {
		type key struct {
			ring totem.RingID
			seq  uint32
			from totem.NodeID
		}
		seen := map[key]bool{}
		return &Mutant{Send: frames(wire.TypeMcast, func(p *proc, frame []byte) []byte {
			var m wire.Mcast
			if m.Parse(frame) != nil {
				return frame
			}
			k := key{m.Ring, m.Seq.Uint32(), p.h.id}
			if m.SystemFrom != p.h.id || seen[k] {
				return nil
			}
			seen[k] = true
			return frame
		})}
	}, 20},
	{"recovery messages are dropped", func() *Mutant {
		return &Mutant{Send: frames(wire.TypeMcast, func(_ *proc, frame []byte) []byte {
			var m wire.Mcast
			if m.Parse(frame) == nil && m.Encapsulated {
				return nil
			}
			return frame
		})}
	}, 30},
	{"all claim to have received everything of the old ring", func() *Mutant {
		return &Mutant{Send: frames(wire.TypeCommitToken, func(_ *proc, frame []byte) []byte {
			var t wire.CommitToken
			if t.Parse(frame) != nil {
				return frame
			}
			for i := range t.Members {
				t.Members[i].ReceivedFlg = 1
			}
			return t.Append(nil)
		})}
	}, 60},
	{"frames are damaged", func() *Mutant {
		n := 0
		return &Mutant{Send: frames(wire.TypeMcast, func(_ *proc, frame []byte) []byte {
			if n++; n%50 != 0 || len(frame) < 400 {
				return frame
			}
			frame = append([]byte(nil), frame...)
			frame[len(frame)-20] ^= 0x10
			return frame
		})}
	}, 20},
	{"a node counts more votes than it has", func() *Mutant {
		return &Mutant{Conf: func(h *host, text string) string {
			me := fmt.Sprintf("    nodeid: %d\n", h.id)
			return strings.Replace(text, me, me+fmt.Sprintf("    quorum_votes: %d\n", 20), 1)
		}}
	}, 20},
	{"deliveries get lost", events(ipcmsg.CPGEventDeliver, 97, lose), 10},
	{"deliveries come twice", events(ipcmsg.CPGEventDeliver, 97, func(m []byte) [][]byte { return [][]byte{m, m} }), 10},
	{"deliveries are damaged", events(ipcmsg.CPGEventDeliver, 97, func(m []byte) [][]byte {
		m = append([]byte(nil), m...)
		m[len(m)-1] ^= 1
		return [][]byte{m}
	}), 10},
	{"deliveries change places", func() *Mutant {
		held := map[*conn][]byte{}
		n := 0
		return &Mutant{Event: func(c *conn, msg []byte) [][]byte {
			if h := held[c]; h != nil {
				delete(held, c)
				return [][]byte{msg, h}
			}
			if n++; n%97 == 0 {
				held[c] = append([]byte(nil), msg...)
				return nil
			}
			return [][]byte{msg}
		}}
	}, 10},
	{"changes of a group get lost", events(ipcmsg.CPGEventConfchg, 13, lose), 10},
	{"changes of the ring get lost", events(ipcmsg.CPGEventTotemConfchg, 5, lose), 20},
}

// Each broken daemon is found out.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("many runs")
	}
	defer func(v bool) { invariants = v }(invariants)
	invariants = false
	for _, m := range mutants {
		t.Run(strings.ReplaceAll(m.name, " ", "_"), func(t *testing.T) {
			for seed := uint64(1); seed <= m.seeds; seed++ {
				if property := runMutant(seed, m.make(), nil); property != "" {
					t.Logf("found by seed %d: %s", seed, property)
					return
				}
			}
			t.Errorf("survives %d seeds", m.seeds)
		})
	}
}

// mutantPlan is the plan of a seed with faults in it.
func mutantPlan(seed uint64) Plan {
	p := NewPlan(seed)
	if p.Nodes < 2 {
		p = NewPlan(seed + 1000)
	}
	p.OldDisk = false
	r := rand.New(rand.NewPCG(seed, 1))
	for _, k := range []string{"kill", "rough network", "partition"} {
		p.Faults[k] = 1 + r.Float64()
	}
	p.Rough.Loss = max(p.Rough.Loss, 0.02)
	return p
}

// runMutant makes a run with a mutant and returns the first property that it breaks.
func runMutant(seed uint64, m *Mutant, change func(*Plan)) (property string) {
	defer func() {
		if r := recover(); r != nil {
			property = fmt.Sprint("invariant: ", r)
		}
	}()
	p := mutantPlan(seed)
	if change != nil {
		change(&p)
	}
	c := New(seed, p, Options{LogLevel: -1, Mutant: m})
	c.Start()
	c.Clients()
	c.Trouble()
	c.run(c.Plan.Trouble)
	c.Heal()
	c.Settle()
	for _, v := range c.Judge().Violations {
		return v.Property
	}
	return ""
}
