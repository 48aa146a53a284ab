package cabi

import (
	"bytes"
	"errors"
	"testing"
)

func write(swap bool) []byte {
	w := NewSwapWriter([]byte{0xee, 0xee, 0xee}, swap)
	w.U8(1)
	w.U16(0x0203)
	w.U32(0x04050607)
	w.U8(8)
	w.U64(0x090a0b0c0d0e0f10)
	w.FixedString("abc", 5)
	w.Align(8)
	w.F64(1.5)
	w.F32(-2)
	w.I32(-3)
	w.I64(-4)
	w.Fixed([]byte("toolong"), 4)
	w.SetU32(4, 0x14151617)
	return w.Result()
}

func TestRoundTrip(t *testing.T) {
	for _, swap := range []bool{false, true} {
		b := write(swap)
		if !bytes.Equal(b[:3], []byte{0xee, 0xee, 0xee}) {
			t.Fatal("prefix changed")
		}
		r := NewSwapReader(b[3:], swap)
		if r.U8() != 1 || r.U16() != 0x0203 || r.U32() != 0x14151617 || r.U8() != 8 || r.U64() != 0x090a0b0c0d0e0f10 {
			t.Error("integers")
		}
		if r.Offset() != 24 || string(CString(r.Bytes(5))) != "abc" {
			t.Error("string")
		}
		r.Align(8)
		if r.F64() != 1.5 || r.F32() != -2 || r.I32() != -3 || r.I64() != -4 || string(r.Rest()) != "tool" {
			t.Error("rest")
		}
		if r.Err() != nil || r.Len() != 0 {
			t.Error(r.Err(), r.Len())
		}
	}
	if bytes.Equal(write(false), write(true)) {
		t.Error("swap does nothing")
	}
}

func TestShort(t *testing.T) {
	full := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	for n := range full {
		r := NewReader(full[:n])
		r.U32()
		r.U64() // needs 16
		if !errors.Is(r.Err(), ErrShort) || r.U8() != 0 || r.Bytes(1) != nil {
			t.Errorf("%d bytes accepted", n)
		}
	}
	r := NewReader(full)
	r.Bytes(-1)
	if r.Err() == nil {
		t.Error("negative length")
	}
	r = NewReader(full)
	r.Seek(13)
	if r.Err() == nil {
		t.Error("seek past end")
	}
	r = NewReader(full)
	r.Skip(11)
	r.Align(16)
	if r.Len() != 0 || r.Err() != nil || r.U8() != 0 || r.Err() == nil {
		t.Error("align past end")
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{4, 8, 1, 2}, []byte("hello world, some bytes"))
	f.Fuzz(func(t *testing.T, ops, b []byte) {
		r := NewReader(b)
		for _, op := range ops {
			switch op % 8 {
			case 0:
				r.U8()
			case 1:
				r.U16()
			case 2:
				r.U32()
			case 3:
				r.U64()
			case 4:
				r.Bytes(int(op) - 100)
			case 5:
				r.Align(8)
			case 6:
				r.Seek(int(op) / 2)
			case 7:
				r.Rest()
			}
			if r.Err() == nil && r.Offset() > AlignUp(len(b), 8) {
				t.Fatal("outside")
			}
		}
	})
}
