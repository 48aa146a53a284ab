package srp

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// transcript records what nodes send, log and hand up. Section numbers in the tests are those of the description of 3.1.7,
// whose captures have the same sequences of frames.
type transcript struct {
	w   *world
	b   bytes.Buffer
	off bool
	// idle leaves out tokens without news, and MERGE_DETECT.
	idle bool
}

// record starts a transcript of a world with default timers for n nodes.
func record(t *testing.T, n int) *transcript {
	w := newWorld(t, 1, n)
	tr := &transcript{w: w}
	token := 3000 + max(n-2, 0)*650
	w.config = func(c *Config) {
		c.Token = time.Duration(token) * time.Millisecond
		c.TokenRetransmit = time.Duration(float64(token)/4.2) * time.Millisecond
		c.Hold = time.Duration(float64(c.TokenRetransmit/time.Millisecond)*0.8-10) * time.Millisecond
		c.Consensus = time.Duration(float32(token)*1.2) * time.Millisecond
	}
	w.logf = func(format string, args ...any) {
		s := fmt.Sprintf(format, args...)
		if strings.Contains(s, " debug ") && !strings.Contains(s, "entering") && !strings.Contains(s, "Originated") {
			return
		}
		tr.line("%s", s)
	}
	w.onSend = func(n *node, to totem.NodeID, frame []byte) {
		if s := tr.frame(frame); s != "" {
			dst := "*"
			if to != 0 {
				dst = fmt.Sprint(to)
			}
			tr.line("%s %d -> %s %s", w.stamp(), n.id, dst, s)
		}
	}
	w.onEvent = func(n *node, e event) {
		if e.config == nil {
			tr.line("%s %d    deliver %d.%d", w.stamp(), n.id, e.from, e.msg&0xFFFFFFFF)
			return
		}
		c := e.config
		tr.line("%s %d    %v configuration %v members %v joined %v left %v", w.stamp(), n.id, c.Type, c.Ring, c.Members, c.Joined, c.Left)
	}
	return tr
}

func (tr *transcript) line(format string, args ...any) {
	if !tr.off {
		fmt.Fprintf(&tr.b, format+"\n", args...)
	}
}

// note writes a comment about what is done to the nodes next.
func (tr *transcript) note(format string, args ...any) {
	fmt.Fprintf(&tr.b, "# "+format+"\n", args...)
}

func (tr *transcript) frame(frame []byte) string {
	h, err := wire.ParseHeader(frame)
	if err != nil {
		tr.w.t.Fatal(err)
	}
	switch h.Type {
	case wire.TypeToken:
		var m wire.Token
		_ = m.Parse(frame)
		if tr.idle && m.FCC == 0 && len(m.RTR) == 0 {
			return ""
		}
		s := fmt.Sprintf("token %v seq %v token_seq %v aru %v/%d fcc %d backlog %d flg %d", m.Ring, m.Seq, m.TokenSeq, m.ARU, m.ARUAddr,
			m.FCC, m.Backlog, m.RetransFlg)
		for _, r := range m.RTR {
			s += fmt.Sprintf(" want %v", r.Seq)
		}
		return s
	case wire.TypeMcast:
		var m, in wire.Mcast
		_ = m.Parse(frame)
		s := fmt.Sprintf("mcast %v seq %v from %d", m.Ring, m.Seq, m.SystemFrom)
		if m.Encapsulated {
			_ = in.Parse(m.Payload)
			s += fmt.Sprintf(" (%v seq %v from %d)", in.Ring, in.Seq, in.SystemFrom)
		}
		return s
	case wire.TypeMergeDetect:
		var m wire.MergeDetect
		_ = m.Parse(frame)
		if tr.idle {
			return ""
		}
		return fmt.Sprintf("merge_detect %v from %d", m.Ring, m.SystemFrom)
	case wire.TypeJoin:
		var m wire.Join
		_ = m.Parse(frame)
		name := "join"
		if m.IsLeave() {
			name = "leave"
		}
		return fmt.Sprintf("%s from %d ring_seq %x proc %v failed %v", name, m.SystemFrom, m.RingSeq, m.Proc, m.Failed)
	case wire.TypeCommitToken:
		var m wire.CommitToken
		_ = m.Parse(frame)
		s := fmt.Sprintf("commit %v token_seq %v index %d/%d", m.Ring, m.TokenSeq, m.MembIndex, len(m.Addrs))
		for i, e := range m.Members[:m.MembIndex] {
			s += fmt.Sprintf(" [%d: %v aru %v delivered %v received %d]", m.Addrs[i], e.Ring, e.ARU, e.HighDelivered, e.ReceivedFlg)
		}
		return s
	default:
		var m wire.HoldCancel
		_ = m.Parse(frame)
		return fmt.Sprintf("hold_cancel %v", m.Ring)
	}
}

// form starts all nodes and waits, unrecorded, for their ring and for silence.
func (tr *transcript) form() {
	tr.off = true
	for _, n := range tr.w.nodes {
		n.boot()
	}
	tr.w.runUntilFormed(20 * time.Second)
	tr.w.runFor(2*time.Second - tr.w.now.Sub(tr.w.start)%time.Second)
	tr.off = false
	tr.note("ring %v of %v is idle", tr.w.nodes[0].m.Ring(), tr.w.nodes[0].m.Members())
}

func (tr *transcript) compare() {
	t := tr.w.t
	t.Helper()
	if err := checkHistories(tr.w.hists, true); err != nil {
		t.Error(err)
	}
	name := filepath.Join("testdata", strings.ToLower(strings.TrimPrefix(t.Name(), "TestTranscript"))+".txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, tr.b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	got, old := strings.Split(tr.b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(old)) {
		if i >= len(got) || i >= len(old) || got[i] != old[i] {
			at := func(s []string) string {
				if i < len(s) {
					return s[i]
				}
				return "(end)"
			}
			t.Fatalf("%s:%d differs (-update rewrites it)\n got %s\nwant %s", name, i+1, at(got), at(old))
		}
	}
}

// TestTranscriptSingleton: 17, udpu-1node-singleton-lo.
func TestTranscriptSingleton(t *testing.T) {
	tr := record(t, 1)
	n := tr.w.node(1)
	n.boot()
	tr.w.run(tr.w.start)
	tr.idle = true
	tr.note("two messages, then nothing")
	n.send(100)
	n.send(100)
	tr.w.run(tr.w.start)
	tr.idle = false
	tr.w.runFor(1500 * time.Millisecond)
	tr.compare()
}

// TestTranscriptJoin: a second node joins a running singleton; 17, udpu-2node-formation.
func TestTranscriptJoin(t *testing.T) {
	tr := record(t, 2)
	w := tr.w
	tr.off = true
	w.node(1).boot()
	w.runFor(4 * time.Second)
	tr.off = false
	tr.note("node 1 is a ring of its own; node 2 starts")
	w.node(2).boot()
	w.runUntilFormed(2 * time.Second)
	tr.idle = true
	w.node(2).send(100)
	w.node(1).send(100)
	w.runFor(100 * time.Millisecond)
	tr.compare()
}

// TestTranscriptFormation: three nodes start at once; 17, udpu-3node-formation-cpg.
func TestTranscriptFormation(t *testing.T) {
	tr := record(t, 3)
	tr.idle = true
	for _, n := range tr.w.nodes {
		n.boot()
	}
	tr.w.runUntilFormed(5 * time.Second)
	tr.compare()
}

// TestTranscriptCrash: 17, udpu-3node-crash. Token loss after 3650 ms, consensus after 4380 more.
func TestTranscriptCrash(t *testing.T) {
	tr := record(t, 3)
	tr.form()
	tr.note("node 2 crashes")
	tr.w.node(2).crash()
	tr.w.runFor(10 * time.Millisecond)
	tr.idle = true
	tr.w.runFor(3500 * time.Millisecond)
	tr.idle = false
	tr.w.runUntilFormed(10 * time.Second)
	tr.compare()
}

// TestTranscriptLeave: 17, udpu-3node-leave. No timeout is involved.
func TestTranscriptLeave(t *testing.T) {
	tr := record(t, 3)
	tr.form()
	tr.note("node 3 leaves")
	tr.w.node(3).leave()
	tr.w.runUntilFormed(time.Second)
	tr.compare()
}

// TestTranscriptPartition: 17, udpu-3node-partition-merge. Both parts form a ring with the same sequence number.
func TestTranscriptPartition(t *testing.T) {
	tr := record(t, 3)
	tr.form()
	tr.idle = true
	tr.note("node 3 is cut off")
	tr.w.node(3).group = 1
	tr.w.runFor(12 * time.Second)
	tr.note("the network heals")
	tr.idle = false
	tr.w.node(3).group = 0
	tr.w.runUntilFormed(5 * time.Second)
	tr.compare()
}

// lose makes a node not hear messages with the given numbers, once or always.
func (tr *transcript) lose(to totem.NodeID, always bool, seqs ...uint32) {
	left := map[uint32]bool{}
	for _, s := range seqs {
		left[s] = true
	}
	tr.w.drop = func(_, n *node, frame []byte) bool {
		var m wire.Mcast
		if n.id != to || m.Parse(frame) != nil || m.Encapsulated || !left[m.Seq.Uint32()] {
			return false
		}
		left[m.Seq.Uint32()] = always
		return true
	}
}

// TestTranscriptRetransmit: 17, udpu-3node-retransmit. Missing messages are requested at the fifth visit.
func TestTranscriptRetransmit(t *testing.T) {
	tr := record(t, 3)
	tr.form()
	first := tr.w.node(1).m.high.Uint32()
	tr.note("node 3 does not hear three of ten messages of node 1")
	tr.lose(3, false, first+2, first+5, first+8)
	for range 10 {
		tr.w.node(1).send(200)
	}
	tr.w.runFor(4 * time.Millisecond)
	tr.compare()
}

// TestTranscriptRecovery: 17, udpu-3node-recovery-encap. Node 2 sends node 3 the messages of dead node 1.
func TestTranscriptRecovery(t *testing.T) {
	tr := record(t, 3)
	tr.form()
	first := tr.w.node(1).m.high.Uint32()
	tr.note("node 1 sends four messages, of which node 3 misses the third and fourth, and crashes")
	tr.lose(3, true, first+3, first+4)
	tr.idle = true
	for range 4 {
		tr.w.node(1).send(200)
	}
	tr.w.runFor(350 * time.Microsecond)
	tr.w.node(1).crash()
	tr.w.runFor(8 * time.Second)
	tr.idle = false
	tr.w.runUntilFormed(10 * time.Second)
	tr.compare()
}

// TestTranscriptGap: a message that nobody alive has. What a dead node sent behind it is not delivered, what the living sent
// behind it is, in the transitional configuration.
func TestTranscriptGap(t *testing.T) {
	tr := record(t, 3)
	tr.form()
	first := tr.w.node(1).m.high.Uint32()
	tr.note("node 1 sends four messages, of which the others miss the second; node 2 sends one; node 1 crashes")
	missing := first + 2
	tr.w.drop = func(from, n *node, frame []byte) bool {
		var m wire.Mcast
		return m.Parse(frame) == nil && !m.Encapsulated && m.Seq.Uint32() == missing
	}
	for range 4 {
		tr.w.node(1).send(200)
	}
	tr.w.runFor(300 * time.Microsecond)
	tr.idle = true
	tr.w.node(2).send(200)
	tr.w.runFor(700 * time.Microsecond)
	tr.w.node(1).crash()
	tr.w.runUntilFormed(20 * time.Second)
	tr.compare()
}

// TestTranscriptFailedToReceive: 15 and 17, udpu-3node-failed-to-receive.
func TestTranscriptFailedToReceive(t *testing.T) {
	tr := record(t, 3)
	config := tr.w.config
	tr.w.config = func(c *Config) { config(c); c.FailRecvConst = 10 }
	tr.form()
	first := tr.w.node(1).m.high.Uint32()
	tr.note("node 2 never hears the second message of node 1; fail_recv_const is 10")
	tr.lose(2, true, first+2)
	for range 4 {
		tr.w.node(1).send(200)
	}
	ring := tr.w.node(1).m.Ring()
	for tr.w.node(1).m.Ring() == ring || !tr.w.formed() {
		tr.w.runFor(time.Millisecond)
	}
	tr.compare()
}

// TestTranscriptHold: an idle ring holds its token, and a node that is not the representative wakes it; 7.7.
func TestTranscriptHold(t *testing.T) {
	tr := record(t, 3)
	tr.form()
	tr.w.runFor(1400 * time.Millisecond)
	tr.note("node 2 sends a message")
	tr.w.node(2).send(100)
	tr.w.runFor(time.Millisecond)
	tr.compare()
}
