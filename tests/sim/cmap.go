package sim

import (
	"encoding/binary"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
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
}

// mapAnswer is the answer that a request must have: that of a get with its value, otherwise only success.
type mapAnswer struct {
	get   bool
	value uint64
}

// mapChange is an event that must come; 0 is no value.
type mapChange struct{ from, to uint64 }

var mapKey = []byte("sim.counter")

func (p *proc) useMap() {
	m := &mapper{p: p}
	p.h.nextPID++
	if m.conn = p.connect(service.CMAP, p.h.nextPID, m); m.conn == nil {
		p.c.violate("ipc", "%v: no connection to the map when clients are admitted", p.h)
		return
	}
	p.mapper = m
	m.ask(mapAnswer{}, ipcmsg.CmapTrackAddRequest{
		Key: mapKey, Instance: 7, TrackType: ipcmsg.CmapTrackAdd | ipcmsg.CmapTrackModify | ipcmsg.CmapTrackDelete,
	}.Append(nil))
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
		m.ask(mapAnswer{}, ipcmsg.CmapKeyRequest{ID: ipcmsg.CmapReqDelete, Key: mapKey}.Append(nil))
	case x < 3 && m.last != 0:
		m.ask(mapAnswer{true, m.last}, ipcmsg.CmapGetRequest{Key: mapKey, ValueLen: 8}.Append(nil))
	default:
		m.next++
		m.change(m.next)
		m.ask(mapAnswer{}, ipcmsg.CmapSetRequest{
			Key: mapKey, Type: ipcmsg.CmapUint64, Value: binary.NativeEndian.AppendUint64(nil, m.next),
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
		return
	}
	r, err := ipcmsg.ParseCmapGetResponse(msg)
	if err != nil || mapValue(r.Value) != a.value {
		m.p.c.violate("cmap", "%v: the value is %d, not %d (%v)", m.p.h, mapValue(r.Value), a.value, err)
	}
}

func (m *mapper) event(msg []byte) {
	e, err := ipcmsg.ParseCmapNotifyEvent(msg)
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

func mapValue(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.NativeEndian.Uint64(b)
}

func (m *mapper) closed(string) { m.p.mapper = nil }

// idle says whether the client has all that it asked for and was to be told.
func (m *mapper) idle() bool { return len(m.await) == 0 && len(m.told) == 0 }
