package service_test

import (
	"encoding/binary"
	"testing"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/daemon/totem"
)

// TestEverNewMembers: rings with ever new nodes do not make the map grow without end; those that it knows are told of as before.
func TestEverNewMembers(t *testing.T) {
	c := servicetest.New(t, 1, nil)
	c.Form(1)
	n := c.Node(1)
	seq := uint64(100)
	ring := func(joined, left []totem.NodeID) {
		seq += 4
		r := totem.RingID{Rep: 1, Seq: seq}
		n.Router.Confchg(&totem.Configuration{Type: totem.TransitionalConfiguration, Ring: r, Members: []totem.NodeID{1}, Left: left})
		n.Router.Confchg(&totem.Configuration{Type: totem.RegularConfiguration, Ring: r, Members: append([]totem.NodeID{1}, joined...), Joined: joined})
	}
	var last []totem.NodeID
	for i := range 40 {
		var next []totem.NodeID
		for k := range totem.MaxNodes - 1 {
			next = append(next, totem.NodeID(2+i*totem.MaxNodes+k))
		}
		ring(next, last)
		last = next
		n.DB.Flush()
	}
	if got := n.DB.Len(); got > 4*4096 {
		t.Errorf("%d keys", got)
	}
	if s, err := n.DB.GetString("runtime.members.2.status"); s != "left" || err != nil {
		t.Errorf("node 2: %q, %v", s, err)
	}
	ring([]totem.NodeID{2}, last)
	if s, err := n.DB.GetString("runtime.members.2.status"); s != "joined" || err != nil {
		t.Errorf("node 2 again: %q, %v", s, err)
	}
}

// FuzzRequest: a client's request of any bytes is handled, refused or left for later, and one that a handler sees is as long as it
// says. FuzzRequest is about the router; each engine has a target for what is in its requests.
func FuzzRequest(f *testing.F) {
	f.Add(request(0, 16), true)
	f.Add(request(1, 40), false)
	f.Add(request(-1, 16), true)
	f.Add(request(1<<30, 24), true)
	short := request(2, 64)
	binary.NativeEndian.PutUint32(short[8:], 1<<31)
	f.Add(short, true)
	f.Add([]byte{1}, true)
	f.Fuzz(func(t *testing.T, req []byte, quorate bool) {
		var log []string
		calls := 0
		call := func(c service.Conn, got []byte) {
			calls++
			if len(got) < 16 || len(got) > len(req) || len(got) != int(binary.NativeEndian.Uint32(got[8:])) {
				t.Errorf("a handler is shown %d bytes of %d", len(got), len(req))
			}
		}
		e := &engine{info: service.Info{ID: service.CPG, Short: "cpg", AllowInquorate: quorate}, log: &log,
			lib: []service.LibFunc{{Call: call}, {Call: call, FlowControl: true}, {Call: call, FlowControl: true, NoReply: true}}}
		c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(e) })
		c.Form(1)
		conn := c.Node(1).Connect(service.CPG)
		before := c.Node(1).Ring.Reserved
		v := conn.Request(req)
		if calls+len(conn.Replies) > 1 || calls == 0 && len(conn.Replies) == 0 && v == service.Done && !silent(req) {
			t.Errorf("%d calls, %d answers, verdict %v", calls, len(conn.Replies), v)
		}
		if c.Node(1).Ring.Reserved != before {
			t.Error("room is reserved for a request that is done")
		}
	})
}

func silent(req []byte) bool { return len(req) >= 4 && binary.NativeEndian.Uint32(req) == 2 }
