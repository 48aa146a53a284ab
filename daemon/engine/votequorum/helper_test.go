package votequorum

import (
	"testing"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// keys are settings of the map.
type keys map[string]any

func (k keys) put(t testing.TB, db *icmap.Map) {
	t.Helper()
	for key, v := range k {
		var err error
		switch v := v.(type) {
		case string:
			err = db.SetString(key, v)
		case uint8:
			err = db.SetUint8(key, v)
		case int:
			err = db.SetUint32(key, uint32(v))
		case int32:
			err = db.Set(key, icmap.Int32(v))
		default:
			t.Fatalf("%s: type %T", key, v)
		}
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
}

const on, off = uint8(1), uint8(0)

// nodelist is a list of n nodes with one vote each, of which own is this one. A node that is not in it takes the place of
// the first.
func nodelist(n int, own totem.NodeID) keys {
	k := keys{"nodelist.local_node_pos": (int(own) - 1) % n}
	for i := range n {
		k["nodelist.node."+string(rune('0'+i))+".nodeid"] = i + 1
	}
	return k
}

// cluster is nodes with this engine.
type cluster struct {
	*servicetest.Cluster
	t       testing.TB
	engines map[totem.NodeID]*Engine
	setup   func(n *servicetest.Node)
}

// newCluster makes n nodes of a list of n with the same settings.
func newCluster(t testing.TB, n int, conf keys) *cluster { return newClusterOf(t, n, n, conf) }

// newClusterOf makes n nodes with a shorter list.
func newClusterOf(t testing.TB, n, listed int, conf keys) *cluster {
	c := &cluster{t: t, engines: map[totem.NodeID]*Engine{}}
	c.setup = func(node *servicetest.Node) {
		nodelist(listed, node.ID).put(t, node.DB)
		conf.put(t, node.DB)
		e := New(nil)
		c.engines[node.ID] = e
		node.Load(e)
	}
	c.Cluster = servicetest.New(t, n, c.setup, provider)
	return c
}

func provider(cfg *service.Config) { cfg.QuorumProvider = true }

func (c *cluster) connect(id totem.NodeID) *servicetest.Conn {
	return c.Node(id).Connect(service.Votequorum)
}

// info asks a node about a node.
func (c *cluster) info(at, of totem.NodeID) ipcmsg.VotequorumInfo {
	c.t.Helper()
	conn := c.connect(at)
	defer conn.Disconnect()
	v, err := ipcmsg.ParseVotequorumInfo(conn.Call(ipcmsg.VotequorumGetInfoRequest{NodeID: uint32(of)}.Append(nil)))
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// numbers are what a node says of itself.
type numbers struct{ expected, highest, total, quorum, flags uint32 }

func (c *cluster) numbers(id totem.NodeID) numbers {
	c.t.Helper()
	v := c.info(id, 0)
	if v.Error != cserr.OK {
		c.t.Fatalf("node %d: getinfo: %v", id, v.Error)
	}
	return numbers{v.ExpectedVotes, v.HighestExpected, v.TotalVotes, v.Quorum, v.Flags}
}

func (c *cluster) want(what string, id totem.NodeID, w numbers) {
	c.t.Helper()
	if got := c.numbers(id); got != w {
		c.t.Errorf("%s: node %d: %+v, want %+v", what, id, got, w)
	}
}

// status makes a request that is answered with an error code alone.
func (c *cluster) status(conn *servicetest.Conn, req []byte) cserr.Error {
	c.t.Helper()
	return errorOf(c.t, conn.Call(req))
}

func errorOf(t testing.TB, reply []byte) cserr.Error {
	t.Helper()
	h, err := ipcmsg.ParseResponseHeader(reply)
	if err != nil {
		t.Fatalf("answer %x: %v", reply, err)
	}
	return h.Error
}

func (c *cluster) check(what string, got, want cserr.Error) {
	c.t.Helper()
	if got != want {
		c.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func setExpected(votes uint32) []byte {
	return ipcmsg.VotequorumSetExpectedRequest{ExpectedVotes: votes}.Append(nil)
}

func setVotes(node uint32, votes uint32) []byte {
	return ipcmsg.VotequorumSetVotesRequest{NodeID: node, Votes: votes}.Append(nil)
}

func qdevice(fn int32, name string) []byte {
	return ipcmsg.VotequorumQdeviceRequest{ID: fn, Name: []byte(name)}.Append(nil)
}

func (c *cluster) poll(id totem.NodeID, name string, cast bool) []byte {
	r := c.engines[id].ring
	return ipcmsg.VotequorumQdevicePollRequest{
		Name: []byte(name), CastVote: cast, RingID: ipcmsg.RingID{NodeID: uint32(r.Rep), Seq: r.Seq},
	}.Append(nil)
}

// register registers a device and takes the delayed answer.
func (c *cluster) register(conn *servicetest.Conn, name string) cserr.Error {
	c.t.Helper()
	conn.Replies = nil
	conn.Request(qdevice(ipcmsg.VotequorumReqQdeviceRegister, name))
	c.Run()
	if len(conn.Replies) != 1 {
		c.t.Fatalf("registering %s: %d answers", name, len(conn.Replies))
	}
	r := conn.Replies[0]
	conn.Replies = nil
	return errorOf(c.t, r)
}
