package history

import (
	"strings"
	"testing"
)

// mapOps reads operations: "set KEY VALUE", "del KEY", "get KEY VALUE" (- for none), "track N KEY" (KEY* for a prefix), "untrack
// N", "told N KEY OLD NEW".
func mapOps(t *testing.T, text string) (list []MapOp) {
	t.Helper()
	value := func(s string) []byte {
		if s == "-" {
			return nil
		}
		return []byte(s)
	}
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		o := MapOp{Time: int64(len(list))}
		switch f[0] {
		case "set":
			o.Kind, o.Key, o.Value = MapSet, f[1], value(f[2])
		case "del":
			o.Kind, o.Key = MapDelete, f[1]
		case "get":
			o.Kind, o.Key, o.Value = MapGet, f[1], value(f[2])
		case "track":
			o.Kind, o.Instance = MapTrack, uint64(f[1][0]-'0')
			o.Key, o.Prefix = strings.CutSuffix(f[2], "*")
		case "untrack":
			o.Kind, o.Instance = MapUntrack, uint64(f[1][0]-'0')
		case "told":
			o.Kind, o.Instance, o.Key, o.Old, o.Value = MapTold, uint64(f[1][0]-'0'), f[2], value(f[3]), value(f[4])
		default:
			t.Fatal(line)
		}
		list = append(list, o)
	}
	return list
}

func TestCheckMap(t *testing.T) {
	const good = `
		get a.b -
		set a.b x
		get a.b x
		track 1 a.b
		track 2 a.*
		told 1 a.b x y
		told 2 a.b x y
		set a.b y
		set a.b y
		told 2 a.c - z
		set a.c z
		get a.c z
		told 2 a.b y -
		told 1 a.b y -
		del a.b
		get a.b -
		untrack 2
		set a.c w
	`
	for _, c := range []struct {
		name, text string
		want       Property
	}{
		{"good", good, ""},
		{"old value", good + "get a.c z", MapReads},
		{"value of a key that is gone", good + "get a.b y", MapReads},
		{"no value", good + "get a.c -", MapReads},
		{"not told", good + "set a.b x", MapEvents},
		{"told after the answer", good + "set a.b x\ntold 1 a.b - x", MapEvents},
		{"told of another value", good + "told 1 a.b - z\nset a.b x", MapEvents},
		{"told of another old value", good + "told 1 a.b y x\nset a.b x", MapEvents},
		{"told twice", good + "told 1 a.b - x\ntold 1 a.b - x\nset a.b x", MapEvents},
		{"told of nothing", good + "told 1 a.b - x", MapEvents},
		{"told though it tracks no more", good + "told 2 a.c w v\nset a.c v", MapEvents},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, CheckMap(mapOps(t, c.text), false), c.want) })
	}
	expect(t, CheckMap(mapOps(t, good+"told 1 a.b - x"), true), "")
}

func TestMemberStatus(t *testing.T) {
	l := lives(t, "1.1 r 1.4 1,2\n1.1 y\n1.1 r 1.8 1\n1.1 r 1.12 1,2")
	tell := func(at int, joined bool) []*Life {
		x := *l[0]
		x.Steps = append(append(append([]Step{}, x.Steps[:at]...), Step{Kind: LifeStatus, Nodes: []uint32{2}, Quorate: joined}), x.Steps[at:]...)
		return []*Life{&x}
	}
	has := func(ls []*Life) bool {
		for _, v := range CheckLives(ls, Options{}) {
			if v.Property == MemberStatus {
				return true
			}
		}
		return false
	}
	if has(tell(3, true)) {
		t.Error("a right status is rejected")
	}
	if !has(tell(3, false)) || !has(tell(2, true)) {
		t.Error("a wrong status is not seen")
	}
}
