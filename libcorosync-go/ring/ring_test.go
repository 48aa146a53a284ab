package ring

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand"
	"testing"
	"unsafe"
)

// memory returns n zeroed bytes aligned to 8.
func memory(n int) []byte {
	w := make([]uint64, (n+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(w))), n)
}

// pair is a ring with both its sides.
func pair(t testing.TB, maxMessage, dataBytes int) (w, r *Ring, hdr, data []byte) {
	t.Helper()
	hdr, data = memory(HeaderBytes), memory(dataBytes)
	w, err := Create(hdr, data, maxMessage, Writer, "/x/h", "/x/d")
	if err != nil {
		t.Fatal(err)
	}
	if r, err = Open(hdr, data, maxMessage, Reader); err != nil {
		t.Fatal(err)
	}
	return w, r, hdr, data
}

func TestDataBytes(t *testing.T) {
	for max, want := range map[int]int{4083: 4096, 4084: 8192, 12328: 16384, 20000: 20480, 1048576: 1052672} {
		if got := DataBytes(max, 4096); got != want {
			t.Errorf("%d: %d, want %d", max, got, want)
		}
	}
}

// TestGolden follows the request of a recorded cmap get: 288 bytes, then the bytes libqb leaves after consumption.
func TestGolden(t *testing.T) {
	w, r, hdr, data := pair(t, 1<<20, 1052672)
	u32 := func(b []byte, off int) uint32 { return binary.NativeEndian.Uint32(b[off:]) }
	if u32(hdr, 8) != 263168 || u32(hdr, 8204) != 1 || u32(data, 0) != 5 || u32(hdr, 8216) != 128 {
		t.Fatal("fresh ring")
	}
	if p, ok := DataPath(hdr); p != "/x/d" || !ok || string(hdr[12:17]) != "/x/h\x00" || Words(hdr) != 263168 {
		t.Fatal("paths")
	}
	msg := make([]byte, 288)
	msg[0] = 2
	if wake, err := w.Write(msg[:100], msg[100:]); err != nil || wake {
		t.Fatal(wake, err)
	}
	if u32(data, 0) != 288 || u32(data, 4) != 0xa1a1a1a1 || u32(data, 8) != 2 || u32(hdr, 0) != 74 || w.Sem().Value() != 1 {
		t.Fatal("committed")
	}
	head, tail, err := r.Peek()
	if err != nil || !bytes.Equal(head, msg) || len(tail) != 0 {
		t.Fatal(err)
	}
	r.Consume()
	if u32(data, 0) != 0 || u32(data, 4) != 0xd0d0d0d0 || u32(data, 8) != 2 || u32(hdr, 4) != 74 || w.Sem().Value() != 0 {
		t.Fatal("consumed")
	}
	if _, _, err := r.Peek(); err != ErrEmpty {
		t.Fatal(err)
	}
	r.Consume() // nothing peeked: nothing happens
	if u32(hdr, 4) != 74 {
		t.Fatal("consumed twice")
	}
}

// TestQueue compares a small ring to a slice, long enough for the chunk header to be split at the end too.
func TestQueue(t *testing.T) {
	const words, maxMessage = 27, 60
	w, r, _, _ := pair(t, maxMessage, words*4)
	rnd := rand.New(rand.NewSource(1))
	var model [][]byte
	split, full := 0, 0
	for i := range 20000 {
		if rnd.Intn(2) == 0 {
			msg := make([]byte, rnd.Intn(maxMessage+1))
			rnd.Read(msg)
			cut := rnd.Intn(len(msg) + 1)
			at := w.at
			_, err := w.Write(msg[:cut], nil, msg[cut:])
			switch {
			case err == nil:
				model = append(model, msg)
				if at == words-1 {
					split++
				}
			case errors.Is(err, ErrFull) && len(model) > 0:
				full++
			default:
				t.Fatal(i, err, len(model))
			}
		} else {
			head, tail, err := r.Peek()
			if len(model) == 0 {
				if err != ErrEmpty {
					t.Fatal(i, err)
				}
				continue
			}
			if got := append(append([]byte{}, head...), tail...); err != nil || !bytes.Equal(got, model[0]) {
				t.Fatalf("%d: %v %x, want %x", i, err, got, model[0])
			}
			r.Consume()
			model = model[1:]
		}
		// A later view takes up where this one is.
		if i%1000 == 0 {
			var err error
			if w, err = Open(w.hdr, w.data, maxMessage, Writer); err != nil {
				t.Fatal(err)
			}
			if r, err = Open(r.hdr, r.data, maxMessage, Reader); err != nil {
				t.Fatal(err)
			}
		}
	}
	if split == 0 || full == 0 {
		t.Error("not covered: split", split, "full", full)
	}
	if _, err := w.Write(make([]byte, maxMessage), make([]byte, 1)); err != ErrTooBig {
		t.Error(err)
	}
}

func TestConcurrent(t *testing.T) {
	w, r, _, _ := pair(t, 100, 1024)
	const n = 20000
	go func() {
		var b [100]byte
		for i := 0; i < n; {
			binary.NativeEndian.PutUint32(b[:], uint32(i))
			if _, err := w.Write(b[:4+i%90]); err == nil {
				i++
			}
		}
	}()
	for i := 0; i < n; {
		head, tail, err := r.Peek()
		if err == ErrEmpty {
			continue
		}
		got := append(append([]byte{}, head...), tail...)
		if err != nil || len(got) != 4+i%90 || binary.NativeEndian.Uint32(got) != uint32(i) {
			t.Fatal(i, err, got)
		}
		r.Consume()
		i++
	}
}

func TestSem(t *testing.T) {
	b := memory(32)
	s := Sem{word64(b, 0)}
	if s.Try() || s.Post() || s.Value() != 1 || *s.Futex() != 1 || !s.Try() {
		t.Error("plain")
	}
	s.Register()
	if !s.Post() || !s.TryRegistered() || *s.d != 0 {
		t.Error("waiter")
	}
	s.Register()
	s.Unregister()
	if *s.d != 0 || s.Post() {
		t.Error("unregister")
	}
	*s.d = semValueMax
	if s.Post(); s.Value() != semValueMax {
		t.Error("overflow")
	}
}

func TestHostile(t *testing.T) {
	set := func(b []byte, off int, v uint32) { binary.NativeEndian.PutUint32(b[off:], v) }
	t.Run("read_pt", func(t *testing.T) {
		w, _, hdr, _ := pair(t, 100, 256)
		set(hdr, offRead, 64)
		if _, err := w.Write([]byte("x")); err != ErrCorrupt {
			t.Error(err)
		}
	})
	t.Run("length", func(t *testing.T) {
		w, r, _, data := pair(t, 100, 256)
		w.Write([]byte("x"))
		set(data, 0, 101)
		if _, _, err := r.Peek(); err != ErrCorrupt {
			t.Error(err)
		}
	})
	t.Run("magic", func(t *testing.T) {
		w, r, _, data := pair(t, 100, 256)
		w.Write([]byte("x"))
		set(data, 4, magicAlloc)
		if _, _, err := r.Peek(); err != ErrCorrupt {
			t.Error(err)
		}
	})
	t.Run("word_size", func(t *testing.T) {
		w, _, hdr, data := pair(t, 100, 256)
		set(hdr, offWords, 1<<31)
		if _, err := Open(hdr, data, 100, Reader); err != ErrLayout {
			t.Error(err)
		}
		if _, err := w.Write([]byte("still fine")); err != nil {
			t.Error(err)
		}
	})
	t.Run("cursor", func(t *testing.T) {
		_, _, hdr, data := pair(t, 100, 256)
		set(hdr, offRead, 1<<31)
		if _, err := Open(hdr, data, 100, Reader); err != ErrCorrupt {
			t.Error(err)
		}
	})
	t.Run("sizes", func(t *testing.T) {
		for _, c := range []struct{ hdr, data, max int }{{HeaderBytes - 1, 256, 100}, {HeaderBytes, 108, 100}, {HeaderBytes, 256, 0}} {
			if _, err := Create(memory(c.hdr), memory(c.data), c.max, Writer, "", ""); err != ErrLayout {
				t.Error(c, err)
			}
		}
		if _, err := Create(memory(HeaderBytes + 1)[1:], memory(256), 100, Writer, "", ""); err != ErrLayout {
			t.Error("unaligned")
		}
	})
}

// FuzzHostile lets the peer overwrite header and data between all operations: no panic, nothing larger than agreed.
func FuzzHostile(f *testing.F) {
	f.Add([]byte{0, 10, 1, 2, 0, 3, 200, 4, 1, 1, 1})
	f.Add([]byte{0, 60, 0, 60, 1, 1, 3, 8, 255, 4, 9, 9, 1})
	f.Fuzz(func(t *testing.T, ops []byte) {
		hdr, data := memory(HeaderBytes), memory(27*4)
		w, err := Create(hdr, data, 60, Writer, "", "")
		if err != nil {
			t.Fatal(err)
		}
		r, err := Open(hdr, data, 60, Reader)
		if err != nil {
			t.Fatal(err)
		}
		arg := func() int {
			if len(ops) == 0 {
				return 0
			}
			v := ops[0]
			ops = ops[1:]
			return int(v)
		}
		for len(ops) > 0 {
			switch arg() % 5 {
			case 0:
				w.Write(make([]byte, arg()%70))
			case 1:
				if head, tail, err := r.Peek(); err == nil {
					if len(head)+len(tail) > 60 {
						t.Fatal("too long")
					}
					r.Consume()
				}
			case 2:
				data[arg()%len(data)] = byte(arg())
			case 3:
				hdr[[...]int{0, 4, 8, offSem, offSem + 4}[arg()%5]+arg()%4] = byte(arg())
			case 4:
				r.PeekTaken()
				r.Reclaim()
			}
		}
	})
}
