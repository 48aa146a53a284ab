package votequorum

import (
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/conn/conntest"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// FuzzReplies: a daemon that answers everything with the same bytes, and sends them as an event, is survived by each call.
func FuzzReplies(f *testing.F) {
	f.Add(ipcmsg.AppendResponse(nil, ipcmsg.VotequorumResStatus, cserr.OK))
	f.Add(ipcmsg.VotequorumInfo{Error: cserr.OK, NodeID: 3, QdeviceName: []byte("QD")}.Append(nil))
	for id := int32(-2); id < 8; id++ {
		f.Add(append(ipcmsg.AppendResponse(nil, id, cserr.OK), make([]byte, 400)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := conntest.New(func([]byte) []byte { return b })
		v := New(d.Dial(), Options{})
		defer v.Close()
		_, _ = v.Info(ctx, 0)
		_ = v.SetExpected(ctx, 3)
		_ = v.TrackStart(ctx, 1, TrackChanges)
		d.Push(b)
		_ = v.Dispatch(ctx, conn.All)
	})
}
