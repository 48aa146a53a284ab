package votequorum

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/conn/conntest"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

var ctx = context.Background()

func TestRequests(t *testing.T) {
	var request []byte
	d := conntest.New(func(b []byte) []byte {
		request = b
		if b[0] == ipcmsg.VotequorumReqGetInfo {
			return ipcmsg.VotequorumInfo{Error: cserr.OK, NodeID: 3, QdeviceName: []byte("QD")}.Append(nil)
		}
		return ipcmsg.AppendResponse(nil, ipcmsg.VotequorumResStatus, cserr.NoResources)
	})
	v := New(d.Dial(), Options{})
	ring := RingID{NodeID: 1, Seq: 9}
	for _, test := range []struct {
		name string
		call func() error
		want []byte
	}{
		{"expected", func() error { return v.SetExpected(ctx, 5) }, ipcmsg.VotequorumSetExpectedRequest{ExpectedVotes: 5}.Append(nil)},
		{"votes", func() error { return v.SetVotes(ctx, 2, 5) }, ipcmsg.VotequorumSetVotesRequest{NodeID: 2, Votes: 5}.Append(nil)},
		{"track", func() error { return v.TrackStart(ctx, 7, TrackChanges) }, ipcmsg.VotequorumTrackStartRequest{Context: 7, TrackFlags: 2}.Append(nil)},
		{"track stop", func() error { return v.TrackStop(ctx) }, ipcmsg.AppendRequest(nil, 4)},
		{"register", func() error { return v.QdeviceRegister(ctx, "QD") }, ipcmsg.VotequorumQdeviceRequest{ID: 5, Name: []byte("QD")}.Append(nil)},
		{"unregister", func() error { return v.QdeviceUnregister(ctx, "QD") }, ipcmsg.VotequorumQdeviceRequest{ID: 6, Name: []byte("QD")}.Append(nil)},
		{"update", func() error { return v.QdeviceUpdate(ctx, "a", "b") }, ipcmsg.VotequorumQdeviceUpdateRequest{OldName: []byte("a"), NewName: []byte("b")}.Append(nil)},
		{"poll", func() error { return v.QdevicePoll(ctx, "QD", true, ring) }, ipcmsg.VotequorumQdevicePollRequest{Name: []byte("QD"), CastVote: true, RingID: ring}.Append(nil)},
		{"master wins", func() error { return v.QdeviceMasterWins(ctx, "QD", true) }, ipcmsg.VotequorumQdeviceMasterWinsRequest{Name: []byte("QD"), Allow: true}.Append(nil)},
	} {
		if err := test.call(); err != cserr.NoResources {
			t.Errorf("%s: %v", test.name, err)
		}
		if string(request) != string(test.want) {
			t.Errorf("%s:\n got %x\nwant %x", test.name, request, test.want)
		}
	}
	info, err := v.Info(ctx, 3)
	if err != nil || info != (Info{NodeID: 3, QdeviceName: "QD"}) {
		t.Error(info, err)
	}
	request = nil
	for _, name := range []string{"", strings.Repeat("x", 255)} {
		for _, err := range []error{
			v.QdeviceRegister(ctx, name), v.QdeviceUnregister(ctx, name), v.QdeviceUpdate(ctx, name, "x"), v.QdeviceUpdate(ctx, "x", name),
			v.QdevicePoll(ctx, name, true, ring), v.QdeviceMasterWins(ctx, name, true),
		} {
			if err != cserr.InvalidParam || request != nil {
				t.Error(err)
			}
		}
	}
}

func TestEvents(t *testing.T) {
	d := conntest.New(nil)
	var log []string
	v := New(d.Dial(), Options{Callbacks: Callbacks{
		Quorum: func(track uint64, quorate bool, nodes []Node) {
			log = append(log, fmt.Sprintf("quorum %d %v %v", track, quorate, nodes))
		},
		ExpectedVotes: func(track uint64, votes uint32) { log = append(log, fmt.Sprintf("expected %d %d", track, votes)) },
		NodeList: func(track uint64, ring RingID, members []uint32) {
			log = append(log, fmt.Sprintf("nodes %d %v %v", track, ring, members))
		},
	}})
	d.Push(ipcmsg.VotequorumNodeListEvent{Context: 7, RingID: RingID{NodeID: 1, Seq: 2}, Members: []uint32{1, 3}}.Append(nil))
	d.Push(ipcmsg.VotequorumExpectedVotesEvent{Context: 7, ExpectedVotes: 3}.Append(nil))
	d.Push(ipcmsg.VotequorumQuorumEvent{Context: 7, Quorate: true, Nodes: []Node{{NodeID: 1, State: Member}}}.Append(nil))
	d.Push(ipcmsg.AppendResponse(nil, 7, cserr.OK)) // extra information of later versions: refused, like the C library
	err := v.Dispatch(ctx, conn.All)
	if got := strings.Join(log, ", "); got != "nodes 7 {1 2} [1 3], expected 7 3, quorum 7 true [{1 1}]" {
		t.Error(got)
	}
	if cserr.From(err) != cserr.Library {
		t.Error(err)
	}
}
