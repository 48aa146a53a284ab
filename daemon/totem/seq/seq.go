package seq

import "strconv"

// Ring members start to compare shifted values once one of the two operands lies beyond rolloverPoint. The shift moves
// the first rolloverShift numbers after the wrap behind the last ones before it.
const (
	rolloverPoint = 0x80000000
	rolloverShift = 0x10000
)

// Num is a sequence number. It wraps around after 2^32-1. Two numbers are the same if they are == to each other; every
// other comparison goes through LT and LTE. The zero value is the number 0.
type Num struct{ n uint32 }

// New returns the sequence number with the wire value n.
func New(n uint32) Num { return Num{n} }

// Uint32 returns the wire value.
func (a Num) Uint32() uint32 { return a.n }

// Add returns the number n steps later.
func (a Num) Add(n uint32) Num { return Num{a.n + n} }

// Next returns the number after a.
func (a Num) Next() Num { return Num{a.n + 1} }

// Prev returns the number before a.
func (a Num) Prev() Num { return Num{a.n - 1} }

// Sub returns the number of steps from o to a, modulo 2^32. It is meaningful only when o is known not to be after a.
func (a Num) Sub(o Num) uint32 { return a.n - o.n }

// LT reports whether a comes before b.
//
// The rule is the C daemon's: below the rollover point a plain comparison; if either lies beyond it, both are shifted down
// by 0x10000 first. So 0 to 0xFFFF come after 0x80000001 to 0xFFFFFFFF, but 0x10000 comes before them.
func (a Num) LT(b Num) bool {
	x, y := shift(a, b)
	return x < y
}

// LTE reports whether a comes before b or is b.
func (a Num) LTE(b Num) bool {
	x, y := shift(a, b)
	return x <= y
}

// Less reports whether a comes before b; it has the form that sorting wants.
func Less(a, b Num) bool { return a.LT(b) }

// Max returns the later of the two.
func Max(a, b Num) Num {
	if a.LT(b) {
		return b
	}
	return a
}

// Min returns the earlier of the two.
func Min(a, b Num) Num {
	if b.LT(a) {
		return b
	}
	return a
}

// String prints the number in hexadecimal without prefix, as corosync logs sequence numbers.
func (a Num) String() string { return strconv.FormatUint(uint64(a.n), 16) }

func shift(a, b Num) (uint32, uint32) {
	if a.n > rolloverPoint || b.n > rolloverPoint {
		return a.n - rolloverShift, b.n - rolloverShift
	}
	return a.n, b.n
}
