package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/seq"
)

// set32 returns a copy of frame with one integer replaced.
func set32(frame []byte, off int, v uint32) []byte {
	b := bytes.Clone(frame)
	binary.NativeEndian.PutUint32(b[off:], v)
	return b
}

func set8(frame []byte, off int, v byte) []byte {
	b := bytes.Clone(frame)
	b[off] = v
	return b
}

// Each rule of acceptance, one frame that violates it.
func TestRefused(t *testing.T) {
	token := goldenFrame(t, "udpu-2node-formation#33")
	join := goldenFrame(t, "udpu-2node-formation#1")
	commit := goldenFrame(t, "udpu-2node-formation#30")
	full := (&Token{RTR: make([]RTR, MaxRTR)}).Append(nil)
	huge := uint32(0xFFFFFFFF)
	for _, c := range []struct {
		name  string
		frame []byte
		want  error
	}{
		{"empty", nil, ErrShort},
		{"header only", token[:HeaderLen], ErrShort},
		{"wrong magic", set8(token, 0, 0x71), ErrMagic},
		{"wrong version", set8(token, 2, 2), ErrVersion},
		{"unknown type", set8(token, 3, 6), ErrType},
		{"negative type", set8(token, 3, 0xFF), ErrType},
		{"token with 31 requests", set32(append(full, make([]byte, rtrLen)...), 53, 31), ErrBounds},
		{"token with -1 requests", set32(token, 53, huge), ErrBounds},
		{"token without the requests it counts", set32(token, 53, 1), ErrShort},
		{"token of 1501 bytes", append(bytes.Clone(token), make([]byte, 1501-len(token))...), ErrBounds},
		{"join with 385 members", set32(append(bytes.Clone(join), make([]byte, 2000)...), 17, totem.MaxNodes+1), ErrBounds},
		{"join with 385 failed", set32(append(bytes.Clone(join), make([]byte, 2000)...), 21, totem.MaxNodes+1), ErrBounds},
		{"join whose counts overflow", set32(set32(join, 17, 0x80000000), 21, 0x80000001), ErrBounds},
		{"join without the members it counts", set32(join, 17, 2), ErrShort},
		{"commit token without members", set32(set32(commit, 37, 0), 33, 0), ErrBounds},
		{"commit token with 385 members", set32(append(bytes.Clone(commit), make([]byte, 11000)...), 37, totem.MaxNodes+1), ErrBounds},
		{"commit token with index beyond", set32(commit, 33, 3), ErrBounds},
		{"commit token with index -1", set32(commit, 33, huge), ErrBounds},
		{"commit token without the members it counts", set32(commit, 37, 3), ErrShort},
	} {
		h, err := ParseHeader(c.frame)
		if err == nil {
			err = newMessage(h.Type).Parse(c.frame)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for i := range Type(NumTypes) {
		other := newMessage((i + 1) % NumTypes).Append(nil)
		if err := newMessage(i).Parse(other); err != ErrType {
			t.Errorf("%v parsed as %v: %v", (i+1)%NumTypes, i, err)
		}
	}
}

func TestLimitsAccepted(t *testing.T) {
	list := make([]totem.NodeID, totem.MaxNodes)
	for _, m := range []message{
		&Token{RTR: make([]RTR, MaxRTR)},
		&Join{Proc: list, Failed: list},
		&CommitToken{MembIndex: totem.MaxNodes, Addrs: list, Members: make([]CommitMember, totem.MaxNodes)},
	} {
		frame := m.Append(nil)
		h, err := ParseHeader(frame)
		if err == nil {
			err = newMessage(h.Type).Parse(frame)
		}
		if err != nil {
			t.Errorf("%T: %v", m, err)
		}
	}
}

func TestTrailingBytesIgnored(t *testing.T) {
	for _, f := range golden(t) {
		h, _ := ParseHeader(f.Data)
		if h.Type == TypeMcast {
			continue // the rest is payload
		}
		m := newMessage(h.Type)
		if err := m.Parse(append(bytes.Clone(f.Data), 1, 2, 3)); err != nil || !bytes.Equal(m.Append(nil), f.Data) {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

// Every shorter prefix of a frame is refused; of a MCAST, every one without its header.
func TestPrefixesRefused(t *testing.T) {
	for _, f := range golden(t) {
		h, _ := ParseHeader(f.Data)
		for n := range f.Data {
			m := newMessage(h.Type)
			err := m.Parse(f.Data[:n:n])
			if h.Type == TypeMcast && n >= McastHeaderLen {
				if err != nil {
					t.Errorf("%s: first %d bytes: %v", f.Name, n, err)
				}
			} else if err != ErrShort {
				t.Errorf("%s: first %d bytes: %v", f.Name, n, err)
			}
		}
	}
}

func drawHeader(t *rapid.T, typ Type) Header {
	return Header{
		Type:         typ,
		Encapsulated: typ == TypeMcast && rapid.Bool().Draw(t, "encapsulated"),
		NodeID:       totem.NodeID(rapid.Uint32().Draw(t, "nodeid")),
		Target:       totem.NodeID(rapid.Uint32().Draw(t, "target")),
	}
}

func drawRing(t *rapid.T) totem.RingID {
	return totem.RingID{Rep: totem.NodeID(rapid.Uint32Range(1, 1<<32-1).Draw(t, "rep")), Seq: rapid.Uint64().Draw(t, "ringseq")}
}

func drawNodes(t *rapid.T, low int) []totem.NodeID {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) totem.NodeID {
		return totem.NodeID(rapid.Uint32().Draw(t, "node"))
	}), low, totem.MaxNodes).Draw(t, "nodes")
}

func drawNum(t *rapid.T, name string) seq.Num { return seq.New(rapid.Uint32().Draw(t, name)) }

func drawMessage(t *rapid.T) message {
	typ := Type(rapid.IntRange(0, NumTypes-1).Draw(t, "type"))
	h := drawHeader(t, typ)
	from := totem.NodeID(rapid.Uint32().Draw(t, "from"))
	switch typ {
	case TypeToken:
		k := &Token{Header: h, Seq: drawNum(t, "seq"), TokenSeq: drawNum(t, "tokenseq"), ARU: drawNum(t, "aru"), ARUAddr: from,
			Ring: drawRing(t), Backlog: rapid.Uint32().Draw(t, "backlog"), FCC: rapid.Uint32().Draw(t, "fcc"),
			RetransFlg: rapid.Int32().Draw(t, "flag"), RTR: []RTR{}}
		for range rapid.IntRange(0, MaxRTR).Draw(t, "rtr") {
			k.RTR = append(k.RTR, RTR{drawRing(t), drawNum(t, "wanted")})
		}
		return k
	case TypeMcast:
		return &Mcast{Header: h, SystemFrom: from, Seq: drawNum(t, "seq"), ThisSeqno: rapid.Int32().Draw(t, "thisseqno"),
			Ring: drawRing(t), Guarantee: totem.Guarantee(rapid.Int32().Draw(t, "guarantee")),
			Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload")}
	case TypeMergeDetect:
		return &MergeDetect{Header: h, SystemFrom: from, Ring: drawRing(t)}
	case TypeJoin:
		return &Join{Header: h, SystemFrom: from, RingSeq: rapid.Uint64().Draw(t, "ringseq"), Proc: drawNodes(t, 0), Failed: drawNodes(t, 0)}
	case TypeCommitToken:
		c := &CommitToken{Header: h, TokenSeq: drawNum(t, "tokenseq"), Ring: drawRing(t),
			RetransFlg: rapid.Uint32().Draw(t, "flag"), Addrs: drawNodes(t, 1)}
		c.MembIndex = rapid.IntRange(0, len(c.Addrs)).Draw(t, "index")
		for i := range c.Addrs {
			var m CommitMember
			if i < c.MembIndex {
				m = CommitMember{drawRing(t), seq.New(uint32(i)), seq.New(uint32(i)), 1}
			}
			c.Members = append(c.Members, m)
		}
		return c
	default:
		return &HoldCancel{Header: h, Ring: drawRing(t)}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		h := reflect.ValueOf(m).Elem().FieldByName("Header").Addr().Interface().(*Header)
		got := newMessage(h.Type)
		if err := got.Parse(m.Append(nil)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, m) {
			t.Fatalf("got  %+v\nwant %+v", got, m)
		}
		// The other byte order, into the same struct. The target is not converted, so Append must not either.
		if err := got.Parse(m.AppendForeign(nil)); err != nil {
			t.Fatal(err)
		}
		h.Foreign = true
		if !reflect.DeepEqual(got, m) {
			t.Fatalf("foreign: got  %+v\nwant %+v", got, m)
		}
	})
}

func TestParseDoesNotAllocate(t *testing.T) {
	list := make([]totem.NodeID, totem.MaxNodes)
	for _, m := range []message{
		&Token{RTR: make([]RTR, MaxRTR)},
		&Mcast{Payload: make([]byte, 1400)},
		&Join{Proc: list, Failed: list[:3]},
		&CommitToken{Addrs: list, Members: make([]CommitMember, totem.MaxNodes)},
	} {
		frame := m.Append(nil)
		buf := make([]byte, 0, len(frame))
		if n := testing.AllocsPerRun(10, func() {
			if err := m.Parse(frame); err != nil {
				t.Fatal(err)
			}
			buf = m.Append(buf[:0])
		}); n != 0 {
			t.Errorf("%T: %v allocations", m, n)
		}
	}
}

// Whatever is accepted survives being written and read again.
func FuzzParse(f *testing.F) {
	for _, g := range golden(f) {
		f.Add(g.Data)
		h, _ := ParseHeader(g.Data)
		m := newMessage(h.Type)
		if m.Parse(g.Data) == nil {
			f.Add(m.AppendForeign(nil))
		}
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, err := ParseHeader(frame)
		if err != nil {
			return
		}
		m := newMessage(h.Type)
		if m.Parse(frame) != nil {
			return
		}
		out := m.Append(nil)
		if len(out) > len(frame) {
			t.Fatalf("%d bytes from %d", len(out), len(frame))
		}
		again := newMessage(h.Type)
		if err := again.Parse(out); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Append(nil), out) {
			t.Fatalf("not stable: %x", out)
		}
	})
}
