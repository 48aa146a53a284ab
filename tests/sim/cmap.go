package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/tests/history"
)

// mapper is a client that changes a key of the configuration map, follows it, and reads it again. It knows what it must be
// told, for nobody else writes that key.
type mapper struct {
	p     *proc
	conn  *conn
	last  uint64 // value of the key; 0 if there is none
	next  uint64
	await []mapAnswer
	told  []mapChange
	seen  int
	ops   []history.MapOp
}

// mapAnswer is the answer that a request must have: that of a get with its value, otherwise only success.
type mapAnswer struct {
	get   bool
	value uint64
	op    history.MapOp
}

// mapChange is an event that must come; 0 is no value.
type mapChange struct{ from, to uint64 }

// memberKeys begin the keys that the daemon keeps of the members.
const memberKeys = "runtime.members."

var mapKey = []byte("sim.counter")

func (p *proc) useMap() {
	m := &mapper{p: p}
	p.h.nextPID++
	if m.conn = p.connect(service.CMAP, p.h.nextPID, m); m.conn == nil {
		p.c.violate("ipc", "%v: no connection to the map when clients are admitted", p.h)
		return
	}
	p.mapper = m
	const all = ipcmsg.CmapTrackAdd | ipcmsg.CmapTrackModify | ipcmsg.CmapTrackDelete
	m.ask(mapAnswer{op: history.MapOp{Kind: history.MapTrack, Instance: 7}}, ipcmsg.CmapTrackAddRequest{
		Key: mapKey, Instance: 7, TrackType: all,
	}.Append(nil))
	m.ask(mapAnswer{op: history.MapOp{Kind: history.MapTrack, Instance: 8}}, ipcmsg.CmapTrackAddRequest{
		Key: []byte(memberKeys), Instance: 8, TrackType: all | ipcmsg.CmapTrackPrefix,
	}.Append(nil))
	p.c.mappers = append(p.c.mappers, m)
	p.c.world.Do(p.c.exp(p.c.Plan.ClientStep), m.step)
}

func (m *mapper) ask(a mapAnswer, req []byte) {
	m.await = append(m.await, a)
	m.conn.send(req)
}

func (m *mapper) step() {
	c := m.p.c
	if m.conn.gone || c.final {
		return
	}
	c.world.Do(c.exp(c.Plan.ClientStep), m.step)
	if len(m.await) > window {
		return
	}
	switch x := c.rnd.IntN(8); {
	case x == 0 && m.last != 0:
		m.change(0)
		m.ask(mapAnswer{op: history.MapOp{Kind: history.MapDelete}}, ipcmsg.CmapKeyRequest{ID: ipcmsg.CmapReqDelete, Key: mapKey}.Append(nil))
	case x < 3 && m.last != 0:
		m.ask(mapAnswer{get: true, value: m.last, op: history.MapOp{Kind: history.MapGet}}, ipcmsg.CmapGetRequest{Key: mapKey, ValueLen: 8}.Append(nil))
	default:
		m.next++
		m.change(m.next)
		value := binary.NativeEndian.AppendUint64(nil, m.next)
		m.ask(mapAnswer{op: history.MapOp{Kind: history.MapSet, Value: value}}, ipcmsg.CmapSetRequest{
			Key: mapKey, Type: ipcmsg.CmapUint64, Value: value,
		}.Append(nil))
	}
}

func (m *mapper) change(to uint64) {
	m.told = append(m.told, mapChange{m.last, to})
	m.last = to
}

func (m *mapper) reply(msg []byte) {
	h, err := ipcmsg.ParseResponseHeader(msg)
	if err != nil || h.Error != cserr.OK || len(m.await) == 0 {
		m.p.c.violate("cmap", "%v: answer %d: %v %v, %d are awaited", m.p.h, h.ID, h.Error, err, len(m.await))
		return
	}
	a := m.await[0]
	m.await = m.await[1:]
	if !a.get {
		m.record(a.op)
		return
	}
	r, err := ipcmsg.ParseCmapGetResponse(msg)
	if err != nil || mapValue(r.Value) != a.value {
		m.p.c.violate("cmap", "%v: the value is %d, not %d (%v)", m.p.h, mapValue(r.Value), a.value, err)
	}
	a.op.Value = bytes.Clone(r.Value)
	m.record(a.op)
}

// record writes down an operation; without another it is on the client's key.
func (m *mapper) record(o history.MapOp) {
	o.Time = m.p.c.micros(m.p.c.world.Now())
	if o.Key == "" && o.Instance != 8 {
		o.Key = string(mapKey)
	}
	if o.Instance != 8 {
		m.ops = append(m.ops, o)
	}
}

// member takes the change of a key of a member.
func (m *mapper) member(key string, value []byte) {
	id := 0
	if n, err := fmt.Sscanf(key, memberKeys+"%d.status", &id); n == 1 && err == nil && strings.HasSuffix(key, ".status") && m.p.spy != nil {
		joined := strings.TrimRight(string(value), "\x00") == "joined"
		m.p.spy.record(history.Step{Kind: history.LifeStatus, Nodes: []uint32{uint32(id)}, Quorate: joined})
	}
}

func (m *mapper) event(msg []byte) {
	e, err := ipcmsg.ParseCmapNotifyEvent(msg)
	if err == nil && e.Instance == 8 {
		m.member(string(e.Key), e.New.Data)
		return
	}
	if err == nil {
		m.record(history.MapOp{Kind: history.MapTold, Instance: e.Instance, Key: string(e.Key), Old: data(e.Old.Data), Value: data(e.New.Data)})
	}
	switch got := (mapChange{mapValue(e.Old.Data), mapValue(e.New.Data)}); {
	case err != nil || string(e.Key) != string(mapKey) || e.Instance != 7:
		m.p.c.violate("cmap", "%v: event for %q, instance %d: %v", m.p.h, e.Key, e.Instance, err)
	case len(m.told) == 0 || m.told[0] != got:
		m.p.c.violate("cmap", "%v: told of a change from %d to %d, to come are %v", m.p.h, got.from, got.to, m.told)
	default:
		m.told = m.told[1:]
		m.seen++
		m.p.c.mix(got.from, got.to)
	}
}

// data is a copy of a value; nil if there is none.
func data(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return bytes.Clone(b)
}

func mapValue(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.NativeEndian.Uint64(b)
}

func (m *mapper) closed(string) { m.p.mapper = nil }

// idle says whether the client has all that it asked for and was to be told.
func (m *mapper) idle() bool { return len(m.await) == 0 && len(m.told) == 0 }
