package history

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// lives reads histories: "NODE.LIFE S n", "NODE.LIFE D node.life/n", "NODE.LIFE t REP.SEQ 1,2" (transitional; - for
// nobody), "NODE.LIFE r REP.SEQ 1,2" (regular), "NODE.LIFE E" (ended), "NODE.LIFE y" (synchronised), "NODE.LIFE Q REP.SEQ
// 1,2" and q (told that it is quorate, and that it is not), "NODE.LIFE n REP.SEQ members joined left" (node list), "NODE.LIFE v
// REP.SEQ frames" (visit), "NODE.LIFE L" (stops), "NODE.LIFE X n" (lies across the end of a synchronisation), "NODE.LIFE w ms" (time passes). Lines are a millisecond apart.
func lives(t *testing.T, text string) []*Life {
	t.Helper()
	by := map[string]*Life{}
	var list []*Life
	now := int64(0)
	nodes := func(text string) (list []uint32) {
		if text == "-" {
			return nil
		}
		for w := range strings.SplitSeq(text, ",") {
			n, err := strconv.ParseUint(w, 10, 32)
			if err != nil {
				t.Fatal(text, err)
			}
			list = append(list, uint32(n))
		}
		return list
	}
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		l := by[f[0]]
		if l == nil {
			l = &Life{}
			if _, err := fmt.Sscanf(f[0], "%d.%d", &l.Node, &l.Number); err != nil {
				t.Fatal(line, err)
			}
			by[f[0]] = l
			list = append(list, l)
		}
		now += 1000
		s := Step{Time: now}
		switch f[1] {
		case "E":
			l.Ended = true
			continue
		case "S":
			n, _ := strconv.ParseUint(f[2], 10, 64)
			s.Msg = LifeMsg{l.Node, l.Number, n}
		case "D":
			s.Kind = LifeDeliver
			if _, err := fmt.Sscanf(f[2], "%d.%d/%d", &s.Msg.Node, &s.Msg.Life, &s.Msg.Seq); err != nil {
				t.Fatal(line, err)
			}
		case "X":
			n, _ := strconv.ParseUint(f[2], 10, 64)
			s.Kind, s.Msg = LifeAcross, LifeMsg{l.Node, l.Number, n}
		case "y":
			s.Kind = LifeSynced
		case "L":
			s.Kind = LifeLeaving
		case "w":
			ms, _ := strconv.ParseInt(f[2], 10, 64)
			now += ms * 1000
			continue
		default:
			kinds := map[string]StepKind{"t": LifeTransitional, "r": LifeRegular, "q": LifeQuorum, "Q": LifeQuorum, "n": LifeNodeList, "v": LifeVisit}
			s.Kind, s.Quorate = kinds[f[1]], f[1] == "Q"
			if _, err := fmt.Sscanf(f[2], "%d.%d", &s.Ring.Node, &s.Ring.Seq); err != nil {
				t.Fatal(line, err)
			}
			if f[1] == "v" {
				s.Frames, _ = strconv.Atoi(f[3])
				break
			}
			s.Nodes = nodes(f[3])
			if f[1] == "n" {
				s.Joined, s.Left = nodes(f[4]), nodes(f[5])
			}
		}
		l.Steps = append(l.Steps, s)
	}
	return list
}

func TestCheckLives(t *testing.T) {
	const two = `
		1.1 t 1.4 -
		1.1 r 1.4 1,2
		2.1 t 1.4 -
		2.1 r 1.4 1,2
	`
	// Both go on, each sends a message that both deliver.
	const good = two + `
		1.1 S 1
		2.1 S 1
		1.1 D 1.1/1
		2.1 D 1.1/1
		1.1 t 1.8 1,2
		1.1 D 2.1/1
		2.1 t 1.8 1,2
		2.1 D 2.1/1
		1.1 r 1.8 1,2
		2.1 r 1.8 1,2
	`
	for _, c := range []struct {
		name, text string
		want       Property
	}{
		{"correct", good, ""},
		{"the first message of who came from elsewhere may be cut", two + `
			3.1 t 3.4 -
			3.1 r 3.4 3
			3.1 S 1
			1.1 t 1.8 1,2
			2.1 t 1.8 1,2
			3.1 t 1.8 3
			1.1 r 1.8 1,2,3
			2.1 r 1.8 1,2,3
			3.1 r 1.8 1,2,3
			3.1 D 3.1/1`, ""},
		{"apart", two + `
			1.1 S 1
			1.1 t 1.8 1
			1.1 D 1.1/1
			1.1 r 1.8 1
			2.1 t 2.8 2
			2.1 r 2.8 2`, ""},
		{"delivered twice", good + "1.1 D 2.1/1", NoDuplicates},
		{"out of nothing", good + "1.1 D 2.1/7", Integrity},
		{"not delivered", good + "1.1 S 2", SelfDelivery},
		{"across the end of a synchronisation", good + "1.1 S 2\n1.1 X 2", ""},
		{"another one across the end of a synchronisation", good + "1.1 S 2\n1.1 X 1", SelfDelivery},
		{"order", good + `
			1.1 S 2
			2.1 S 2
			1.1 D 1.1/2
			1.1 D 2.1/2
			2.1 D 2.1/2
			2.1 D 1.1/2`, AgreedOrder},
		{"set", two + `
			1.1 S 1
			1.1 D 1.1/1
			1.1 t 1.8 1,2
			2.1 t 1.8 1,2
			1.1 r 1.8 1,2
			2.1 r 1.8 1,2`, SameSet},
		{"before and after the transitional configuration", two + `
			1.1 S 1
			1.1 D 1.1/1
			1.1 t 1.8 1,2
			2.1 t 1.8 1,2
			2.1 D 1.1/1
			1.1 r 1.8 1,2
			2.1 r 1.8 1,2`, SameSet},
		{"set at the end", good + "1.1 S 2\n1.1 D 1.1/2", SameSet},
		{"no transitional configuration", two + "1.1 r 1.8 1,2", Transitional},
		{"two transitional configurations", two + "1.1 t 1.8 1\n1.1 t 1.12 1\n1.1 r 1.12 1", Transitional},
		{"of another ring", two + "1.1 t 1.8 1\n1.1 r 1.12 1", Transitional},
		{"who was not there comes along", two + "1.1 t 1.8 1,3\n1.1 r 1.8 1,3", Transitional},
		{"who does not arrive comes along", two + "1.1 t 1.8 1,2\n1.1 r 1.8 1", Transitional},
		{"not with itself", two + "1.1 t 1.8 2\n1.1 r 1.8 1,2", Transitional},
		{"from no ring", "1.1 t 1.4 1\n1.1 r 1.4 1", Transitional},
		{"different sets", two + `
			1.1 t 1.8 1,2
			2.1 t 1.8 2
			1.1 r 1.8 1,2
			2.1 r 1.8 1,2`, Transitional},
		{"each alone from one ring to the next", two + `
			1.1 t 1.8 1
			2.1 t 1.8 2
			1.1 r 1.8 1,2
			2.1 r 1.8 1,2`, Transitional},
		{"from another ring", two + `
			2.1 t 2.8 2
			2.1 r 2.8 2
			1.1 t 1.12 1,2
			2.1 t 1.12 2
			1.1 r 1.12 1,2
			2.1 r 1.12 1,2`, Transitional},
		{"a gap before the transitional configuration", two + `
			1.1 S 1
			2.1 S 1
			2.1 D 1.1/1
			2.1 D 2.1/1
			1.1 D 2.1/1
			1.1 t 1.8 1
			1.1 r 1.8 1
			2.1 t 2.8 2
			2.1 r 2.8 2`, NoGap},
		{"dies between the two configurations", two + `
			2.1 S 1
			2.1 S 2
			2.1 D 2.1/1
			2.1 D 2.1/2
			1.1 t 1.8 1,2
			1.1 D 2.1/1
			1.1 E`, ""},
		{"behind a gap, from who does not come along", two + `
			1.1 S 1
			2.1 S 1
			2.1 D 1.1/1
			2.1 D 2.1/1
			1.1 t 1.8 1
			1.1 D 1.1/1
			1.1 D 2.1/1
			1.1 r 1.8 1
			2.1 t 2.8 2
			2.1 r 2.8 2`, NoGap},
		{"the answer before the question", two + `
			1.1 S 1
			2.1 D 1.1/1
			2.1 S 1
			2.1 E
			1.1 D 2.1/1
			1.1 D 1.1/1`, Causal},
		{"the answer without the question", `
			1.1 t 1.4 -
			1.1 r 1.4 1,2,3
			2.1 t 1.4 -
			2.1 r 1.4 1,2,3
			3.1 t 1.4 -
			3.1 r 1.4 1,2,3
			1.1 S 1
			2.1 D 1.1/1
			2.1 S 1
			2.1 D 2.1/1
			3.1 D 2.1/1
			1.1 E
			3.1 E`, Causal},
		{"one id, two rings", two + "3.1 t 1.4 -\n3.1 r 1.4 3", RingIdentity},
		{"an id again in the next life", "1.1 t 1.4 -\n1.1 r 1.4 1\n1.1 E\n1.2 t 1.4 -\n1.2 r 1.4 1", RingIdentity},
		{"ring goes back", two + "1.1 t 1.3 1\n1.1 r 1.3 1", RingIdentity},
		{"not in the own ring", "1.1 t 2.4 -\n1.1 r 2.4 2", RingIdentity},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := CheckLives(lives(t, c.text), Options{Settled: true})
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
