package pg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/corosync-go/corosync/daemon/totem"
)

const udpMTU, knetMTU = 1410, 65446

func newPG(t testing.TB, mtu int) *PG {
	t.Helper()
	p, err := New(Config{NetMTU: mtu})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// drain takes all frames of the queue in use.
func drain(p *PG, transitional bool) [][]byte {
	var frames [][]byte
	p.Flush()
	for {
		b := make([]byte, p.NetMTU())
		n, _, ok := p.Next(b, transitional)
		if !ok {
			return frames
		}
		frames = append(frames, b[:n])
	}
}

// bytesOf returns n bytes that are recognisably those of message i.
func bytesOf(i, n int) []byte {
	b := make([]byte, n)
	for k := range b {
		b[k] = byte(i*31 + k + k>>8)
	}
	return b
}

// Frames are those of the dumb model, byte for byte, and deliver what was queued.
func TestPackingLikeC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mtu := rapid.SampledFrom([]int{MinNetMTU, 100, 300, udpMTU}).Draw(t, "mtu")
		p, err := New(Config{NetMTU: mtu})
		if err != nil {
			t.Fatal(err)
		}
		p.SetTransitional(false)
		c := cPacker{mtu: mtu, nextFrag: 1}
		var want []message
		var frames [][]byte
		take := func() {
			for range p.Pending(false) {
				b := make([]byte, mtu)
				n, _, _ := p.Next(b, false)
				frames = append(frames, b[:n])
			}
		}
		for i := range rapid.IntRange(1, 60).Draw(t, "messages") {
			if rapid.IntRange(0, 4).Draw(t, "flush") == 0 {
				p.Flush()
				c.flush()
				take()
			}
			grp := rapid.SampledFrom([]string{GroupExec, GroupSync}).Draw(t, "group")
			// Parts before the last are headers in practice, shorter than a frame; with longer ones we pack tighter.
			parts := [][]byte{
				bytesOf(i, rapid.IntRange(0, mtu-15).Draw(t, "header")),
				bytesOf(i+1, rapid.OneOf(rapid.IntRange(0, 3*mtu), rapid.IntRange(0, 40)).Draw(t, "size")),
			}
			if err := p.Queue(grp, totem.Agreed, parts); err != nil {
				t.Fatal(err)
			}
			header := &groups[groupNamed(grp)]
			c.message([]byte(header.lens), []byte(header.name), parts[0], parts[1])
			want = append(want, message{grp, 7, string(slices.Concat(parts...))})
			take()
		}
		p.Flush()
		c.flush()
		take()
		if len(frames) != len(c.out) {
			t.Fatalf("%d frames, want %d", len(frames), len(c.out))
		}
		var h collector
		for i := range frames {
			if !bytes.Equal(frames[i], c.out[i]) {
				t.Fatalf("frame %d:\n got %x\nwant %x", i, frames[i], c.out[i])
			}
			p.Receive(7, frames[i], false, &h)
		}
		if !slices.Equal(h.got, want) {
			t.Fatalf("delivered %d messages of %d", len(h.got), len(want))
		}
		if !p.Idle() {
			t.Fatal("not idle")
		}
	})
}

// A 5000-byte message of cpg makes the frames that were seen on the wire.
func TestFragmentsOfLargeMessage(t *testing.T) {
	p := newPG(t, udpMTU)
	p.SetTransitional(false)
	if err := p.Queue(GroupExec, totem.Agreed, [][]byte{make([]byte, 184), make([]byte, 5000)}); err != nil {
		t.Fatal(err)
	}
	var got string
	for _, f := range drain(p, false) {
		got += fmt.Sprintf("(%d,%d)%d ", f[5], f[4], binary.NativeEndian.Uint16(f[8:]))
	}
	if got != "(0,1)1400 (1,2)1400 (2,3)1400 (3,0)989 " {
		t.Error(got)
	}
}

// Fragment numbers go 1 to 255 and again 1, never 0 within a message; those of the transitional stream stay above 128.
func TestFragmentNumbersWrap(t *testing.T) {
	for _, trans := range []bool{false, true} {
		p := newPG(t, udpMTU)
		p.SetTransitional(trans)
		msg := bytesOf(1, 600*1400)
		if err := p.Queue(GroupExec, totem.Safe, [][]byte{msg}); err != nil {
			t.Fatal(err)
		}
		p.Flush()
		var h collector
		first := uint8(1)
		want := first
		if trans {
			first, want = highFrag, highFrag+1
		}
		buf := make([]byte, udpMTU)
		for n := p.Pending(trans); n > 0; n-- {
			size, g, _ := p.Next(buf, trans)
			if n > 1 && buf[4] != want || n == 1 && buf[4] != 0 || g != totem.Safe {
				t.Fatalf("fragment %d, want %d; guarantee %d", buf[4], want, g)
			}
			if want++; want == 0 {
				want = first
			}
			p.Receive(1, buf[:size], false, &h)
		}
		if len(h.got) != 1 || h.got[0].data != string(msg) {
			t.Error("message not delivered")
		}
	}
}

// A ring that follows before the application has synchronised cuts a message of the transitional stream: who comes with it
// has no beginning of it, and gets it all the same.
func TestCutInsideASynchronisation(t *testing.T) {
	p, old, late := newPG(t, 200), newPG(t, 200), newPG(t, 200)
	b := bytesOf(1, 700)
	if err := p.Queue(GroupExec, 0, [][]byte{b}); err != nil {
		t.Fatal(err)
	}
	var atOld, atLate collector
	buf := make([]byte, 200)
	for range 2 {
		n, _, _ := p.Next(buf, true)
		old.Receive(1, buf[:n], false, &atOld)
	}
	p.SendTransitional(true)
	for _, f := range drain(p, true) {
		old.Receive(1, f, false, &atOld)
		late.Receive(1, f, false, &atLate)
	}
	for _, h := range []*collector{&atOld, &atLate} {
		if len(h.got) != 1 || h.got[0].data != string(b) {
			t.Errorf("%d messages are delivered, one was sent", len(h.got))
		}
	}
}

// The rest of a message of the transitional stream comes behind the end of a synchronisation, where one of the ordinary stream
// has been cut at the same place: it is no part of that, to us and to a C receiver. The message is lost, for it has left completely.
func TestLateFrameContinuesNothing(t *testing.T) {
	p, r := newPG(t, 200), newPG(t, 200)
	var fromC []string
	c := cReceiver{got: func(msg []byte) {
		if set, payload, _ := splitGroups(msg, false); set != 0 {
			fromC = append(fromC, string(payload))
		}
	}}
	inTransC := cReceiver{got: c.got}
	ordinary, transitional := bytesOf(1, 700), bytesOf(2, 700)
	var h collector
	buf := make([]byte, 200)
	send := func(frames int, trans bool, setC *cReceiver) {
		for range frames {
			n, _, ok := p.Next(buf, trans)
			if !ok {
				t.Fatal("no frame")
			}
			r.Receive(1, buf[:n], false, &h)
			setC.frame(buf[:n])
		}
	}
	p.SetTransitional(false)
	r.SetTransitional(false)
	_ = p.Queue(GroupExec, 0, [][]byte{ordinary})
	send(1, false, &c)
	p.SetTransitional(true)
	r.SetTransitional(true)
	_ = p.Queue(GroupExec, 0, [][]byte{transitional})
	send(1, true, &inTransC)
	r.SetTransitional(false)
	send(3, true, &c)
	p.SetTransitional(false)
	for p.Flush(); !p.Idle(); p.Flush() {
		send(1, false, &c)
	}
	want := []string{string(ordinary)}
	var got []string
	for _, m := range h.got {
		got = append(got, m.data)
	}
	if !slices.Equal(got, want) || !slices.Equal(fromC, want) {
		t.Errorf("%d messages are delivered, to C %d, not the one", len(got), len(fromC))
	}
}

func TestSlots(t *testing.T) {
	for _, c := range []struct{ mtu, slots, max int }{
		{udpMTU, 2974, largestSent - longestGroup},
		{knetMTU, 64, largestSent - longestGroup},
	} {
		p := newPG(t, c.mtu)
		if p.Slots() != c.slots || p.Room() != c.slots-2 || p.MaxSize() != c.max || p.Reserved() != 1 {
			t.Errorf("mtu %d: slots %d room %d max %d reserved %d", c.mtu, p.Slots(), p.Room(), p.MaxSize(), p.Reserved())
		}
		if err := p.Queue(GroupExec, 0, [][]byte{make([]byte, c.max+longestGroup)}); !errors.Is(err, ErrTooBig) {
			t.Errorf("mtu %d: %v", c.mtu, err)
		}
	}
	for _, mtu := range []int{MinNetMTU - 1, MaxNetMTU + 1} {
		if _, err := New(Config{NetMTU: mtu}); !errors.Is(err, ErrMTU) {
			t.Errorf("mtu %d: %v", mtu, err)
		}
	}
	if err := newPG(t, udpMTU).Queue("b", 0, nil); !errors.Is(err, ErrGroup) {
		t.Error(err)
	}
}

func TestReservation(t *testing.T) {
	p := newPG(t, knetMTU)
	const size = 1 << 20
	per := p.reservation(size)
	n := 0
	for p.Reserve(size) {
		n++
	}
	if n != 62/per || p.Reserved() != 1+n*per {
		t.Fatalf("%d reservations of %d slots", n, per)
	}
	for range n {
		if err := p.Queue(GroupExec, 0, [][]byte{make([]byte, size)}); err != nil {
			t.Fatal("reserved, but", err)
		}
		p.Release(size)
	}
	if p.Reserved() != 1 {
		t.Error("reserved", p.Reserved())
	}
	if p.Reserve(p.MaxSize()+1) || p.Reserve(-1) {
		t.Error("impossible reservation")
	}
}

// With every size and filling of the frame being packed, a successful reservation is good for its message.
func TestReservedNeverRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, _ := New(Config{NetMTU: rapid.SampledFrom([]int{udpMTU, knetMTU}).Draw(t, "mtu")})
		for range rapid.IntRange(0, 300).Draw(t, "small") {
			if err := p.Queue(GroupExec, 0, [][]byte{make([]byte, rapid.IntRange(0, 100).Draw(t, "s"))}); err != nil {
				t.Fatal(err)
			}
		}
		for {
			n := rapid.IntRange(0, p.MaxSize()).Draw(t, "size")
			if !p.Reserve(n) {
				return
			}
			if err := p.Queue(GroupSync, 0, [][]byte{make([]byte, n)}); err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
			p.Release(n)
		}
	})
}

func TestLevels(t *testing.T) {
	p := newPG(t, udpMTU)
	if l := p.Level(); l != LevelLow {
		t.Fatal(l)
	}
	fill := func(percent int) {
		for p.Usage() < percent {
			if err := p.Queue(GroupExec, 0, [][]byte{make([]byte, 1395)}); err != nil {
				t.Fatal(err)
			}
		}
		for p.Usage() > percent {
			p.Next(make([]byte, udpMTU), true)
		}
	}
	for _, c := range []struct {
		percent int
		want    Level
	}{
		{29, LevelLow}, {35, LevelLow}, {40, LevelLow}, {41, LevelGood}, {55, LevelGood}, {61, LevelHigh}, {72, LevelHigh},
		{75, LevelCritical}, {100, LevelCritical}, {72, LevelCritical}, {69, LevelHigh}, {50, LevelHigh}, {49, LevelGood},
		{30, LevelGood}, {29, LevelLow},
	} {
		fill(c.percent)
		if l := p.Level(); l != c.want {
			t.Errorf("%d%%: level %d, want %d", c.percent, l, c.want)
		}
	}
}

// Whatever is queued until the queue is full comes out; nothing is overwritten.
func TestFullQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mtu := rapid.SampledFrom([]int{udpMTU, 9000, knetMTU, MaxNetMTU}).Draw(t, "mtu")
		p, _ := New(Config{NetMTU: mtu})
		p.SendTransitional(rapid.Bool().Draw(t, "transitional"))
		trans := p.Transitional()
		var want []message
		buf := make([]byte, mtu)
		var h collector
		sizes := rapid.SampledFrom([]*rapid.Generator[int]{
			rapid.IntRange(0, 3*mtu), rapid.IntRange(mtu-100, mtu+100), rapid.IntRange(0, p.MaxSize()),
		}).Draw(t, "sizes")
		for round := range 3 {
			for i := 0; ; i++ {
				b := bytesOf(i, sizes.Draw(t, "size"))
				err := p.Queue(GroupExec, 0, [][]byte{b})
				if err != nil {
					if err != ErrQueueFull {
						t.Fatal(err)
					}
					break
				}
				want = append(want, message{GroupExec, 1, string(b)})
				s := p.sending()
				if s.queued > p.slots-1 || s.queued+s.kept > s.slots-1 {
					t.Fatalf("%d slots used and %d kept of %d", s.queued, s.kept, p.slots)
				}
				if s.pieces > 0 && s.size >= s.space() {
					t.Fatalf("%d bytes packed, limit %d", s.size, s.space())
				}
				if i > 400 {
					break // small ones fill the queue slowly
				}
			}
			for range p.Pending(trans) / (3 - round) {
				n, _, _ := p.Next(buf, trans)
				p.Receive(1, buf[:n], false, &h)
			}
		}
		for p.Flush(); !p.Idle(); p.Flush() {
			n, _, ok := p.Next(buf, trans)
			if !ok {
				t.Fatal("no frame, but not idle")
			}
			p.Receive(1, buf[:n], false, &h)
		}
		if !slices.Equal(h.got, want) {
			t.Fatalf("delivered %d messages of %d", len(h.got), len(want))
		}
	})
}

// Over any number of switches, at any point of the streams, each message that was accepted is delivered once, to us and to
// a C receiver, in the order of its stream. To those that come with a change, which know nothing of what went before, each is
// delivered that is completed from there on.
func TestSwitches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const mtu = 200
		p, _ := New(Config{NetMTU: mtu})
		var want, gotC [2][]string // by the stream that they were queued to
		var sets [2]cReceiver
		stream := func(msg string) int { return int(msg[0] - '0') }
		for i := range sets {
			sets[i].got = func(msg []byte) {
				if set, payload, _ := splitGroups(msg, false); set != 0 {
					gotC[stream(string(payload))] = append(gotC[stream(string(payload))], string(payload))
				}
			}
		}
		// Those that came last, ours and C, with what they have got of the ordinary stream.
		var newcomer *PG
		var newC *cReceiver
		var gotNew collector
		var gotNewC []string
		come := func() {
			newcomer, _ = New(Config{NetMTU: mtu})
			newcomer.ReceiveTransitional(false)
			gotNew, gotNewC = collector{}, nil
			newC = &cReceiver{got: func(msg []byte) {
				if set, payload, _ := splitGroups(msg, false); set != 0 {
					gotNewC = append(gotNewC, string(payload))
				}
			}}
		}
		come()
		had := 0 // messages of the ordinary stream completed before they came
		var h collector
		buf := make([]byte, mtu)
		index := func(b bool) int {
			if b {
				return 1
			}
			return 0
		}
		next := func() bool {
			trans := p.Transitional()
			n, _, ok := p.Next(buf, trans)
			if ok {
				p.Receive(1, buf[:n], false, &h)
				sets[index(trans)].frame(buf[:n])
				if !trans {
					newcomer.Receive(1, buf[:n], false, &gotNew)
					newC.frame(buf[:n])
				}
			}
			return ok
		}
		for i := range rapid.IntRange(1, 80).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1:
				b := bytesOf(i, rapid.IntRange(1, 900).Draw(t, "size"))
				b[0] = byte('0' + index(p.Transitional()))
				if err := p.Queue(GroupExec, 0, [][]byte{b[:1], b[1:]}); err != nil {
					t.Fatal(err)
				}
				want[stream(string(b))] = append(want[stream(string(b))], string(b))
			case 2, 3:
				p.Flush()
				for range rapid.IntRange(1, 4).Draw(t, "frames") {
					next()
				}
			case 4:
				next() // without flush, as in recovery
			case 5:
				p.SetTransitional(!p.Transitional())
				if p.Transitional() {
					come()
					had = len(gotC[0])
				}
			}
		}
		p.SetTransitional(false)
		for p.Flush(); !p.Idle(); p.Flush() {
			if !next() {
				t.Fatal("no frame, but not idle")
			}
		}
		var ours []string
		for _, m := range gotNew.got {
			if stream(m.data) == 0 {
				ours = append(ours, m.data)
			}
		}
		gotNewC = slices.DeleteFunc(gotNewC, func(m string) bool { return stream(m) != 0 })
		if !slices.Equal(ours, want[0][had:]) || !slices.Equal(gotNewC, want[0][had:]) {
			t.Fatalf("who came late has %d, on C %d messages of %d", len(ours), len(gotNewC), len(want[0][had:]))
		}
		var got [2][]string
		for _, m := range h.got {
			got[stream(m.data)] = append(got[stream(m.data)], m.data)
		}
		for i := range want {
			if !slices.Equal(got[i], want[i]) {
				t.Fatalf("stream %d: delivered %d messages of %d", i, len(got[i]), len(want[i]))
			}
			if !slices.Equal(gotC[i], want[i]) {
				t.Fatalf("stream %d: a C receiver delivered %d messages of %d", i, len(gotC[i]), len(want[i]))
			}
		}
	})
}
