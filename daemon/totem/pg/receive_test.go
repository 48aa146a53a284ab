package pg

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/corosync-go/corosync/daemon/totem"
)

// frame builds a pg frame.
func frame(cont, frag uint8, pieces ...string) []byte {
	b := []byte{0, 0, 0, 0, frag, cont}
	b = binary.NativeEndian.AppendUint16(b, uint16(len(pieces)))
	for _, p := range pieces {
		b = binary.NativeEndian.AppendUint16(b, uint16(len(p)))
	}
	for _, p := range pieces {
		b = append(b, p...)
	}
	return b
}

// msg is a message for the exec group.
func msg(payload string) string { return groups[0].lens + groups[0].name + payload }

func payloads(h *collector) []string {
	var s []string
	for _, m := range h.got {
		s = append(s, m.data)
	}
	return s
}

func TestBrokenStreams(t *testing.T) {
	for _, c := range []struct {
		name   string
		frames [][]byte
		want   []string
		broken uint64
	}{
		{"joined within a message", [][]byte{
			frame(1, 2, "tail"), frame(2, 0, "end", msg("b")),
		}, []string{"b"}, 1},
		{"joined within a message that ends with the start of another", [][]byte{
			frame(3, 1, "end", msg("b"), msg("c")), frame(1, 0, "c2", msg("d")),
		}, []string{"b", "cc2", "d"}, 1},
		{"end lost", [][]byte{
			frame(0, 1, msg("a")), frame(0, 0, msg("b")),
		}, []string{"b"}, 1},
		{"end lost, then another start", [][]byte{
			frame(0, 1, msg("a")), frame(0, 1, msg("b")), frame(1, 0, "b2"),
		}, []string{"bb2"}, 1},
		{"middle lost", [][]byte{
			frame(0, 1, msg("a")), frame(2, 3, "a3"), frame(3, 0, "a4", msg("b")), frame(0, 0, msg("c")),
		}, []string{"b", "c"}, 1},
		{"whole frames in between", [][]byte{
			frame(0, 1, msg("a"), msg("b")), frame(1, 2, "b2"), frame(2, 1, "b3", msg("c"), msg("d")), frame(1, 0, "d2"),
		}, []string{"a", "bb2b3", "c", "dd2"}, 0},
		{"empty pieces", [][]byte{
			frame(0, 1, ""), frame(1, 2, ""), frame(2, 0, msg("a"), ""),
		}, []string{"a"}, 0},
	} {
		p := newPG(t, udpMTU)
		var h collector
		for _, f := range c.frames {
			p.Receive(1, f, false, &h)
		}
		if !slices.Equal(payloads(&h), c.want) || p.Stats.Broken != c.broken || p.Stats.Malformed != 0 {
			t.Errorf("%s: %q, %+v", c.name, payloads(&h), p.Stats)
		}
	}
}

func TestMalformedFrames(t *testing.T) {
	good := frame(0, 0, msg("a"), msg("b"))
	p := newPG(t, udpMTU)
	var h collector
	for n := range good {
		p.Receive(1, good[:n:n], false, &h)
	}
	p.Receive(1, append(slices.Clone(good), 0), false, &h)
	p.Receive(1, frame(0, 0), false, &h) // no pieces at all
	p.Receive(1, good, true, &h)         // lengths in the wrong byte order
	if len(h.got) != 0 || p.Stats.Malformed != p.Stats.Received || p.Stats.Received != uint64(len(good)+3) {
		t.Errorf("%q, %+v", payloads(&h), p.Stats)
	}
	// A malformed frame does not touch a partial message.
	p.Receive(1, frame(0, 1, msg("a")), false, &h)
	p.Receive(1, good[:9], false, &h)
	p.Receive(1, frame(1, 0, "2"), false, &h)
	if !slices.Equal(payloads(&h), []string{"a2"}) {
		t.Errorf("%q", payloads(&h))
	}
}

func TestGroupHeaders(t *testing.T) {
	u16s := func(v ...uint16) string {
		var b []byte
		for _, n := range v {
			b = binary.NativeEndian.AppendUint16(b, n)
		}
		return string(b)
	}
	many := make([]uint16, 34)
	many[0] = 33
	for _, c := range []struct {
		name, msg      string
		want           []message
		bad, unmatched uint64
	}{
		{"empty", "", nil, 1, 0},
		{"one byte", "\x01", nil, 1, 0},
		{"no groups", u16s(0) + "x", nil, 0, 1},
		{"lengths missing", u16s(2, 1), nil, 1, 0},
		{"name cut off", u16s(1, 4) + "syn", nil, 1, 0},
		{"too many names", u16s(many...), nil, 1, 0},
		{"32 names", u16s(append([]uint16{32}, many[1:33]...)...), nil, 0, 1},
		{"unknown", u16s(1, 1) + "bx", nil, 0, 1},
		{"prefix of a name", u16s(1, 3) + "synx", nil, 0, 1},
		{"exec", u16s(1, 1) + "ax", []message{{"a", 1, "x"}}, 0, 0},
		{"sync without payload", u16s(1, 4) + "sync", []message{{"sync", 1, ""}}, 0, 0},
		{"both, and twice", u16s(4, 4, 1, 1, 1) + "syncabax", []message{{"a", 1, "x"}, {"sync", 1, "x"}}, 0, 0},
	} {
		p := newPG(t, udpMTU)
		var h collector
		p.Receive(1, frame(0, 0, c.msg), false, &h)
		if !slices.Equal(h.got, c.want) || p.Stats.BadGroup != c.bad || p.Stats.Unmatched != c.unmatched {
			t.Errorf("%s: %v, %+v", c.name, h.got, p.Stats)
		}
	}
}

func TestForeignByteOrder(t *testing.T) {
	p := newPG(t, udpMTU)
	swap := func(b []byte) { b[0], b[1] = b[1], b[0] }
	f := frame(0, 0, msg("one"), msg("three"))
	swap(f[6:])
	swap(f[8:])
	swap(f[10:])
	for _, at := range []int{12, 12 + 8} {
		swap(f[at:])
		swap(f[at+2:])
	}
	before := slices.Clone(f)
	var h collector
	p.Receive(1, f, true, &h)
	if !slices.Equal(payloads(&h), []string{"one", "three"}) {
		t.Errorf("%q, %+v", payloads(&h), p.Stats)
	}
	if !slices.Equal(f, before) {
		t.Error("frame was changed")
	}
}

// A message over the bound is dropped, however long it goes on; the next one is delivered.
func TestOversize(t *testing.T) {
	p := newPG(t, knetMTU)
	var h collector
	piece := msg(string(make([]byte, 60000)))
	p.Receive(1, frame(0, 1, piece), false, &h)
	for i := range 100 {
		p.Receive(1, frame(uint8(i+1), uint8(i+2), piece), false, &h)
	}
	p.Receive(1, frame(101, 0, piece, msg("next")), false, &h)
	if !slices.Equal(payloads(&h), []string{"next"}) || p.Stats.Oversize != 1 || p.Stats.Broken != 0 {
		t.Errorf("%d messages, %+v", len(h.got), p.Stats)
	}
	if n := len(p.buffers.free); n > keepBuffers {
		t.Errorf("%d idle buffers", n)
	}
	// The largest possible message is delivered.
	h.got = nil
	rest := assemblyMax
	for i := 0; rest > 0; i++ {
		n := min(rest, len(piece))
		rest -= n
		frag := uint8(i + 1)
		if rest == 0 {
			frag = 0
		}
		p.Receive(1, frame(uint8(i), frag, piece[:n]), false, &h)
	}
	if len(h.got) != 1 || len(h.got[0].data) != assemblyMax-5 {
		t.Errorf("largest message: %+v", p.Stats)
	}
}

func TestLeftNodesAreForgotten(t *testing.T) {
	p := newPG(t, udpMTU)
	var h collector
	p.ReceiveTransitional(false)
	p.Receive(1, frame(0, 1, msg("a")), false, &h)
	p.Receive(2, frame(0, 1, msg("b")), false, &h)
	p.ReceiveTransitional(true)
	p.Receive(1, frame(0, 1, msg("c")), false, &h)
	p.Configuration(&totem.Configuration{Left: []totem.NodeID{1, 9}})
	p.Receive(1, frame(1, 0, "c2", msg("d")), false, &h) // continues nothing
	p.ReceiveTransitional(false)
	p.Receive(1, frame(1, 0, "a2", msg("e")), false, &h)
	p.Receive(2, frame(1, 0, "b2"), false, &h) // a survivor's message continues
	if !slices.Equal(payloads(&h), []string{"d", "e", "bb2"}) || p.Stats.PartialsFreed != 2 {
		t.Errorf("%q, %+v", payloads(&h), p.Stats)
	}
}

// The handler may end the transitional period between two messages of a frame; the frame still belongs to it.
type switcher struct {
	collector
	p *PG
}

func (s *switcher) Deliver(group string, from totem.NodeID, msg []byte, foreign bool) {
	s.collector.Deliver(group, from, msg, foreign)
	s.p.SetTransitional(false)
}

func TestSwitchWithinFrame(t *testing.T) {
	p := newPG(t, udpMTU)
	h := &switcher{p: p}
	p.Receive(1, frame(0, 1, msg("a"), msg("b")), false, h)
	p.Receive(1, frame(0, 0, msg("c")), false, h)
	p.ReceiveTransitional(true)
	p.Receive(1, frame(1, 0, "b2"), false, h)
	if !slices.Equal(payloads(&h.collector), []string{"a", "c", "bb2"}) {
		t.Errorf("%q", payloads(&h.collector))
	}
}

func FuzzReceive(f *testing.F) {
	f.Add(frame(0, 0, msg("a"), msg("b")), frame(0, 1, msg("c")), frame(1, 0, "c2"), false)
	f.Add(frame(1, 2, msg("a")), frame(2, 3, msg("c")), frame(3, 0, "c2", msg("d")), false)
	f.Add(frame(0, 0), []byte{}, frame(1, 1, ""), true)
	p := newPG(f, udpMTU)
	f.Fuzz(func(t *testing.T, a, b, c []byte, foreign bool) {
		p.Configuration(&totem.Configuration{Left: []totem.NodeID{1}})
		var h collector
		total := 0
		for _, frame := range [][]byte{a, b, c} {
			before := string(frame)
			p.Receive(1, frame, foreign, &h)
			total += len(frame)
			if string(frame) != before {
				t.Fatal("frame was changed")
			}
		}
		for _, m := range h.got {
			total -= len(m.data)
		}
		// A message may be delivered to both groups.
		if total < -len(a)-len(b)-len(c) {
			t.Fatal("more delivered than received")
		}
		// The stream recovers.
		h.got = nil
		p.Receive(1, frame(0, 0, msg("x")), false, &h)
		if len(h.got) != 1 {
			t.Fatalf("%v %+v", h.got, p.Stats)
		}
	})
}

// A frame that its sender took from the transitional queue before it heard that the synchronisation was over does not cost
// the message whose rest the ordinary queue holds. Simulation found this.
func TestLateTransitionalFrame(t *testing.T) {
	p := newPG(t, udpMTU)
	p.SetTransitional(false)
	h := &collector{}
	p.Receive(7, frame(0, 1, msg("a")), false, h)
	p.SetTransitional(true)
	p.Receive(7, frame(0, 0, msg("s")), false, h)
	p.SetTransitional(false)
	p.Receive(7, frame(0, 0, msg("t"), msg("u")), false, h)
	p.Receive(7, frame(1, 2, "b"), false, h)
	p.Receive(7, frame(2, 0, "c", msg("d")), false, h)
	if want := []string{"s", "t", "u", "abc", "d"}; !slices.Equal(payloads(h), want) {
		t.Errorf("delivered %q, not %q", payloads(h), want)
	}
	if p.Stats.Broken != 0 || p.Stats.Late != 1 {
		t.Errorf("%+v", p.Stats)
	}
}
