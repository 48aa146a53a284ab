package cmap

import (
	"encoding/binary"
	"testing"

	"github.com/corosync-go/corosync/daemon/icmap"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// FuzzRequests hands arbitrary requests to the service, on both maps. Each has exactly one answer.
func FuzzRequests(f *testing.F) {
	f.Add(ipcmsg.CmapSetRequest{Key: []byte("a.b"), Type: ipcmsg.CmapString, Value: []byte("x")}.Append(nil), true)
	f.Add(ipcmsg.CmapGetRequest{Key: []byte("a.b"), ValueLen: 1 << 63}.Append(nil), false)
	f.Add(ipcmsg.CmapAdjustRequest{Key: []byte("a.n"), Step: -1 << 31}.Append(nil), false)
	f.Add(ipcmsg.CmapKeyRequest{ID: ipcmsg.CmapReqIterInit}.Append(nil), true)
	f.Add(ipcmsg.CmapHandleRequest{ID: ipcmsg.CmapReqIterNext, Handle: 1}.Append(nil), true)
	f.Add(ipcmsg.CmapTrackAddRequest{TrackType: 15, Instance: 1}.Append(nil), false)
	f.Add(ipcmsg.CmapSetCurrentMapRequest{Map: 1}.Append(nil), false)
	f.Fuzz(func(t *testing.T, msg []byte, stats bool) {
		c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(New()) })
		c.Form(1)
		n := c.Node(1)
		n.Host.Statistics = fakeStats{"stats.a": icmap.Uint32(1)}
		req := make([]byte, max(16, len(msg)))
		copy(req, msg)
		binary.NativeEndian.PutUint32(req, binary.NativeEndian.Uint32(req)%10)
		binary.NativeEndian.PutUint32(req[8:], uint32(len(req)))
		conn := n.Connect(service.CMAP)
		defer conn.Disconnect()
		of(conn).stats = stats
		_ = n.DB.SetUint32("a.n", 1)
		for range 2 {
			conn.Replies = nil
			conn.Request(req)
			if len(conn.Replies) != 1 {
				t.Errorf("%d answers", len(conn.Replies))
			}
		}
	})
}

// FuzzMessages hands arbitrary messages of a member, and of this node, to the service. It keeps one key for each sender, the
// configuration version, whatever the message names.
func FuzzMessages(f *testing.F) {
	ne := binary.NativeEndian
	item := func(key string, v ipcmsg.CmapValue) []byte {
		return ipcmsg.ExecCmapMcastMsg{Items: []ipcmsg.ExecCmapItem{{Key: []byte(key), Value: v}}}.Append(nil, ne)
	}
	f.Add(item("totem.config_version", ipcmsg.CmapValue{Type: ipcmsg.CmapUint64, Data: make([]byte, 8)}), false)
	f.Add(item("totem.config_version", ipcmsg.CmapValue{Type: ipcmsg.CmapUint64, Data: make([]byte, 3)}), true)
	f.Add(item("totem.token", ipcmsg.CmapValue{Type: ipcmsg.CmapUint32, Data: make([]byte, 4)}), false)
	f.Add(item("", ipcmsg.CmapValue{}), false)
	f.Fuzz(func(t *testing.T, msg []byte, foreign bool) {
		e := New()
		c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(e) })
		c.Form(1)
		n := c.Node(1)
		before := n.DB.Len()
		for from := range totem.NodeID(3) {
			e.Exec()[ipcmsg.ExecCmapMcast](from, msg, foreign)
		}
		if after := n.DB.Len(); after > before+3 {
			t.Errorf("%d keys, before %d", after, before)
		}
		e.SyncActivate()
		c.Form(1)
	})
}
