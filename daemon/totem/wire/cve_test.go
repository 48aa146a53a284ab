package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/corosync-go/corosync/daemon/totem"
)

// The causes of published vulnerabilities of corosync, each as frames that must be refused whatever else is in them. Both byte
// orders: the C daemon checked one and converted the other before it looked.

// orders calls f with the writer of integers of each byte order, and a frame of that order.
func orders(frame func(foreign bool) []byte, f func(b []byte, put func(off int, v uint32))) {
	for _, foreign := range []bool{false, true} {
		b := frame(foreign)
		f(b, func(off int, v uint32) { put32(b[off:], v, foreign) })
	}
}

// CVE-2025-30472: the token says how many retransmission requests follow, and orf_token_endian_convert copied as many as it said,
// from a datagram of up to 64 KiB, onto the stack, where there was room for 30.
func TestCVE_2025_30472_TokenWithMoreRequestsThanAllowed(t *testing.T) {
	token := func(foreign bool) []byte {
		tk := Token{RTR: make([]RTR, MaxRTR)}
		b := tk.append(nil, foreign)
		return append(b, make([]byte, MaxFrame-len(b))...)
	}
	orders(token, func(b []byte, put func(int, uint32)) {
		for _, n := range []uint32{MaxRTR + 1, 91, 4000, 4092, math.MaxInt32, 1 << 31, math.MaxUint32, 1<<32 - 16} {
			put(53, n)
			for _, size := range []int{TokenLen, TokenLen + MaxRTR*rtrLen, maxToken, len(b)} {
				var tk Token
				if err := tk.Parse(b[:size]); !errors.Is(err, ErrBounds) || len(tk.RTR) > MaxRTR {
					t.Errorf("%d requests in %d bytes: %v, %d taken", n, size, err, len(tk.RTR))
				}
			}
		}
		// As many as allowed, and fewer bytes; and a datagram larger than any token.
		put(53, MaxRTR)
		for size, want := range map[int]error{TokenLen + MaxRTR*rtrLen - 1: ErrShort, TokenLen: ErrShort, TokenLen + MaxRTR*rtrLen: nil, maxToken + 1: ErrBounds} {
			if err := new(Token).Parse(b[:size]); !errors.Is(err, want) {
				t.Errorf("%d bytes: %v, want %v", size, err, want)
			}
		}
	})
}

// CVE-2026-35091: the check of a commit token said "fine" where it had found the datagram too short for its entries, which were
// then read from behind its end.
func TestCVE_2026_35091_CommitTokenShorterThanItsEntries(t *testing.T) {
	commit := func(foreign bool) []byte {
		c := CommitToken{Addrs: make([]totem.NodeID, totem.MaxNodes), Members: make([]CommitMember, totem.MaxNodes)}
		return c.append(nil, foreign)
	}
	orders(commit, func(b []byte, put func(int, uint32)) {
		for _, n := range []uint32{1, 2, totem.MaxNodes} {
			put(33, 0)
			put(37, n)
			full := CommitTokenLen + int(n)*(4+commitMemberLen)
			for size := range full {
				if err := new(CommitToken).Parse(b[:size:size]); !errors.Is(err, ErrShort) {
					t.Fatalf("%d entries in %d of %d bytes: %v", n, size, full, err)
				}
			}
			if err := new(CommitToken).Parse(b[:full]); err != nil {
				t.Errorf("%d entries: %v", n, err)
			}
			// The index is used for the entries, too.
			for _, i := range []uint32{n + 1, math.MaxInt32, 1 << 31, math.MaxUint32} {
				put(33, i)
				if err := new(CommitToken).Parse(b); !errors.Is(err, ErrBounds) {
					t.Errorf("index %d of %d: %v", i, n, err)
				}
			}
			put(33, 0)
		}
		for _, n := range []uint32{0, totem.MaxNodes + 1, math.MaxInt32, 1 << 31, math.MaxUint32, 1<<32/28 + 1, 1<<30 + 1} {
			put(37, n)
			if err := new(CommitToken).Parse(b); !errors.Is(err, ErrBounds) {
				t.Errorf("%d entries: %v", n, err)
			}
		}
	})
}

// CVE-2026-35092: the sizes of the two lists of a join message were added in 32 bits before they were compared with the length,
// so that two large ones gave a small sum.
func TestCVE_2026_35092_JoinWithListsThatAddUpToNothing(t *testing.T) {
	join := func(foreign bool) []byte {
		j := Join{Proc: make([]totem.NodeID, 4), Failed: make([]totem.NodeID, 4)}
		return append(j.append(nil, foreign), make([]byte, 1000)...)
	}
	orders(join, func(b []byte, put func(int, uint32)) {
		for _, n := range [][2]uint32{
			{math.MaxUint32, 1}, {1, math.MaxUint32}, {1 << 31, 1 << 31}, {1<<31 + 4, 1 << 31}, {1 << 30, 3 << 30}, {1<<30 + 1, 0},
			{math.MaxUint32, math.MaxUint32}, {totem.MaxNodes + 1, 0}, {0, totem.MaxNodes + 1}, {math.MaxInt32, math.MaxInt32},
		} {
			put(17, n[0])
			put(21, n[1])
			var j Join
			if err := j.Parse(b); !errors.Is(err, ErrBounds) || len(j.Proc)+len(j.Failed) > 0 {
				t.Errorf("lists of %d and %d: %v", n[0], n[1], err)
			}
		}
		for _, n := range [][2]uint32{{totem.MaxNodes, 0}, {0, totem.MaxNodes}, {totem.MaxNodes, totem.MaxNodes}, {200, 100}} {
			put(17, n[0])
			put(21, n[1])
			if err := new(Join).Parse(b); !errors.Is(err, ErrShort) {
				t.Errorf("lists of %d and %d in %d bytes: %v", n[0], n[1], len(b), err)
			}
		}
	})
}

// CVE-2018-1084: the length of what is left of a datagram was computed by subtraction before the datagram was known to be as long
// as what was subtracted (there the digest, which this daemon does not have without knet). Payload and lists here are what remains.
func TestCVE_2018_1084_DatagramShorterThanWhatIsTakenOff(t *testing.T) {
	for typ := range byte(NumTypes) {
		b := make([]byte, 64)
		binary.NativeEndian.PutUint16(b, magic)
		b[2], b[3] = version, typ
		for size := range 45 {
			in := b[:size:size]
			var m Mcast
			if m.Parse(in) == nil {
				t.Errorf("a message of %d bytes, payload %d", size, len(m.Payload))
			}
			_ = new(Token).Parse(in)
			_ = new(Join).Parse(in)
			_ = new(CommitToken).Parse(in)
			_ = new(MergeDetect).Parse(in)
			_ = new(HoldCancel).Parse(in)
			if _, err := ParseHeader(in); (err == nil) != (size >= HeaderLen) {
				t.Errorf("header of %d bytes: %v", size, err)
			}
		}
	}
}
