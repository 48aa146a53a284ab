package seq

import (
	"testing"

	"pgregory.net/rapid"
)

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		a, b    uint32
		lt, lte bool
	}{
		{0, 0, false, true},
		{0, 1, true, true},
		{1, 0, false, false},
		{0x7FFFFFFF, 0x80000000, true, true},
		{0, 0x80000000, true, true}, // at the rollover point itself the comparison is still plain
		{0x80000000, 0x80000001, true, true},
		{0xFFFFFFFF, 0, true, true},
		{0, 0xFFFFFFFF, false, false},
		{0xFFFFFFFF, 0xFFFF, true, true},
		{0xFFFF, 0x80000001, false, false},
		{0x80000001, 0xFFFF, true, true},
		{0x10000, 0x80000001, true, true}, // the shift reaches only the first 65536 numbers
		{0x10000, 0xFFFFFFFF, true, true},
		{0xFFFFFFFF, 0x10000, false, false},
		{0xFFFFFFFE, 0xFFFFFFFF, true, true},
		{0xFFFFFFFF, 0xFFFFFFFF, false, true},
		{5, 6, true, true},
	} {
		a, b := New(c.a), New(c.b)
		if got := a.LT(b); got != c.lt {
			t.Errorf("%#x.LT(%#x) = %v", c.a, c.b, got)
		}
		if got := a.LTE(b); got != c.lte {
			t.Errorf("%#x.LTE(%#x) = %v", c.a, c.b, got)
		}
		if Less(a, b) != a.LT(b) {
			t.Errorf("Less(%#x, %#x) differs from LT", c.a, c.b)
		}
	}
}

func TestOrderIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := New(rapid.Uint32().Draw(t, "a")), New(rapid.Uint32().Draw(t, "b"))
		if a == b {
			if a.LT(b) || !a.LTE(b) {
				t.Fatalf("%v compared with itself", a)
			}
			return
		}
		if a.LT(b) == b.LT(a) || a.LTE(b) != a.LT(b) {
			t.Fatalf("%v and %v are not ordered", a, b)
		}
		if Max(a, b) == Min(a, b) || Max(a, b) != Max(b, a) {
			t.Fatalf("max or min of %v and %v", a, b)
		}
	})
}

// A ring moves through the numbers in windows much smaller than the shift; within such a window order must be the order
// of counting, wherever it lies.
func TestOrderWithinWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := New(rapid.Uint32().Draw(t, "a"))
		b := a.Add(rapid.Uint32Range(1, 16384).Draw(t, "distance"))
		if !a.LT(b) || b.LT(a) {
			t.Fatalf("%v is not before %v", a, b)
		}
		if b.Sub(a) == 0 || a.Add(b.Sub(a)) != b || a.Next().Prev() != a {
			t.Fatalf("arithmetic of %v and %v", a, b)
		}
	})
}

func TestString(t *testing.T) {
	if s := New(0x1d).String(); s != "1d" {
		t.Errorf("got %q", s)
	}
}
