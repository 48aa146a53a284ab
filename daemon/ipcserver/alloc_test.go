package ipcserver

import (
	"testing"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/qbipc"
)

// nullLink is a client that always has requests and room.
type nullLink struct{ req []byte }

func (nullLink) Fd() int                      { return -1 }
func (nullLink) Respond(...[]byte) error      { return nil }
func (nullLink) Event(...[]byte) error        { return nil }
func (nullLink) Flush() error                 { return nil }
func (nullLink) NeedFlush() bool              { return false }
func (nullLink) WantWrite() bool              { return false }
func (nullLink) HungUp() bool                 { return false }
func (nullLink) SetFlowControl(int) error     { return nil }
func (nullLink) Counters() (c qbipc.Counters) { return c }
func (nullLink) Disconnect()                  {}
func (nullLink) Close()                       {}
func (l nullLink) ReadRequests(limit int, handle func([]byte) qbipc.Verdict) (int, error) {
	for n := range limit {
		if handle(l.req) != qbipc.Next {
			return n, nil
		}
	}
	return limit, nil
}

// nullRouter answers each request with a reply and an event.
type nullRouter struct{ parts [1][]byte }

func (nullRouter) Ready() bool                        { return true }
func (nullRouter) Service(service.ID) *service.Loaded { return nil }
func (nullRouter) Flow(*service.Loaded) (int32, int)  { return 0, 50 }
func (nullRouter) Ring() totem.RingID                 { return totem.RingID{} }
func (r *nullRouter) Request(_ *service.Loaded, c service.Conn, req []byte) service.Verdict {
	r.parts[0] = req
	c.Reply(r.parts[:]...)
	c.Event(r.parts[:]...)
	return service.Done
}

func TestHotPathAllocatesNothing(t *testing.T) {
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := New(Config{Loop: l, Router: &nullRouter{}, DB: icmap.New(), Log: logsys.ToTest(t, logsys.Crit).Logger("MAIN")})
	c := &conn{server: s, e: &endpoint{batch: 50}, link: nullLink{make([]byte, 64)}, mask: loop.Readable}
	c.handle = c.request
	s.conns = append(s.conns, c)
	turn := func() { c.ready(loop.Readable); s.turnEnd() }
	turn()
	if a := testing.AllocsPerRun(100, turn); a != 0 {
		t.Errorf("%v allocations per 50 requests", a)
	}
}
