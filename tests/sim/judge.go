package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/tests/history"
)

// drawQuorum decides on the options of votequorum that go with no others.
func (p *Plan) drawQuorum(r *rand.Rand) {
	x := r.IntN(12)
	switch {
	case p.AutoTieBreaker:
	case p.Nodes == 2:
		p.TwoNode = x < 4 && !p.WaitForAll
	case x < 2 && p.Nodes > 2:
		p.LastManStandingMs = pick(r, 500, 1000, 2000)
	case x == 2 && p.Nodes > 2:
		p.Expected = p.Nodes/2 + 1
	}
}

// quorumConf writes them into the section of a configuration file.
func (p *Plan) quorumConf(w io.Writer) {
	if p.TwoNode {
		fmt.Fprint(w, "  two_node: 1\n")
	}
	if p.LastManStandingMs > 0 {
		fmt.Fprintf(w, "  last_man_standing: 1\n  last_man_standing_window: %d\n", p.LastManStandingMs)
	}
	if p.Expected > 0 {
		fmt.Fprintf(w, "  allow_downscale: 1\n  expected_votes: %d\n", p.Expected)
	}
}

// rules is how votequorum is configured.
func (p *Plan) rules() history.QuorumRules {
	return history.QuorumRules{
		Nodes: p.Nodes, WaitForAll: p.WaitForAll, TwoNode: p.TwoNode, AllowDownscale: p.Expected > 0, Expected: p.Expected,
		LastManStanding: time.Duration(p.LastManStandingMs) * time.Millisecond,
		// 3.1 switches the tie breaker off for an odd number of votes.
		AutoTieBreaker: p.AutoTieBreaker && p.Nodes%2 == 0,
	}
}

// flow is how many frames the nodes may send at one visit and in one rotation, the largest of what they are configured to.
func (p *Plan) flow() (visit, window int) {
	visit, window = 17, 50 // the defaults of corosync.conf
	if p.WindowSize > 0 {
		visit, window = p.MaxMessages, p.WindowSize
	}
	for _, own := range p.Own {
		for s := range strings.SplitSeq(own, ";") {
			n := 0
			if _, err := fmt.Sscanf(strings.TrimSpace(s), "max_messages: %d", &n); err == nil {
				visit = max(visit, n)
			}
			if _, err := fmt.Sscanf(strings.TrimSpace(s), "window_size: %d", &n); err == nil {
				window = max(window, n)
			}
		}
	}
	return visit, window
}

// micros is an instant as histories have it.
func (c *Cluster) micros(at clock.Instant) int64 { return int64(at.Sub(c.begin) / time.Microsecond) }

// judgeLives looks at what the daemons and the clients of the quorum service saw.
func (c *Cluster) judgeLives() {
	visit, window := c.Plan.flow()
	flow := history.CheckFlow(c.lives, visit, window)
	if len(c.Plan.CRules) > 0 {
		// 3.1 takes a sum beyond the window for a large remainder, and sends all that one visit allows.
		flow = nil
	}
	for _, vs := range [][]history.Violation{
		history.CheckQuorum(c.lives, c.Plan.rules()),
		flow,
		history.CheckHealing(c.lives, history.Healing{From: c.micros(c.healed), Bound: int64(c.bound() / time.Microsecond)}),
	} {
		for _, v := range vs {
			c.violate(string(v.Property), "rings: %v", v)
		}
	}
	for _, m := range c.mappers {
		for _, v := range history.CheckMap(m.ops, m.conn.gone) {
			c.violate(string(v.Property), "map of %v: %v", m.p.h, v)
		}
	}
}
