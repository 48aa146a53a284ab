package cfg

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/conn"
	"github.com/corosync-go/corosync/libcorosync-go/conn/conntest"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

var ctx = context.Background()

func TestCalls(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.IPv4Unspecified()}
	d := conntest.New(func(b []byte) []byte {
		h, _ := ipcmsg.ParseRequestHeader(b)
		switch h.ID {
		case ipcmsg.CfgReqLocalGet:
			return ipcmsg.CfgLocalGetResponse{Error: cserr.OK, NodeID: 3}.Append(nil)
		case ipcmsg.CfgReqGetNodeAddrs:
			if r, _ := ipcmsg.ParseCfgWordRequest(b); r.Value == 9 {
				return ipcmsg.CfgNodeAddrsResponse{Error: cserr.NotExist}.Append(nil)
			}
			return ipcmsg.CfgNodeAddrsResponse{Error: cserr.OK, Addrs: addrs}.Append(nil)
		case ipcmsg.CfgReqNodeStatusGet:
			r, _ := ipcmsg.ParseCfgNodeStatusRequest(b)
			if r.NodeID == 9 {
				return ipcmsg.CfgNodeStatus{Error: cserr.FailedOperation}.Append(nil)
			}
			return ipcmsg.CfgNodeStatus{Error: cserr.OK, Version: r.Version, NodeID: r.NodeID}.Append(nil)
		case ipcmsg.CfgReqRingStatusGet:
			return ipcmsg.CfgRingStatusResponse{Error: cserr.OK, Interfaces: []Interface{{Name: "0 10.0.0.1", Status: "OK"}}}.Append(nil)
		}
		return ipcmsg.AppendResponse(nil, h.ID, cserr.Access)
	})
	c := New(d.Dial(), Options{})
	if id, err := c.LocalNode(ctx); id != 3 || err != nil {
		t.Error(id, err)
	}
	if got, err := c.NodeAddrs(ctx, 1); fmt.Sprint(got) != fmt.Sprint(addrs) || err != nil {
		t.Error(got, err)
	}
	if got, err := c.NodeAddrs(ctx, 9); got != nil || err != cserr.NotExist {
		t.Error(got, err)
	}
	if s, err := c.NodeStatus(ctx, 2); s.NodeID != 2 || s.Version != 1 || err != nil {
		t.Error(s, err)
	}
	if _, err := c.NodeStatus(ctx, 9); err != cserr.FailedOperation {
		t.Error(err)
	}
	if links, err := c.RingStatus(ctx); len(links) != 1 || links[0].Status != "OK" || err != nil {
		t.Error(links, err)
	}
	for name, err := range map[string]error{
		"kill": c.KillNode(ctx, 1, "x"), "reload": c.Reload(ctx), "reopen": c.ReopenLogFiles(ctx), "track": c.TrackStart(ctx, 0),
		"track stop": c.TrackStop(ctx), "shutdown": c.TryShutdown(ctx, ShutdownImmediate), "reenable": c.RingReenable(ctx),
	} {
		if err != cserr.Access {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The C library hides the daemon's answer here.
	if err := c.ReplyToShutdown(ctx, true); err != nil {
		t.Error(err)
	}
	if err := c.KillNode(ctx, 1, strings.Repeat("x", 256)); err != cserr.NameTooLong {
		t.Error(err)
	}
}

func TestShutdownQuestion(t *testing.T) {
	d := conntest.New(nil)
	var asked []ShutdownFlags
	c := New(d.Dial(), Options{Shutdown: func(f ShutdownFlags) { asked = append(asked, f) }})
	d.Push(ipcmsg.CfgTestShutdownEvent{Error: cserr.OK, Flags: 1}.Append(nil))
	d.Push(ipcmsg.AppendResponse(nil, 11, cserr.OK))
	if err := c.Dispatch(ctx, conn.All); cserr.From(err) != cserr.Library || fmt.Sprint(asked) != "[1]" {
		t.Error(err, asked)
	}
	d.Die()
	if err := c.Dispatch(ctx, conn.One); cserr.From(err) != cserr.Library {
		t.Error(err)
	}
}
