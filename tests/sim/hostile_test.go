package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/pg"
	"github.com/corosync-go/corosync/daemon/totem/seq"
	"github.com/corosync-go/corosync/daemon/totem/transport"
	"github.com/corosync-go/corosync/daemon/totem/transport/memnet"
	"github.com/corosync-go/corosync/daemon/totem/wire"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// A hostile peer is a member of the cluster that follows the protocol, so that it gets into every ring, but changes what it
// sends and adds to it. What it does is decided by bytes, so that a fuzzer can steer it: the message types and their sizes are
// right unless it wants otherwise, the values in them are those that the others are most likely to stumble over.
type hostile struct {
	b    *bytes.Reader
	c    *Cluster
	id   totem.NodeID
	ring totem.RingID // of the last token it sent
	seq  seq.Num
	aru  seq.Num
	old  [][]byte // frames to send again, at any time
}

func (x *hostile) byte() int {
	c, err := x.b.ReadByte()
	if err != nil {
		return 0
	}
	return int(c)
}

func one[T any](x *hostile, values ...T) T { return values[x.byte()%len(values)] }

func (x *hostile) node() totem.NodeID { return one(x, x.id, 1, 2, 3, 4, 0, 99, 1<<31, 1<<32-1) }

func (x *hostile) nodes(most int) (list []totem.NodeID) {
	if x.byte() >= 250 {
		first := one(x, 1, 3, 100, 1000, 1<<20)
		for i := range totem.MaxNodes {
			list = append(list, totem.NodeID(first+i))
		}
		return list
	}
	for range x.byte() % most {
		list = append(list, x.node())
	}
	return list
}

func (x *hostile) number() seq.Num {
	return one(x, x.seq, x.aru, seq.New(0)).Add(uint32(one(x, 0, 1, 2, -1, -2, 17, 60, 1<<14, 1<<14-1, 1<<14+1, 1<<16, 1<<31)))
}

func (x *hostile) word() uint32 {
	return one(x, uint32(0), 1, 2, 3, 4, 7, 8, 16, 255, 256, 1<<16, 1<<31-1, 1<<31, 1<<32-1, 1<<32-16)
}

func (x *hostile) ringID() totem.RingID {
	r := one(x, x.ring, x.ring, x.ring, totem.RingID{Rep: x.node(), Seq: x.ring.Seq})
	r.Seq += one(x, uint64(0), 0, 0, 4, 1<<64-4, 1<<32, 1<<62)
	return r
}

// text is a name of a group, a device or a key.
func (x *hostile) text() []byte {
	return one(x, []byte("group0"), []byte("g"), nil, []byte("totem.config_version"), bytes.Repeat([]byte("x"), 300), []byte("a\x00b"))
}

// message is an exec or sync message, with the totem group that it is for.
func (x *hostile) message() (group string, msg []byte) {
	o := one(x, ipcmsg.Order(false), ipcmsg.Order(false), ipcmsg.Order(true))
	group = pgExec
	switch x.byte() % 18 {
	case 0, 1:
		msg = ipcmsg.ExecCPGProc{Leave: x.byte()%3 == 0, Group: x.text(), PID: x.word(), Reason: x.word()}.Append(nil, o)
	case 2:
		list := make([]ipcmsg.ExecCPGJoinListEntry, x.byte())
		for i := range list {
			list[i] = ipcmsg.ExecCPGJoinListEntry{PID: uint32(i), Group: []byte("group0")}
		}
		msg = ipcmsg.AppendExecCPGJoinList(nil, list, o)
	case 3, 4:
		msg = ipcmsg.ExecCPGMcastMsg{Group: x.text(), PID: x.word(), Payload: make([]byte, x.byte()*x.byte())}.Append(nil, o)
	case 5:
		msg = ipcmsg.ExecCPGPartialMcastMsg{Group: x.text(), PID: x.word(), TotalLen: x.word(), Type: x.word(), Payload: make([]byte, x.byte())}.Append(nil, o)
	case 6:
		msg = ipcmsg.ExecCPGDownlistMsg{OldMembers: x.word(), Left: []uint32{x.word(), x.word()}}.Append(nil, o)
	case 7:
		items := make([]ipcmsg.ExecCmapItem, x.byte()%33)
		for i := range items {
			items[i] = ipcmsg.ExecCmapItem{Key: x.text(), Value: ipcmsg.CmapValue{Type: uint8(x.byte()), Data: make([]byte, x.byte()%16)}}
		}
		msg = ipcmsg.ExecCmapMcastMsg{Reason: uint8(x.byte()), Items: items}.Append(nil, o)
	case 8:
		msg = ipcmsg.ExecCfgKillNodeMsg{NodeID: uint32(x.node()), Reason: x.text()}.Append(nil, o)
	case 9:
		msg = ipcmsg.ExecCfgReloadConfigMsg{Source: ipcmsg.Source{NodeID: uint32(x.node()), Conn: uint64(x.word())}}.Append(nil, o)
	case 10:
		msg = ipcmsg.ExecCfgCryptoReconfigMsg{Phase: x.word()}.Append(nil, o)
	case 11:
		msg = ipcmsg.AppendExecCfgShutdown(nil, o)
	case 12:
		// What the load test is for is to bring a cluster down: a start of it by a member is obeyed, and here kept small.
		msg = ipcmsg.ExecPloadStartMsg{Count: uint32(x.byte()), Size: x.word()}.Append(nil, o)
	case 13, 14:
		msg = ipcmsg.ExecVotequorumNodeInfoMsg{NodeID: uint32(x.node()), Votes: x.word(), ExpectedVotes: x.word(), Flags: x.word()}.Append(nil, o)
	case 15:
		msg = ipcmsg.ExecVotequorumReconfigureMsg{NodeID: uint32(x.node()), Value: x.word(), Param: uint8(x.byte() % 5)}.Append(nil, o)
	case 16:
		msg = one(x, ipcmsg.ExecVotequorumQdeviceRegMsg{Operation: x.word(), Name: x.text()}.Append(nil, o),
			ipcmsg.ExecVotequorumQdeviceReconfigureMsg{OldName: x.text(), NewName: x.text()}.Append(nil, o))
	case 17:
		// A BARRIER or SERVICE_BUILD of the sync engine.
		group = pgSync
		msg = make([]byte, one(x, 552, 32, 31, 551, 600))
		o.PutUint32(msg, uint32(x.byte()%3))
		o.PutUint32(msg[8:], uint32(len(msg)))
		r := x.ringID()
		o.PutUint32(msg[16:], uint32(r.Rep))
		o.PutUint64(msg[20:], r.Seq)
		if len(msg) > 100 {
			o.PutUint32(msg[32:], x.word())
			for i := range 8 {
				o.PutUint32(msg[40+4*i:], uint32(x.byte()%10))
			}
		}
	}
	switch x.byte() % 8 {
	case 0: // another length in the header
		binary.NativeEndian.PutUint32(msg[8:], x.word())
	case 1: // too short
		msg = msg[:x.byte()%len(msg)]
	case 2: // a count, a length or a number somewhere
		if len(msg) >= 24 {
			o.PutUint32(msg[16+4*(x.byte()%((len(msg)-16)/4)):], x.word())
		}
	}
	return group, msg
}

const pgExec, pgSync = "a", "sync"

// mcasts is a message in frames with the numbers behind from.
func (x *hostile) mcasts(from seq.Num) (frames [][]byte) {
	p, err := pg.New(pg.Config{NetMTU: 1410})
	if err != nil {
		panic(err)
	}
	for range 1 + x.byte()%3 {
		group, msg := x.message()
		_ = p.Queue(group, totem.Agreed, [][]byte{msg}) // an empty message is none
	}
	buf := make([]byte, 2000)
	for {
		n, _, ok := p.Next(buf, false)
		if !ok {
			n, _, ok = p.Next(buf, true)
		}
		if !ok || len(frames) > 60 {
			return frames
		}
		from = from.Next()
		from := one(x, from, from, from, from, from, from, from, x.number())
		who := one(x, x.id, x.id, x.id, x.node())
		payload := bytes.Clone(buf[:n])
		if x.byte()%10 == 0 {
			payload[x.byte()%8] = byte(x.byte())
		}
		m := wire.Mcast{Header: wire.Header{NodeID: who}, SystemFrom: one(x, who, who, who, x.node()), Seq: from, Ring: one(x, x.ring, x.ring, x.ring, x.ringID()), Payload: payload}
		frames = append(frames, m.Append(nil))
	}
}

// frame is any frame that is right in form.
func (x *hostile) frame() []byte {
	h := wire.Header{NodeID: x.node()}
	switch x.byte() % 7 {
	case 0:
		t := wire.Token{Header: h, Seq: x.number(), TokenSeq: x.number(), ARU: x.number(), ARUAddr: x.node(), Ring: x.ringID(),
			Backlog: x.word(), FCC: x.word(), RetransFlg: int32(x.byte()%3 - 1)}
		for range x.byte() % (wire.MaxRTR + 1) {
			t.RTR = append(t.RTR, wire.RTR{Ring: x.ringID(), Seq: x.number()})
		}
		return t.Append(nil)
	case 1:
		j := wire.Join{Header: h, SystemFrom: x.node(), RingSeq: x.ringID().Seq, Proc: x.nodes(6), Failed: x.nodes(4)}
		return j.Append(nil)
	case 2:
		c := wire.CommitToken{Header: h, TokenSeq: x.number(), Ring: x.ringID(), Addrs: append([]totem.NodeID{x.id}, x.nodes(5)...)}
		c.Addrs = c.Addrs[:min(len(c.Addrs), totem.MaxNodes)]
		for range c.Addrs {
			c.Members = append(c.Members, wire.CommitMember{Ring: x.ringID(), ARU: x.number(), HighDelivered: x.number(), ReceivedFlg: uint32(x.byte() % 2)})
		}
		c.MembIndex = x.byte() % (len(c.Addrs) + 1)
		return c.Append(nil)
	case 3:
		d := wire.MergeDetect{Header: h, SystemFrom: x.node(), Ring: x.ringID()}
		return d.Append(nil)
	case 4:
		d := wire.HoldCancel{Header: h, Ring: x.ringID()}
		return d.Append(nil)
	case 5:
		in := wire.Mcast{Header: wire.Header{NodeID: x.node()}, SystemFrom: x.node(), Seq: x.number(), Ring: x.ringID(), Payload: make([]byte, x.byte())}
		out := wire.Mcast{Header: wire.Header{NodeID: x.id, Encapsulated: true}, SystemFrom: x.id, Seq: x.number(), Ring: x.ring, Payload: in.Append(nil)}
		return out.Append(nil)
	}
	if len(x.old) == 0 {
		return nil
	}
	return x.old[x.byte()%len(x.old)]
}

// change is what becomes of a packet that the peer's daemon sends.
func (x *hostile) change(k transport.Packet) []transport.Packet {
	h, err := wire.ParseHeader(k.Frame)
	if err != nil {
		return []transport.Packet{k}
	}
	frame := bytes.Clone(k.Frame)
	if len(x.old) < 64 {
		x.old = append(x.old, frame)
	} else {
		x.old[len(frame)%64] = frame
	}
	var out []transport.Packet
	how := x.byte() % 16
	switch {
	case h.Type == wire.TypeToken:
		var t wire.Token
		if t.Parse(frame) != nil {
			break
		}
		x.ring, x.seq, x.aru = t.Ring, t.Seq, t.ARU
		if how < 8 {
			// Messages of its own, in order.
			for _, f := range x.mcasts(t.Seq) {
				out = append(out, transport.Packet{Frame: f})
				t.Seq = t.Seq.Next()
			}
			x.seq = t.Seq
		}
		switch how {
		case 8:
			t.Seq = x.number()
		case 9:
			t.ARU = x.number()
		case 10:
			t.ARUAddr = x.node()
		case 11:
			t.Backlog, t.FCC = x.word(), x.word()
		case 12:
			t.RetransFlg = int32(x.word())
		case 13:
			for range x.byte() % wire.MaxRTR {
				t.RTR = append(t.RTR[:min(len(t.RTR), wire.MaxRTR-1)], wire.RTR{Ring: x.ringID(), Seq: x.number()})
			}
		case 14:
			return nil
		}
		frame = t.Append(nil)
	case h.Type == wire.TypeCommitToken && how < 8:
		var t wire.CommitToken
		if t.Parse(frame) != nil {
			break
		}
		m := &t.Members[x.byte()%len(t.Members)]
		switch how {
		case 0:
			t.MembIndex = x.byte() % (len(t.Addrs) + 1)
		case 1:
			m.Ring = x.ringID()
		case 2:
			m.ARU = x.number()
		case 3:
			m.HighDelivered = x.number()
		case 4:
			m.ReceivedFlg ^= 1
		case 5:
			t.Ring = x.ringID()
		case 6:
			t.Addrs[x.byte()%len(t.Addrs)] = x.node()
		}
		frame = t.Append(nil)
	case h.Type == wire.TypeJoin && how < 6:
		var j wire.Join
		if j.Parse(frame) != nil {
			break
		}
		switch how {
		case 0:
			j.Proc = append(j.Proc, x.nodes(5)...)
			j.Proc = j.Proc[max(0, len(j.Proc)-totem.MaxNodes):]
		case 1:
			j.Failed = append(j.Failed, x.nodes(3)...)
			j.Failed = j.Failed[max(0, len(j.Failed)-totem.MaxNodes):]
		case 2:
			j.RingSeq = x.ringID().Seq
		case 3:
			j.SystemFrom = x.node()
		}
		frame = j.Append(nil)
	case how == 15:
		frame[x.byte()%len(frame)] ^= byte(1 << (x.byte() % 8))
	}
	return append(out, transport.Packet{To: k.To, Frame: frame})
}

// inject sends a frame out of turn.
func (x *hostile) inject() {
	h := x.c.hosts[len(x.c.hosts)-1]
	if f := x.frame(); f != nil && h.up() {
		h.proc.end.Send([]transport.Packet{{To: one(x, totem.NodeID(0), 1, 2), Frame: f}})
	}
}

// heapBound is far above what the daemons of a run need, and far below what a leak of one buffer a message would make.
const heapBound = 192 << 20

// assault runs two to four daemons, of which the last is hostile. In the end it is honest again, after a restart: then all
// must be one ring, synchronised, that serves clients.
func assault(t *testing.T, script []byte) {
	watchdog := time.AfterFunc(2*time.Minute, func() { panic(fmt.Sprintf("no end of the simulation of %x", script)) })
	defer watchdog.Stop()
	x := &hostile{b: bytes.NewReader(script)}
	plan := Plan{
		Nodes: 2 + x.byte()%3, Trouble: time.Second, ColdStart: true, Clients: 1, Groups: 1, ClientStep: 30 * time.Millisecond,
		Burst: 2, Leave: 0.02, Die: 0.02, MaxSize: one(x, 64, 300, 3000), SpyEvery: 100 * time.Millisecond,
		StartSeq: one(x, uint32(0), 0xfffffff0, 0x7ffffff0), Calm: memnet.Conditions{Delay: 100 * time.Microsecond},
	}
	for range plan.Nodes {
		plan.TokenMs, plan.Rates = append(plan.TokenMs, 500), append(plan.Rates, 1)
	}
	armed := true
	x.id = totem.NodeID(plan.Nodes)
	opt := Options{Mutant: &Mutant{Send: func(p *proc, k transport.Packet) []transport.Packet {
		if !armed || p.h.id != x.id {
			return []transport.Packet{k}
		}
		return x.change(k)
	}}}
	if os.Getenv("LOG") != "" {
		opt.Log, opt.LogLevel = os.Stderr, 7
	}
	c := New(1, plan, opt)
	x.c = c
	c.Start()
	c.Clients()
	c.run(time.Duration(x.byte()) * 10 * time.Millisecond)
	for n := 0; x.b.Len() > 0 && n < 400; n++ {
		switch x.byte() % 6 {
		case 0:
			c.run(time.Duration(x.byte()) * 50 * time.Microsecond)
		case 1, 2:
			c.run(time.Duration(x.byte()) * 2 * time.Millisecond)
		case 3:
			for _, h := range c.hosts {
				if !h.up() {
					h.boot()
				}
			}
		default:
			for range 1 + x.byte()%3 {
				x.inject()
			}
		}
	}
	armed = false
	if h := c.hosts[len(c.hosts)-1]; h.up() {
		h.proc.kill("end of the assault")
	}
	// Rings of forged numbers have to fall apart first.
	c.run(5 * time.Second)
	c.Heal()
	if bound := 3 * c.bound(); !c.runUntil(bound, c.formed) {
		t.Errorf("no common ring %v after the assault: %s", bound, c.states())
	} else {
		for _, h := range c.hosts {
			if got := h.proc.answer(service.CFG, ipcmsg.AppendRequest(nil, ipcmsg.CfgReqLocalGet)); got == nil {
				t.Errorf("%v does not answer", h)
			}
		}
	}
	for _, v := range c.violations {
		// Members may change the expected votes, and have a node killed, shut down or loaded: that is what votequorum, cfg and
		// pload are for.
		if v.Property == "quorum" {
			continue
		}
		if v.Property == "exit" && (strings.HasSuffix(v.Text, "status 0") || strings.HasSuffix(v.Text, "status 255") || strings.HasSuffix(v.Text, "status 99")) {
			continue
		}
		t.Error(v)
	}
	var m runtime.MemStats
	if runtime.ReadMemStats(&m); m.HeapAlloc > heapBound {
		runtime.GC()
		if runtime.ReadMemStats(&m); m.HeapAlloc > heapBound {
			t.Errorf("%d MiB are in use", m.HeapAlloc>>20)
		}
	}
	runtime.KeepAlive(c)
}

func hostileScript(seed int64) []byte {
	rnd := rand.New(rand.NewSource(seed))
	script := make([]byte, 200+rnd.Intn(4000))
	rnd.Read(script)
	return script
}

// TestHostilePeer: HOSTILE=n makes n runs, HOSTILE_SEED=x the one.
func TestHostilePeer(t *testing.T) {
	if s, err := strconv.ParseInt(os.Getenv("HOSTILE_SEED"), 10, 64); err == nil {
		assault(t, hostileScript(s))
		return
	}
	runs, first := 25, 0
	if s, err := strconv.Atoi(os.Getenv("HOSTILE")); err == nil {
		runs = s
	}
	if s, err := strconv.Atoi(os.Getenv("HOSTILE_FIRST")); err == nil {
		first = s
	}
	for seed := first; seed < first+runs; seed++ {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { assault(t, hostileScript(int64(seed))) }) {
			return
		}
	}
}

// FuzzHostilePeer is TestHostilePeer with the bytes of a fuzzer.
func FuzzHostilePeer(f *testing.F) {
	for seed := range int64(4) {
		f.Add(hostileScript(seed)[:200])
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) <= 4000 {
			assault(t, script)
		}
	})
}

// FuzzStateFiles starts a node with any numbers in its state files beside one with none: they become one ring, and again after
// both have been restarted.
func FuzzStateFiles(f *testing.F) {
	for _, stored := range []uint64{0, 1, 1<<32 - 1, 1<<63 - 1, 1<<64 - 1, 1<<64 - 2, 1<<64 - 5, 1<<64 - 1<<32, 1<<64 - 1<<32 - 1} {
		f.Add(stored, uint32(stored))
	}
	f.Fuzz(func(t *testing.T, stored uint64, votes uint32) {
		plan := Plan{
			Nodes: 2, ColdStart: true, Clients: 1, Groups: 1, ClientStep: 50 * time.Millisecond, Burst: 1, MaxSize: 64,
			SpyEvery: 100 * time.Millisecond, TokenMs: []int{500, 500}, Rates: []float64{1, 1},
			Calm: memnet.Conditions{Delay: 100 * time.Microsecond},
		}
		c := New(1, plan, Options{})
		c.hosts[0].stored, c.hosts[0].barrier = stored, votes
		c.Start()
		c.Clients()
		for range 2 {
			if bound := c.bound(); !c.runUntil(bound, c.formed) {
				t.Fatalf("no common ring after %v: %s", bound, c.states())
			}
			c.run(100 * time.Millisecond)
			for _, h := range c.hosts {
				h.proc.kill("restart")
				h.boot()
			}
		}
		for _, v := range c.violations {
			t.Error(v)
		}
	})
}
