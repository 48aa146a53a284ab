package coroipc

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestRoom(t *testing.T) {
	for _, c := range []struct {
		read, write uint32
		want        int
	}{
		{0, 0, 55}, {8, 8, 55}, {0, 8, 47}, {8, 0, 0}, {16, 0, 7}, {0, 56, 0}, {56, 48, 0}, {40, 16, 15},
	} {
		if got := room(c.read, c.write, 64); got != c.want {
			t.Errorf("room(%d, %d) = %d, want %d", c.read, c.write, got, c.want)
		}
	}
	for _, c := range []struct {
		at   uint32
		n    int
		want uint32
	}{{0, 1, 8}, {0, 8, 8}, {56, 24, 16}, {48, 9, 0}, {0, 64, 0}} {
		if got := advance(c.at, c.n, 64); got != c.want {
			t.Errorf("advance(%d, %d) = %d, want %d", c.at, c.n, got, c.want)
		}
	}
	if valid(4, 64) || valid(64, 64) || valid(1<<31, 64) || !valid(56, 64) {
		t.Error("valid")
	}
}

// TestRingModel compares the ring with a queue of messages.
func TestRingModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	ring := make([]byte, 4096)
	var read, write uint32
	var queue [][]byte
	next := byte(0)
	for range 100000 {
		n := 24 + rnd.IntN(900)
		if room(read, write, len(ring)) >= n && rnd.IntN(2) == 0 {
			m := bytes.Repeat([]byte{next}, n)
			next++
			put(ring, put(ring, int(write), m[:24]), m[24:])
			write = advance(write, n, len(ring))
			queue = append(queue, m)
			continue
		}
		if len(queue) == 0 {
			if read != write {
				t.Fatalf("empty at %d and %d", read, write)
			}
			continue
		}
		head, tail := view(ring, int(read), len(queue[0]))
		if got := append(bytes.Clone(head), tail...); !bytes.Equal(got, queue[0]) {
			t.Fatalf("at %d: %d bytes of %d, want %d", read, len(got), got[0], queue[0][0])
		}
		read = advance(read, len(queue[0]), len(ring))
		queue = queue[1:]
	}
}
