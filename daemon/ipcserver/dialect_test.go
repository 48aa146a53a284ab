package ipcserver

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/coroipc"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// newDialect is one of a server without connections.
func newDialect(t *testing.T, number int) (dialect, *Server) {
	t.Helper()
	s := &Server{cfg: Config{Router: &nullRouter{}, DB: icmap.New()}}
	return s.dialect(number), s
}

func header(t *testing.T, b []byte) ipcmsg.ResponseHeader {
	t.Helper()
	h, err := ipcmsg.ParseResponseHeader(b)
	if err != nil || int(h.Size) != len(b) {
		t.Fatalf("%+v, %d bytes, %v", h, len(b), err)
	}
	return h
}

// TestRequestNumbers: which request of 3.x, if any, each number of 1.4 becomes; -1: it is answered at once.
func TestRequestNumbers(t *testing.T) {
	for _, s := range []struct {
		number int
		become []int32
	}{
		{coroipc.ServiceCPG, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, -1, -1, -1, -1}},
		{coroipc.ServiceQuorum, []int32{0, 1, 2, -1, -1}},
		{coroipc.ServiceCFG, []int32{0, -1, ipcmsg.CfgReqTrackStart, ipcmsg.CfgReqTrackStop, -1, -1, -1, -1, ipcmsg.CfgReqKillNode,
			ipcmsg.CfgReqTryShutdown, ipcmsg.CfgReqReplyToShutdown, ipcmsg.CfgReqGetNodeAddrs, ipcmsg.CfgReqLocalGet, -1, -1}},
		{coroipc.ServiceVotequorum, []int32{0, 1, 2, ipcmsg.VotequorumReqQdeviceRegister, ipcmsg.VotequorumReqQdeviceUnregister,
			ipcmsg.VotequorumReqQdevicePoll, ipcmsg.VotequorumReqGetInfo, -1, -1, ipcmsg.VotequorumReqTrackStart,
			ipcmsg.VotequorumReqTrackStop, -1}},
		{coroipc.ServiceConfdb, []int32{-1, -1, -1, -1, -1, -1}},
		{coroipc.ServicePload, []int32{0}},
	} {
		d, _ := newDialect(t, s.number)
		for id, want := range s.become {
			req := append(ipcmsg.AppendRequest(nil, int32(id)), make([]byte, 400)...)
			binary.NativeEndian.PutUint32(req[8:], uint32(len(req)))
			engine, answer := d.request(req)
			switch {
			case want >= 0 && (answer != nil || idOf(engine) != want):
				t.Errorf("service %d, %d: became %v, answered % x", s.number, id, engine, answer)
			case want < 0 && answer == nil:
				t.Errorf("service %d, %d: became %d", s.number, id, idOf(engine))
			case want < 0 && header(t, answer).Error == 0:
				t.Errorf("service %d, %d: % x", s.number, id, answer)
			}
		}
		// Short requests and unknown numbers end in an answer or in a request that the engine refuses.
		for _, id := range []int32{0, 1, 2, 3, 5, 6, 9, 77, -1, -2, -3, -4, 1<<31 - 1, -1 << 31} {
			if engine, answer := d.request(ipcmsg.AppendRequest(nil, id)); engine == nil && answer == nil {
				t.Errorf("service %d, %d: neither", s.number, id)
			}
		}
	}
}

func TestZeroCopyNumbers(t *testing.T) {
	d, _ := newDialect(t, coroipc.ServiceCPG)
	for id, want := range map[int32]int32{-1: ipcmsg.CPGReqZCAlloc, -2: ipcmsg.CPGReqZCFree, -3: ipcmsg.CPGReqZCExecute} {
		if engine, answer := d.request(ipcmsg.AppendRequest(nil, id)); answer != nil || idOf(engine) != want {
			t.Errorf("%d: % x, % x", id, engine, answer)
		}
	}
}

// TestVotequorum1x: what 3.x says of a node, in 1.4's words.
func TestVotequorum1x(t *testing.T) {
	d, s := newDialect(t, coroipc.ServiceVotequorum)
	s.cfg.DB.SetUint32("runtime.votequorum.this_node_id", 5)
	info := ipcmsg.VotequorumInfo{
		Error: cserr.OK, NodeID: 5, State: 1, Votes: 2, ExpectedVotes: 3, HighestExpected: 4, TotalVotes: 6, Quorum: 7,
		Flags: ipcmsg.VotequorumInfoTwoNode | ipcmsg.VotequorumInfoQuorate | ipcmsg.VotequorumInfoWaitForAll, QdeviceVotes: 9,
		QdeviceName: []byte("disk"),
	}
	get := func(node uint32) ipcmsg.Votequorum1xInfo {
		engine, _ := d.request(ipcmsg.VotequorumGetInfoRequest{NodeID: node}.Append(nil))
		if r, _ := ipcmsg.ParseVotequorumGetInfoRequest(engine); node != ipcmsg.Votequorum1xQdevice && r.NodeID != node {
			t.Errorf("asked for %d, not %d", r.NodeID, node)
		}
		answer := d.reply(info.Append(nil))
		header(t, answer)
		v, err := ipcmsg.ParseVotequorum1xInfo(answer)
		if err != nil {
			t.Error(err)
		}
		return v
	}
	want := ipcmsg.Votequorum1xInfo{
		Error: cserr.OK, NodeID: 5, Votes: 2, ExpectedVotes: 3, HighestExpected: 4, TotalVotes: 6, Quorum: 7,
		Flags: ipcmsg.Votequorum1xInfoTwoNode | ipcmsg.Votequorum1xInfoQuorate,
	}
	if got := get(5); got != want {
		t.Errorf("%+v", got)
	}
	if got := get(ipcmsg.Votequorum1xQdevice); got.Error != cserr.NotExist {
		t.Errorf("no device: %+v", got)
	}
	_, answer := d.request(ipcmsg.AppendRequest(nil, ipcmsg.Votequorum1xReqSetState))
	if header(t, answer).Error != cserr.OK {
		t.Error("setstate")
	}
	info.Flags |= ipcmsg.VotequorumInfoQdeviceRegistered | ipcmsg.VotequorumInfoQdeviceCastVote
	want.NodeID, want.Flags = 0, want.Flags|ipcmsg.Votequorum1xInfoHasState
	if got := get(ipcmsg.Votequorum1xQdevice); got != want {
		t.Errorf("%+v", got)
	}
	d.request(ipcmsg.AppendRequest(nil, ipcmsg.Votequorum1xReqQdiskGetInfo))
	disk, err := ipcmsg.ParseVotequorum1xQdiskInfo(d.reply(info.Append(nil)))
	if err != nil || disk.Votes != 9 || disk.State != ipcmsg.Votequorum1xStateMember || string(disk.Name) != "disk" {
		t.Errorf("%+v, %v", disk, err)
	}
	// A refusal that never came to the engine is a header only.
	d.request(ipcmsg.VotequorumGetInfoRequest{}.Append(nil))
	if h := header(t, d.reply(ipcmsg.AppendResponse(nil, 0, cserr.TryAgain))); h.Error != cserr.TryAgain {
		t.Error(h)
	}

	for node, want := range map[uint32]uint32{0: 5, ipcmsg.Votequorum1xQdevice: 0, 3: 3} {
		engine, _ := d.request(ipcmsg.VotequorumSetVotesRequest{Votes: 8, NodeID: node}.Append(nil))
		if r, _ := ipcmsg.ParseVotequorumSetVotesRequest(engine); r.NodeID != want || r.Votes != 8 {
			t.Errorf("votes of %d become those of %d", node, r.NodeID)
		}
	}
	// The name of the disk is that of its registration, on whatever connection it is polled.
	d.request(ipcmsg.Votequorum1xQdiskRegister{Votes: 1, Name: []byte("disk")}.Append(nil))
	d.reply(ipcmsg.AppendResponse(nil, 0, cserr.OK))
	engine, _ := s.dialect(coroipc.ServiceVotequorum).request(ipcmsg.Votequorum1xQdiskPoll{State: 1}.Append(nil))
	if r, err := ipcmsg.ParseVotequorumQdevicePollRequest(engine); err != nil || string(r.Name) != "disk" || !r.CastVote {
		t.Errorf("%+v, %v", r, err)
	}
	// Tracking twice is no error.
	d.request(ipcmsg.AppendRequest(nil, ipcmsg.Votequorum1xReqTrackStart))
	if h := header(t, d.reply(ipcmsg.AppendResponse(nil, 0, cserr.Exist))); h.Error != cserr.OK {
		t.Error(h)
	}
}

func TestVotequorum1xEvents(t *testing.T) {
	d, _ := newDialect(t, coroipc.ServiceVotequorum)
	in := ipcmsg.VotequorumQuorumEvent{Quorate: true, Context: 7, Nodes: []ipcmsg.VotequorumNode{{NodeID: 1, State: 1}, {NodeID: 2, State: 2},
		{NodeID: 0, State: 0}}}.Append(nil)
	out := d.event(in)
	e, err := ipcmsg.ParseVotequorumQuorumEvent(out)
	if err != nil || header(t, out).ID != ipcmsg.Votequorum1xEventNotification || e.Context != 7 || !slices.Equal(e.Nodes,
		[]ipcmsg.VotequorumNode{{NodeID: 1, State: 2}, {NodeID: 2, State: 3}, {NodeID: 0, State: 2}}) {
		t.Errorf("%+v, %v", e, err)
	}
	out = d.event(ipcmsg.VotequorumExpectedVotesEvent{Context: 7, ExpectedVotes: 3}.Append(nil))
	if header(t, out).ID != ipcmsg.Votequorum1xEventExpectedVotes {
		t.Errorf("% x", out)
	}
	if out := d.event(ipcmsg.VotequorumNodeListEvent{}.Append(nil)); out != nil {
		t.Errorf("% x", out)
	}
}

// TestCPG1xPieces: a message in pieces is one message for a client of 1.x, and asking again changes nothing until it is sent.
func TestCPG1xPieces(t *testing.T) {
	d, _ := newDialect(t, coroipc.ServiceCPG)
	piece := func(pid, kind uint32, total int, p string) []byte {
		ev := ipcmsg.CPGPartialDeliverEvent{Group: []byte("g"), TotalLen: uint32(total), NodeID: 1, PID: pid, Type: kind, Payload: []byte(p)}.Append(nil)
		if !d.translates(ev) {
			t.Error("not translated")
		}
		return d.event(ev)
	}
	const first, more, last = ipcmsg.CPGPartialFirst, ipcmsg.CPGPartialContinued, ipcmsg.CPGPartialLast
	if piece(1, first, 6, "ab") != nil || piece(2, first, 2, "x") != nil || piece(1, more, 6, "cd") != nil {
		t.Error("an event before the end")
	}
	for range 2 {
		e, err := ipcmsg.ParseCPGDeliverEvent(piece(1, last, 6, "ef"))
		if err != nil || string(e.Payload) != "abcdef" || e.PID != 1 || string(e.Group) != "g" {
			t.Errorf("%+v, %v", e, err)
		}
	}
	d.sent()
	if piece(1, last, 6, "ef") != nil {
		t.Error("a last piece without a first")
	}
	// Who left has no message any more.
	left := ipcmsg.CPGConfchgEvent{Group: []byte("g"), Left: []ipcmsg.CPGAddress{{NodeID: 1, PID: 2}}}.Append(nil)
	if !d.translates(left) || !bytes.Equal(d.event(left), left) || piece(2, last, 2, "y") != nil {
		t.Error("a message of one who left")
	}
	// Longer than announced, and longer than any client's ring.
	piece(3, first, 3, "ab")
	if piece(3, last, 3, "cd") != nil {
		t.Error("too long")
	}
	piece(4, first, maxWhole+1, "ab")
	if piece(4, last, maxWhole+1, "cd") != nil || len(d.(*cpg1x).parts) != 0 {
		t.Error("too long for anybody")
	}
}

func TestCFG1xAnswers(t *testing.T) {
	d, _ := newDialect(t, coroipc.ServiceCFG)
	d.request(ipcmsg.AppendRequest(nil, ipcmsg.Cfg1xReqRingStatusGet))
	r, err := ipcmsg.ParseCfgRingStatusResponse(d.reply(ipcmsg.CfgRingStatusResponse{Error: cserr.OK, Interfaces: []ipcmsg.CfgInterface{
		{Name: "0 10.0.0.1", Status: "OK"}, {Name: "1 10.1.0.1", Status: "n33"}, {Name: "3 10.3.0.1", Status: "n31"},
	}}.Append(nil)))
	if err != nil || !slices.Equal(r.Interfaces, []ipcmsg.CfgInterface{
		{Name: "10.0.0.1", Status: "ring 0 active with no faults"}, {Name: "10.1.0.1", Status: "ring 1 active with no faults"},
		{Name: "10.3.0.1", Status: "Marking ringid 3 interface 10.3.0.1 FAULTY"},
	}) {
		t.Errorf("%q, %v", r.Interfaces, err)
	}
	d.request(ipcmsg.CfgKillNodeRequest{NodeID: 9}.Append(nil))
	d.request(setID(ipcmsg.CfgKillNodeRequest{NodeID: 9}.Append(nil), ipcmsg.Cfg1xReqKillNode))
	if h := header(t, d.reply(ipcmsg.AppendResponse(nil, ipcmsg.CfgResKillNode, cserr.NotExist))); h.Error != cserr.OK {
		t.Error(h)
	}
}

func TestConfdb1x(t *testing.T) {
	d, s := newDialect(t, coroipc.ServiceConfdb)
	s.cfg.DB.SetString("quorum.provider", "corosync_votequorum")
	s.cfg.DB.SetUint32("totem.token", 1000)
	find := func(r ipcmsg.Confdb1xFind) ipcmsg.Confdb1xFound {
		_, answer := d.request(r.Append(nil))
		v, err := ipcmsg.ParseConfdb1xFound(answer)
		if err != nil || header(t, answer).ID != ipcmsg.Confdb1xResObjectFind {
			t.Error(err)
		}
		return v
	}
	get := func(object uint64, key string) ipcmsg.Confdb1xValue {
		_, answer := d.request(ipcmsg.Confdb1xKeyGet{Object: object, Key: []byte(key)}.Append(nil))
		v, err := ipcmsg.ParseConfdb1xValue(answer)
		if err != nil || header(t, answer).ID != ipcmsg.Confdb1xResKeyGet {
			t.Error(err)
		}
		return v
	}
	quorum := find(ipcmsg.Confdb1xFind{Parent: ipcmsg.Confdb1xRoot, Name: []byte("quorum")})
	if v := get(quorum.Object, "provider"); quorum.Error != cserr.OK || v.Error != cserr.OK || string(v.Value) != "corosync_votequorum" {
		t.Errorf("%+v, %+v", quorum, v)
	}
	totem := find(ipcmsg.Confdb1xFind{Parent: ipcmsg.Confdb1xRoot, Name: []byte("totem")})
	if v := get(totem.Object, "token"); string(v.Value) != "1000" || totem.Object == quorum.Object {
		t.Errorf("%+v", v)
	}
	for _, r := range []ipcmsg.Confdb1xFind{
		{Parent: ipcmsg.Confdb1xRoot, Name: []byte("quorum"), Find: quorum.Find}, {Parent: ipcmsg.Confdb1xRoot, Name: []byte("quoru")},
		{Parent: ipcmsg.Confdb1xRoot, Name: nil}, {Parent: 5, Name: []byte("quorum")}, {Parent: quorum.Object + 7, Name: []byte("quorum")},
	} {
		if v := find(r); v.Error != cserr.Access {
			t.Errorf("%+v: %+v", r, v)
		}
	}
	for _, object := range []uint64{0, 1 << 63, quorum.Object + 9} {
		if v := get(object, "provider"); v.Error != cserr.Access {
			t.Errorf("%x: %+v", object, v)
		}
	}
	if v := get(quorum.Object, "nothing"); v.Error != cserr.Access {
		t.Errorf("%+v", v)
	}
}

// FuzzDialect feeds requests, answers and events of any bytes to all dialects.
func FuzzDialect(f *testing.F) {
	f.Add(uint8(0), ipcmsg.CPGPartialDeliverEvent{TotalLen: 4, Type: 3, Payload: []byte("x")}.Append(nil))
	f.Add(uint8(3), ipcmsg.VotequorumInfo{Error: cserr.OK}.Append(nil))
	f.Add(uint8(4), ipcmsg.Confdb1xKeyGet{Object: objectTag}.Append(nil))
	numbers := []int{coroipc.ServiceCPG, coroipc.ServiceCFG, coroipc.ServiceQuorum, coroipc.ServiceVotequorum, coroipc.ServiceConfdb}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		if len(b) < ipcmsg.ResponseHeaderSize {
			return
		}
		s := &Server{cfg: Config{Router: &nullRouter{}, DB: icmap.New()}}
		d := s.dialect(numbers[int(which)%len(numbers)])
		if engine, answer := d.request(slices.Clone(b)); engine == nil && len(answer) < ipcmsg.ResponseHeaderSize {
			t.Fatal("neither request nor answer")
		}
		if len(d.reply(slices.Clone(b))) < ipcmsg.ResponseHeaderSize {
			t.Fatal("no answer")
		}
		if d.translates(b) {
			if e := d.event(slices.Clone(b)); e != nil && len(e) < ipcmsg.ResponseHeaderSize {
				t.Fatal("no event")
			}
			d.sent()
		}
	})
}

var _ service.Acknowledger = (*conn)(nil)
