package history

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// ring writes the lines by which the given nodes come to a ring: transitional set, regular configuration, decision, end.
func ring(id string, quorate bool, nodes ...string) string {
	var b strings.Builder
	all := strings.Join(nodes, ",")
	for _, n := range nodes {
		b.WriteString(n + ".1 t " + id + " " + n + "\n" + n + ".1 r " + id + " " + all + "\n")
	}
	q := " q "
	if quorate {
		q = " Q "
	}
	for _, n := range nodes {
		b.WriteString(n + ".1" + q + id + " " + all + "\n" + n + ".1 y\n")
	}
	return b.String()
}

func TestCheckQuorum(t *testing.T) {
	three := ring("1.4", true, "1", "2", "3")
	six := ring("1.4", true, "1", "2", "3", "4", "5", "6")
	wait := QuorumRules{Nodes: 3, WaitForAll: true}
	tie := QuorumRules{Nodes: 4, AutoTieBreaker: true}
	two := QuorumRules{Nodes: 2, TwoNode: true}
	last := QuorumRules{Nodes: 6, LastManStanding: time.Second}
	fewer := QuorumRules{Nodes: 5, AllowDownscale: true, Expected: 3}
	for _, c := range []struct {
		name  string
		rules QuorumRules
		text  string
		want  Property
	}{
		{"majority", QuorumRules{Nodes: 3}, three + ring("1.8", true, "1", "2") + ring("3.8", false, "3") + ring("1.12", true, "1", "2", "3"), ""},
		{"who stops before it told its votes", QuorumRules{Nodes: 3}, ring("1.4", false, "1") + "2.1 t 1.8 -\n2.1 r 1.8 1,2\n1.1 t 1.8 1\n1.1 r 1.8 1,2\n2.1 L\n1.1 q 1.8 1,2\n1.1 y", ""},
		{"who stops when it has told its votes", QuorumRules{Nodes: 3}, ring("1.4", false, "1") + "2.1 t 1.8 -\n2.1 r 1.8 1,2\n1.1 t 1.8 1\n1.1 r 1.8 1,2\n2.1 y\n2.1 L\n1.1 q 1.8 1,2\n1.1 y", Votes},
		{"who stops and is known", QuorumRules{Nodes: 3}, ring("1.4", true, "1", "2") + "2.1 t 1.8 2\n2.1 r 1.8 1,2\n1.1 t 1.8 1\n1.1 r 1.8 1,2\n2.1 L\n1.1 q 1.8 1,2\n1.1 y", Votes},
		{"minority", QuorumRules{Nodes: 3}, three + ring("3.8", true, "3"), Votes},
		{"majority denied", QuorumRules{Nodes: 3}, three + ring("1.8", false, "1", "2"), Votes},
		{"two partitions", QuorumRules{Nodes: 4}, ring("1.4", true, "1", "2", "3", "4") + ring("1.8", true, "1", "2") + ring("3.8", true, "3", "4"), SplitBrain},
		{"another ring", QuorumRules{Nodes: 3}, three + "1.1 Q 1.8 1,2,3", QuorumView},
		{"another view", QuorumRules{Nodes: 3}, three + "1.1 Q 1.4 1,2", QuorumView},
		{"node list does not add up", QuorumRules{Nodes: 3}, three + "1.1 n 1.4 1,2,3 - -\n1.1 n 1.4 1,2,3 - 3", QuorumView},
		{"node list of another ring", QuorumRules{Nodes: 3}, three + "1.1 n 1.8 1,2,3 - -", QuorumView},
		{"told twice", QuorumRules{Nodes: 2}, ring("1.4", true, "1", "2") + "1.1 r 1.8 1,2\n1.1 Q 1.8 1,2\n1.1 Q 1.8 1,2\n1.1 y\n1.1 r 1.12 1,2", QuorumOnce},
		{"not told", QuorumRules{Nodes: 2}, ring("1.4", true, "1", "2") + "1.1 r 1.8 1,2\n1.1 y", QuorumOnce},

		{"all were seen", wait, three + ring("1.8", true, "1", "2"), ""},
		{"all were not seen", wait, ring("1.4", true, "1", "2"), WaitForAll},
		{"a quorate node comes", wait, three + ring("1.8", true, "1", "2") + ring("3.8", false, "3") + ring("2.12", true, "2", "3"), ""},
		{"a node that lost quorum waits again", wait, three + ring("3.8", false, "3") + ring("2.8", false, "2") + ring("2.12", true, "2", "3"), WaitForAll},
		{"all are there", wait, ring("1.4", false, "1", "2", "3"), Votes},

		{"half with the lowest", tie, ring("1.4", true, "1", "2", "3", "4") + ring("1.8", true, "1", "2") + ring("3.8", false, "3", "4"), ""},
		{"half without the lowest", tie, ring("1.4", true, "1", "2", "3", "4") + ring("3.8", true, "3", "4"), TieBreaker},
		{"half with the lowest denied", tie, ring("1.4", true, "1", "2", "3", "4") + ring("1.8", false, "1", "2"), TieBreaker},
		{"the lowest of a smaller majority", tie, ring("1.4", true, "1", "2", "3", "4") + ring("2.8", true, "2", "3", "4") + ring("2.12", true, "2", "4"), ""},

		{"alone of two", two, ring("1.4", true, "1", "2") + ring("1.8", true, "1") + ring("2.8", true, "2"), ""},
		{"alone of two without having seen the other", two, ring("1.4", true, "1"), WaitForAll},
		{"alone of two denied", two, ring("1.4", true, "1", "2") + ring("1.8", false, "1"), Votes},

		{"fewer after the window", last, six + ring("1.8", true, "1", "2", "3", "4") + "1.1 w 1500\n" + ring("1.12", true, "1", "2", "3"), ""},
		{"fewer before the window", last, six + ring("1.8", true, "1", "2", "3", "4") + "1.1 w 100\n" + ring("1.12", true, "1", "2", "3"), Votes},
		{"fewer after the window denied", last, six + ring("1.8", true, "1", "2", "3", "4") + "1.1 w 1500\n" + ring("1.12", false, "1", "2", "3"), LastManStanding},

		{"as many as expected", fewer, ring("1.4", true, "1", "2", "3", "4", "5") + "4.1 L\n5.1 L\n" + ring("1.8", true, "1", "2"), ""},
		{"fewer than expected", fewer, ring("1.4", true, "1", "2", "3", "4", "5") + "4.1 L\n5.1 L\n" + ring("1.8", true, "1"), Votes},
		{"who stops does not count", fewer, ring("1.4", true, "1", "2", "3", "4", "5") + "5.1 L\n4.1 L\n3.1 L\n1.1 q 1.4 1,2,3,4,5", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := CheckQuorum(lives(t, c.text), c.rules)
			if c.want == SplitBrain {
				// One of them has too few votes, too.
				got = slices.DeleteFunc(got, func(v Violation) bool { return v.Property == Votes })
			}
			expect(t, got, c.want)
		})
	}
}

// expect fails unless the violations are of the wanted property alone; of none if that is empty.
func expect(t *testing.T, got []Violation, want Property) {
	t.Helper()
	for _, v := range got {
		if v.Property != want {
			t.Errorf("unexpected: %v", v)
		}
		if len(v.Events) == 0 || v.Reason == "" {
			t.Errorf("%s does not say why: %v", v.Property, v)
		}
	}
	if want != "" && len(got) == 0 {
		t.Errorf("%s is not seen", want)
	}
}

func TestCheckFlow(t *testing.T) {
	const calm = "1.1 v 1.4 10\n2.1 v 1.4 10\n1.1 v 1.4 5\n2.1 v 1.4 15\n"
	for _, c := range []struct {
		name, text string
		want       Property
	}{
		{"within", calm, ""},
		{"next ring", calm + "1.1 v 1.8 15\n2.1 v 1.8 5", ""},
		{"one visit", calm + "2.1 v 1.4 0\n1.1 v 1.4 16", Flow},
		{"one rotation", calm + "1.1 v 1.4 6", Flow},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, CheckFlow(lives(t, c.text), 15, 20), c.want) })
	}
}

func TestCheckHealing(t *testing.T) {
	whole := ring("1.4", true, "1", "2") // at 5 to 8 ms
	for _, c := range []struct {
		name, text  string
		from, bound int64
		want        Property
	}{
		{"in time", whole, 1000, 10000, ""},
		{"before", whole, 100000, 1000, ""},
		{"who is dead does not count", whole + ring("1.8", true, "1") + "2.1 E", 1000, 20000, ""},
		{"two rings", ring("1.4", true, "1") + ring("2.4", true, "2"), 1000, 10000, Liveness},
		{"late", whole, 1000, 1000, Liveness},
		{"not synchronised", "1.1 r 1.4 1,2\n2.1 r 1.4 1,2\n1.1 y", 1000, 10000, Liveness},
		{"synchronised late", "1.1 r 1.4 1,2\n2.1 r 1.4 1,2\n1.1 y\n2.1 w 100\n2.1 y", 1000, 10000, Liveness},
		{"left again", whole + "1.1 w 100\n" + ring("1.8", true, "1", "2"), 1000, 10000, Stability},
		{"no ring at all", whole + "3.1 y", 1000, 10000, Liveness},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := CheckHealing(lives(t, c.text), Healing{From: c.from, Bound: c.bound})
			if c.name == "no ring at all" {
				if len(got) == 0 {
					t.Error("not seen")
				}
				return
			}
			expect(t, got, c.want)
		})
	}
}

// A message of a group comes after what its sender had delivered, and last words are heard.
func TestCausalAndServed(t *testing.T) {
	three := `
		a V a,b,c +a
		a T 1.4 1,2,3
		b V a,b,c +b
		b T 1.4 1,2,3
		c V a,b,c +c
		c T 1.4 1,2,3
		a S 1
		b D a1
		b S 1
		b E dispatch-2
	`
	for _, c := range []struct {
		name, lines string
		want        Property
	}{
		{"in order", three + "a D a1\na D b1\nc D a1\nc D b1\na V a,c -b\nc V a,c -b", ""},
		{"answer first", three + "a D b1\na D a1\nc D b1\nc D a1\na V a,c -b\nc V a,c -b", Causal},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, Check(script(t, c.lines), Options{Settled: true}), c.want) })
	}
	ps := script(t, two+"a S 1\na D a1")
	for _, p := range ps {
		for i := range p.Events {
			if p.Events[i].Msg.Seq == 1 {
				p.Events[i].Flags = FlagFin
			}
		}
	}
	found := false
	for _, v := range Check(ps, Options{Settled: true}) {
		found = found || v.Property == Served
	}
	if !found {
		t.Error("a last word that is not heard is not seen")
	}
}
