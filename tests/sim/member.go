package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/tests/history"
)

// slot is a place on a host where one client program after the other runs.
type slot struct {
	h     *host
	c     *Cluster
	group string
	cur   *member
	// quiet clients only listen.
	quiet bool
	// reuse makes the next client have the process id of the last one, as a program that connects again does.
	reuse bool
	pid   uint32
	// finishing says that finish runs.
	finishing bool
}

// step is what the slot does next, and arranges for the step after that.
func (s *slot) step() {
	c := s.c
	next := c.exp(c.Plan.ClientStep)
	switch m := s.cur; {
	case c.final:
		if !s.finishing {
			s.finishing = true
			s.finish()
		}
		return
	case m == nil:
		if s.h.up() {
			s.begin()
		}
	case m.state == memberJoining:
		m.join()
		next = 10 * time.Millisecond
	case m.state == memberIn:
		switch x := c.rnd.Float64(); {
		case x < c.Plan.Leave:
			m.leave()
		case x < c.Plan.Leave+c.Plan.Die:
			m.die()
		case x < c.Plan.Leave+c.Plan.Die+c.Plan.Slow && !m.slow:
			m.pause(c.exp(c.Plan.SlowFor))
		case !s.quiet:
			for range 1 + c.rnd.IntN(c.Plan.Burst) {
				m.send(c.Plan.size(c.rnd), 0)
			}
		}
	case m.state == memberLeaving:
		m.leave()
		next = 10 * time.Millisecond
	}
	c.world.After(next, s.step)
}

// finish is step after the faults have ended: be a member, and say the last word once the cluster is whole.
func (s *slot) finish() {
	m := s.cur
	next := 5 * time.Millisecond
	switch {
	case m == nil:
		if s.h.up() {
			s.begin()
		}
	case m.state == memberJoining:
		m.join()
	case m.state == memberLeaving:
		m.leave()
	case m.state == memberIn && s.c.complete && !m.fin:
		m.send(24+s.c.rnd.IntN(100), history.FlagFin)
	}
	s.c.world.After(next, s.finish)
}

// begin connects a new client.
func (s *slot) begin() {
	if !s.reuse || s.pid == 0 {
		s.h.nextPID++
		s.pid = s.h.nextPID
	}
	s.c.incarnations++
	m := &member{s: s, c: s.c, h: s.h, name: []byte(s.group), incarnation: s.c.incarnations, pid: s.pid}
	m.conn = s.h.proc.connect(service.CPG, m.pid, m)
	if m.conn == nil {
		return
	}
	m.hist = &history.Process{Name: fmt.Sprintf("#%d", m.incarnation), ID: history.Member{Node: uint32(s.h.id), PID: m.pid}, Incarnation: m.incarnation}
	s.c.histories[s.group] = append(s.c.histories[s.group], m.hist)
	s.cur = m
	m.join()
}

type memberState uint8

const (
	memberJoining memberState = iota
	memberIn
	memberLeaving
	memberGone
)

// member is a client of CPG that writes down what it does and sees.
type member struct {
	s    *slot
	c    *Cluster
	h    *host
	conn *conn
	hist *history.Process

	name        []byte
	incarnation uint64
	pid         uint32
	state       memberState
	asked       bool // a request waits for its answer
	left        bool // the answer to the leave was good
	joined      bool // the join was accepted
	sent, seen  uint64
	fin         bool
	fins        map[uint64]bool // incarnations whose last message was delivered
	members     []history.Member

	slow   bool
	unread [][]byte
}

// window bounds the own messages under way.
const window = 24

// head of a payload: incarnation, number, size, flags.
const headSize = 24

// noise is what bodies are cut from.
var noise = func() []byte {
	b := make([]byte, 1<<18)
	x := uint64(0x9e3779b97f4a7c15)
	for i := 0; i < len(b); i += 8 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		binary.LittleEndian.PutUint64(b[i:], x)
	}
	return b
}()

func body(incarnation, seq uint64, size int) []byte {
	at := int((incarnation*31 + seq*7) % 4096)
	return noise[at : at+size]
}

func (m *member) now() int64 { return int64(m.c.world.Now().Sub(m.c.begin) / time.Microsecond) }

func (m *member) record(e history.Event) {
	e.Time = m.now()
	m.hist.Events = append(m.hist.Events, e)
	m.c.mix(uint64(e.Kind), m.incarnation, e.Msg.Incarnation, e.Msg.Seq)
}

func (m *member) join() {
	if m.asked || m.slow {
		return
	}
	m.asked = true
	m.conn.send(ipcmsg.CPGJoinRequest{Group: m.name, PID: m.pid, Flags: ipcmsg.CPGFlagDeliverInitialTotemConf}.Append(nil))
}

func (m *member) leave() {
	m.state = memberLeaving
	if m.asked || m.left || m.slow {
		return
	}
	m.asked = true
	m.conn.send(ipcmsg.CPGLeaveRequest{Group: m.name, PID: m.pid}.Append(nil))
}

// die ends the program without a leave; what it has not read is lost.
func (m *member) die() {
	m.conn.disconnect()
	m.end("killed")
}

func (m *member) end(how string) {
	if m.state == memberGone {
		return
	}
	m.state = memberGone
	m.hist.End = how
	m.unread = nil
	m.c.log(m.h, "end", "#%d %d:%d %s %s", m.incarnation, m.h.id, m.pid, m.s.group, how)
	if m.s.cur == m {
		m.s.cur = nil
	}
}

// pause makes the client not read for a while.
func (m *member) pause(d time.Duration) {
	m.slow = true
	m.c.faults["slow client"]++
	m.c.world.After(d, m.resume)
}

func (m *member) resume() {
	m.slow = false
	for len(m.unread) > 0 && m.state != memberGone && !m.slow {
		e := m.unread[0]
		m.unread = m.unread[1:]
		m.handle(e)
	}
}

// send sends a message of the given size if the library would.
func (m *member) send(size int, flags uint32) {
	if m.slow || m.sent-m.seen >= window || !m.conn.open() {
		return
	}
	if m.conn.p.loop == nil || len(m.conn.ring) > window {
		return
	}
	size = max(size, headSize)
	m.sent++
	payload := make([]byte, size)
	binary.LittleEndian.PutUint64(payload, m.incarnation)
	binary.LittleEndian.PutUint64(payload[8:], m.sent)
	binary.LittleEndian.PutUint32(payload[16:], uint32(size))
	binary.LittleEndian.PutUint32(payload[20:], flags)
	copy(payload[headSize:], body(m.incarnation, m.sent, size-headSize))
	m.record(history.Event{Kind: history.Send, Msg: history.MsgID{Incarnation: m.incarnation, Seq: m.sent}, Size: size, Flags: flags})
	if m.c.opt.Log != nil {
		m.c.log(m.h, "send", "%d:%d/%d %d bytes", m.h.id, m.pid, m.sent, size)
	}
	m.c.sent++
	m.fin = m.fin || flags&history.FlagFin != 0
	m.conn.send(ipcmsg.CPGMcastRequest{Guarantee: ipcmsg.CPGAgreed, Payload: payload}.Append(nil))
}

// reply takes an answer.
func (m *member) reply(msg []byte) {
	h, err := ipcmsg.ParseResponseHeader(msg)
	if err != nil {
		m.c.violate("ipc", "%v: answer: %v", m.h, err)
		return
	}
	if !m.asked {
		m.c.violate("ipc", "%v: answer %d without a request", m.h, h.ID)
	}
	m.asked = false
	switch m.state {
	case memberJoining:
		switch h.Error {
		case cserr.OK:
			m.state, m.joined = memberIn, true
			m.record(history.Event{Kind: history.Accepted})
			m.c.log(m.h, "join", "#%d %d:%d %s", m.incarnation, m.h.id, m.pid, m.s.group)
		case cserr.TryAgain, cserr.Exist:
			// The process id is still in use: by the library's own or another connection.
		default:
			m.c.violate("ipc", "%v: join answered with %v", m.h, h.Error)
		}
	case memberLeaving:
		switch h.Error {
		case cserr.OK:
			m.left = true
		case cserr.TryAgain, cserr.Busy:
		default:
			m.c.violate("ipc", "%v: leave answered with %v", m.h, h.Error)
		}
	}
}

// event takes an event, now or when the client reads again.
func (m *member) event(msg []byte) {
	if m.state == memberGone {
		return
	}
	if m.slow {
		m.unread = append(m.unread, bytes.Clone(msg))
		return
	}
	m.handle(msg)
}

func (m *member) handle(msg []byte) {
	h, err := ipcmsg.ParseResponseHeader(msg)
	if err == nil {
		switch h.ID {
		case ipcmsg.CPGEventDeliver:
			err = m.deliver(msg)
		case ipcmsg.CPGEventConfchg:
			err = m.confchg(msg)
		case ipcmsg.CPGEventTotemConfchg:
			err = m.totem(msg)
		}
	}
	if err != nil {
		m.c.violate("ipc", "%v: event: %v", m.h, err)
	}
}

func (m *member) deliver(msg []byte) error {
	e, err := ipcmsg.ParseCPGDeliverEvent(msg)
	if err != nil {
		return err
	}
	m.c.delivered++
	ev := history.Event{Kind: history.Deliver, Sender: history.Member{Node: e.NodeID, PID: e.PID}, Size: len(e.Payload), Damaged: true}
	if p := e.Payload; len(p) >= headSize {
		ev.Msg = history.MsgID{Incarnation: binary.LittleEndian.Uint64(p), Seq: binary.LittleEndian.Uint64(p[8:])}
		size := binary.LittleEndian.Uint32(p[16:])
		ev.Flags = binary.LittleEndian.Uint32(p[20:])
		ev.Damaged = int(size) != len(p) || string(e.Group) != m.s.group ||
			!bytes.Equal(p[headSize:], body(ev.Msg.Incarnation, ev.Msg.Seq, len(p)-headSize))
	}
	if ev.Msg.Incarnation == m.incarnation {
		m.seen = ev.Msg.Seq
	}
	if ev.Flags&history.FlagFin != 0 {
		if m.fins == nil {
			m.fins = map[uint64]bool{}
		}
		m.fins[ev.Msg.Incarnation] = true
	}
	m.record(ev)
	if m.c.opt.Log != nil {
		m.c.log(m.h, "deliver", "to %d from %d:%d/%d", m.pid, e.NodeID, e.PID, ev.Msg.Seq)
	}
	return nil
}

func changes(list []ipcmsg.CPGAddress) []history.Change {
	out := make([]history.Change, 0, len(list))
	for _, a := range list {
		out = append(out, history.Change{Member: history.Member{Node: a.NodeID, PID: a.PID}, Reason: a.Reason})
	}
	return out
}

func (m *member) confchg(msg []byte) error {
	e, err := ipcmsg.ParseCPGConfchgEvent(msg)
	if err != nil {
		return err
	}
	ev := history.Event{Kind: history.View, Left: changes(e.Left), Joined: changes(e.Joined)}
	for _, a := range e.Members {
		ev.Members = append(ev.Members, history.Member{Node: a.NodeID, PID: a.PID})
	}
	history.SortMembers(ev.Members)
	m.members = ev.Members
	m.record(ev)
	if m.c.opt.Log != nil {
		m.c.log(m.h, "view", "%d sees %v left %v joined %v", m.pid, ev.Members, ev.Left, ev.Joined)
	}
	for _, l := range ev.Left {
		if l.Member == m.hist.ID && l.Reason == ipcmsg.CPGReasonLeave && m.state == memberLeaving {
			m.conn.disconnect()
			m.end("leave")
			return nil
		}
	}
	return nil
}

func (m *member) totem(msg []byte) error {
	e, err := ipcmsg.ParseCPGTotemConfchgEvent(msg)
	if err != nil {
		return err
	}
	if m.c.opt.Log != nil {
		m.c.log(m.h, "totem", "%d in %d.%x %v", m.pid, e.RingID.NodeID, e.RingID.Seq, e.Members)
	}
	m.record(history.Event{Kind: history.Ring, Ring: history.RingID{Node: e.RingID.NodeID, Seq: e.RingID.Seq}, Nodes: e.Members})
	return nil
}

// closed ends the client with its daemon. What it had not read is still in its memory.
func (m *member) closed(how string) {
	m.slow = false
	m.resume()
	m.end(how)
}

// exp is a random duration with the given mean.
func (c *Cluster) exp(mean time.Duration) time.Duration {
	return time.Duration(-math.Log(1-c.rnd.Float64()) * float64(mean))
}
