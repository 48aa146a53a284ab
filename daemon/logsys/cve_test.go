package logsys

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"time"
)

// chunks reads a dump as the printer of libqb does: chunk by chunk from the read position to where none follows.
func chunks(t *testing.T, dump []byte) (texts []string) {
	t.Helper()
	ne := binary.NativeEndian
	head, words := dump[:40], dump[40:]
	size, read := int(ne.Uint32(head[20:])), int(ne.Uint32(head[28:]))
	if 4*size != len(words) {
		t.Fatalf("%d words, %d bytes", size, len(words))
	}
	word := func(i int) uint32 { return ne.Uint32(words[i%size*4:]) }
	for at, left := read, size; word(at+1) == chunkMagic; {
		n := int(word(at))
		need := chunkHeaderWords + (n+3)/4
		if left -= need; left < 0 {
			t.Fatal("chunks reach beyond the ring")
		}
		var p []byte
		for i := range (n + 3) / 4 {
			p = ne.AppendUint32(p, word(at+chunkHeaderWords+i))
		}
		p = p[:n]
		f := 13 + int(ne.Uint32(p[9:])) // the function, with its NUL
		m := f + 20
		if got := int(ne.Uint32(p[f+16:])); got != len(p)-m || got > 512 || p[len(p)-1] != 0 {
			t.Fatalf("a message of %d bytes in %d", got, len(p)-m)
		}
		texts = append(texts, strings.TrimSuffix(strings.TrimPrefix(string(p[m:]), "%s\x00"), "\x00"))
		at += need
	}
	return texts
}

// CVE-2023-39976: the blackbox of libqb reserved room for the text of a message, but not for what it writes before it, so that a
// long one overflowed the buffer when it was written or read. Here the ring is as small as one message and everything around it.
func TestCVE_2023_39976_LongMessageInTheBlackbox(t *testing.T) {
	for _, size := range []int{700, 1024, 4096} {
		for n := range 1200 {
			b := newBlackbox(size)
			text := strings.Repeat("x", n)
			for range 3 {
				b.add(&Record{Text: "first", Subsys: "MAIN", Time: time.Unix(1, 2)})
				b.add(&Record{Text: text, Subsys: strings.Repeat("S", n), Time: time.Unix(1, 2)})
			}
			var dump bytes.Buffer
			if err := b.writeTo(&dump); err != nil {
				t.Fatal(err)
			}
			got := chunks(t, dump.Bytes())
			if len(got) == 0 || got[len(got)-1] != text[:min(n, blackboxText)] {
				t.Fatalf("%d bytes in a ring of %d: %q", n, size, got)
			}
		}
	}
}

// FuzzBlackbox: whatever is logged, the ring holds whole messages, the last one among them.
func FuzzBlackbox(f *testing.F) {
	f.Add([]byte("a\nbb\nccc"), uint8(0))
	f.Add(bytes.Repeat([]byte("x\xff\x00%s\n"), 300), uint8(9))
	f.Fuzz(func(t *testing.T, text []byte, extra uint8) {
		b := newBlackbox(700 + 4*int(extra))
		last := ""
		for line := range strings.SplitSeq(string(text), "\n") {
			last = line
			b.add(&Record{Text: line, Subsys: "MAIN", Time: time.Unix(1, 2)})
		}
		var dump bytes.Buffer
		if err := b.writeTo(&dump); err != nil {
			t.Fatal(err)
		}
		got := chunks(t, dump.Bytes())
		if len(got) == 0 || got[len(got)-1] != last[:min(len(last), blackboxText)] {
			t.Errorf("%q is not the last of %q", last, got)
		}
	})
}
