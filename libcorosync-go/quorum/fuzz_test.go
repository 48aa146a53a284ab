package quorum

import (
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/conn/conntest"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// FuzzReplies: a daemon that answers with any bytes, and sends any as an event, is survived by clients of both models.
func FuzzReplies(f *testing.F) {
	ok := ipcmsg.QuorumValueResponse{Error: cserr.OK, Value: uint32(Set)}.Append(nil)
	for model := range uint32(2) {
		f.Add(ok, ipcmsg.QuorumNotification{Quorate: true, RingSeq: 5, View: []uint32{1, 2}}.Append(nil), model)
		f.Add(ok, ipcmsg.QuorumV1QuorumEvent{Quorate: true, View: []uint32{1, 2}}.Append(nil), model)
		f.Add(ok, ipcmsg.QuorumV1NodeListEvent{Members: []uint32{1, 2}, Joined: []uint32{2}}.Append(nil), model)
		f.Add(ipcmsg.AppendResponse(nil, 0, cserr.OK), []byte{}, model)
	}
	f.Fuzz(func(t *testing.T, reply, event []byte, model uint32) {
		d := conntest.New(func([]byte) []byte { return reply })
		q, err := New(ctx, d.Dial(), Options{Model: model % 2})
		if err != nil {
			return
		}
		defer q.Close()
		_, _ = q.Quorate(ctx)
		_ = q.TrackStart(ctx, 1)
		d.Push(event)
		_ = q.Dispatch(ctx, conn.All)
	})
}
