package pload

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

func newCluster(t *testing.T, ids ...totem.NodeID) *servicetest.Cluster {
	c := servicetest.New(t, len(ids), func(n *servicetest.Node) { n.Load(New()) })
	c.Form(ids...)
	return c
}

func set(t *testing.T, n *servicetest.Node, count, size uint32, start string) {
	t.Helper()
	for _, err := range []error{
		n.DB.SetUint32("pload.count", count), n.DB.SetUint32("pload.size", size), n.DB.SetString("pload.start", start),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	n.DB.Flush()
}

func TestLoad(t *testing.T) {
	c := newCluster(t, 1, 2)
	set(t, c.Node(1), 5000, 100, "yes")
	c.Run()
	if n := c.Node(1).Ring.Queued(); n != 0 {
		t.Fatalf("started without consent: %d messages", n)
	}
	set(t, c.Node(1), 5000, 100, consent)
	m, err := ipcmsg.ParseExecPloadStart(c.Node(1).Ring.Waiting()[0], binary.NativeEndian)
	if err != nil || m.Count != 5000 || m.Size != 100 {
		t.Errorf("start %+v, %v", m, err)
	}
	c.Run()
	for id := totem.NodeID(1); id <= 2; id++ {
		// Each node sends 5000 and stops when it has seen 5000 of anybody.
		if got := c.Node(id).Host.ExitStatus; !slices.Equal(got, []int{99}) {
			t.Errorf("node %d exits %v", id, got)
		}
		e := c.Node(id).Router.Service(service.PLOAD).Engine.(*Engine)
		if e.sent != 5000 || e.delivered != 10000 {
			t.Errorf("node %d sent %d, delivered %d", id, e.sent, e.delivered)
		}
	}
}

func TestLimits(t *testing.T) {
	c := newCluster(t, 1)
	n := c.Node(1)
	set(t, n, 1, ipcmsg.PloadSizeMax+1, consent)
	m, err := ipcmsg.ParseExecPloadStart(n.Ring.Waiting()[0], binary.NativeEndian)
	if err != nil || m.Size != ipcmsg.PloadSizeMax {
		t.Errorf("start %+v, %v", m, err)
	}
	e := n.Router.Service(service.PLOAD).Engine.(*Engine)
	e.execStart(2, ipcmsg.ExecPloadStartMsg{Count: 1, Size: ipcmsg.PloadSizeMax + 1}.Append(nil, binary.NativeEndian), false)
	e.execStart(2, make([]byte, 16), false)
	if e.started {
		t.Error("started by a message that is out of bounds")
	}
	// The send queue is full for a while: the load waits for it.
	n.Ring.NoRoom = true
	e.execStart(2, ipcmsg.ExecPloadStartMsg{Count: 3, Size: 10}.Append(nil, binary.NativeEndian), false)
	c.Rotate()
	if e.sent != 0 {
		t.Errorf("sent %d", e.sent)
	}
	n.Ring.NoRoom = false
	c.Run()
	if e.sent != 3 {
		t.Errorf("sent %d", e.sent)
	}
	if got := len(n.Host.ExitStatus); got != 1 {
		t.Errorf("exits %d times", got)
	}
}

func TestDefaults(t *testing.T) {
	c := newCluster(t, 1)
	n := c.Node(1)
	if err := n.DB.SetString("pload.start", consent); err != nil {
		t.Fatal(err)
	}
	n.DB.Flush()
	m, err := ipcmsg.ParseExecPloadStart(n.Ring.Waiting()[0], binary.NativeEndian)
	if err != nil || m.Count != 1500000 || m.Size != 300 {
		t.Errorf("start %+v, %v", m, err)
	}
	if e := New(); !e.Info().Only1x {
		t.Error("the service has an endpoint for clients of 3.x")
	}
}

// TestClientOf1x: the load that a client of 1.x starts does not end the daemon, and can be started again.
func TestClientOf1x(t *testing.T) {
	c := newCluster(t, 1, 2)
	cl := c.Node(1).Connect(service.PLOAD)
	for round := 1; round <= 2; round++ {
		res := cl.Call(ipcmsg.Pload1xStart{Count: 300, Size: 100}.Append(nil))
		h, err := ipcmsg.ParseResponseHeader(res)
		if err != nil || h.Error != cserr.OK || len(res) != ipcmsg.Pload1xStartAnswerBytes {
			t.Fatalf("%v, %v, %d bytes", h, err, len(res))
		}
		c.Run()
		for id := totem.NodeID(1); id <= 2; id++ {
			e := c.Node(id).Router.Service(service.PLOAD).Engine.(*Engine)
			if len(c.Node(id).Host.ExitStatus) != 0 || e.sent != 300 || e.delivered < 300 || e.started {
				t.Errorf("round %d, node %d: %+v", round, id, e)
			}
		}
	}
	for _, r := range []ipcmsg.Pload1xStart{{Count: 1, Size: ipcmsg.PloadSizeMax + 1}, {Size: 5}} {
		if h, _ := ipcmsg.ParseResponseHeader(cl.Call(r.Append(nil))); h.Error != cserr.InvalidParam {
			t.Errorf("%+v: %v", r, h.Error)
		}
	}
}
