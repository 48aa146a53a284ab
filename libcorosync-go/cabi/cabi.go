package cabi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
)

// ErrShort is returned when a structure does not fit into the bytes it was said to be in.
var ErrShort = errors.New("cabi: structure exceeds its bytes")

// AlignUp rounds n up to a multiple of align, a power of two.
func AlignUp(n, align int) int { return (n + align - 1) &^ (align - 1) }

// U16, U32, U64 read a field in host order at byte offset off. Like an index expression they panic outside the
// slice: for callers that have checked the length of a fixed structure before.
func U16(b []byte, off int) uint16 { return binary.NativeEndian.Uint16(b[off:]) }
func U32(b []byte, off int) uint32 { return binary.NativeEndian.Uint32(b[off:]) }
func U64(b []byte, off int) uint64 { return binary.NativeEndian.Uint64(b[off:]) }
func I32(b []byte, off int) int32  { return int32(binary.NativeEndian.Uint32(b[off:])) }

// PutU16, PutU32, PutU64, PutI32 write a field in host order at byte offset off; bounds as for U16.
func PutU16(b []byte, off int, v uint16) { binary.NativeEndian.PutUint16(b[off:], v) }
func PutU32(b []byte, off int, v uint32) { binary.NativeEndian.PutUint32(b[off:], v) }
func PutU64(b []byte, off int, v uint64) { binary.NativeEndian.PutUint64(b[off:], v) }
func PutI32(b []byte, off int, v int32)  { binary.NativeEndian.PutUint32(b[off:], uint32(v)) }

// CString returns b up to its first NUL, or all of it.
func CString(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// Reader walks a structure from its first byte. Scalars are aligned to their own size, as a C compiler would; an
// attribute such as aligned(8) on a field is an Align(8) before it. The first access outside the bytes makes the
// reader fail for good: it and all later ones yield zero, and Err says so. So a decoder reads all fields and
// checks once. Alignment counts from the beginning of the slice.
type Reader struct {
	b    []byte
	off  int
	swap bool
	bad  bool
}

// NewReader reads b in host order.
func NewReader(b []byte) Reader { return Reader{b: b} }

// NewSwapReader reads b in the opposite of the host's order if swap is set.
func NewSwapReader(b []byte, swap bool) Reader { return Reader{b: b, swap: swap} }

// take returns n bytes at the next multiple of align, or nil.
func (r *Reader) take(n, align int) []byte {
	off := AlignUp(r.off, align)
	if r.bad || n < 0 || off > len(r.b) || n > len(r.b)-off {
		r.bad = true
		return nil
	}
	r.off = off + n
	return r.b[off : off+n : off+n]
}

// Align moves to the next multiple of n, a power of two. Moving past the end fails only when something is read there.
func (r *Reader) Align(n int) { r.off = AlignUp(r.off, n) }

// Skip passes over n bytes.
func (r *Reader) Skip(n int) { r.take(n, 1) }

// Seek moves to an absolute offset, for structures whose variable part does not begin where the fixed part ends.
func (r *Reader) Seek(off int) {
	if off < 0 || off > len(r.b) {
		r.bad = true
		return
	}
	r.off = off
}

func (r *Reader) U8() uint8 {
	if p := r.take(1, 1); p != nil {
		return p[0]
	}
	return 0
}

func (r *Reader) U16() uint16 {
	p := r.take(2, 2)
	if p == nil {
		return 0
	}
	v := binary.NativeEndian.Uint16(p)
	if r.swap {
		v = bits.ReverseBytes16(v)
	}
	return v
}

func (r *Reader) U32() uint32 {
	p := r.take(4, 4)
	if p == nil {
		return 0
	}
	v := binary.NativeEndian.Uint32(p)
	if r.swap {
		v = bits.ReverseBytes32(v)
	}
	return v
}

func (r *Reader) U64() uint64 {
	p := r.take(8, 8)
	if p == nil {
		return 0
	}
	v := binary.NativeEndian.Uint64(p)
	if r.swap {
		v = bits.ReverseBytes64(v)
	}
	return v
}

func (r *Reader) I32() int32   { return int32(r.U32()) }
func (r *Reader) I64() int64   { return int64(r.U64()) }
func (r *Reader) F32() float32 { return math.Float32frombits(r.U32()) }
func (r *Reader) F64() float64 { return math.Float64frombits(r.U64()) }

// Bytes returns the next n bytes, unaligned, as a view of the input; nil when they are not there.
func (r *Reader) Bytes(n int) []byte { return r.take(n, 1) }

// Rest returns everything not yet read, as a view.
func (r *Reader) Rest() []byte { return r.take(r.Len(), 1) }

// Offset is the number of bytes passed; Len what is left.
func (r *Reader) Offset() int { return r.off }
func (r *Reader) Len() int    { return max(0, len(r.b)-r.off) }

// Err is nil, or ErrShort if any access was outside.
func (r *Reader) Err() error {
	if r.bad {
		return ErrShort
	}
	return nil
}

// Writer appends a structure to a slice, with padding of zeros. Alignment counts from where the structure begins,
// not from the beginning of the slice.
type Writer struct {
	b     []byte
	start int
	swap  bool
}

// NewWriter appends to dst in host order. With enough capacity in dst nothing is allocated.
func NewWriter(dst []byte) Writer { return Writer{b: dst, start: len(dst)} }

// NewSwapWriter appends in the opposite of the host's order if swap is set.
func NewSwapWriter(dst []byte, swap bool) Writer { return Writer{b: dst, start: len(dst), swap: swap} }

// Align pads with zeros to a multiple of n, a power of two.
func (w *Writer) Align(n int) { w.Zero(AlignUp(w.Offset(), n) - w.Offset()) }

// Zero appends n zero bytes.
func (w *Writer) Zero(n int) {
	for ; n > 0; n-- {
		w.b = append(w.b, 0)
	}
}

func (w *Writer) U8(v uint8) { w.b = append(w.b, v) }

func (w *Writer) U16(v uint16) {
	w.Align(2)
	if w.swap {
		v = bits.ReverseBytes16(v)
	}
	w.b = binary.NativeEndian.AppendUint16(w.b, v)
}

func (w *Writer) U32(v uint32) {
	w.Align(4)
	if w.swap {
		v = bits.ReverseBytes32(v)
	}
	w.b = binary.NativeEndian.AppendUint32(w.b, v)
}

func (w *Writer) U64(v uint64) {
	w.Align(8)
	if w.swap {
		v = bits.ReverseBytes64(v)
	}
	w.b = binary.NativeEndian.AppendUint64(w.b, v)
}

func (w *Writer) I32(v int32)   { w.U32(uint32(v)) }
func (w *Writer) I64(v int64)   { w.U64(uint64(v)) }
func (w *Writer) F32(v float32) { w.U32(math.Float32bits(v)) }
func (w *Writer) F64(v float64) { w.U64(math.Float64bits(v)) }

// Bytes appends p, unaligned.
func (w *Writer) Bytes(p []byte) { w.b = append(w.b, p...) }

// Fixed appends p in a field of exactly n bytes: cut, or filled with zeros.
func (w *Writer) Fixed(p []byte, n int) {
	p = p[:min(len(p), n)]
	w.b = append(w.b, p...)
	w.Zero(n - len(p))
}

// FixedString is Fixed for a string.
func (w *Writer) FixedString(s string, n int) {
	s = s[:min(len(s), n)]
	w.b = append(w.b, s...)
	w.Zero(n - len(s))
}

// SetU32 overwrites a field written before, at an offset from the beginning of the structure: for size fields.
func (w *Writer) SetU32(off int, v uint32) {
	if w.swap {
		v = bits.ReverseBytes32(v)
	}
	binary.NativeEndian.PutUint32(w.b[w.start+off:], v)
}

// Offset is the number of bytes of the structure so far.
func (w *Writer) Offset() int { return len(w.b) - w.start }

// Result returns dst with the structure appended.
func (w *Writer) Result() []byte { return w.b }
