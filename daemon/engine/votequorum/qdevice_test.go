package votequorum

import (
	"slices"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

const (
	reqRegister   = ipcmsg.VotequorumReqQdeviceRegister
	reqUnregister = ipcmsg.VotequorumReqQdeviceUnregister
)

func masterWins(name string, allow bool) []byte {
	return ipcmsg.VotequorumQdeviceMasterWinsRequest{Name: []byte(name), Allow: allow}.Append(nil)
}

func rename(from, to string) []byte {
	return ipcmsg.VotequorumQdeviceUpdateRequest{OldName: []byte(from), NewName: []byte(to)}.Append(nil)
}

var net = keys{"quorum.device.model": "net"}

// TestQdevice follows a device through its life, with the flags that 3.1.7 was seen to have.
func TestQdevice(t *testing.T) {
	c := newCluster(t, 2, net)
	c.Form(1)
	us := c.engines[1].us
	flags := func(what string, want uint32) {
		t.Helper()
		c.Run()
		if us.flags != want {
			t.Errorf("%s: node flags %d, want %d", what, us.flags, want)
		}
	}
	// Two nodes and a device with one vote.
	c.want("without device", 1, numbers{3, 3, 1, 2, 0})
	conn := c.connect(1)
	c.check("poll before register", c.status(conn, c.poll(1, "dev", true)), cserr.NotExist)
	c.check("master_wins before register", c.status(conn, masterWins("dev", true)), cserr.NotExist)
	c.check("update before register", c.status(conn, rename("dev", "d")), cserr.NotExist)
	c.check("unregister before register", c.status(conn, qdevice(reqUnregister, "dev")), cserr.NotExist)

	conn.Request(qdevice(reqRegister, "dev"))
	if len(conn.Replies) != 0 {
		t.Error("answered before the message came back")
	}
	other := c.connect(1)
	c.check("while pending", c.status(other, qdevice(reqRegister, "dev")), cserr.TryAgain)
	c.Run()
	if len(conn.Replies) != 1 {
		t.Fatalf("%d answers", len(conn.Replies))
	}
	c.check("register", errorOf(t, conn.Replies[0]), cserr.OK)
	flags("registered", 8|16)
	c.check("again", c.status(conn, qdevice(reqRegister, "dev")), cserr.OK)
	c.check("another name", c.status(conn, qdevice(reqRegister, "dev2")), cserr.Exist)

	c.check("wrong name", c.status(conn, c.poll(1, "dev2", true)), cserr.InvalidParam)
	old := c.poll(1, "dev", true)
	c.check("poll", c.status(conn, old), cserr.OK)
	if us.has(ipcmsg.VotequorumNodeQuorate) {
		t.Error("the vote counts before its message came back")
	}
	flags("casting", 1|8|16|32|64)
	c.want("casting", 1, numbers{3, 3, 2, 2, fQ | fReg | fAlive | fCast})
	info := c.info(1, 1)
	if info.QdeviceVotes != 1 || string(info.QdeviceName) != "dev" {
		t.Errorf("device in getinfo: %+v", info)
	}
	c.check("wrong name", c.status(conn, masterWins("dev2", true)), cserr.InvalidParam)
	c.check("master_wins", c.status(conn, masterWins("dev", true)), cserr.OK)
	flags("master_wins", 249)
	c.check("master_wins off", c.status(conn, masterWins("dev", false)), cserr.OK)
	flags("master_wins off", 121)

	// Every poll starts the time anew; a registered device ignores its own announcements.
	c.Advance(9 * time.Second)
	c.check("poll", c.status(conn, c.poll(1, "dev", true)), cserr.OK)
	c.Advance(9 * time.Second)
	flags("still alive", 121)
	c.Advance(time.Second)
	flags("expired", 8|16)
	c.want("expired", 1, numbers{3, 3, 1, 2, fReg})

	c.Form(1, 2)
	c.check("poll for an old ring", c.status(conn, old), cserr.MessageError)
	if v := c.info(2, 1); string(v.QdeviceName) != "dev" || v.Flags != fReg|fQ {
		t.Errorf("seen by the other node: %+v", v)
	}
	c.check("rename, wrong name", c.status(conn, rename("dev2", "d")), cserr.InvalidParam)
	c.check("rename", c.status(conn, rename("dev", "dd")), cserr.OK)
	c.Run()
	if a, b := c.engines[1].qdeviceName, c.engines[2].qdeviceName; a != "dd" || b != "dd" {
		t.Errorf("names %q and %q", a, b)
	}
	if got := c.register(c.connect(2), "dev"); got != cserr.Exist {
		t.Errorf("another name on another node: %v", got)
	}
	c.check("unregister, wrong name", c.status(conn, qdevice(reqUnregister, "dev")), cserr.InvalidParam)
	c.check("unregister", c.status(conn, qdevice(reqUnregister, "dd")), cserr.OK)
	flags("unregistered", 1)
	if a, b := c.engines[1].qdeviceName, c.engines[2].qdeviceName; a != "" || b != "" {
		t.Errorf("names after the last device has gone: %q and %q", a, b)
	}
	if v := c.info(1, 1).QdeviceVotes; v != 1 {
		t.Errorf("votes after unregistering: %d", v)
	}
}

// TestQdeviceSync lets a membership wait for the device's vote on it.
func TestQdeviceSync(t *testing.T) {
	c := newCluster(t, 2, net)
	c.Form(1, 2)
	conn := c.connect(1)
	c.check("register", c.register(conn, "dev"), cserr.OK)
	c.check("poll", c.status(conn, c.poll(1, "dev", true)), cserr.OK)
	c.Run()
	c.check("track", c.status(conn, ipcmsg.VotequorumTrackStartRequest{TrackFlags: ipcmsg.TrackChanges}.Append(nil)), cserr.OK)
	conn.TakeEvents()
	turn := func() {
		for range 20 {
			c.Rotate()
		}
	}
	c.FormQuiet(1)
	turn()
	if got := eventIDs(conn); !slices.Equal(got, []int32{ipcmsg.VotequorumEventNodeList}) {
		t.Fatalf("before the vote: events %v", got)
	}
	c.check("poll", c.status(conn, c.poll(1, "dev", true)), cserr.OK)
	turn()
	if got := eventIDs(conn); !slices.Equal(got, []int32{ipcmsg.VotequorumEventQuorum}) {
		t.Errorf("after the vote: events %v", got)
	}
	c.want("alone with the device", 1, numbers{3, 3, 2, 2, fQ | fReg | fAlive | fCast})

	c.FormQuiet(1, 2)
	turn()
	// Nobody polls: the wait ends with the timeout. Advance cannot bring the ring to rest before, so it is moved by hand.
	c.Clock.Advance(30 * time.Second)
	c.engines[1].qdeviceExpired()
	c.Run()
	c.want("given up", 1, numbers{3, 3, 2, 2, fQ | fReg})
}

func TestQdeviceMasterWins(t *testing.T) {
	c := newCluster(t, 4, keys{"quorum.device.model": "net", "quorum.device.votes": 1})
	c.Form(1, 2, 3, 4)
	conn := c.connect(1)
	c.check("register", c.register(conn, "dev"), cserr.OK)
	c.check("poll", c.status(conn, c.poll(1, "dev", true)), cserr.OK)
	c.check("master_wins", c.status(conn, masterWins("dev", true)), cserr.OK)
	c.Run()
	c.FormQuiet(1)
	for range 20 {
		c.Rotate()
	}
	c.check("poll", c.status(conn, c.poll(1, "dev", true)), cserr.OK)
	c.Run()
	got := c.numbers(1)
	if got.flags != fQ|fReg|fAlive|fCast|fWins || got.total >= got.quorum {
		t.Errorf("a minority with the master: %+v", got)
	}
	c.check("silent", c.status(conn, c.poll(1, "dev", false)), cserr.OK)
	c.Run()
	if got := c.numbers(1); got.flags != fReg|fAlive|fWins {
		t.Errorf("a minority with a silent master: %+v", got)
	}
}

func TestQdeviceConnection(t *testing.T) {
	c := newCluster(t, 2, net)
	c.Form(1, 2)
	conn := c.connect(1)
	c.Node(1).Ring.NoRoom = true
	c.check("no room", c.status(conn, qdevice(reqRegister, "dev")), cserr.TryAgain)
	c.Node(1).Ring.NoRoom = false
	// The client goes away while its registration is under way: nobody is answered, and the next one can register.
	conn.Request(qdevice(reqRegister, "dev"))
	conn.Disconnect()
	c.Run()
	if len(conn.Replies) != 0 {
		t.Error("a client that is gone was answered")
	}
	next := c.connect(1)
	c.check("next", c.register(next, "dev"), cserr.OK)
	// A device that goes away stays registered until its time is up.
	c.check("poll", c.status(next, c.poll(1, "dev", true)), cserr.OK)
	c.Run()
	next.Disconnect()
	c.want("gone", 1, numbers{3, 3, 3, 2, fQ | fReg | fAlive | fCast})
	c.Advance(10 * time.Second)
	c.want("expired", 1, numbers{3, 3, 2, 2, fQ | fReg})
}

func TestQdeviceVotes(t *testing.T) {
	for _, tc := range []struct {
		name string
		conf keys
		want uint32 // votes of the device
		exp  uint32
	}{
		{"from the list", nil, 2, 5},
		{"given", keys{"quorum.device.votes": 1}, 1, 4},
		{"given with expected", keys{"quorum.device.votes": 3, "quorum.expected_votes": 6}, 3, 6},
	} {
		conf := keys{"quorum.device.model": "net"}
		for k, v := range tc.conf {
			conf[k] = v
		}
		c := newCluster(t, 3, conf)
		c.Form(1, 2, 3)
		if v := c.info(1, 0); v.QdeviceVotes != tc.want || v.ExpectedVotes != tc.exp {
			t.Errorf("%s: %+v", tc.name, v)
		}
	}
}

// TestNodeInfoOfDevice takes a device's votes from others.
func TestNodeInfoOfDevice(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.Form(1)
	e := c.engines[1]
	e.deviceVotesFrom(9, 5) // never heard of
	if e.qdevice.votes != 0 {
		t.Error("believed a node that never announced itself")
	}
	n := e.add(2)
	n.state = stateMember
	e.deviceVotesFrom(2, 3)
	e.deviceVotesFrom(2, 1)
	if e.qdevice.votes != 3 {
		t.Errorf("the highest counts: %d", e.qdevice.votes)
	}
	n.flags |= ipcmsg.VotequorumNodeQuorate
	e.deviceVotesFrom(2, 1)
	if e.qdevice.votes != 1 {
		t.Errorf("who has quorum is right: %d", e.qdevice.votes)
	}
}

func TestNodeTable(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.Form(1)
	e := c.engines[1]
	for id := totem.NodeID(2); len(e.nodes) < maxNodes; id++ {
		e.add(id).state = stateDead
	}
	if e.add(5000) == nil || len(e.nodes) != maxNodes {
		t.Error("a dead node did not make room")
	}
	for _, n := range e.nodes {
		n.state = stateMember
	}
	if e.add(6000) != nil {
		t.Error("the table grows beyond its bound")
	}
}
