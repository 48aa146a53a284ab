package history

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// script builds recordings from a shorthand, one line per process and event:
//
//	a I | a V a,b -x +b | a T 1.4 1,2 | a S 1 | a D b1 | a E leave
//
// Processes are single letters: a is node 1, pid 101, incarnation 1, and so on. Who goes or comes back does so with its node, or
// for the reason that is written behind it: -b/5.
func script(t *testing.T, lines string) []*Process {
	t.Helper()
	bufs := map[byte]*bytes.Buffer{}
	var order []byte
	addr := func(c byte) string { return fmt.Sprintf("%d:%d", c-'a'+1, 101+int(c-'a')) }
	list := func(s string, reason func(c byte) string) string {
		if s == "-" || s == "" {
			return "-"
		}
		var out []string
		for w := range strings.SplitSeq(s, ",") {
			if _, why, ok := strings.Cut(w, "/"); ok {
				out = append(out, addr(w[0])+":"+why)
			} else {
				out = append(out, addr(w[0])+reason(w[0]))
			}
		}
		return strings.Join(out, ",")
	}
	leaves := func(c byte) string {
		if strings.Contains(lines, string(c)+" E leave") {
			return ":2"
		}
		return ":3"
	}
	came := map[string]bool{}
	now := 0
	for line := range strings.Lines(lines) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		p := f[0][0]
		b := bufs[p]
		if b == nil {
			b = &bytes.Buffer{}
			bufs[p], order = b, append(order, p)
			fmt.Fprintf(b, "%d I %d %d %d\n", now, p-'a'+1, 101+int(p-'a'), p-'a'+1)
		}
		now += 10
		switch f[1] {
		case "V":
			left, joined := "-", "-"
			for _, w := range f[3:] {
				if w[0] == '-' {
					left = list(w[1:], leaves)
				} else {
					joined = list(w[1:], func(c byte) string {
						k := string([]byte{p, c})
						if came[k] && p != c {
							return ":4"
						}
						came[k] = true
						return ":1"
					})
				}
			}
			fmt.Fprintf(b, "%d C %s %s %s\n", now, list(f[2], func(byte) string { return "" }), left, joined)
		case "T":
			fmt.Fprintf(b, "%d T %s %s\n", now, f[2], f[3])
		case "S":
			fmt.Fprintf(b, "%d S %s 64 0\n", now, f[2])
		case "D", "X":
			ok := 1
			if f[1] == "X" {
				ok = 0
			}
			s := f[2][0]
			fmt.Fprintf(b, "%d D %s %d %s 64 0 %d\n", now, strings.Replace(addr(s), ":", " ", 1), s-'a'+1, f[2][1:], ok)
		case "E":
			fmt.Fprintf(b, "%d E %s\n", now, f[2])
		default:
			t.Fatalf("script: %q", line)
		}
	}
	var out []*Process
	for _, p := range order {
		ps, err := Parse(string(p), bufs[p])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ps...)
	}
	return out
}

// two is a ring of two members that have both joined.
const two = `
a V a +a
a T 1.4 1,2
a V a,b +b
b V a,b +b
b T 1.4 1,2
`

func TestCheck(t *testing.T) {
	cases := []struct {
		name  string
		lines string
		want  Property // empty: nothing is wrong
	}{
		{"quiet", two, ""},
		{"good", two + `
			a S 1
			b S 1
			a D a1
			a D b1
			b D a1
			b D b1`, ""},
		{"joiner misses what was before", `
			a V a +a
			a T 1.4 1,2
			a S 1
			a D a1
			a V a,b +b
			b V a,b +b
			b T 1.4 1,2
			a S 2
			a D a2
			b D a2`, ""},
		{"crash of a member", two + `
			a S 1
			b S 1
			a D a1
			a D b1
			b D a1
			b E dispatch-2
			a V a -b
			a T 1.8 1
			a S 2
			a D a2`, ""},
		{"partition may lose", two + `
			b S 1
			b S 2
			a D b1
			b D b1
			b D b2
			a V a -b
			a T 1.8 1
			b V b -a
			b T 2.8 2
			b S 3
			b D b3
			a V a,b +b
			a T 1.12 1,2
			b V a,b +a
			b T 1.12 1,2
			b S 4
			b D b4
			a D b4`, ""},
		{"ring told twice", two + "a T 1.4 1,2", ""},
		{"fragments begun in the old ring", two + `
			a V a -b
			a T 1.8 1
			b V b -a
			b T 2.8 2
			b S 1
			a V a,b +b
			a T 1.12 1,2
			b V a,b +a
			b T 1.12 1,2
			b D b1
			b S 2
			b D b2
			a D b2`, ""},
		{"only the first message may have been begun", two + `
			a V a -b
			a T 1.8 1
			b V b -a
			b T 2.8 2
			b S 1
			b S 2
			a V a,b +b
			a T 1.12 1,2
			b V a,b +a
			b T 1.12 1,2
			b D b1
			b D b2`, SameSet},
		{"leave", two + `
			a S 1
			a D a1
			b D a1
			b V b -a
			a V b -a
			a E leave
			b S 1
			b D b1`, ""},

		{"what comes after the leave does not count", two + `
			b V b -a
			a V b -a
			b S 1
			b D b1
			a D b1
			b S 2
			b D b2
			a E leave`, ""},

		{"damaged", two + "b S 1\nb D b1\na X b1", Integrity},
		{"never sent", two + "a D b1\nb D b1", Integrity},
		{"twice", two + "b S 1\nb D b1\na D b1\na D b1", NoDuplicates},
		{"backwards", two + "b S 1\nb S 2\nb D b1\nb D b2\na D b2\na D b1", FIFO},
		{"gap", two + "b S 1\nb S 2\nb S 3\nb D b1\nb D b2\nb D b3\na D b1\na D b3", FIFO},
		{"own message lost", two + "a S 1", SelfDelivery},
		{"own message lost before leave", two + "a S 1\nb V b -a\na V b -a\na E leave", SelfDelivery},
		{"order", two + "a S 1\nb S 1\na D a1\na D b1\nb D b1\nb D a1", AgreedOrder},
		{"order of three in a cycle", `
			a V a,b,c +a
			a T 1.4 1,2,3
			b V a,b,c +b
			b T 1.4 1,2,3
			c V a,b,c +c
			c T 1.4 1,2,3
			a S 1
			b S 1
			c S 1
			a D a1
			a D b1
			b D b1
			b D c1
			c D c1
			c D a1`, AgreedOrder},
		{"set differs between the same rings", two + `
			b S 1
			b D b1
			a V a,b
			a T 1.8 1,2
			b T 1.8 1,2`, SameSet},
		{"set differs at the end", two + "b S 1\nb D b1", SameSet},
		{"set differs from the one that left", two + `
			a S 1
			a D a1
			b V b -a
			a V b -a
			a E leave`, SameSet},
		{"message in two rings", two + `
			a S 1
			a D a1
			a T 1.8 1,2
			b T 1.8 1,2
			b D a1`, OneRing},
		{"ended, but sends", two + `
			a V a -b/5
			b S 1
			b D b1`, Reasons},
		{"the own node goes", two + "a V b -a/3", Reasons},
		{"joins twice", two + "a V a -b\na V a,b +b/1", Reasons},
		{"the own node comes", two + "a V a,c +c/4\nc V a,c +c/4", Reasons},
		{"two views of one message", two + `
			a S 1
			a V a,b,c +c
			a D a1
			b D a1`, SameView},
		{"view out of nothing", two + "a V a,b,c -", ViewArithmetic},
		{"left without being there", two + "a V a,b -c", ViewArithmetic},
		{"joined twice", two + "a V a,b +b", ViewArithmetic},
		{"sender outside", two + "c V c +c\nc S 1\na D c1", ViewArithmetic},
		{"member outside the ring", two + "a T 1.8 1", ViewArithmetic},
		{"vanished", two + "a V b -", ViewArithmetic},
		{"ring id means two things", `
			a V a +a
			a T 1.4 1
			b V b +b
			b T 1.4 1,2`, RingIdentity},
		{"ring goes back", two + "a T 1.3 1,2", RingIdentity},
		{"not in the own ring", "a V a +a\na T 2.4 2", RingIdentity},
		{"final views", two + "a V a -b", FinalView},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := Check(script(t, c.lines), Options{Settled: true})
			if c.want == "" {
				if len(got) > 0 {
					t.Fatalf("a correct history is rejected:\n%s", Report(got))
				}
				return
			}
			for _, v := range got {
				if v.Property == c.want {
					return
				}
			}
			t.Fatalf("%s is not seen; reported:\n%s", c.want, Report(got))
		})
	}
}

// Of a contradiction the shortest form is shown: three processes in a cycle, each with two deliveries, however much lies
// between and around.
func TestShortestContradiction(t *testing.T) {
	lines := `
		a V a,b,c,d +a
		b V a,b,c,d +b
		c V a,b,c,d +c
		d V a,b,c,d +d
		a S 1
		b S 1
		b S 2
		c S 1
		d S 1
		d S 2
		d S 3
		a D a1
		a D d1
		a D b1
		b D d1
		b D b1
		b D b2
		b D d2
		b D c1
		c D c1
		c D d3
		c D a1
		d D d1
		d D d2
		d D d3`
	for _, v := range Check(script(t, lines), Options{}) {
		if v.Property != AgreedOrder {
			continue
		}
		if len(v.Events) != 6 {
			t.Errorf("%v", v)
		}
		for i := 0; i < len(v.Events); i += 2 {
			if v.Events[i][0] != v.Events[i+1][0] {
				t.Errorf("two deliveries of different processes: %v", v)
			}
		}
		return
	}
	t.Fatal("the cycle is not seen")
}

// A C receiver drops whole messages behind the rest of one it cannot complete.
func TestCReceivers(t *testing.T) {
	lines := two + `
		a V a -b
		a T 1.8 1
		b V b -a
		b T 2.8 2
		b S 1
		b S 2
		a V a,b +b
		a T 1.12 1,2
		b V a,b +a
		b T 1.12 1,2
		b S 3
		b D b1
		b D b2
		b D b3`
	if got := Check(script(t, lines+"\na D b3"), Options{Settled: true}); len(got) == 0 {
		t.Error("ours is allowed what only a C receiver may")
	}
	if got := Check(script(t, lines+"\na D b3"), Options{Settled: true, CReceivers: true}); len(got) > 0 {
		t.Errorf("a C receiver is not allowed to drop what was packed with the rest:\n%s", Report(got))
	}
	if got := Check(script(t, lines), Options{Settled: true, CReceivers: true}); len(got) == 0 {
		t.Error("a message sent in the ring is missing, and that is allowed")
	}
}

// Where a message that a ring change cuts is sent again as a whole, who comes from another ring has it.
func TestWhole(t *testing.T) {
	group := two + `
		a V a -b
		a T 1.8 1
		b V b -a
		b T 2.8 2
		b S 1
		a V a,b +b
		a T 1.12 1,2
		b V a,b +a
		b T 1.12 1,2
		b D b1`
	ring := `
		1.1 t 1.4 -
		1.1 r 1.4 1
		2.1 t 2.4 -
		2.1 r 2.4 2
		2.1 S 1
		1.1 t 1.8 1
		1.1 r 1.8 1,2
		2.1 t 1.8 2
		2.1 r 1.8 1,2
		2.1 D 2.1/1`
	for _, whole := range []bool{false, true} {
		opt := Options{Settled: true, Whole: whole}
		for what, got := range map[string][]Violation{"group": Check(script(t, group), opt), "ring": CheckLives(lives(t, ring), opt)} {
			if missed := slices.ContainsFunc(got, func(v Violation) bool { return v.Property == SameSet }); missed != whole || !whole && len(got) > 0 {
				t.Errorf("%s, whole %v: %s", what, whole, Report(got))
			}
		}
	}
}

func TestReportIsBounded(t *testing.T) {
	lines := two
	for i := 1; i < 50; i++ {
		lines += fmt.Sprintf("a D b%d\n", i)
	}
	n := 0
	for _, v := range Check(script(t, lines), Options{}) {
		if v.Property == Integrity {
			n++
		}
	}
	if n != maxPerProperty {
		t.Fatalf("%d violations of one property reported, want %d", n, maxPerProperty)
	}
}

func TestParse(t *testing.T) {
	ps, err := Parse("x", strings.NewReader("1 I 1 2 3\n2 J\n3 S 1 64 0\n4 U 1 9\n5 E dispatch-2\n6 I 1 2 4\n7 D 1 2 4 1 64 1 1\n8 S 1 6"))
	if err != nil {
		t.Fatal(err)
	}
	if len(ps) != 2 || ps[0].End != "dispatch-2" || !ps[1].Live() || len(ps[1].Events) != 1 || ps[1].Events[0].Flags != FlagFin {
		t.Fatalf("parsed %+v", ps)
	}
	for _, bad := range []string{"1\n", "1 J\n", "1 I 1 2\n", "1 I 1 2 3\nx J\n", "1 I 1 2 3\n1 C 1:2 3:4 -\n", "1 I 1 2 3\n1 T 1 2\n", "1 I 1 2 3\n1 Z\n"} {
		if _, err := Parse("x", strings.NewReader(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1 I 1 2 3\n2 J\n3 S 1 64 0\n4 C 1:2 - 1:2:1\n5 T 1.4 1,2\n6 D 1 2 3 1 64 0 1\n7 E leave\n")
	f.Fuzz(func(t *testing.T, s string) {
		ps, _ := Parse("fuzz", strings.NewReader(s))
		Check(ps, Options{Settled: true}) // must end without panic
	})
}
