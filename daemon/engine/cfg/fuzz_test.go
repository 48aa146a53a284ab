package cfg

import (
	"encoding/binary"
	"testing"

	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// FuzzMessages hands a message of the ring (kind below 128) or a request to an engine with a tracking client. A request that is
// not one for the ring has one answer, and only this node's own number ends it.
func FuzzMessages(f *testing.F) {
	ne := binary.NativeEndian
	f.Add(uint8(1), ipcmsg.ExecCfgKillNodeMsg{NodeID: 1, Reason: []byte("x")}.Append(nil, ne))
	f.Add(uint8(2), ipcmsg.AppendExecCfgShutdown(nil, ne))
	f.Add(uint8(3), ipcmsg.ExecCfgReloadConfigMsg{Source: ipcmsg.Source{NodeID: 1, Conn: 1}}.Append(nil, ne))
	f.Add(uint8(4), ipcmsg.ExecCfgCryptoReconfigMsg{Phase: 1}.Append(nil, ne))
	for _, r := range [][]byte{
		word(ipcmsg.CfgReqTryShutdown, 1), word(ipcmsg.CfgReqGetNodeAddrs, 2), word(ipcmsg.CfgReqReplyToShutdown, 1),
		bare(ipcmsg.CfgReqReloadConfig), bare(ipcmsg.CfgReqRingStatusGet), word(ipcmsg.CfgReqTrackStart, 4),
		ipcmsg.CfgKillNodeRequest{NodeID: 2, Reason: []byte("x")}.Append(nil),
		ipcmsg.CfgNodeStatusRequest{NodeID: 1, Version: 1}.Append(nil),
	} {
		f.Add(uint8(128), r)
	}
	f.Fuzz(func(t *testing.T, kind uint8, msg []byte) {
		e := New()
		c := servicetest.New(t, 2, func(n *servicetest.Node) {
			if n.ID == 1 {
				n.Load(e)
			} else {
				n.Load(New())
			}
		})
		c.Form(1, 2)
		n := c.Node(1)
		watcher, asker := connect(n), connect(n)
		watcher.Call(word(ipcmsg.CfgReqTrackStart, 0))
		if kind < 128 {
			from := totem.NodeID(1 + kind>>3&1)
			exec := e.Exec()
			exec[int(kind&7)%len(exec)](from, msg, kind&0x40 != 0)
		} else {
			req := make([]byte, max(16, len(msg)))
			copy(req, msg)
			lib := e.Lib()
			binary.NativeEndian.PutUint32(req, binary.NativeEndian.Uint32(req)%uint32(len(lib)))
			binary.NativeEndian.PutUint32(req[8:], uint32(len(req)))
			for range 2 {
				asker.Request(req)
			}
		}
		c.Run()
		if kind >= 128 && len(asker.Replies) > 2 {
			t.Errorf("%d answers to two requests", len(asker.Replies))
		}
		if s := n.Host.ExitStatus; len(s) > 1 || len(s) == 1 && s[0] != exitKilled {
			t.Errorf("ends with %v", s)
		}
		watcher.Disconnect()
		asker.Disconnect()
		c.Run()
		c.Form(1)
	})
}
