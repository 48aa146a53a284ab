package quorum

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

func newDaemon(log *[]string) *conntest.Daemon {
	return conntest.New(func(b []byte) []byte {
		h, _ := ipcmsg.ParseRequestHeader(b)
		switch h.ID {
		case ipcmsg.QuorumReqGetType, ipcmsg.QuorumReqModelGetType:
			*log = append(*log, fmt.Sprint("type ", h.ID))
			return ipcmsg.QuorumValueResponse{Error: cserr.OK, Value: uint32(Set)}.Append(nil)
		case ipcmsg.QuorumReqGetQuorate:
			return ipcmsg.QuorumValueResponse{Error: cserr.OK, Value: 1}.Append(nil)
		}
		return ipcmsg.AppendResponse(nil, 0, cserr.Exist)
	})
}

func TestModels(t *testing.T) {
	v0 := ipcmsg.QuorumNotification{Quorate: true, RingSeq: 5, View: []uint32{1, 2}}.Append(nil)
	v1q := ipcmsg.QuorumV1QuorumEvent{Quorate: true, RingID: RingID{NodeID: 1, Seq: 5}, View: []uint32{1, 2}}.Append(nil)
	v1n := ipcmsg.QuorumV1NodeListEvent{RingID: RingID{NodeID: 1, Seq: 5}, Members: []uint32{1, 2}, Joined: []uint32{2}}.Append(nil)
	for _, test := range []struct {
		model uint32
		event []byte
		want  string
	}{
		{0, v0, "type 3, notify true 5 [1 2], <nil>"},
		{1, v1q, "type 4, quorum true {1 5} [1 2], <nil>"},
		{1, v1n, "type 4, nodes {1 5} [1 2] [2] [], <nil>"},
		{0, v1q, "type 3, CS_ERR_LIBRARY: unknown quorum event 6"},
		{1, v0, "type 4, CS_ERR_LIBRARY: unknown quorum event 3"},
		{1, v1n[:63], "type 4, CS_ERR_LIBRARY: malformed message: quorum v1 nodelist event: message too short: 63 of 64 bytes"},
	} {
		var log []string
		d := newDaemon(&log)
		q, err := New(ctx, d.Dial(), Options{Model: test.model, Callbacks: Callbacks{
			Notify: func(quorate bool, seq uint64, members []uint32) {
				log = append(log, fmt.Sprintf("notify %v %d %v", quorate, seq, members))
			},
			Quorum: func(quorate bool, ring RingID, members []uint32) {
				log = append(log, fmt.Sprintf("quorum %v %v %v", quorate, ring, members))
			},
			NodeList: func(ring RingID, members, joined, left []uint32) {
				log = append(log, fmt.Sprintf("nodes %v %v %v %v", ring, members, joined, left))
			},
		}})
		if err != nil {
			t.Fatal(err)
		}
		d.Push(test.event)
		log = append(log, fmt.Sprint(q.Dispatch(ctx, conn.All)))
		if got := strings.Join(log, ", "); got != test.want {
			t.Errorf("model %d:\n got %s\nwant %s", test.model, got, test.want)
		}
	}
}

func TestCalls(t *testing.T) {
	var log []string
	d := newDaemon(&log)
	q, err := New(ctx, d.Dial(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if q.Type() != Set {
		t.Error(q.Type())
	}
	if yes, err := q.Quorate(ctx); !yes || err != nil {
		t.Error(yes, err)
	}
	if err := q.TrackStart(ctx, TrackChanges); err != cserr.Exist {
		t.Error(err)
	}
	if err := q.Close(); err != nil || !d.Closed() {
		t.Error(err)
	}
	if _, err := q.Quorate(ctx); cserr.From(err) != cserr.BadHandle {
		t.Error(err)
	}
}

func TestRefusedAtConnect(t *testing.T) {
	d := conntest.New(func([]byte) []byte { return ipcmsg.AppendResponse(nil, 0, cserr.TryAgain) })
	if _, err := New(ctx, d.Dial(), Options{}); err != cserr.TryAgain || !d.Closed() {
		t.Error(err, d.Closed())
	}
	if _, err := Dial(ctx, Options{Model: 2}); err != cserr.InvalidParam {
		t.Error(err)
	}
}
