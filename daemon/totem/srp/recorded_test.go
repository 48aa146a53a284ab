package srp

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// The files in testdata/recorded are what corosync 3.1.7 (Debian 3.1.7-1+deb12u2) nodes with nodeids 1 to 3 sent each other over
// udpu, one line per datagram: microseconds, sender, receiver, payload. A machine takes the place of one node: it receives what
// that node received, when it did, and must send what that node sent.

type datagram struct {
	at       clock.Instant
	from, to totem.NodeID
	frame    []byte
}

func readRecorded(t *testing.T, name string) []datagram {
	b, err := os.ReadFile("testdata/recorded/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []datagram
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		var us int64
		var d datagram
		var text string
		if _, err := fmt.Sscanf(s.Text(), "%d %d %d %s", &us, &d.from, &d.to, &text); err != nil {
			t.Fatal(err)
		}
		if d.frame, err = hex.DecodeString(text); err != nil {
			t.Fatal(err)
		}
		d.at = clock.Instant(time.Second) + clock.Instant(us*1000)
		list = append(list, d)
	}
	return list
}

// recordedSource gives the messages of the node: those of one visit when the token that preceded them is there.
type recordedSource struct {
	p     *player
	ready [][]byte
}

func (s *recordedSource) Flush() {
	s.ready = s.ready[:0]
	for n := s.p.m.in.token.Seq.Next(); ; n = n.Next() {
		d, ok := s.p.mcasts[[2]any{s.p.m.ring, n}]
		if !ok || d.at >= s.p.horizon || d.at.Sub(s.p.now) > 3*time.Millisecond || s.p.m.state == Recovery {
			return
		}
		s.ready = append(s.ready, d.frame[wire.McastHeaderLen:])
	}
}

func (s *recordedSource) Pending(bool) int { return len(s.ready) }

func (s *recordedSource) Next(dst []byte, _ bool) (int, totem.Guarantee, bool) {
	f := s.ready[0]
	s.ready = s.ready[1:]
	return copy(dst, f), 0, true
}

// quirks are what is special about a process in a recording.
type quirks struct {
	delay time.Duration           // until an own frame comes back
	late  map[timer]time.Duration // how late timers were
	lost  func(datagram) bool     // what was recorded but did not arrive
}

// player takes the place of a node.
type player struct {
	t    *testing.T
	id   totem.NodeID
	m    *Machine
	now  clock.Instant
	loop []datagram
	quirks
	seqno  int32 // of the first message that it sends
	got    []datagram
	mcasts map[[2]any]datagram
	// horizon is when the node will have received something new: what it sent before, it sent because of what it has.
	horizon clock.Instant
}

func (p *player) execute() {
	ack := false
	for _, o := range p.m.Outputs() {
		if o.Loop {
			p.loop = append(p.loop, datagram{at: p.now.Add(p.delay), frame: slices.Clone(o.Frame)})
		}
		if o.Kind == Multicast || o.Kind == Unicast && !o.Loop {
			p.got = append(p.got, datagram{at: p.now, frame: slices.Clone(o.Frame)})
		}
		ack = ack || o.Kind == ConfigurationChange
	}
	if ack {
		p.m.TransAck(p.now)
		p.execute()
	}
}

func (p *player) step(frames [][]byte) {
	for len(frames) > 0 {
		frames = frames[p.m.Step(p.now, frames):]
		p.execute()
	}
}

// runTo lets timers run, and own frames come back, until the instant.
func (p *player) runTo(at clock.Instant) {
	for {
		which, d := p.m.timers.earliest()
		d = d.Add(p.late[which])
		if len(p.loop) > 0 && p.loop[0].at <= min(at, d) {
			l := p.loop[0]
			p.loop = p.loop[1:]
			p.now = max(l.at, p.now)
			p.step([][]byte{l.frame})
			continue
		}
		if d >= at {
			break
		}
		p.now = max(d, p.now)
		p.m.Advance(p.now)
		p.execute()
	}
	p.now = at
}

// replay plays node id in a recording. start is called when the node sends its first frame.
func replay(t *testing.T, name string, id totem.NodeID, q quirks, config func(*Config), start func(p *player, first datagram)) (got, want []datagram) {
	list := readRecorded(t, name)
	p := &player{t: t, id: id, quirks: q, seqno: -1, mcasts: map[[2]any]datagram{}}
	var in []datagram
	for _, d := range list {
		if d.to == id && (q.lost == nil || !q.lost(d)) {
			in = append(in, d)
		}
		if d.from != id || isMerge(d) {
			continue
		}
		// A multicast is there once for each receiver.
		if d.frame[3] != byte(wire.TypeToken) && d.frame[3] != byte(wire.TypeCommitToken) && len(want) > 0 {
			if last := want[max(0, len(want)-20):]; slices.ContainsFunc(last, func(e datagram) bool {
				return bytes.Equal(e.frame, d.frame) && e.to != d.to && d.at-e.at < clock.Instant(3*time.Millisecond)
			}) {
				continue
			}
		}
		want = append(want, d)
		var m wire.Mcast
		if m.Parse(d.frame) != nil || m.SystemFrom != id {
			continue
		}
		if p.seqno < 0 || m.ThisSeqno < p.seqno {
			p.seqno = m.ThisSeqno
		}
		if !m.Encapsulated {
			if _, again := p.mcasts[[2]any{m.Ring, m.Seq}]; !again {
				p.mcasts[[2]any{m.Ring, m.Seq}] = d
			}
		}
	}
	cfg := testConfig(id)
	cfg.Check = false
	config(&cfg)
	p.m = New(cfg, rand.New(rand.NewSource(1)), testLog{&world{}, id}, &recordedSource{p: p})
	// A node that starts, starts with a JOIN; one that runs may receive a token first.
	begun := false
	acts := want
	for i, d := range in {
		if !begun {
			first := want[0]
			if d.at < first.at && d.frame[3] == byte(wire.TypeToken) {
				first = d
			} else if d.at < first.at {
				continue
			}
			begun = true
			p.now, p.horizon = first.at, d.at
			start(p, first)
			p.execute()
		}
		// What the application does is seen in what the node sent: it wakes a held token, it leaves.
		for ; len(acts) > 0 && acts[0].at < d.at; acts = acts[1:] {
			var j wire.Join
			if acts[0].frame[3] == byte(wire.TypeHoldCancel) {
				p.runTo(acts[0].at)
				p.m.Wake(p.now)
				p.execute()
			} else if j.Parse(acts[0].frame) == nil && j.IsLeave() {
				p.runTo(acts[0].at)
				p.m.Leave(p.now)
				p.execute()
			}
		}
		if d.at > want[len(want)-1].at.Add(time.Millisecond) {
			break
		}
		p.horizon = d.at
		p.runTo(d.at)
		p.horizon = clock.Never
		for _, e := range in[i+1:] {
			if e.frame[3] == byte(wire.TypeToken) {
				p.horizon = e.at
				break
			}
		}
		p.step([][]byte{slices.Clone(d.frame)})
	}
	// The timers of a real process are late by some fraction of a millisecond each time, so MERGE_DETECTs drift.
	return slices.DeleteFunc(p.got, isMerge), want
}

func isMerge(d datagram) bool { return d.frame[3] == byte(wire.TypeMergeDetect) }

// describe prints a frame without what has no meaning: the target, and the order of lists.
func describe(t *testing.T, frame []byte) string {
	tr := &transcript{w: &world{t: t}}
	var j wire.Join
	if j.Parse(frame) == nil {
		slices.Sort(j.Proc)
		slices.Sort(j.Failed)
		frame = j.Append(nil)
	}
	s := tr.frame(frame)
	var m wire.Mcast
	if m.Parse(frame) == nil {
		s += fmt.Sprintf(" this_seqno %d, %x", m.ThisSeqno, m.Payload)
	}
	return s
}

// compareRecorded compares the sequences of frames, and, loosely, their times.
func compareRecorded(t *testing.T, got, want []datagram) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "(nothing)", "(nothing)"
		var at clock.Instant
		if i < len(got) {
			g, at = describe(t, got[i].frame), got[i].at
		}
		if i < len(want) {
			w = describe(t, want[i].frame)
		}
		if g != w {
			for k := max(0, i-5); k < i; k++ {
				t.Logf("%4d %10.6f %10.6f %.150s", k, got[k].at.Sub(0).Seconds()-1, want[k].at.Sub(0).Seconds()-1, describe(t, got[k].frame))
			}
			for k := i; k < i+6; k++ {
				if k < len(got) {
					t.Logf("%4d  got %10.6f %.150s", k, got[k].at.Sub(0).Seconds()-1, describe(t, got[k].frame))
				}
				if k < len(want) {
					t.Logf("%4d want %10.6f %.150s", k, want[k].at.Sub(0).Seconds()-1, describe(t, want[k].frame))
				}
			}
			t.Fatalf("frame %d of %d (%d) differs at %v", i, len(want), len(got), at)
		}
		if d := got[i].at.Sub(want[i].at).Abs(); d > 40*time.Millisecond {
			t.Errorf("frame %d comes %v from where it should: %s", i, d, g)
		}
	}
}

func defaultTimes(token time.Duration) func(*Config) {
	return func(c *Config) {
		c.Token = token
		c.TokenRetransmit = time.Duration(float64(token/time.Millisecond)/4.2) * time.Millisecond
		c.Hold = time.Duration(float64(c.TokenRetransmit/time.Millisecond)*0.8-10) * time.Millisecond
		c.Consensus = time.Duration(float32(token/time.Millisecond)*1.2) * time.Millisecond
	}
}

func boot(p *player, _ datagram) { p.m.InterfaceUp(p.now) }

// running makes the machine a member of the idle ring that the recording starts in.
func running(members ...totem.NodeID) func(p *player, first datagram) {
	return func(p *player, first datagram) {
		m := p.m
		m.now = p.now
		var t wire.Token
		if err := t.Parse(first.frame); err != nil {
			p.t.Fatal(err)
		}
		m.thisSeqno = p.seqno
		m.started = true
		m.state = Operational
		m.ring, m.oldRing = t.Ring, t.Ring
		m.seqMax = t.Ring.Seq
		m.waitingTransAck = false
		for _, s := range []*nodeSet{&m.memb, &m.newMemb, &m.proc} {
			s.set(members)
		}
		m.target = members[(slices.Index(members, p.id)+1)%len(members)]
		m.aru, m.high, m.delivered, m.lastReleased = t.Seq, t.Seq, t.Seq, t.Seq
		m.lastARU, m.lastSeq = t.ARU, t.Seq
		m.regular.reset(t.Seq.Next())
		m.tokenSeq = t.TokenSeq.Prev() // of a token that it sent; of one that it will receive in any case less
		m.seqUnchanged = 1000
		m.lastAlive = p.now
		m.startPause()
		m.startToken()
		m.startRetransmit()
		if m.isRep() {
			m.saved = slices.Clone(first.frame)
			m.timers[timerHold] = first.at
			m.tokenHeld = true
		}
	}
}

// What every node of the recordings has: own frames came back after a while, in which others got in between.
const usualDelay = 870 * time.Microsecond

func TestRecordedFormationOfTwo(t *testing.T) {
	for _, id := range []totem.NodeID{1, 2} {
		got, want := replay(t, "udpu-2node-formation", id, quirks{delay: usualDelay}, defaultTimes(3000*time.Millisecond), boot)
		compareRecorded(t, got, want)
	}
}

// Three nodes start at once; then clients send small and large messages. Of node 1 only: the others were busy while they
// started, which cannot be seen from outside.
func TestRecordedFormationOfThree(t *testing.T) {
	q := quirks{delay: 207 * time.Microsecond}
	got, want := replay(t, "udpu-3node-formation-cpg", 1, q, defaultTimes(3650*time.Millisecond), boot)
	compareRecorded(t, got, want)
}

func replayRunning(t *testing.T, name string, token time.Duration, config func(*Config), q quirks, ids ...totem.NodeID) {
	if q.delay == 0 {
		q.delay = usualDelay
	}
	for _, id := range ids {
		t.Run(fmt.Sprint(id), func(t *testing.T) {
			got, want := replay(t, name, id, q, func(c *Config) {
				defaultTimes(token)(c)
				if config != nil {
					config(c)
				}
			}, running(1, 2, 3))
			compareRecorded(t, got, want)
		})
	}
}

func TestRecordedCrash(t *testing.T) {
	replayRunning(t, "udpu-3node-crash", 3650*time.Millisecond, nil, quirks{}, 1, 2, 3)
}

func TestRecordedLeave(t *testing.T) {
	replayRunning(t, "udpu-3node-leave", 3650*time.Millisecond, nil, quirks{}, 1, 2, 3)
}

// Node 3 dropped every third large datagram.
func TestRecordedRetransmit(t *testing.T) {
	times := map[uint32]int{0x17: 1, 0x1a: 1, 0x1d: 2}
	lost := func(d datagram) bool {
		var m wire.Mcast
		if d.to != 3 || m.Parse(d.frame) != nil || times[m.Seq.Uint32()] == 0 {
			return false
		}
		times[m.Seq.Uint32()]--
		return true
	}
	replayRunning(t, "udpu-3node-retransmit", 3650*time.Millisecond, nil, quirks{lost: lost}, 1, 2, 3)
}

// Node 3 was cut off for twelve seconds.
func TestRecordedPartition(t *testing.T) {
	lost := func(d datagram) bool {
		at := d.at.Sub(clock.Instant(time.Second))
		return (d.from == 3) != (d.to == 3) && at > 750*time.Millisecond && at < 12800*time.Millisecond
	}
	replayRunning(t, "udpu-3node-partition-merge", 3650*time.Millisecond, nil, quirks{lost: lost}, 1, 2, 3)
}

// Node 1 dies before node 3 has its messages; node 2 sends them again in the new ring. The recordings of the other two are not
// complete.
func TestRecordedRecovery(t *testing.T) {
	late := quirks{late: map[timer]time.Duration{timerJoin: 100 * time.Microsecond, timerConsensus: 2 * time.Millisecond}}
	replayRunning(t, "udpu-3node-recovery-encap", 1650*time.Millisecond, nil, late, 2)
}

// Node 2 dropped large datagrams.
func TestRecordedFailedToReceive(t *testing.T) {
	config := func(c *Config) { c.FailRecvConst = 10 }
	lost := func(d datagram) bool {
		at := d.at.Sub(clock.Instant(time.Second))
		return d.to == 2 && len(d.frame) >= 122 && at > 500*time.Millisecond && at < 2100*time.Millisecond
	}
	replayRunning(t, "udpu-3node-failed-to-receive", 1650*time.Millisecond, config, quirks{lost: lost}, 1, 3)
	replayRunning(t, "udpu-3node-failed-to-receive", 1650*time.Millisecond, config, quirks{lost: lost, delay: 150 * time.Microsecond}, 2)
}
