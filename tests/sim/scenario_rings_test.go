package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/transport"
	"github.com/corosync-go/corosync/daemon/totem/wire"
	"github.com/corosync-go/corosync/tests/history"
)

// Guards a ring against what was said in an earlier one and comes late: a token of that must do nothing, and a message must
// not become one of this ring, though the numbers of both begin alike.
func TestFramesOfAnOldRing(t *testing.T) {
	for _, kind := range []wire.Type{wire.TypeToken, wire.TypeMcast} {
		t.Run(kind.String(), func(t *testing.T) {
			p := quiet(4)
			p.ClientStep = 20 * time.Millisecond
			scenario(t, p, func(c *Cluster) {
				type sent struct {
					from, to totem.NodeID
					frame    []byte
				}
				var kept []sent
				c.net.Drop(func(from, to totem.NodeID, frame []byte) bool {
					if h, err := wire.ParseHeader(frame); err == nil && h.Type == kind && to != 4 && from != 4 {
						kept = append(kept, sent{from, to, bytes.Clone(frame)})
					}
					return false
				})
				c.run(500 * time.Millisecond)
				c.net.Drop(nil)
				c.hosts[3].proc.kill("kill")
				if !c.runUntil(p.Bound(), func() bool { return len(c.hosts[0].proc.spy.nodes) == 3 && !c.hosts[0].proc.node.Router().Syncing() }) {
					t.Fatalf("the others form no ring: %s", c.states())
				}
				c.run(20 * time.Millisecond)
				before := c.configurations
				for i, k := range kept[max(0, len(kept)-300):] {
					c.hosts[k.from-1].proc.end.Send([]transport.Packet{{To: k.to, Frame: k.frame}})
					if i%10 == 0 {
						c.run(time.Millisecond)
					}
				}
				c.run(3 * time.Second)
				if n := c.configurations - before; n != 0 && kind == wire.TypeToken {
					t.Errorf("old tokens made %d new configurations", n)
				}
			})
		})
	}
}

// Guards the end of a recovery: nobody goes on to the new ring before all have what is recovered, or those that lack it would
// ask for it in vain and have to form another ring. One node has a gap that the others fill, and hears that late.
func TestRecoveryWaitsForTheSlowest(t *testing.T) {
	p := quiet(4)
	p.ClientStep, p.Burst, p.SpyEvery = 10*time.Millisecond, 5, 2*time.Millisecond
	shown := 0
	scenario(t, p, func(c *Cluster) {
		for round := range 6 {
			lost, recovered := 0, 0
			c.net.Drop(func(_, to totem.NodeID, frame []byte) bool {
				h, err := wire.ParseHeader(frame)
				if err != nil || h.Type != wire.TypeMcast || to != 3 {
					return false
				}
				if h.Encapsulated {
					recovered++
					return recovered <= 40+10*round
				}
				lost++
				return c.hosts[3].up() || len(c.hosts[2].proc.spy.nodes) == 4
			})
			c.run(15 * time.Millisecond)
			c.hosts[3].proc.kill("kill")
			before := c.configurations
			c.run(5 * time.Second)
			c.net.Drop(nil)
			if n := c.configurations - before; n != 3 || len(c.hosts[2].proc.spy.nodes) != 3 {
				t.Errorf("a node has died, and the other three have installed %d configurations: %s", n, c.states())
			}
			if recovered >= 20 && lost >= 5 {
				shown++
			}
			c.hosts[3].reboot()
			if !c.runUntil(p.Bound(), c.formed) {
				t.Fatalf("node 4 does not come back: %s", c.states())
			}
			c.run(500 * time.Millisecond)
		}
	})
	if shown < 3 && !t.Failed() {
		t.Errorf("much had to be recovered in %d of 6 rounds: this test shows nothing", shown)
	}
}

// Guards the number of a new ring, which must be above those of all that come to it: the lowest node, which forms it, has seen
// few rings, and another one many.
func TestNumberOfAnotherNode(t *testing.T) {
	p := quiet(3)
	scenario(t, p, func(c *Cluster) {
		h := c.hosts[2]
		h.proc.kill("kill")
		c.run(3 * time.Second)
		h.stored += 100_000
		h.boot()
		if !c.runUntil(p.Bound(), c.formed) {
			t.Errorf("the nodes form no ring: %s", c.states())
		}
	})
}

// Guards who is declared failed by hearsay: a node comes from a ring of its own and has lost one of two that are together. They
// must stay so, for they hear each other.
func TestFailuresOfAnotherRing(t *testing.T) {
	p := quiet(3)
	scenario(t, p, func(c *Cluster) {
		for range 5 {
			// Node 1 loses 3, and then 2 as well; 2 and 3 are a ring.
			c.net.Cut(1, 3, true)
			c.net.Cut(3, 1, true)
			c.run(200 * time.Millisecond)
			c.net.Cut(1, 2, true)
			c.net.Cut(2, 1, true)
			together := func() bool {
				return len(c.hosts[1].proc.spy.nodes) == 2 && len(c.hosts[0].proc.spy.nodes) == 1 && !c.hosts[1].proc.node.Router().Syncing()
			}
			if !c.runUntil(p.Bound(), together) {
				t.Fatalf("nodes 2 and 3 form no ring: %s", c.states())
			}
			// Node 1 tells node 2 of 3, which it cannot hear.
			c.net.Cut(1, 2, false)
			c.net.Cut(2, 1, false)
			from := len(c.hosts[1].proc.spy.life.Steps)
			c.run(10 * time.Second)
			rings := 0
			for _, s := range c.hosts[1].proc.spy.life.Steps[from:] {
				if s.Kind != history.LifeRegular {
					continue
				}
				if rings++; !slices.Equal(s.Nodes, []uint32{2, 3}) {
					t.Errorf("node 2 hears node 3, but not so its ring: %v", s)
					break
				}
			}
			if rings == 0 {
				t.Error("node 1 has not told anything: this test shows nothing")
			}
			c.net.Cut(1, 3, false)
			c.net.Cut(3, 1, false)
			if !c.runUntil(p.Bound(), c.formed) {
				t.Fatalf("no common ring: %s", c.states())
			}
		}
	})
}

// Guards the list of services that a synchronisation goes through: one node lacks one that the others have, and takes part in
// its rounds all the same.
func TestNodesWithDifferentServices(t *testing.T) {
	for n := range 3 {
		t.Run(fmt.Sprintf("n%d", n+1), func(t *testing.T) {
			p := quiet(3)
			scenario(t, p, func(c *Cluster) {
				h := c.hosts[n]
				h.proc.kill("kill")
				c.run(3 * time.Second)
				h.write(strings.Replace(h.conf, "  provider: corosync_votequorum\n", "", 1))
				h.boot()
				if !c.runUntil(p.Bound(), c.formed) {
					t.Errorf("the nodes do not synchronise: %s", c.states())
				}
				h.proc.kill("kill")
				c.run(3 * time.Second)
				h.write(p.conf(h.id))
				h.boot()
			})
		})
	}
}
