package conformance

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/transport"
)

// Cluster is a set of transports under test, not started. Node i has the id i+1.
type Cluster struct {
	Nodes   []transport.Transport
	Members []transport.Member
	// Start starts node i; nil means Nodes[i].Start.
	Start func(i int, h transport.Handler) error
	// Wait runs the owner loop of all nodes until cond holds. It gives up after a while.
	Wait func(cond func() bool) bool
	// Settle runs the owner loop until nothing is under way any more.
	Settle func()
	// SetInterface takes the interface of node i down or up; nil if the test cannot.
	SetInterface func(i int, up bool) error
	// Blocks says that the transport drops datagrams of nodes that are not listed.
	Blocks bool
	// MaxFrame is the largest frame that the transport carries.
	MaxFrame int
}

// Factory builds a cluster of n nodes, whose member lists hold all of them, or skips the test.
type Factory func(t *testing.T, n int) *Cluster

// recorder is the handler of one node.
type recorder struct {
	frames  []string
	batches int
	ups     []bool
	failed  error
	onFrame func()
}

func (r *recorder) Receive(frames [][]byte) {
	r.batches++
	for _, f := range frames {
		r.frames = append(r.frames, string(f))
	}
	if r.onFrame != nil {
		r.onFrame()
	}
}

func (r *recorder) Interface(up bool) { r.ups = append(r.ups, up) }
func (r *recorder) Fail(err error)    { r.failed = err }

// fixture is a started cluster.
type fixture struct {
	*Cluster
	t    *testing.T
	recs []*recorder
}

func start(t *testing.T, f Factory, n int) *fixture {
	t.Helper()
	x := &fixture{Cluster: f(t, n), t: t}
	for i := range x.Nodes {
		r := &recorder{}
		x.recs = append(x.recs, r)
		var err error
		if x.Start != nil {
			err = x.Start(i, r)
		} else {
			err = x.Nodes[i].Start(r)
		}
		if err != nil {
			t.Fatalf("start node %d: %v", i+1, err)
		}
	}
	closed := false
	t.Cleanup(func() {
		if !closed {
			closed = true
			for _, node := range x.Nodes {
				node.Close()
			}
		}
	})
	x.wait("all interfaces to be up", func() bool {
		for _, r := range x.recs {
			if r.failed != nil {
				t.Fatal(r.failed)
			}
			if len(r.ups) == 0 || !r.ups[len(r.ups)-1] {
				return false
			}
		}
		return true
	})
	// A network that has just come up may lose what it is given first.
	x.wait("all nodes to hear each other", func() bool {
		heard := true
		for i, r := range x.recs {
			for from := range x.Nodes {
				heard = heard && (from == i || slices.Contains(r.frames, warmUp(from)))
			}
		}
		if !heard {
			for i := range x.Nodes {
				x.multicast(i, []byte(warmUp(i)))
			}
		}
		return heard
	})
	x.Settle()
	for _, r := range x.recs {
		r.frames = nil
	}
	return x
}

func warmUp(i int) string { return fmt.Sprintf("warm up from %d", i) }

func (x *fixture) wait(what string, cond func() bool) {
	x.t.Helper()
	if !x.Wait(cond) {
		x.t.Fatalf("waited in vain for %s", what)
	}
}

func (x *fixture) multicast(i int, frames ...[]byte) {
	batch := make([]transport.Packet, len(frames))
	for k, f := range frames {
		batch[k].Frame = f
	}
	x.Nodes[i].Send(batch)
}

func (x *fixture) received(i, n int) func() bool {
	return func() bool { return len(x.recs[i].frames) >= n }
}

func payload(size int, fill byte) []byte { return bytes.Repeat([]byte{fill}, size) }

// Run tests a transport.
func Run(t *testing.T, f Factory) {
	t.Run("MulticastReachesOthersOnly", func(t *testing.T) { multicastReachesOthersOnly(t, f) })
	t.Run("UnicastReachesTargetOnly", func(t *testing.T) { unicastReachesTargetOnly(t, f) })
	t.Run("TokenAfterMulticasts", func(t *testing.T) { tokenAfterMulticasts(t, f) })
	t.Run("Sizes", func(t *testing.T) { sizes(t, f) })
	t.Run("MembersComeAndGo", func(t *testing.T) { membersComeAndGo(t, f) })
	t.Run("Unlisted", func(t *testing.T) { unlisted(t, f) })
	t.Run("Discard", func(t *testing.T) { discard(t, f) })
	t.Run("CloseWhileReceiving", func(t *testing.T) { closeWhileReceiving(t, f) })
	t.Run("FramesAreNotKept", func(t *testing.T) { framesAreNotKept(t, f) })
	t.Run("Status", func(t *testing.T) { status(t, f) })
	t.Run("InterfaceDownAndUp", func(t *testing.T) { interfaceDownAndUp(t, f) })
}

func multicastReachesOthersOnly(t *testing.T, f Factory) {
	x := start(t, f, 3)
	x.multicast(0, []byte("from the first node"))
	x.wait("the multicast", func() bool { return x.received(1, 1)() && x.received(2, 1)() })
	x.Settle()
	for i, want := range []int{0, 1, 1} {
		if got := len(x.recs[i].frames); got != want {
			t.Errorf("node %d received %d frames, want %d", i+1, got, want)
		}
	}
}

func unicastReachesTargetOnly(t *testing.T, f Factory) {
	x := start(t, f, 3)
	x.Nodes[0].Send([]transport.Packet{
		{To: 1, Frame: []byte("to myself")},
		{To: 77, Frame: []byte("to nobody")},
		{To: 3, Frame: []byte("to the third")},
	})
	x.wait("the unicast", x.received(2, 1))
	x.Settle()
	if len(x.recs[0].frames) != 0 || len(x.recs[1].frames) != 0 {
		t.Errorf("nodes 1 and 2 received %q and %q", x.recs[0].frames, x.recs[1].frames)
	}
	if !slices.Equal(x.recs[2].frames, []string{"to the third"}) {
		t.Errorf("node 3 received %q", x.recs[2].frames)
	}
}

// A visit of the token: multicasts of different sizes, then the token.
func tokenAfterMulticasts(t *testing.T, f Factory) {
	x := start(t, f, 3)
	const rounds, visit = 20, 17
	var want []string
	for r := range rounds {
		var batch []transport.Packet
		for i := range visit {
			size := 1400
			if i == visit-1 || r%3 == 0 && i%4 == 0 {
				size = 300 + i
			}
			frame := payload(size, byte(r*visit+i))
			batch = append(batch, transport.Packet{Frame: frame})
			want = append(want, string(frame))
		}
		token := []byte(fmt.Sprintf("token %d", r))
		batch = append(batch, transport.Packet{To: 2, Frame: token})
		want = append(want, string(token))
		x.Nodes[0].Send(batch)
		x.wait("the token", x.received(1, len(want)))
	}
	x.wait("the multicasts at the third node", x.received(2, rounds*visit))
	x.Settle()
	if !slices.Equal(x.recs[1].frames, want) {
		t.Error("node 2 received something else, or in another order")
	}
	if got := len(x.recs[2].frames); got != rounds*visit {
		t.Errorf("node 3 received %d frames, want %d", got, rounds*visit)
	}
}

func sizes(t *testing.T, f Factory) {
	x := start(t, f, 2)
	n := 0
	for _, size := range []int{1, 13, 57, 1455, 1472, 1473, 1500, 9000, 40000, 65491, 65507, 65536} {
		if size > x.MaxFrame {
			continue
		}
		frame := payload(size, byte(size))
		x.multicast(0, frame)
		n++
		x.wait(fmt.Sprintf("a frame of %d bytes", size), x.received(1, n))
		if x.recs[1].frames[n-1] != string(frame) {
			t.Errorf("a frame of %d bytes arrived as one of %d", size, len(x.recs[1].frames[n-1]))
		}
	}
}

func membersComeAndGo(t *testing.T, f Factory) {
	x := start(t, f, 3)
	without := []transport.Member{x.Members[0], x.Members[1]}
	if err := x.Nodes[0].SetMembers(without); err != nil {
		t.Fatal(err)
	}
	x.Nodes[0].Send([]transport.Packet{{Frame: []byte("a")}, {To: 3, Frame: []byte("b")}})
	x.wait("the multicast", x.received(1, 1))
	x.Settle()
	if err := x.Nodes[0].SetMembers(x.Members); err != nil {
		t.Fatal(err)
	}
	x.Nodes[0].Send([]transport.Packet{{Frame: []byte("c")}, {To: 3, Frame: []byte("d")}})
	x.wait("the multicast and the unicast", func() bool { return slices.Contains(x.recs[2].frames, "d") })
	x.Settle()
	for _, frame := range x.recs[2].frames {
		// Where one datagram serves all (multicast), the node that was removed may still hear it.
		if frame == "b" {
			t.Error("a unicast went to a node that is not a member")
		}
	}
	if !slices.Equal(x.recs[1].frames, []string{"a", "c"}) {
		t.Errorf("node 2 received %q", x.recs[1].frames)
	}
}

func unlisted(t *testing.T, f Factory) {
	x := start(t, f, 2)
	if !x.Blocks {
		t.Skip("this transport hears everybody")
	}
	x.Nodes[1].SetBlockUnlisted(true)
	if err := x.Nodes[1].SetMembers(x.Members[1:]); err != nil {
		t.Fatal(err)
	}
	rejected := x.Nodes[1].Stats().RxRejected
	x.multicast(0, []byte("blocked"))
	x.wait("the rejection", func() bool { return x.Nodes[1].Stats().RxRejected > rejected })
	x.Nodes[1].SetBlockUnlisted(false)
	x.multicast(0, []byte("heard"))
	x.wait("the multicast", x.received(1, 1))
	if x.recs[1].frames[0] != "heard" {
		t.Errorf("received %q", x.recs[1].frames)
	}
}

func discard(t *testing.T, f Factory) {
	x := start(t, f, 2)
	first := true
	x.recs[1].onFrame = func() {
		if first {
			first = false
			x.Nodes[1].Discard()
		}
	}
	x.multicast(0, []byte("1"))
	x.wait("the first frame", x.received(1, 1))
	x.Settle()
	x.multicast(0, []byte("2"))
	x.wait("the second frame", x.received(1, 2))
}

func closeWhileReceiving(t *testing.T, f Factory) {
	x := start(t, f, 2)
	x.recs[1].onFrame = x.Nodes[1].Close
	x.multicast(0, []byte("1"))
	x.wait("the first frame", x.received(1, 1))
	x.multicast(0, []byte("2"))
	x.Settle()
	if len(x.recs[1].frames) != 1 {
		t.Errorf("received %q, the last after Close", x.recs[1].frames)
	}
	x.Nodes[1].Send([]transport.Packet{{Frame: []byte("from a closed transport")}})
	x.Settle()
	if len(x.recs[0].frames) != 0 {
		t.Errorf("a closed transport sent %q", x.recs[0].frames)
	}
}

func framesAreNotKept(t *testing.T, f Factory) {
	x := start(t, f, 2)
	frame := payload(500, 'a')
	x.multicast(0, frame, frame)
	copy(frame, payload(500, 'b'))
	x.wait("the frames", x.received(1, 2))
	for _, got := range x.recs[1].frames {
		if got != string(payload(500, 'a')) {
			t.Fatal("the frame changed after Send returned")
		}
	}
}

func status(t *testing.T, f Factory) {
	x := start(t, f, 2)
	if s := x.Nodes[0].RingStatus(); len(s) == 0 || s[0].Name == "" || s[0].Status == "" {
		t.Errorf("ring status %+v", s)
	}
	s, ok := x.Nodes[0].NodeStatus(2, true)
	if !ok || s.NodeID != 2 || !s.Reachable || !s.Links[0].Enabled || !s.Links[0].Connected {
		t.Errorf("status of node 2: %+v, %v", s, ok)
	}
	// udp and udpu describe an unknown node by zeros, knet refuses.
	if s, ok := x.Nodes[0].NodeStatus(99, false); ok && s != (totem.NodeStatus{NodeID: 99}) {
		t.Errorf("status of an unknown node: %+v", s)
	}
	tx0, rx0 := x.Nodes[0].Stats(), x.Nodes[1].Stats()
	x.multicast(0, []byte("three"))
	x.wait("the frame", x.received(1, 1))
	tx, rx := x.Nodes[0].Stats(), x.Nodes[1].Stats()
	if tx.TxDatagrams-tx0.TxDatagrams != 1 || tx.TxBytes-tx0.TxBytes != 5 ||
		rx.RxDatagrams-rx0.RxDatagrams != 1 || rx.RxBytes-rx0.RxBytes != 5 {
		t.Errorf("sender %+v, before %+v; receiver %+v, before %+v", tx, tx0, rx, rx0)
	}
}

func interfaceDownAndUp(t *testing.T, f Factory) {
	x := start(t, f, 2)
	if x.SetInterface == nil {
		t.Skip("the interface cannot be changed in this test")
	}
	last := func(i int, up bool) func() bool {
		return func() bool { u := x.recs[i].ups; return len(u) > 0 && u[len(u)-1] == up }
	}
	if err := x.SetInterface(1, false); err != nil {
		t.Fatal(err)
	}
	x.wait("the report that the interface is down", last(1, false))
	x.multicast(1, []byte("into nothing"))
	if err := x.SetInterface(1, true); err != nil {
		t.Fatal(err)
	}
	x.wait("the report that the interface is up", last(1, true))
	// The network may need a moment until it forwards again.
	x.wait("traffic in both directions", func() bool {
		x.multicast(0, []byte("back"))
		x.multicast(1, []byte("again"))
		return slices.Contains(x.recs[1].frames, "back") && slices.Contains(x.recs[0].frames, "again")
	})
	if x.recs[1].failed != nil {
		t.Error(x.recs[1].failed)
	}
}
