package wire

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/internal/pcaptest"
	"github.com/corosync-go/corosync/daemon/totem/seq"
)

// message is what all frames have in common.
type message interface {
	Parse(frame []byte) error
	Append(dst []byte) []byte
	AppendForeign(dst []byte) []byte
}

// newMessage returns an empty struct for a type.
func newMessage(t Type) message {
	switch t {
	case TypeToken:
		return &Token{RTR: []RTR{}}
	case TypeMcast:
		return new(Mcast)
	case TypeMergeDetect:
		return new(MergeDetect)
	case TypeJoin:
		return &Join{Proc: []totem.NodeID{}, Failed: []totem.NodeID{}}
	case TypeCommitToken:
		return new(CommitToken)
	case TypeHoldCancel:
		return new(HoldCancel)
	}
	return nil
}

// checkGolden parses a frame of a C daemon and wants the same bytes back, in this byte order and through the other one.
func checkGolden(t *testing.T, name string, frame []byte) Type {
	t.Helper()
	h, err := ParseHeader(frame)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	m := newMessage(h.Type)
	if err := m.Parse(frame); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if got := m.Append(nil); !bytes.Equal(got, frame) {
		t.Fatalf("%s: %v\n got %x\nwant %x", name, h.Type, got, frame)
	}
	m2 := newMessage(h.Type)
	if err := m2.Parse(m.AppendForeign(nil)); err != nil {
		t.Fatalf("%s in the other byte order: %v", name, err)
	}
	if got := m2.Append(nil); !bytes.Equal(got, frame) {
		t.Fatalf("%s through the other byte order:\n got %x\nwant %x", name, got, frame)
	}
	if m, ok := m.(*Mcast); ok && m.Encapsulated {
		checkGolden(t, name+" inner", m.Payload)
	}
	return h.Type
}

func golden(t testing.TB) []pcaptest.Frame {
	t.Helper()
	frames, err := pcaptest.ReadFrames("testdata/frames.hex")
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

func goldenFrame(t testing.TB, name string) []byte {
	t.Helper()
	for _, f := range golden(t) {
		if f.Name == name {
			return f.Data
		}
	}
	t.Fatalf("no frame %s", name)
	return nil
}

func TestGoldenFrames(t *testing.T) {
	seen := make(map[Type]int)
	for _, f := range golden(t) {
		seen[checkGolden(t, f.Name, f.Data)]++
	}
	if len(seen) != NumTypes {
		t.Errorf("types in testdata: %v", seen)
	}
}

func TestGoldenCaptures(t *testing.T) {
	files := pcaptest.Vectors(t, "../../..")
	if files == nil {
		t.Skip("no captures beside the project")
	}
	n := 0
	for _, file := range files {
		packets, err := pcaptest.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			checkGolden(t, filepath.Base(file), p.Payload)
			n++
		}
	}
	t.Logf("%d frames in %d captures", n, len(files))
}

// The values of frames that were explained by hand.
func TestGoldenValues(t *testing.T) {
	ring := func(rep totem.NodeID, seq uint64) totem.RingID { return totem.RingID{Rep: rep, Seq: seq} }

	var j Join
	parse(t, &j, "udpu-3node-crash#378")
	if j.SystemFrom != 1 || j.RingSeq != 9 || !equal(j.Proc, 1, 2, 3) || !equal(j.Failed, 2) || j.IsLeave() || j.Leaver() != 0 {
		t.Errorf("join: %+v", j)
	}
	parse(t, &j, "udpu-3node-leave#11")
	if j.SystemFrom != 3 || j.RingSeq != 0x11 || !equal(j.Proc, 1, 2) || !equal(j.Failed, 3) || !j.IsLeave() || j.Leaver() != 3 {
		t.Errorf("leave: %+v", j)
	}

	var c CommitToken
	parse(t, &c, "udpu-2node-formation#30")
	if c.TokenSeq != seq.New(2) || c.Ring != ring(1, 9) || c.RetransFlg != 0 || c.MembIndex != 2 || !equal(c.Addrs, 1, 2) ||
		c.Members[1] != (CommitMember{Ring: ring(2, 5), ARU: seq.New(8), HighDelivered: seq.New(8), ReceivedFlg: 1}) {
		t.Errorf("commit token: %+v", c)
	}
	parse(t, &c, "udpu-2node-formation#29")
	if c.MembIndex != 1 || len(c.Members) != 2 || c.Members[1] != (CommitMember{}) {
		t.Errorf("commit token, half filled: %+v", c)
	}

	var k Token
	parse(t, &k, "udpu-2node-formation#33")
	if k.Seq != seq.New(0) || k.ARU != seq.New(0xFFFFFFFF) || k.ARUAddr != 1 || k.Ring != ring(1, 9) || len(k.RTR) != 0 {
		t.Errorf("first token: %+v", k)
	}
	parse(t, &k, "udpu-3node-retransmit#53")
	if k.Seq != seq.New(0x1d) || k.TokenSeq != seq.New(0x179) || k.ARU != seq.New(0x1c) || k.ARUAddr != 3 || k.FCC != 3 ||
		len(k.RTR) != 1 || k.RTR[0] != (RTR{ring(1, 0x22), seq.New(0x1d)}) {
		t.Errorf("token: %+v", k)
	}
	parse(t, &k, "udpu-3node-retransmit#44")
	if len(k.RTR) != 3 {
		t.Errorf("token with three requests: %+v", k)
	}

	var m Mcast
	parse(t, &m, "udpu-3node-recovery-encap#263")
	if !m.Encapsulated || m.NodeID != 2 || m.Seq != seq.New(2) || m.ThisSeqno != 16 || m.Ring != ring(2, 0xd) {
		t.Errorf("encapsulated mcast: %+v", m)
	}
	var in Mcast
	if err := in.Parse(m.Payload); err != nil || in.Encapsulated || in.NodeID != 1 || in.Seq != seq.New(0x18) || in.Ring != ring(1, 9) {
		t.Errorf("inner mcast: %+v, %v", in, err)
	}
	frame := m.Append(nil)
	clear(frame[:McastHeaderLen])
	PutMcastHeader(frame, &m)
	if !bytes.Equal(frame, goldenFrame(t, "udpu-3node-recovery-encap#263")) {
		t.Errorf("PutMcastHeader: %x", frame)
	}

	var d MergeDetect
	parse(t, &d, "udpu-2node-formation#10")
	if d.NodeID != 1 || d.SystemFrom != 1 || d.Ring != ring(1, 5) {
		t.Errorf("merge detect: %+v", d)
	}
	var x HoldCancel
	parse(t, &x, "udpu-3node-formation-cpg#251")
	if x.NodeID != 2 || x.Ring != ring(1, 9) {
		t.Errorf("hold cancel: %+v", x)
	}
}

func parse(t *testing.T, m message, name string) {
	t.Helper()
	if err := m.Parse(goldenFrame(t, name)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func equal(list []totem.NodeID, want ...totem.NodeID) bool {
	if len(list) != len(want) {
		return false
	}
	for i := range list {
		if list[i] != want[i] {
			return false
		}
	}
	return true
}

func TestPeerHint(t *testing.T) {
	for _, c := range []struct {
		frame []byte
		want  string
	}{
		{nil, "unknown"},
		{[]byte{0xFF, 0xFF, 0}, "Corosync 2.2"},
		{[]byte{0xFE, 0xFE, 0}, "Corosync 2.3+"},
		{[]byte{1, 0}, "unencrypted Kronosnet"},
		{[]byte{0, 0}, "OpenAIS"},
		{[]byte{5, 0}, "OpenAIS"},
		{[]byte{6, 0}, "unknown"},
	} {
		if got := PeerHint(c.frame); !strings.Contains(got, c.want) {
			t.Errorf("PeerHint(%x) = %q", c.frame, got)
		}
	}
}
