package sim

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/transport/memnet"
	"github.com/corosync-go/corosync/daemon/totem/wire"
	"github.com/corosync-go/corosync/tests/history"
)

// quiet is a plan in which nothing happens by itself but the work of clients.
func quiet(nodes int) Plan {
	p := Plan{
		Nodes: nodes, Calm: memnet.Conditions{Delay: 500 * time.Microsecond, Jitter: 100 * time.Microsecond}, ColdStart: true,
		Clients: 1, Groups: 1, ClientStep: 50 * time.Millisecond, Burst: 3, MaxSize: 1000, LargeSize: 100 << 10,
		SlowFor: time.Second, SpyEvery: 20 * time.Millisecond, FaultFor: time.Second,
	}
	for range nodes {
		p.TokenMs = append(p.TokenMs, 1000)
		p.Rates = append(p.Rates, 1)
	}
	return p
}

// scenario runs a story that begins with a cluster that is whole, and judges it.
func scenario(t *testing.T, p Plan, story func(c *Cluster)) *Cluster {
	t.Helper()
	c := New(1, p, Options{LogLevel: -1})
	c.Start()
	c.Clients()
	if !c.runUntil(p.Bound(), c.formed) {
		t.Fatalf("the cluster does not form: %s", c.states())
	}
	c.run(time.Second)
	if story != nil {
		story(c)
	}
	c.Heal()
	c.Settle()
	for _, v := range c.Judge().Violations {
		t.Error(v)
	}
	return c
}

// Guards against nodes that start at once keeping each other from consensus: all hear of each other in the first round.
func TestColdStartOfMany(t *testing.T) {
	p := quiet(32)
	p.ClientStep, p.SpyEvery = time.Second, 200*time.Millisecond
	c := scenario(t, p, nil)
	if c.configurations > 3*32 {
		t.Errorf("%d configurations were installed on 32 nodes", c.configurations)
	}
}

// Guards against the whole cluster standing still while one node joins: the memberships must meet without any timeout
// of a token or a consensus.
func TestNoStallWhenANodeJoins(t *testing.T) {
	scenario(t, quiet(6), func(c *Cluster) {
		h := c.hosts[5]
		h.proc.kill("kill")
		c.run(5 * time.Second)
		from := c.world.Now()
		h.boot()
		if !c.runUntil(time.Second, c.formed) {
			t.Fatalf("no ring a second after a node has started: %s", c.states())
		}
		c.run(time.Second)
		last, longest := int64(0), int64(0)
		for _, s := range c.hosts[0].proc.spy.life.Steps {
			if s.Kind == history.LifeDeliver && s.Time > int64(from.Sub(c.begin)/time.Microsecond)-100000 {
				if last > 0 {
					longest = max(longest, s.Time-last)
				}
				last = s.Time
			}
		}
		if longest > 600_000 {
			t.Errorf("nothing was delivered for %v ms while a node joined", longest/1000)
		}
	})
}

// Guards each step of a join and of the synchronisation: a node comes and dies at each of its first outputs.
func TestDeathAtEachOutputOfAJoin(t *testing.T) {
	p := quiet(4)
	p.ClientStep = 300 * time.Millisecond
	for i := range p.TokenMs {
		p.TokenMs[i] = 300
	}
	scenario(t, p, func(c *Cluster) {
		h := c.hosts[3]
		h.proc.kill("kill")
		for k := 1; k <= 150; k++ {
			c.run(20 * time.Millisecond)
			if !h.up() {
				h.boot()
			}
			h.proc.crashIn = k
			c.runUntil(1500*time.Millisecond, func() bool { return !h.up() })
			if h.up() {
				h.proc.kill("kill")
			}
		}
	})
}

// Guards against ghosts: processes die while the synchronisation that would announce them runs, and others come with
// their process ids.
func TestNoGhosts(t *testing.T) {
	p := quiet(4)
	p.Clients, p.Reuse = 3, true
	p.Die, p.Leave, p.ClientStep = 0.3, 0.2, 20*time.Millisecond
	scenario(t, p, func(c *Cluster) {
		for i := range 12 {
			h := c.hosts[i%4]
			c.cutAll(h, true, true, true)
			c.run(time.Duration(100+400*(i%7)) * time.Millisecond)
			c.cutAll(h, true, true, false)
			c.run(time.Duration(50+300*(i%3)) * time.Millisecond)
		}
	})
}

// Guards what is counted and stored of rings: 32 bits are not enough, and the halves of 64 have no meaning.
func TestRingIDsNearTheirEnds(t *testing.T) {
	for _, seq := range []uint64{1<<32 - 10, 1<<63 - 10, 1<<64 - 1000} {
		p := quiet(3)
		p.StoredSeq = seq
		scenario(t, p, func(c *Cluster) {
			for i := range 6 {
				c.hosts[i%3].proc.kill("kill")
				c.run(3 * time.Second)
				c.hosts[i%3].boot()
				c.run(time.Second)
			}
		})
	}
}

// Guards sequence numbers of messages and tokens at their wrap-around, also while the membership changes.
func TestSequenceNumbersWrapAround(t *testing.T) {
	for _, start := range []uint32{0xffffff80, 0xfffffffe, 0x7fffff80} {
		p := quiet(3)
		p.StartSeq, p.Burst = start, 10
		scenario(t, p, func(c *Cluster) {
			c.run(5 * time.Second)
			c.hosts[1].proc.kill("kill")
			c.run(3 * time.Second)
		})
	}
}

// Guards the handling of a stopped process, which must not believe what waited for it, on every node after the other.
func TestAllPausedInTurn(t *testing.T) {
	scenario(t, quiet(5), func(c *Cluster) {
		for _, h := range c.hosts {
			c.pauseFor(h, 4*time.Second)
			c.run(1500 * time.Millisecond)
		}
		c.run(5 * time.Second)
	})
}

// Guards the retransmission of the token: whichever hop loses it, the ring goes on as it is.
func TestTokenLostAtEachHop(t *testing.T) {
	var before int
	c := scenario(t, quiet(4), func(c *Cluster) {
		before = c.configurations
		for hop := range 40 {
			n := 0
			c.net.Drop(func(_, _ totem.NodeID, frame []byte) bool {
				if h, err := wire.ParseHeader(frame); err == nil && h.Type == wire.TypeToken {
					n++
				}
				return n == hop%10+1
			})
			c.run(700 * time.Millisecond)
		}
	})
	if c.configurations != before {
		t.Errorf("a lost token made %d new configurations", c.configurations-before)
	}
}

// Guards the sets in GATHER against a partition that ends while they are being agreed on.
func TestPartitionHealsInsideConsensus(t *testing.T) {
	scenario(t, quiet(5), func(c *Cluster) {
		for k := range 12 {
			c.net.Partition([]totem.NodeID{1, 2, 5}, []totem.NodeID{3, 4})
			c.run(time.Second + time.Duration(k)*120*time.Millisecond)
			c.net.Join()
			c.run(3 * time.Second)
		}
	})
}

// Guards who is declared failed: of a ring that loses one node, the others stay together.
func TestOnlyTheDeadLeave(t *testing.T) {
	scenario(t, quiet(5), func(c *Cluster) {
		for _, h := range c.hosts {
			before := c.configurations
			h.proc.kill("kill")
			c.run(4 * time.Second)
			if n := c.configurations - before; n != 4 {
				t.Errorf("%v has died, and the other four have installed %d configurations: %s", h, n, c.states())
			}
			h.reboot()
			if !c.runUntil(c.Plan.Bound(), c.formed) {
				t.Fatalf("%v does not come back: %s", h, c.states())
			}
		}
	})
}

// Guards the merge of rings that are never idle, so that no MERGE_DETECT is sent: their messages tell of them.
func TestBusyRingsMerge(t *testing.T) {
	p := quiet(4)
	p.SpyEvery = time.Millisecond
	scenario(t, p, func(c *Cluster) {
		c.net.Partition([]totem.NodeID{1, 4}, []totem.NodeID{2, 3})
		c.run(5 * time.Second)
		c.net.Join()
		if !c.runUntil(time.Second, c.formed) {
			t.Errorf("two busy rings do not find each other: %s", c.states())
		}
	})
}

// Guards the leave of a node: the others go on without waiting for its token.
func TestLeaveIsHeard(t *testing.T) {
	p := quiet(4)
	scenario(t, p, func(c *Cluster) {
		for _, h := range c.hosts {
			c.leave(h, &Fault{})
			left := func() bool {
				o := c.hosts[h.id%4].proc
				return len(o.spy.nodes) == 3 && !o.node.Router().Syncing()
			}
			if limit := time.Duration(p.TokenMs[0]) * time.Millisecond / 2; !c.runUntil(limit, left) {
				t.Errorf("%v has left, and %v later: %s", h, limit, c.states())
			}
			h.reboot()
			if !c.runUntil(p.Bound(), c.formed) {
				t.Fatalf("%v does not come back: %s", h, c.states())
			}
		}
	})
}

// Guards the merge of rings in which nobody says anything: only their representatives make them known.
func TestSilentRingsMerge(t *testing.T) {
	p := quiet(4)
	p.SpyEvery = time.Hour
	scenario(t, p, func(c *Cluster) {
		for _, h := range c.hosts {
			h.slots[0].quiet = true
		}
		c.run(2 * time.Second)
		c.net.Partition([]totem.NodeID{1, 4}, []totem.NodeID{2, 3})
		c.run(10 * time.Second)
		c.net.Join()
		if !c.runUntil(p.Bound(), c.formed) {
			t.Errorf("two silent rings do not find each other: %s", c.states())
		}
	})
}

// Guards the merge of two rings of equal size against a node that leaves in the middle of it.
func TestEqualRingsMergeWhileANodeLeaves(t *testing.T) {
	scenario(t, quiet(5), func(c *Cluster) {
		for _, kind := range []wire.Type{wire.TypeMergeDetect, wire.TypeJoin, wire.TypeCommitToken, wire.TypeMcast} {
			c.net.Partition([]totem.NodeID{1, 2, 5}, []totem.NodeID{3, 4})
			c.run(4 * time.Second)
			h := c.hosts[4]
			c.catch(c.hosts[0], kind, func() { c.leave(h, &Fault{}) })
			c.net.Join()
			c.run(4 * time.Second)
			h.reboot()
			c.run(2 * time.Second)
		}
	})
}

// Guards the bound of the retransmit list: more is missing than it holds.
func TestRetransmitListOverflow(t *testing.T) {
	p := quiet(4)
	p.WindowSize, p.MaxMessages, p.Burst, p.Large = 300, 100, 5, 0.5
	full := 0
	scenario(t, p, func(c *Cluster) {
		c.net.Drop(func(_, to totem.NodeID, frame []byte) bool {
			h, err := wire.ParseHeader(frame)
			var token wire.Token
			if err == nil && h.Type == wire.TypeToken && token.Parse(frame) == nil && len(token.RTR) == wire.MaxRTR {
				full++
			}
			return err == nil && h.Type == wire.TypeMcast && to == 3 && c.rnd.Float64() < 0.7
		})
		c.run(5 * time.Second)
	})
	if full == 0 {
		t.Error("the list was never full: this test shows nothing")
	}
}

// Guards the others against a node that hears but is not heard: they must come to a ring without it.
func TestHearsButIsNotHeard(t *testing.T) {
	scenario(t, quiet(4), func(c *Cluster) {
		c.mute(c.hosts[2], nil)
		c.run(10 * time.Second)
		from := c.hosts[0].proc.spy.ring
		before := len(c.hosts[0].proc.spy.life.Steps)
		c.run(10 * time.Second)
		p := c.hosts[0].proc
		if len(p.spy.nodes) != 3 || len(p.spy.life.Steps) == before {
			t.Errorf("ring %v after 10 s, %v after 20: %v", from, p.spy.ring, p.spy.nodes)
		}
	})
}

// Guards virtual synchrony over a synchronisation that is cut short. A node misses what the others deliver, comes back in
// a ring that a further node ends at once, and comes along to that: it must still be seen to have left, and must itself
// see that the others have. Seed 46 of the first version found that nobody was told (3.1 does not tell either).
func TestSynchronisationCutShort(t *testing.T) {
	p := quiet(5)
	p.ClientStep = 10 * time.Millisecond
	scenario(t, p, func(c *Cluster) {
		late, h := c.hosts[3], c.hosts[4]
		for k := range 25 {
			// Stopped rather than cut off, it has no ring of its own meanwhile.
			late.proc.kill("kill")
			h.proc.loop.Pause()
			c.run(4 * time.Second)
			h.proc.loop.Resume()
			if !c.runUntil(5*time.Second, func() bool { return len(h.proc.spy.nodes) == 4 }) {
				t.Fatalf("node 5 does not come back: %s", c.states())
			}
			c.run(time.Duration(k) * time.Millisecond / 2)
			late.reboot()
			if !c.runUntil(5*time.Second, c.formed) {
				t.Fatalf("node 4 does not come back: %s", c.states())
			}
			c.run(500 * time.Millisecond)
		}
	})
}

// Guards the process id of a client that dies while nothing can be sent: its leave waits in the queue, and the next client
// with that id must wait for it. Seed 10 of the first version found that the second was seen to leave twice.
func TestProcessIDReusedWhileTheQueueStands(t *testing.T) {
	p := quiet(3)
	p.Reuse, p.Die, p.Clients, p.ClientStep = true, 0.5, 2, 20*time.Millisecond
	scenario(t, p, func(c *Cluster) {
		for i := range 8 {
			h := c.hosts[i%3]
			c.deaf(h, nil)
			c.run(1500 * time.Millisecond)
			c.cutAll(h, true, false, false)
			c.run(time.Second)
		}
	})
}

// Guards clients against the leave of a process that they were never told of: its node stops while the synchronisation
// that would have announced it runs. Found by seed 214 of the first version.
func TestStopDuringSynchronisation(t *testing.T) {
	p := quiet(4)
	scenario(t, p, func(c *Cluster) {
		for k := range 25 {
			h := c.hosts[k%4]
			c.cutAll(h, true, true, true)
			c.run(4 * time.Second)
			c.cutAll(h, true, true, false)
			if !c.runUntil(5*time.Second, func() bool { return len(h.proc.spy.nodes) == 4 }) {
				t.Fatalf("%v does not come back: %s", h, c.states())
			}
			c.run(time.Duration(k) * time.Millisecond / 2)
			c.leave(h, &Fault{})
			c.run(500 * time.Millisecond)
			h.reboot()
			c.run(2 * time.Second)
		}
	})
}

// Guards the ring number on disk: whenever a node dies, no ring id comes twice.
func TestNoRingIDTwice(t *testing.T) {
	p := quiet(3)
	for i := range p.TokenMs {
		p.TokenMs[i] = 300
	}
	scenario(t, p, func(c *Cluster) {
		for k := range 60 {
			h := c.hosts[k%3]
			c.catch(h, wire.TypeCommitToken, func() {
				if h.up() {
					h.proc.crashIn = 1 + k/3
				}
			})
			c.hosts[(k+1)%3].proc.kill("kill")
			c.run(1500 * time.Millisecond)
			c.hosts[(k+1)%3].reboot()
			c.run(300 * time.Millisecond)
			for _, h := range c.hosts {
				h.reboot()
			}
		}
	})
}

// Shows what the C daemon's rule for the transitional queue costs, and guards ours: what is sent while a synchronisation ends
// is delivered at once, and there only after the next change of the membership, if there is one.
func TestWhatSynchronisationLeaves(t *testing.T) {
	for _, rules := range []struct {
		name string
		c    []int
	}{{"ours", nil}, {"C", []int{1, 2, 3}}} {
		t.Run(rules.name, func(t *testing.T) {
			p := quiet(3)
			p.CRules, p.SpyEvery, p.ClientStep = rules.c, 200*time.Microsecond, time.Hour
			c := scenario(t, p, func(c *Cluster) {
				c.hosts[2].proc.kill("kill")
				c.run(4 * time.Second)
			})
			if n := c.excused["self-delivery"]; n == 0 && rules.c != nil {
				t.Error("C's rules have kept nothing back: this test shows nothing")
			}
		})
	}
}

// Guards what seeds have found: the plans in testdata say what, in their first lines.
func TestPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/*.plan")
	if err != nil || len(files) == 0 {
		t.Fatal("no plans: ", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".plan"), func(t *testing.T) {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			p, err := ParsePlan(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range RunPlan(p, Options{LogLevel: -1}).Violations {
				t.Error(v)
			}
		})
	}
}
