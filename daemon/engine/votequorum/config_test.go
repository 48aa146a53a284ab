package votequorum

import (
	"testing"

	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// fakeStore is the ev_tracking file.
type fakeStore struct {
	value uint32
	saves []uint32
}

func (s *fakeStore) Load() (uint32, error) { return s.value, nil }
func (s *fakeStore) Save(v uint32)         { s.value = v; s.saves = append(s.saves, v) }

func TestExpectedVotesTracking(t *testing.T) {
	stores := map[totem.NodeID]*fakeStore{}
	c := &cluster{t: t, engines: map[totem.NodeID]*Engine{}}
	c.setup = func(n *servicetest.Node) {
		nodelist(2, n.ID).put(t, n.DB)
		keys{"quorum.expected_votes_tracking": on}.put(t, n.DB)
		if stores[n.ID] == nil {
			stores[n.ID] = &fakeStore{}
		}
		e := New(stores[n.ID])
		c.engines[n.ID] = e
		n.Load(e)
	}
	c.Cluster = servicetest.New(t, 4, c.setup, provider)
	c.Form(1, 2, 3, 4)
	c.want("four", 1, numbers{4, 4, 4, 3, fQ})
	if stores[1].value != 4 {
		t.Errorf("stored %v", stores[1].saves)
	}
	// A restarted node remembers how large the cluster was.
	c.Restart(1, c.setup, provider)
	c.Form(1)
	c.want("alone", 1, numbers{4, 4, 1, 3, 0})
	if v, _ := c.Node(1).DB.GetUint32("runtime.votequorum.ev_tracking_barrier"); v != 4 {
		t.Errorf("published barrier %d", v)
	}
	// Others do not shrink it.
	c.Form(1, 2)
	conn := c.connect(1)
	c.check("expected 2", c.status(conn, setExpected(2)), cserr.OK)
	c.Run()
	if e := c.engines[1].us.expected; e != 4 && e != 2 {
		t.Errorf("expected votes %d", e)
	}
	if b := c.engines[1].evTrackingBarrier; b != 4 {
		t.Errorf("barrier %d", b)
	}
}

// TestRefresh changes keys while the engine runs.
func TestRefresh(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.Form(1, 2, 3)
	db := c.Node(1).DB

	keys{"nodelist.node.0.quorum_votes": 3}.put(t, db)
	c.Run()
	c.want("own votes", 2, numbers{5, 5, 5, 3, fQ})
	keys{"nodelist.node.0.quorum_votes": 1}.put(t, db)
	c.Run()
	if v := c.info(2, 1).Votes; v != 1 {
		t.Errorf("own votes back: %d", v)
	}
	if err := db.Delete("nodelist.node.0.quorum_votes"); err != nil {
		t.Fatal(err)
	}
	keys{"quorum.expected_votes": 7}.put(t, db)
	c.Run()
	if n := c.numbers(2); n.highest != 7 || n.quorum != 4 || n.flags != 0 {
		t.Errorf("expected votes: %+v", n)
	}
	keys{"quorum.expected_votes": 3}.put(t, db)
	c.Run()
	if n := c.numbers(2); n.highest != 3 || n.quorum != 2 || n.flags != fQ {
		t.Errorf("expected votes back: %+v", n)
	}
}

// TestReload lets a reload finish before anything is read.
func TestReload(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.Form(1, 2, 3)
	db := c.Node(1).DB
	keys{keyReloading: on}.put(t, db)
	keys{"nodelist.node.0.quorum_votes": 2}.put(t, db)
	if n := c.Node(1).Ring.Queued(); n != 0 {
		t.Errorf("%d messages inside a reload", n)
	}
	// A reload that failed changes nothing.
	keys{"config.reload_status": int32(cserr.InvalidParam)}.put(t, db)
	keys{keyReloading: off}.put(t, db)
	if n := c.Node(1).Ring.Queued(); n != 0 {
		t.Errorf("%d messages after a failed reload", n)
	}
	keys{keyReloading: on}.put(t, db)
	keys{"config.reload_status": int32(cserr.OK)}.put(t, db)
	keys{keyReloading: off}.put(t, db)
	if n := c.Node(1).Ring.Queued(); n != 4 {
		t.Errorf("%d messages after a reload, want nodeinfo twice and two reconfigurations", n)
	}
	c.Run()
	c.want("reloaded", 3, numbers{4, 4, 4, 3, fQ})
}

// TestRuntimeErrors takes contradictions that come while the engine runs.
func TestRuntimeErrors(t *testing.T) {
	c := newCluster(t, 2, keys{"quorum.two_node": on})
	c.Form(1, 2)
	db := c.Node(1).DB
	keys{"quorum.device.model": "net"}.put(t, db)
	c.Run()
	if v, _ := db.GetUint8("runtime.votequorum.qdevice_can_operate"); v != 0 {
		t.Error("a device is allowed beside two_node")
	}
	conn := c.connect(1)
	c.check("register", c.status(conn, qdevice(reqRegister, "dev")), cserr.Access)
	c.check("poll", c.status(conn, c.poll(1, "dev", true)), cserr.Access)
	c.check("master_wins", c.status(conn, masterWins("dev", true)), cserr.Access)
	// Without two_node the device may work, and wait_for_all, which followed it, is off.
	keys{"quorum.two_node": off}.put(t, db)
	c.Run()
	c.check("register", c.register(conn, "dev"), cserr.OK)
	if f := c.numbers(1).flags; f != fQ|fReg {
		t.Errorf("flags %d", f)
	}
	// With the device registered two_node loses.
	keys{"quorum.two_node": on}.put(t, db)
	c.Run()
	if f := c.numbers(1).flags; f&fTwo != 0 {
		t.Errorf("flags %d", f)
	}
	// All votes gone from the configuration: go on with what there is.
	for key := range nodelist(2, 1) {
		keys{keyReloading: on}.put(t, db)
		_ = db.Delete(key)
	}
	keys{keyReloading: off}.put(t, db)
	c.Run()
	if n := c.numbers(1); n.total != 2 {
		t.Errorf("without configuration: %+v", n)
	}
}

func TestReadOnlyKeys(t *testing.T) {
	c := newCluster(t, 1, nil)
	for _, k := range []string{"allow_downscale", "wait_for_all", "last_man_standing", "last_man_standing_window",
		"expected_votes_tracking", "auto_tie_breaker", "auto_tie_breaker_node"} {
		if !c.Node(1).DB.IsReadOnly("quorum." + k) {
			t.Errorf("quorum.%s can be written", k)
		}
	}
	if c.Node(1).DB.IsReadOnly("quorum.expected_votes") {
		t.Error("quorum.expected_votes cannot be written")
	}
}
