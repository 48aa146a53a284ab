package pg

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/internal/pcaptest"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// capturedFrames returns the pg frames of a capture in order, each once although it may have been sent to several nodes or
// retransmitted.
func capturedFrames(t *testing.T, frames []pcaptest.Frame) []wire.Mcast {
	t.Helper()
	type key struct {
		ring totem.RingID
		seq  uint32
	}
	seen := make(map[key]bool)
	var out []wire.Mcast
	for _, f := range frames {
		if h, err := wire.ParseHeader(f.Data); err != nil || h.Type != wire.TypeMcast {
			continue
		}
		var m wire.Mcast
		if err := m.Parse(f.Data); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if k := (key{m.Ring, m.Seq.Uint32()}); !m.Encapsulated && !seen[k] {
			seen[k] = true
			out = append(out, m)
		}
	}
	return out
}

func goldenMcasts(t *testing.T) []wire.Mcast {
	t.Helper()
	frames, err := pcaptest.ReadFrames("testdata/mcast.hex")
	if err != nil {
		t.Fatal(err)
	}
	return capturedFrames(t, frames)
}

// The capture has, by its description: a join of node 2, node 3 joins and sends three messages of 10 bytes, one of 5000 and
// eight of 100, then leaves.
func TestGoldenCPG(t *testing.T) {
	const (
		cpg, mcast, overhead = 2, 3, 184
		join, leave          = 0, 1
	)
	p := newPG(t, udpMTU)
	var h collector
	for _, m := range goldenMcasts(t) {
		p.Receive(m.NodeID, m.Payload, m.Foreign, &h)
	}
	var sizes []int
	var joins, leaves, barriers, lists int
	for _, m := range h.got {
		b := []byte(m.data)
		if len(b) < 16 || int(binary.NativeEndian.Uint32(b[8:])) != len(b) {
			t.Fatalf("message of %d bytes with a wrong size: %x", len(b), b[:min(16, len(b))])
		}
		id := binary.NativeEndian.Uint32(b)
		switch {
		case m.group == GroupSync && id == 0:
			barriers++
		case m.group == GroupSync && id == 1:
			lists++
		case m.group == GroupExec && id == cpg<<16|mcast:
			if m.from != 3 {
				t.Errorf("cpg message of node %d", m.from)
			}
			sizes = append(sizes, len(b)-overhead)
		case m.group == GroupExec && id == cpg<<16|join:
			joins++
		case m.group == GroupExec && id == cpg<<16|leave:
			leaves++
		}
	}
	if want := []int{10, 10, 10, 5000, 100, 100, 100, 100, 100, 100, 100, 100}; !slices.Equal(sizes, want) {
		t.Errorf("cpg messages of %v bytes", sizes)
	}
	if joins != 2 || leaves != 2 || barriers == 0 || lists == 0 {
		t.Errorf("%d joins, %d leaves, %d barriers, %d service lists", joins, leaves, barriers, lists)
	}
	if s := p.Stats; s.Broken+s.Malformed+s.BadGroup+s.Unmatched+s.Oversize != 0 {
		t.Errorf("%+v", s)
	}
}

// Queueing the messages that a C sender queued makes the frames that it made, flushes included.
func TestGoldenFramesRebuilt(t *testing.T) {
	bySender := make(map[totem.NodeID][]wire.Mcast)
	for _, m := range goldenMcasts(t) {
		bySender[m.NodeID] = append(bySender[m.NodeID], m)
	}
	for from, frames := range bySender {
		p := newPG(t, udpMTU)
		p.SetTransitional(false)
		rx := newPG(t, udpMTU)
		// The messages in order, each with the index of the frame that it starts in.
		type start struct {
			message
			frame int
		}
		var starts []start
		var h collector
		begun := 0
		for i, m := range frames {
			h.got = nil
			rx.Receive(from, m.Payload, false, &h)
			for k, got := range h.got {
				at := i
				if k == 0 && m.Payload[5] != 0 {
					at = begun
				}
				starts = append(starts, start{got, at})
			}
			if m.Payload[4] != 0 && (m.Payload[5] == 0 || binary.NativeEndian.Uint16(m.Payload[6:]) > 1) {
				begun = i
			}
		}
		buf := make([]byte, udpMTU)
		for i, m := range frames {
			for len(starts) > 0 && starts[0].frame == i {
				if err := p.Queue(starts[0].group, 0, [][]byte{[]byte(starts[0].data)}); err != nil {
					t.Fatal(err)
				}
				starts = starts[1:]
			}
			if p.Pending(false) == 0 {
				p.Flush()
			}
			n, _, ok := p.Next(buf, false)
			if !ok || !bytes.Equal(buf[:n], m.Payload) {
				t.Fatalf("node %d, frame %d:\n got %x\nwant %x", from, i, buf[:n], m.Payload)
			}
		}
	}
}

// Every frame of every capture adds up and delivers only messages of known groups with the size that they say.
func TestGoldenCaptures(t *testing.T) {
	files := pcaptest.Vectors(t, "../../..")
	if files == nil {
		t.Skip("no captures beside the project")
	}
	for _, file := range files {
		packets, err := pcaptest.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		var frames []pcaptest.Frame
		for _, q := range packets {
			frames = append(frames, pcaptest.Frame{Name: fmt.Sprint(q.Number), Data: q.Payload})
		}
		name := filepath.Base(file)
		p := newPG(t, udpMTU)
		var h collector
		for _, m := range capturedFrames(t, frames) {
			p.Receive(m.NodeID, m.Payload, m.Foreign, &h)
		}
		for _, m := range h.got {
			if b := []byte(m.data); len(b) < 16 || int(binary.NativeEndian.Uint32(b[8:])) != len(b) {
				t.Errorf("%s: message of %d bytes with a wrong size: %x", name, len(b), b[:min(16, len(b))])
			}
		}
		if s := p.Stats; len(h.got) == 0 || s.Broken+s.Malformed+s.BadGroup+s.Unmatched+s.Oversize != 0 {
			t.Errorf("%s: %+v", name, s)
		}
		t.Logf("%s: %d frames, %d messages", name, p.Stats.Received, p.Stats.Delivered)
	}
}
