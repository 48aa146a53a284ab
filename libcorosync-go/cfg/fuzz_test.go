package cfg

import (
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/conn/conntest"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// FuzzReplies: a daemon that answers everything with the same bytes, and sends them as an event, is survived by each call.
func FuzzReplies(f *testing.F) {
	f.Add(ipcmsg.AppendResponse(nil, 0, cserr.OK))
	f.Add(ipcmsg.CfgRingStatusResponse{Interfaces: []Interface{{Name: "0 10.0.0.1", Status: "OK"}}}.Append(nil))
	f.Add(ipcmsg.CfgNodeAddrsResponse{Error: cserr.OK}.Append(nil))
	f.Add(ipcmsg.CfgNodeStatus{Error: cserr.OK, Version: 1}.Append(nil))
	f.Add(ipcmsg.CfgLocalGetResponse{Error: cserr.OK, NodeID: 3}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := conntest.New(func([]byte) []byte { return b })
		c := New(d.Dial(), Options{})
		defer c.Close()
		_, _ = c.RingStatus(ctx)
		_, _ = c.NodeStatus(ctx, 1)
		_, _ = c.NodeAddrs(ctx, 1)
		_, _ = c.LocalNode(ctx)
		_ = c.KillNode(ctx, 1, "x")
		_ = c.Reload(ctx)
		d.Push(b)
		_ = c.Dispatch(ctx, conn.All)
	})
}
