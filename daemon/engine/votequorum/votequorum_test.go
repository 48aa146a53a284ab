package votequorum

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Short names of the info flags.
const (
	fTwo   = ipcmsg.VotequorumInfoTwoNode
	fQ     = ipcmsg.VotequorumInfoQuorate
	fWFA   = ipcmsg.VotequorumInfoWaitForAll
	fLMS   = ipcmsg.VotequorumInfoLastManStanding
	fATB   = ipcmsg.VotequorumInfoAutoTieBreaker
	fDown  = ipcmsg.VotequorumInfoAllowDownscale
	fReg   = ipcmsg.VotequorumInfoQdeviceRegistered
	fAlive = ipcmsg.VotequorumInfoQdeviceAlive
	fCast  = ipcmsg.VotequorumInfoQdeviceCastVote
	fWins  = ipcmsg.VotequorumInfoQdeviceMasterWins
)

func TestPlain(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.Form(1)
	c.want("alone", 1, numbers{3, 3, 1, 2, 0})
	c.Form(1, 2, 3)
	for id := range c.engines {
		c.want("all", id, numbers{3, 3, 3, 2, fQ})
	}
	c.Form(1, 2)
	c.want("two", 1, numbers{3, 3, 2, 2, fQ})
	dead := c.info(1, 3)
	if dead.State != ipcmsg.VotequorumNodeStateDead || dead.Votes != 1 || dead.NodeID != 3 || dead.ExpectedVotes != 3 {
		t.Errorf("dead node: %+v", dead)
	}
	c.Form(1)
	c.want("one", 1, numbers{3, 3, 1, 2, 0})
	c.Form(3)
	c.want("the other", 3, numbers{3, 3, 1, 2, 0})
	c.Form(1, 2, 3)
	c.want("again", 3, numbers{3, 3, 3, 2, fQ})
	if v := c.info(1, 9); v.Error != cserr.NotExist || v.NodeID != 0 {
		t.Errorf("unknown node: %+v", v)
	}
}

func TestTwoNode(t *testing.T) {
	c := newCluster(t, 2, keys{"quorum.two_node": on})
	c.Form(1)
	c.want("first start alone waits", 1, numbers{2, 2, 1, 1, fTwo | fWFA})
	c.Form(1, 2)
	c.want("both", 1, numbers{2, 2, 2, 1, fTwo | fWFA | fQ})
	c.Form(1)
	c.want("survivor", 1, numbers{2, 2, 1, 1, fTwo | fWFA | fQ})
	c.Restart(1, c.setup, provider)
	c.Form(1)
	c.want("restart alone waits", 1, numbers{2, 2, 1, 1, fTwo | fWFA})

	before := len(sent(c, 1))
	keys{keyCancelWFA: on}.put(t, c.Node(1).DB)
	var fns []uint32
	for _, m := range c.Node(1).Ring.Waiting()[before:] {
		fns = append(fns, binary.NativeEndian.Uint32(m)&0xffff)
	}
	// Setting the key back to 0 is a change like any other, and comes first.
	if want := []uint32{0, 0, 1}; !slices.Equal(fns, want) {
		t.Errorf("cancelling sends functions %v, want %v", fns, want)
	}
	c.Run()
	c.want("cancelled", 1, numbers{2, 2, 1, 1, fTwo | fWFA | fQ})
	if v, _ := c.Node(1).DB.GetUint8(keyCancelWFA); v != 0 {
		t.Errorf("%s is %d", keyCancelWFA, v)
	}
	if v, _ := c.Node(1).DB.GetUint8("runtime.votequorum.wait_for_all_status"); v != 0 {
		t.Errorf("status is %d", v)
	}
}

func sent(c *cluster, id totem.NodeID) [][]byte { return c.Node(id).Ring.Waiting() }

func TestWaitForAll(t *testing.T) {
	c := newCluster(t, 3, keys{"quorum.wait_for_all": on})
	c.Form(1, 2)
	c.want("two of three", 1, numbers{3, 3, 2, 2, fWFA})
	c.Form(1, 2, 3)
	c.want("all", 1, numbers{3, 3, 3, 2, fWFA | fQ})
	c.Form(1, 2)
	c.want("after all", 1, numbers{3, 3, 2, 2, fWFA | fQ})
	c.Form(1)
	c.want("lost", 1, numbers{3, 3, 1, 2, fWFA})
	c.Form(3)
	c.Form(1, 3)
	c.want("waits again", 1, numbers{3, 3, 2, 2, fWFA})
	// A node that meets a quorate partition does not wait.
	c = newCluster(t, 3, keys{"quorum.wait_for_all": on})
	c.Form(1, 2, 3)
	c.Form(1, 2)
	c.Restart(3, c.setup, provider)
	c.Form(1, 2, 3)
	c.want("newcomer", 3, numbers{3, 3, 3, 2, fWFA | fQ})
}

func TestLastManStanding(t *testing.T) {
	c := newCluster(t, 3, keys{"quorum.last_man_standing": on})
	c.Form(1, 2, 3)
	c.Form(1, 2)
	c.want("before the window", 1, numbers{3, 3, 2, 2, fLMS | fQ})
	c.Advance(10*time.Second - 1)
	c.want("just before", 1, numbers{3, 3, 2, 2, fLMS | fQ})
	c.Advance(1)
	c.want("after", 1, numbers{2, 2, 2, 2, fLMS | fQ})
	c.want("after", 2, numbers{2, 2, 2, 2, fLMS | fQ})
	c.Form(1)
	c.Advance(time.Minute)
	c.want("without wait_for_all one of two is none", 1, numbers{2, 2, 1, 2, fLMS})

	c = newCluster(t, 4, keys{"quorum.last_man_standing": on, "quorum.last_man_standing_window": 100})
	c.Form(1, 2, 3, 4)
	c.Form(1, 2, 3)
	c.Advance(100 * time.Millisecond)
	c.want("three of four", 1, numbers{3, 3, 3, 2, fLMS | fQ})
	c.Form(1, 2)
	c.Advance(50 * time.Millisecond)
	c.Form(1) // two at once within the window
	c.Advance(time.Second)
	c.want("too fast", 1, numbers{3, 3, 1, 2, fLMS})

	// More than one vote switches it off.
	c = newCluster(t, 3, keys{"quorum.last_man_standing": on, "nodelist.node.1.quorum_votes": 2})
	c.Form(1, 2, 3)
	c.Form(1, 2)
	c.Advance(time.Minute)
	c.want("uneven", 1, numbers{4, 4, 3, 3, fQ})
}

// TestLastManStandingInSync: a window that ends while a synchronisation is under way counts at its end, when all have told
// their votes, and never if it is cut short.
func TestLastManStandingInSync(t *testing.T) {
	for _, cut := range []bool{false, true} {
		c := newCluster(t, 3, keys{"quorum.last_man_standing": on})
		c.Form(1, 2)
		e := c.engines[1]
		e.SyncInit(nil, []totem.NodeID{1, 3}, totem.RingID{Rep: 1, Seq: 100}) // 2 is gone, and 3 has said nothing yet
		c.Advance(10 * time.Second)
		c.want("in the synchronisation", 1, numbers{3, 3, 1, 2, fLMS | fQ})
		if cut {
			c.Form(1)
			c.Advance(time.Minute)
			c.want("alone", 1, numbers{3, 3, 1, 2, fLMS})
			continue
		}
		e.nodes = append(e.nodes, &node{id: 3, state: stateMember, votes: 1, expected: 3})
		e.SyncActivate()
		c.want("after it", 1, numbers{2, 2, 2, 2, fLMS | fQ})
	}
}

func TestTieBreaker(t *testing.T) {
	for _, tc := range []struct {
		name   string
		conf   keys
		nodes  int
		groups [][]totem.NodeID
		winner totem.NodeID // 0: nobody
	}{
		{"lowest", keys{}, 4, [][]totem.NodeID{{1, 2}, {3, 4}}, 1},
		{"highest", keys{"quorum.auto_tie_breaker_node": "highest"}, 4, [][]totem.NodeID{{1, 2}, {3, 4}}, 3},
		{"list", keys{"quorum.auto_tie_breaker_node": "3 1"}, 4, [][]totem.NodeID{{1, 2}, {3, 4}}, 3},
		{"list second denied", keys{"quorum.auto_tie_breaker_node": "5 1"}, 4, [][]totem.NodeID{{1, 2}, {3, 4}}, 1},
		{"list with rubbish", keys{"quorum.auto_tie_breaker_node": "4,1"}, 4, [][]totem.NodeID{{1, 2}, {3, 4}}, 3},
		{"none", keys{"quorum.auto_tie_breaker": off}, 4, [][]totem.NodeID{{1, 2}, {3, 4}}, 0},
		{"three and one", keys{}, 4, [][]totem.NodeID{{1}, {2, 3, 4}}, 2},
	} {
		conf := keys{"quorum.auto_tie_breaker": on}
		for k, v := range tc.conf {
			conf[k] = v
		}
		c := newCluster(t, tc.nodes, conf)
		c.Form(1, 2, 3, 4)
		for _, g := range tc.groups {
			c.Form(slices.Clone(g)...)
			for _, id := range g {
				if got, want := c.numbers(id).flags&fQ != 0, slices.Contains(g, tc.winner); got != want {
					t.Errorf("%s: node %d in %v quorate: %v", tc.name, id, g, got)
				}
			}
		}
	}
}

func TestTieBreakerOdd(t *testing.T) {
	c := newCluster(t, 3, keys{"quorum.auto_tie_breaker": on})
	if v, _ := c.Node(1).DB.GetUint32("runtime.votequorum.atb_type"); v != 0 {
		t.Errorf("odd number without wait_for_all: atb_type %d", v)
	}
	c = newCluster(t, 3, keys{"quorum.auto_tie_breaker": on, "quorum.wait_for_all": on})
	if v, _ := c.Node(1).DB.GetUint32("runtime.votequorum.atb_type"); v != 1 {
		t.Errorf("odd number with wait_for_all: atb_type %d", v)
	}
}

func TestDownscale(t *testing.T) {
	c := newClusterOf(t, 4, 2, keys{"quorum.allow_downscale": on})
	c.Form(1, 2, 3, 4)
	c.Form(1, 2, 3, 4) // after the first ring no node is marked as the first any more
	c.want("grown", 1, numbers{4, 4, 4, 3, fDown | fQ})
	for _, left := range []struct {
		id   totem.NodeID
		want numbers
	}{
		{4, numbers{3, 3, 3, 2, fDown | fQ}},
		{3, numbers{2, 2, 2, 2, fDown | fQ}},
		// Not below what is expected at the start: quorum stays 2.
		{2, numbers{1, 1, 1, 2, fDown}},
	} {
		c.Node(left.id).Router.Unload(service.Votequorum)
		c.Run()
		if left.id == 4 {
			if v := c.info(1, 4); v.State != ipcmsg.VotequorumNodeStateLeaving {
				t.Errorf("state of the leaving node: %d", v.State)
			}
			if f := c.engines[1].find(4).flags; f != 3 {
				t.Errorf("flags of the leaving node: %d", f)
			}
		}
		c.want(fmt.Sprint("left ", left.id), 1, left.want)
		var rest []totem.NodeID
		for id := totem.NodeID(1); id < left.id; id++ {
			rest = append(rest, id)
		}
		c.Form(rest...)
		if v := c.info(1, left.id); v.State != ipcmsg.VotequorumNodeStateDead {
			t.Errorf("state after the ring change: %d", v.State)
		}
	}
}

func TestExpectedVotes(t *testing.T) {
	c := newCluster(t, 3, keys{"quorum.expected_votes": 5})
	c.Form(1, 2, 3)
	c.want("five expected", 1, numbers{5, 5, 3, 3, fQ})
	c.Form(1, 2)
	conn := c.connect(1)
	watcher := c.connect(2)
	c.status(watcher, ipcmsg.VotequorumTrackStartRequest{TrackFlags: ipcmsg.TrackChangesOnly, Context: 7}.Append(nil))
	c.check("less than there are", c.status(conn, setExpected(1)), cserr.InvalidParam)
	c.check("fewer", c.status(conn, setExpected(3)), cserr.OK)
	c.Run()
	c.want("three expected", 1, numbers{3, 3, 2, 2, fQ})
	c.want("three expected", 2, numbers{3, 3, 2, 2, fQ})
	c.check("taking the quorum away", c.status(conn, setExpected(9)), cserr.InvalidParam)
	ev := watcher.TakeEvents()
	if len(ev) == 0 {
		t.Fatal("no events")
	}
	first, err := ipcmsg.ParseVotequorumExpectedVotesEvent(ev[0])
	if err != nil || first.Context != 7 {
		t.Errorf("first event %x: %+v, %v", ev[0], first, err)
	}
	if v, _ := c.Node(1).DB.GetUint32("runtime.votequorum.ev_barrier"); v != 3 {
		t.Errorf("ev_barrier %d", v)
	}
	c.Node(1).Ring.NoRoom = true
	c.check("no room", c.status(conn, setExpected(3)), cserr.NoResources)
}

func TestSetVotes(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.Form(1, 2, 3)
	conn := c.connect(1)
	c.check("unknown", c.status(conn, setVotes(9, 1)), cserr.NameNotFound)
	c.check("two votes", c.status(conn, setVotes(2, 2)), cserr.OK)
	c.Run()
	c.want("two votes", 3, numbers{4, 4, 4, 3, fQ})
	if v := c.info(3, 2); v.Votes != 2 {
		t.Errorf("votes of node 2: %d", v.Votes)
	}
	c.check("device", c.status(conn, setVotes(0, 1)), cserr.OK)
	c.Run()
	if v := c.info(3, 1); v.QdeviceVotes != 1 {
		t.Errorf("votes of the device: %d", v.QdeviceVotes)
	}
	// Votes so few that quorum is out of reach are refused and undone.
	c.check("none", c.status(conn, setVotes(2, 0)), cserr.InvalidParam)
	if v := c.info(1, 2); v.Votes != 2 {
		t.Errorf("votes after refusal: %d", v.Votes)
	}
	c.Node(1).Ring.NoRoom = true
	c.check("no room", c.status(conn, setVotes(2, 2)), cserr.NoResources)
}

func TestShortRequests(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.Form(1)
	conn := c.connect(1)
	for fn := range c.engines[1].Lib() {
		req := make([]byte, 16)
		binary.NativeEndian.PutUint32(req, uint32(fn))
		binary.NativeEndian.PutUint32(req[8:], 16)
		want := cserr.InvalidParam
		if fn == ipcmsg.VotequorumReqTrackStop {
			want = cserr.NotExist
		}
		c.check("function "+string(rune('0'+fn)), c.status(conn, req), want)
	}
	for fn, call := range c.engines[1].Exec() {
		call(1, make([]byte, 16), false)
		call(1, nil, true)
		_ = fn
	}
}

// eventIDs are the numbers of events in order.
func eventIDs(conn *servicetest.Conn) []int32 {
	var ids []int32
	for _, e := range conn.TakeEvents() {
		ids = append(ids, int32(binary.NativeEndian.Uint32(e)))
	}
	return ids
}

func TestTracking(t *testing.T) {
	const nl, ev, q = ipcmsg.VotequorumEventNodeList, ipcmsg.VotequorumEventExpectedVotes, ipcmsg.VotequorumEventQuorum
	c := newCluster(t, 3, nil)
	c.Form(1)
	conn := c.connect(1)
	track := func(flags uint32, context uint64) cserr.Error {
		return c.status(conn, ipcmsg.VotequorumTrackStartRequest{TrackFlags: flags, Context: context}.Append(nil))
	}
	stop := ipcmsg.AppendRequest(nil, ipcmsg.VotequorumReqTrackStop)
	c.check("stop without start", c.status(conn, stop), cserr.NotExist)
	c.check("current", track(ipcmsg.TrackCurrent, 1), cserr.OK)
	if got := eventIDs(conn); !slices.Equal(got, []int32{nl, q}) {
		t.Errorf("current: events %v", got)
	}
	c.check("current does not track", c.status(conn, stop), cserr.NotExist)
	c.check("changes", track(ipcmsg.TrackChanges, 2), cserr.OK)
	if got := eventIDs(conn); !slices.Equal(got, []int32{nl, q}) {
		t.Errorf("changes: events %v", got)
	}
	c.check("again", track(ipcmsg.TrackChanges, 3), cserr.Exist)
	if got := eventIDs(conn); !slices.Equal(got, []int32{nl, q}) {
		t.Errorf("again: events %v", got)
	}
	c.Form(1, 2)
	events := conn.TakeEvents()
	if len(events) != 2 {
		t.Fatalf("%d events for a membership change", len(events))
	}
	n, err := ipcmsg.ParseVotequorumNodeListEvent(events[0])
	if err != nil || n.Context != 2 || !slices.Equal(n.Members, []uint32{1, 2}) || n.RingID.NodeID != 1 || n.RingID.Seq != c.engines[1].ring.Seq {
		t.Errorf("nodelist %+v, %v", n, err)
	}
	m, err := ipcmsg.ParseVotequorumQuorumEvent(events[1])
	// The order of 3.1: a node that is larger than all goes before the last.
	want := []ipcmsg.VotequorumNode{{NodeID: 2, State: 1}, {NodeID: 1, State: 1}}
	if err != nil || !m.Quorate || m.Context != 2 || !slices.Equal(m.Nodes, want) {
		t.Errorf("quorum %+v, %v", m, err)
	}
	c.Form(1)
	events = conn.TakeEvents()
	m, err = ipcmsg.ParseVotequorumQuorumEvent(events[len(events)-1])
	want[0].State = ipcmsg.VotequorumNodeStateDead
	if err != nil || m.Quorate || !slices.Equal(m.Nodes, want) {
		t.Errorf("dead nodes stay in the list: %+v, %v", m, err)
	}
	c.check("stop", c.status(conn, stop), cserr.OK)
	c.Form(1, 2)
	if got := eventIDs(conn); len(got) != 0 {
		t.Errorf("events after stop: %v", got)
	}
	c.check("only", track(ipcmsg.TrackChangesOnly, 4), cserr.OK)
	if got := eventIDs(conn); len(got) != 0 {
		t.Errorf("changes only: events %v", got)
	}
	conn.Disconnect()
	c.Form(1, 2, 3)
	if got := eventIDs(conn); len(got) != 0 {
		t.Errorf("events after disconnect: %v", got)
	}

	// More nodes than expected: the event about it lies between the other two.
	c = newCluster(t, 2, keys{"quorum.expected_votes": 1})
	conn = c.connect(1)
	c.Form(1)
	c.Form(2)
	c.check("changes only", track(ipcmsg.TrackChangesOnly, 0), cserr.OK)
	c.Form(1, 2)
	if got := eventIDs(conn); !slices.Equal(got, []int32{nl, ev, q}) {
		t.Errorf("growing: events %v", got)
	}
}

func TestStartErrors(t *testing.T) {
	device := func(more keys) keys {
		k := keys{"quorum.device.model": "net"}
		for key, v := range more {
			k[key] = v
		}
		return k
	}
	for _, tc := range []struct {
		text string
		conf keys
	}{
		{"two_node and quorum device cannot", device(keys{"quorum.two_node": on})},
		{"not compatible with last_man_standing", device(keys{"quorum.last_man_standing": on})},
		{"not compatible with auto_tie_breaker", device(keys{"quorum.auto_tie_breaker": on, "quorum.wait_for_all": on})},
		{"not compatible with allow_downscale", device(keys{"quorum.allow_downscale": on})},
		{"must be specified when quorum.expected_votes is set", device(keys{"quorum.expected_votes": 3})},
		{"must be specified when not all nodes votes 1", device(keys{"nodelist.node.0.quorum_votes": 2})},
		{"quorum.device.votes is too high", device(keys{"quorum.device.votes": 2, "quorum.expected_votes": 3})},
		{"not available in odd sized cluster", keys{"quorum.auto_tie_breaker": on, "quorum.last_man_standing": on}},
	} {
		var err error
		servicetest.New(t, 1, func(n *servicetest.Node) {
			nodelist(3, 1).put(t, n.DB)
			tc.conf.put(t, n.DB)
			err = n.Router.Load(New(nil))
		})
		if err == nil || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%v: error %v, want %q", tc.conf, err, tc.text)
		}
	}
	var err error
	servicetest.New(t, 1, func(n *servicetest.Node) { err = n.Router.Load(New(nil)) })
	if err == nil || !strings.Contains(err.Error(), "nodelist or quorum.expected_votes must be configured") {
		t.Errorf("nothing configured: %v", err)
	}
}

func TestWithoutNodelist(t *testing.T) {
	c := servicetest.New(t, 1, func(n *servicetest.Node) {
		keys{"quorum.expected_votes": 4, "quorum.votes": 3}.put(t, n.DB)
		n.Load(New(nil))
	}, provider)
	c.Form(1)
	v, err := ipcmsg.ParseVotequorumInfo(c.Node(1).Connect(service.Votequorum).Call(ipcmsg.VotequorumGetInfoRequest{}.Append(nil)))
	if err != nil || v.Votes != 3 || v.ExpectedVotes != 4 || v.Quorum != 3 || v.Flags != fQ {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestTieWithManyGone refuses the tie breaker to a part from which so many nodes have gone that they may have quorum, here
// because of nodes without a vote.
func TestTieWithManyGone(t *testing.T) {
	conf := keys{"quorum.auto_tie_breaker": on}
	for _, pos := range []string{"2", "3", "4"} {
		conf["nodelist.node."+pos+".quorum_votes"] = 0
	}
	c := newCluster(t, 5, conf)
	c.Form(1, 2, 3, 4, 5)
	c.Form(1, 3, 4, 5)
	c.want("one gone", 1, numbers{2, 2, 1, 2, fATB | fQ})
	c.Form(1, 2, 3, 4, 5)
	c.Form(1)
	c.want("four gone", 1, numbers{2, 2, 1, 2, fATB})
}

// TestNewcomer lets a node come to a partition that has quorum while others are missing.
func TestNewcomer(t *testing.T) {
	c := newCluster(t, 5, keys{"quorum.wait_for_all": on})
	c.Form(1, 2, 3, 4, 5)
	c.Form(1, 2, 3)
	c.Restart(4, c.setup, provider)
	c.Form(1, 2, 3, 4)
	c.want("need not wait for all", 4, numbers{5, 5, 4, 3, fWFA | fQ})

	c = newCluster(t, 5, nil)
	c.Form(1, 2, 3, 4, 5)
	c.Form(1, 2, 3)
	c.check("expected 3", c.status(c.connect(1), setExpected(3)), cserr.OK)
	c.Run()
	c.Restart(4, c.setup, provider)
	c.Form(1, 2, 3, 4)
	c.want("expects what the others expect", 4, c.numbers(1))
	if n := c.numbers(4); n.quorum != 3 || n.expected >= 5 {
		t.Errorf("newcomer: %+v", n)
	}
}

// TestLastManStandingTie counts the members after a tie was won.
func TestLastManStandingTie(t *testing.T) {
	c := newCluster(t, 4, keys{"quorum.auto_tie_breaker": on, "quorum.last_man_standing": on})
	c.Form(1, 2, 3, 4)
	c.Form(1, 2)
	c.want("won", 1, numbers{4, 4, 2, 3, fATB | fLMS | fQ})
	c.Advance(10 * time.Second)
	c.want("window over", 1, numbers{2, 2, 2, 2, fATB | fLMS | fQ})
	c.Form(1)
	c.Advance(10 * time.Second)
	c.want("last one", 1, numbers{1, 1, 1, 1, fATB | fLMS | fQ})
}

// TestTieBreakerListDenied: a node that comes later in the list has to take into account that an earlier one may be alive.
func TestTieBreakerListDenied(t *testing.T) {
	c := newCluster(t, 4, keys{"quorum.auto_tie_breaker": on, "quorum.auto_tie_breaker_node": "1 3"})
	c.Form(1, 2, 3, 4)
	c.Form(3, 4)
	c.want("the first may be alive", 3, numbers{4, 4, 2, 3, fATB})
	c.Form(1, 2)
	c.want("the first is here", 1, numbers{4, 4, 2, 3, fATB | fQ})
	// The next membership of the same two does not remember the first any more, as in 3.1.
	c.Form(3, 4)
	c.want("the first is forgotten", 3, numbers{4, 4, 2, 3, fATB | fQ})
}

// TestQuorumNeverFalls keeps the quorum of the largest membership, until expected votes are set.
func TestQuorumNeverFalls(t *testing.T) {
	c := newClusterOf(t, 5, 2, nil)
	c.Form(1, 2, 3, 4, 5)
	c.want("five", 1, numbers{5, 5, 5, 3, fQ})
	c.Form(1, 2)
	c.want("two", 1, numbers{5, 5, 2, 3, 0})
	c.Restart(1, c.setup, provider)
	c.Form(1, 2)
	if n := c.numbers(2); n.quorum != 3 || n.flags != 0 {
		t.Errorf("after a restart of the other: %+v", n)
	}
	c.check("expected 2", c.status(c.connect(2), setExpected(2)), cserr.OK)
	c.Run()
	if n := c.numbers(2); n.quorum != 2 || n.flags != fQ {
		t.Errorf("after setting expected votes: %+v", n)
	}
}

// TestThreeOfTwoNode has no special quorum for more than two nodes.
func TestThreeOfTwoNode(t *testing.T) {
	c := newClusterOf(t, 3, 2, keys{"quorum.two_node": on})
	c.Form(1, 2, 3)
	c.want("three", 1, numbers{3, 3, 3, 2, fTwo | fWFA | fQ})
	c.Form(1)
	c.want("one", 1, numbers{3, 3, 1, 1, fTwo | fWFA | fQ})
}

// TestDecrease lets quorum fall only where that is asked for.
func TestDecrease(t *testing.T) {
	c := newCluster(t, 3, keys{"quorum.expected_votes": 7})
	c.Form(1, 2, 3)
	e := c.engines[1]
	e.us.expected = 3
	e.setMembersExpected(3)
	if e.recalculate(false, false); e.quorum != 4 {
		t.Errorf("quorum fell to %d", e.quorum)
	}
	if e.recalculate(true, false); e.quorum != 2 {
		t.Errorf("quorum is %d", e.quorum)
	}
}

// TestManyVotes has more votes than 3.1 can count: it keeps quorum in eight bits, so that 600 votes make a quorum of 45 and
// every part of a split has it. That is not followed.
func TestManyVotes(t *testing.T) {
	conf := keys{}
	for _, pos := range []string{"0", "1", "2"} {
		conf["nodelist.node."+pos+".quorum_votes"] = 200
	}
	c := newCluster(t, 3, conf)
	c.Form(1, 2, 3)
	c.want("all", 1, numbers{600, 600, 600, 301, fQ})
	c.Form(1)
	c.want("one", 1, numbers{600, 600, 200, 301, 0})
}
