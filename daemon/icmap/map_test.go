package icmap

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestSetRules(t *testing.T) {
	for _, tc := range []struct {
		name string
		v    Value
		want string // stored bytes
		err  error
	}{
		{"u8", Uint8(7), "\x07", nil},
		{"u8 short", Value{TypeUint8, nil}, "", ErrInvalid},
		{"u8 long", Value{TypeUint8, []byte{1, 2}}, "", ErrInvalid},
		{"text without NUL", Value{TypeString, []byte("ab")}, "ab\x00", nil},
		{"text with NUL", Value{TypeString, []byte("ab\x00")}, "ab\x00", nil},
		{"NUL inside", Value{TypeString, []byte("a\x00b")}, "", ErrInvalid},
		{"two NULs", Value{TypeString, []byte("a\x00\x00")}, "", ErrInvalid},
		{"empty text", Value{TypeString, nil}, "\x00", nil},
		{"longest text", Value{TypeString, []byte(strings.Repeat("x", ValueMaxLen))}, strings.Repeat("x", ValueMaxLen) + "\x00", nil},
		{"text too long", Value{TypeString, []byte(strings.Repeat("x", ValueMaxLen+1))}, "", ErrInvalid},
		{"empty binary", Binary(nil), "", nil},
		{"binary too long", Binary(make([]byte, ValueMaxLen+1)), "", ErrInvalid},
		{"unknown type empty", Value{99, nil}, "", nil},
		{"unknown type", Value{99, []byte{1}}, "", ErrInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := New()
			err := m.Set("test.key", tc.v)
			if !errors.Is(err, tc.err) {
				t.Fatalf("Set = %v, want %v", err, tc.err)
			}
			if err != nil {
				if m.Has("test.key") {
					t.Fatal("refused key was stored")
				}
				return
			}
			got, ok := m.Get("test.key")
			if !ok || string(got.Data) != tc.want || got.Type != tc.v.Type {
				t.Fatalf("Get = %v %v", got, ok)
			}
		})
	}
}

func TestKeyNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"ab": false, "abc": true, "a.b": true, "": false, "a b": false, "a/b:c-d_E9": true,
		"täg": false, "a\x00b": false, strings.Repeat("k", 255): true, strings.Repeat("k", 256): false,
	} {
		m := New()
		if err := m.SetUint8(name, 1); (err == nil) != ok || err != nil && err != ErrName {
			t.Errorf("%q: %v", name, err)
		}
	}
	if got := CleanKey("a b\xffü#c"); got != "a_b___c" && got != "a_b__c" {
		t.Errorf("CleanKey = %q", got)
	}
}

// The order is the one observed with the C daemon.
func TestIterationOrder(t *testing.T) {
	want := []string{"o.a", "o.a-b", "o.a.b", "o.a/", "o.a10", "o.a9", "o.a:", "o.aB", "o.a_"}
	m := New()
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(len(want)) {
		_ = m.SetUint8(want[i], 1)
	}
	_ = m.SetUint8("o.b", 1)
	_ = m.SetUint8("n.a", 1)
	var got []string
	for k := range m.All("o.a") {
		got = append(got, k)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
}

func TestOrderAgainstSort(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	m := New()
	ref := map[string]bool{}
	for i := range 20000 {
		k := fmt.Sprintf("k.%d", r.IntN(6000))
		if r.IntN(3) == 0 {
			_ = m.Delete(k)
			delete(ref, k)
		} else {
			_ = m.SetUint32(k, uint32(i))
			ref[k] = true
		}
	}
	var got, want []string
	for k := range m.All("") {
		got = append(got, k)
	}
	for k := range ref {
		want = append(want, k)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) || m.Len() != len(ref) {
		t.Fatalf("%d keys, want %d", len(got), len(want))
	}
}

func TestLiveIteration(t *testing.T) {
	m := New()
	for _, k := range []string{"x.a", "x.b", "x.c"} {
		_ = m.SetUint8(k, 1)
	}
	it := m.Iter("x.")
	_ = m.SetUint8("x.0", 1) // the start is found at the first Next
	var got []string
	for k, _, ok := it.Next(); ok; k, _, ok = it.Next() {
		got = append(got, k)
		_ = m.Delete(k)
		if k == "x.b" {
			_ = m.SetUint8("x.bb", 1)
			_ = m.SetUint8("x.a", 1)
		}
	}
	if want := []string{"x.0", "x.a", "x.b", "x.bb", "x.c"}; !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
	_ = m.SetUint8("x.d", 1)
	if k, _, ok := it.Next(); !ok || k != "x.d" {
		t.Fatalf("after the end: %q %v", k, ok)
	}
}

func TestAdjust(t *testing.T) {
	for _, tc := range []struct {
		v    Value
		step int32
		want Value
		err  error
	}{
		{Uint8(255), 1, Uint8(0), nil},
		{Uint8(0), -1, Uint8(255), nil},
		{Int8(127), 1, Int8(-128), nil},
		{Uint16(0), -2, Uint16(65534), nil},
		{Int16(-1), 1, Int16(0), nil},
		{Uint32(1), -2, Uint32(1<<32 - 1), nil},
		{Int32(5), -6, Int32(-1), nil},
		{Uint64(0), -1, Uint64(1<<64 - 1), nil},
		{Int64(-1), 1, Int64(0), nil},
		{Float(1), 1, Float(1), ErrInvalid},
		{Double(1), 1, Double(1), ErrInvalid},
		{String("1"), 1, String("1"), ErrInvalid},
		{Binary([]byte{1}), 1, Binary([]byte{1}), ErrInvalid},
	} {
		m := New()
		_ = m.Set("abc", tc.v)
		if err := m.Adjust("abc", tc.step); err != tc.err {
			t.Errorf("%v + %d: %v", tc.v, tc.step, err)
		}
		if got, _ := m.Get("abc"); !got.Equal(tc.want) {
			t.Errorf("%v + %d = %v", tc.v, tc.step, got)
		}
	}
	if err := New().Inc("abc"); err != ErrNotExist {
		t.Errorf("missing key: %v", err)
	}
}

// recorder writes events as lines.
type recorder []string

func (r *recorder) fn(name string) Func {
	return func(ev Event, key string, new, old Value) {
		*r = append(*r, fmt.Sprintf("%s %d %s [%v] [%v]", name, ev, key, new, old))
	}
}

func (r *recorder) take() []string { s := *r; *r = nil; return s }

func TestTrackOrderAndEvents(t *testing.T) {
	m := New()
	var r recorder
	for _, tr := range []struct {
		name, key string
		kind      Event
	}{
		{"null1", "", EventAny | EventPrefix}, {"null2", "", EventAny | EventPrefix}, {"never", "", EventAny},
		{"p1", "to", EventAny | EventPrefix}, {"p2", "totem.", EventAny | EventPrefix},
		{"p3", "totem.", EventAny | EventPrefix}, {"x1", "totem.token", EventAny}, {"x2", "totem.token", EventAny},
		{"xp1", "totem.token", EventAny | EventPrefix}, {"xp2", "totem.token", EventAny | EventPrefix},
		{"del", "totem.token", EventDelete},
	} {
		if _, err := m.Track(tr.key, tr.kind, r.fn(tr.name)); err != nil {
			t.Fatal(err)
		}
	}
	woken := 0
	m.Wake = func() { woken++ }
	_ = m.SetUint32("totem.token", 5)
	_ = m.SetUint32("totem.token", 5)
	if len(r) != 0 || !m.Pending() || woken != 1 {
		t.Fatalf("before Flush: %q pending %v woken %d", r, m.Pending(), woken)
	}
	m.Flush()
	e := " 4 totem.token [u32 = 5] [type0 ]"
	want := []string{"x2" + e, "x1" + e, "xp1" + e, "xp2" + e, "p2" + e, "p3" + e, "p1" + e, "null2" + e, "null1" + e}
	if got := r.take(); !slices.Equal(got, want) {
		t.Fatalf("order:\n%s", strings.Join(got, "\n"))
	}
	_ = m.SetString("totem.token", "x")
	_ = m.Delete("totem.token")
	m.Flush()
	got := r.take()
	if len(got) != 9+10 || got[0] != "x2 2 totem.token [str = x] [u32 = 5]" || got[9] != "del 1 totem.token [type0 ] [str = x]" {
		t.Fatalf("modify and delete:\n%s", strings.Join(got, "\n"))
	}
}

func TestTrackNow(t *testing.T) {
	m := New()
	_ = m.SetUint64("totem.config_version", 3)
	var seen uint64
	var later bool
	_, _ = m.TrackNow("totem.config_version", EventDelete, func(Event, string, Value, Value) {
		seen, _ = m.GetUint64("totem.config_version")
		if m.Delete("totem.config_version") != ErrNotExist {
			t.Error("nested delete of the same key went through")
		}
	})
	_, _ = m.Track("totem.config_version", EventAny, func(Event, string, Value, Value) {
		later = true
		if m.Has("totem.config_version") {
			t.Error("key still there at the end of the turn")
		}
	})
	_ = m.Delete("totem.config_version")
	if seen != 3 || later {
		t.Fatalf("seen %d later %v", seen, later)
	}
	m.Flush()
	if !later || m.Pending() {
		t.Fatal("deferred tracker not called")
	}
}

func TestNestedAndUntrack(t *testing.T) {
	m := New()
	var r recorder
	var second *Tracker
	_, _ = m.Track("aaa", EventAny, func(ev Event, k string, n, o Value) {
		r.fn("first")(ev, k, n, o)
		_ = m.SetUint8("bbb", 1)
		m.Untrack(second)
		m.Flush() // must not recurse
	})
	second, _ = m.Track("a", EventAny|EventPrefix, r.fn("second"))
	_, _ = m.Track("bbb", EventAny, r.fn("b"))
	_ = m.SetUint8("aaa", 1)
	late, _ := m.Track("aaa", EventAny, r.fn("late"))
	m.Flush()
	want := []string{"first 4 aaa [u8 = 1] [type0 ]", "b 4 bbb [u8 = 1] [type0 ]"}
	if got := r.take(); !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
	m.Untrack(late)
	m.Untrack(late)
	m.Untrack(nil)
}

func TestFlushIsBounded(t *testing.T) {
	m := New()
	calls := 0
	_, _ = m.Track("aaa", EventAny, func(Event, string, Value, Value) { calls++; _ = m.Inc("aaa") })
	_ = m.SetUint32("aaa", 0)
	m.Flush()
	if calls != maxFlush || !m.Pending() {
		t.Fatalf("%d calls, pending %v", calls, m.Pending())
	}
}

func TestCounter(t *testing.T) {
	m := New()
	_ = m.SetUint64("runtime.services.cpg.0.tx", 0)
	c, err := m.Counter("runtime.services.cpg.0.tx")
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { c.Inc() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	var r recorder
	_, _ = m.Track("runtime.", EventModify|EventPrefix, r.fn("t"))
	_ = m.SetUint64("runtime.services.cpg.0.tx", 10)
	c.Inc()
	c.Inc()
	m.Flush()
	c.Inc()
	m.Flush()
	want := []string{
		"t 2 runtime.services.cpg.0.tx [u64 = 10] [u64 = 101]",
		"t 2 runtime.services.cpg.0.tx [u64 = 12] [type0 ]",
		"t 2 runtime.services.cpg.0.tx [u64 = 13] [type0 ]",
	}
	if got := r.take(); !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
	_ = m.Delete("runtime.services.cpg.0.tx")
	c.Inc()
	if _, err := m.Counter("runtime.services.cpg.0.tx"); err != ErrNotExist {
		t.Error(err)
	}
}

func TestReadOnly(t *testing.T) {
	m := New()
	m.ProtectDaemonKeys()
	m.ProtectDaemonKeys()
	for k, want := range map[string]bool{
		"totem.transport": true, "totem.transport2": false, "totem.token": false, "nodelist.node.0.name": true,
		"nodelist": false, "runtime.config.totem.token": true, "runtime.members.1.ip": false, "system.sched_rr": true,
	} {
		if m.IsReadOnly(k) != want {
			t.Errorf("%s: %v", k, !want)
		}
	}
	if m.SetReadOnly("totem.key", false, true) != ErrExist || m.SetReadOnly("nokey", true, false) != ErrNotExist {
		t.Error("rule errors")
	}
	if m.SetReadOnly("totem.key", false, false) != nil || m.IsReadOnly("totem.key") {
		t.Error("rule not removed")
	}
}

func TestReloadHelpers(t *testing.T) {
	live, next := New(), New()
	_ = live.SetUint32("totem.token", 1)
	_ = live.SetString("totem.transport", "knet")
	_ = live.SetString("nodelist.node.0.name", "a")
	_ = live.SetString("runtime.x", "keep")
	_ = next.SetUint32("totem.token", 1)
	_ = next.SetString("totem.transport", "udp")
	_ = next.SetUint32("totem.netmtu", 9000)
	if n := live.DeleteMissing(next, "totem.", "nodelist."); n != 1 || live.Has("nodelist.node.0.name") || !live.Has("runtime.x") {
		t.Fatal("DeleteMissing", n)
	}
	got := live.DropChanged(next, []string{"totem.token", "totem.transport", "totem.netmtu", "totem.version"})
	if !slices.Equal(got, []string{"totem.transport", "totem.netmtu"}) {
		t.Fatal("DropChanged", got)
	}
	var r recorder
	_, _ = live.Track("", EventAny|EventPrefix, r.fn("t"))
	_ = next.SetUint32("totem.hold", 2)
	if err := next.CopyTo(live); err != nil {
		t.Fatal(err)
	}
	live.Flush()
	if want := []string{"t 4 totem.hold [u32 = 2] [type0 ]"}; !slices.Equal(r.take(), want) {
		t.Fatal(r)
	}
	if !Equal(live, next, "totem.token") || Equal(live, next, "totem.transport") {
		t.Fatal("Equal")
	}
}

func BenchmarkCounterInc(b *testing.B) {
	m := New()
	_ = m.SetUint64("runtime.services.cpg.0.tx", 0)
	c, _ := m.Counter("runtime.services.cpg.0.tx")
	b.ReportAllocs()
	for b.Loop() {
		c.Inc()
	}
}
