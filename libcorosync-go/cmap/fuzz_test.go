package cmap

import (
	"context"
	"testing"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/conn/conntest"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// FuzzReplies: a daemon that answers everything with the same bytes, and sends them as an event, is survived by each call.
func FuzzReplies(f *testing.F) {
	f.Add(ipcmsg.AppendResponse(nil, 0, cserr.OK))
	f.Add(ipcmsg.CmapGetResponse{Error: cserr.OK, Type: ipcmsg.CmapString, ValueLen: 2, Value: []byte("x\x00")}.Append(nil, 2))
	f.Add(ipcmsg.CmapGetResponse{Error: cserr.NoSpace, Type: ipcmsg.CmapString, ValueLen: 1 << 40}.Append(nil, 0))
	f.Add(ipcmsg.CmapNotifyEvent{Event: ipcmsg.CmapTrackModify, Key: []byte("k")}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		reply := ipcmsg.AppendResponse(nil, 0, cserr.OK)
		d := conntest.New(func([]byte) []byte { return reply })
		c, err := New(ctx, d.Dial(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		reply = b
		defer c.Close()
		_, _ = c.Get(ctx, "a.b")
		_, _, _ = c.Stat(ctx, "a.b")
		_ = c.Set(ctx, "a.b", Of(uint32(1)))
		_ = c.Adjust(ctx, "a.b", 1)
		if tr, err := c.Track(ctx, "a.b", Modified, func(Notification) {}); err == nil {
			defer func() { _ = tr.Delete(ctx) }()
		}
		n := 0
		for range c.All(ctx, "") {
			if n++; n > 3 {
				break
			}
		}
		d.Push(b)
		_ = c.Dispatch(ctx, conn.All)
		if ctx.Err() != nil {
			t.Error("a call did not return")
		}
	})
}
