package quorum

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// provider is a quorum provider that publishes when a sync ends, as votequorum does: a majority of three is quorate.
type provider struct {
	api     service.API
	members []totem.NodeID
	ring    totem.RingID
}

func (p *provider) Info() service.Info {
	return service.Info{ID: service.Votequorum, Name: "provider", Short: "votequorum", Subsys: "VOTEQ", Priority: 2, AllowInquorate: true}
}
func (p *provider) Init(api service.API) error { p.api = api; return nil }
func (p *provider) Exit()                      {}
func (p *provider) Lib() []service.LibFunc     { return nil }
func (p *provider) Exec() []service.ExecFunc   { return nil }
func (p *provider) LibInit(service.Conn) error { return nil }
func (p *provider) LibExit(service.Conn)       {}
func (p *provider) SyncInit(_, members []totem.NodeID, ring totem.RingID) {
	p.members, p.ring = slices.Clone(members), ring
}
func (p *provider) SyncProcess() bool { return true }
func (p *provider) SyncAbort()        {}
func (p *provider) SyncActivate()     { p.publish(len(p.members) >= 2) }

func (p *provider) publish(quorate bool) {
	p.api.PublishQuorum(service.QuorumState{Quorate: quorate, Ring: p.ring, Members: p.members})
}

type cluster struct {
	*servicetest.Cluster
	t         *testing.T
	providers map[totem.NodeID]*provider
	setup     func(*servicetest.Node)
}

func withProvider(cfg *service.Config) { cfg.QuorumProvider = true }

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t, providers: map[totem.NodeID]*provider{}}
	c.setup = func(n *servicetest.Node) {
		p := &provider{}
		c.providers[n.ID] = p
		n.Load(New("corosync_votequorum", func() error { return n.Router.Load(p) }))
	}
	c.Cluster = servicetest.New(t, 3, c.setup, withProvider)
	return c
}

func (c *cluster) value(conn *servicetest.Conn, req []byte) ipcmsg.QuorumValueResponse {
	c.t.Helper()
	v, err := ipcmsg.ParseQuorumValueResponse(conn.Call(req))
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

func (c *cluster) quorate(conn *servicetest.Conn) uint32 {
	c.t.Helper()
	return c.value(conn, ipcmsg.AppendRequest(nil, ipcmsg.QuorumReqGetQuorate)).Value
}

func (c *cluster) status(conn *servicetest.Conn, req []byte) cserr.Error {
	c.t.Helper()
	h, err := ipcmsg.ParseResponseHeader(conn.Call(req))
	if err != nil {
		c.t.Fatal(err)
	}
	return h.Error
}

func track(flags uint32) []byte { return ipcmsg.QuorumTrackStartRequest{TrackFlags: flags}.Append(nil) }

func model(n uint32) []byte { return ipcmsg.QuorumModelGetTypeRequest{Model: n}.Append(nil) }

var stop = ipcmsg.AppendRequest(nil, ipcmsg.QuorumReqTrackStop)

func ids(conn *servicetest.Conn) (list []int32) {
	for _, e := range conn.TakeEvents() {
		list = append(list, int32(binary.NativeEndian.Uint32(e)))
	}
	return list
}

// Event numbers.
const (
	v0     = ipcmsg.QuorumEventNotification
	v1     = ipcmsg.QuorumEventV1Quorum
	v1list = ipcmsg.QuorumEventV1NodeList
)

func TestTypes(t *testing.T) {
	c := newCluster(t)
	c.Form(1)
	conn := c.Node(1).Connect(service.Quorum)
	if v := c.value(conn, ipcmsg.AppendRequest(nil, ipcmsg.QuorumReqGetType)); v.Value != ipcmsg.QuorumTypeSet || v.Error != cserr.OK {
		t.Errorf("type %+v", v)
	}
	if v := c.value(conn, model(1)); v.Value != ipcmsg.QuorumTypeSet || v.Error != cserr.OK {
		t.Errorf("model 1: %+v", v)
	}
	if v := c.value(conn, model(2)); v.Error != cserr.InvalidParam {
		t.Errorf("model 2: %+v", v)
	}
	// The refused model has changed nothing.
	c.status(conn, track(ipcmsg.TrackCurrent))
	if got := ids(conn); !slices.Equal(got, []int32{v1list, v1}) {
		t.Errorf("events %v", got)
	}
	for _, fn := range []int32{ipcmsg.QuorumReqTrackStart, ipcmsg.QuorumReqModelGetType} {
		if got := c.status(conn, ipcmsg.AppendRequest(nil, fn)); got != cserr.InvalidParam {
			t.Errorf("short request %d: %v", fn, got)
		}
	}
}

func TestV0(t *testing.T) {
	c := newCluster(t)
	conn := c.Node(1).Connect(service.Quorum)
	c.Form(1)
	if v := c.quorate(conn); v != 0 {
		t.Errorf("alone quorate %d", v)
	}
	if got := c.status(conn, stop); got != cserr.OK {
		t.Errorf("stop without start: %v", got)
	}
	if got := c.status(conn, track(ipcmsg.TrackCurrent)); got != cserr.OK {
		t.Errorf("current: %v", got)
	}
	if got := ids(conn); !slices.Equal(got, []int32{v0}) {
		t.Errorf("current: events %v", got)
	}
	c.Form(1, 2)
	if got := ids(conn); len(got) != 0 {
		t.Errorf("current does not track: events %v", got)
	}
	if got := c.status(conn, track(ipcmsg.TrackChanges)); got != cserr.OK {
		t.Errorf("changes: %v", got)
	}
	ids(conn)
	// The quirk: refused, and told all the same.
	if got := c.status(conn, track(ipcmsg.TrackChanges)); got != cserr.Exist {
		t.Errorf("again: %v", got)
	}
	if got := ids(conn); !slices.Equal(got, []int32{v0}) {
		t.Errorf("again: events %v", got)
	}
	c.Form(1, 2, 3)
	events := conn.TakeEvents()
	if len(events) != 1 {
		t.Fatalf("%d events", len(events))
	}
	n, err := ipcmsg.ParseQuorumNotification(events[0])
	if err != nil || !n.Quorate || n.RingSeq != c.providers[1].ring.Seq || !slices.Equal(n.View, []uint32{1, 2, 3}) {
		t.Errorf("%+v, %v", n, err)
	}
	// A change outside of a sync.
	c.providers[1].publish(false)
	if n, err = ipcmsg.ParseQuorumNotification(conn.TakeEvents()[0]); err != nil || n.Quorate {
		t.Errorf("%+v, %v", n, err)
	}
	if v := c.quorate(conn); v != 0 {
		t.Errorf("quorate %d", v)
	}
	c.status(conn, stop)
	c.Form(1, 2)
	if got := ids(conn); len(got) != 0 {
		t.Errorf("after stop: events %v", got)
	}
}

func TestV1(t *testing.T) {
	c := newCluster(t)
	conn := c.Node(1).Connect(service.Quorum)
	c.value(conn, model(1))
	if got := c.status(conn, track(ipcmsg.TrackChangesOnly)); got != cserr.OK {
		t.Error(got)
	}
	if got := ids(conn); len(got) != 0 {
		t.Errorf("changes only: events %v", got)
	}
	type lists struct{ members, joined, left []uint32 }
	expect := func(what string, want lists) {
		t.Helper()
		events := conn.TakeEvents()
		if len(events) != 2 {
			t.Fatalf("%s: %d events", what, len(events))
		}
		l, err := ipcmsg.ParseQuorumV1NodeListEvent(events[0])
		if err != nil || !slices.Equal(l.Members, want.members) || !slices.Equal(l.Joined, want.joined) || !slices.Equal(l.Left, want.left) {
			t.Errorf("%s: %+v, %v, want %+v", what, l, err, want)
		}
		q, err := ipcmsg.ParseQuorumV1QuorumEvent(events[1])
		if err != nil || q.RingID != l.RingID || !slices.Equal(q.View, want.members) || q.Quorate != (len(want.members) >= 2) {
			t.Errorf("%s: %+v, %v", what, q, err)
		}
	}
	c.Form(1)
	expect("first ring", lists{[]uint32{1}, []uint32{1}, nil})
	c.Form(2, 3)
	c.Form(1, 2, 3)
	expect("merge", lists{[]uint32{1, 2, 3}, []uint32{2, 3}, nil})
	c.Form(1, 2)
	expect("one left", lists{[]uint32{1, 2}, nil, []uint32{3}})
	// A node that restarted between two rings left and joined.
	c.Restart(2, c.setup, withProvider)
	c.Form(1, 2)
	expect("restarted", lists{[]uint32{1, 2}, []uint32{2}, []uint32{2}})

	// Tracking while a membership is known: no joined and no left.
	late := c.Node(2).Connect(service.Quorum)
	c.value(late, model(1))
	c.status(late, track(ipcmsg.TrackChanges))
	l, err := ipcmsg.ParseQuorumV1NodeListEvent(late.TakeEvents()[0])
	if err != nil || !slices.Equal(l.Members, []uint32{1, 2}) || len(l.Joined)+len(l.Left) != 0 {
		t.Errorf("%+v, %v", l, err)
	}
	late.Disconnect()
	c.Form(1, 2, 3)
	if got := ids(late); len(got) != 0 {
		t.Errorf("after disconnect: events %v", got)
	}
}

func TestWithoutProvider(t *testing.T) {
	c := servicetest.New(t, 2, func(n *servicetest.Node) { n.Load(New("", nil)) })
	conn := c.Node(1).Connect(service.Quorum)
	h := &cluster{Cluster: c, t: t}
	if v := h.quorate(conn); v != 1 {
		t.Errorf("quorate %d", v)
	}
	if v := h.value(conn, model(1)); v.Value != ipcmsg.QuorumTypeFree {
		t.Errorf("type %+v", v)
	}
	h.status(conn, track(ipcmsg.TrackChanges))
	events := conn.TakeEvents()
	q, err := ipcmsg.ParseQuorumV1QuorumEvent(events[1])
	if err != nil || !q.Quorate || len(q.View) != 0 || q.RingID != (ipcmsg.RingID{}) {
		t.Errorf("%+v, %v", q, err)
	}
	c.Form(1, 2)
	if got := ids(conn); !slices.Equal(got, []int32{v1list}) {
		t.Errorf("events %v", got)
	}
}

func TestProviderFails(t *testing.T) {
	want := errors.New("no")
	servicetest.New(t, 1, func(n *servicetest.Node) {
		if err := n.Router.Load(New("x", func() error { return want })); !errors.Is(err, want) {
			t.Errorf("error %v", err)
		}
	})
}
