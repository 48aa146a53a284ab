package votequorum

import (
	"encoding/binary"
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// FuzzMessages hands arbitrary messages of the ring and of clients to an engine in a cluster of two. It must neither panic
// nor forget that it is itself a member, nor grow its table without bound.
func FuzzMessages(f *testing.F) {
	f.Add(uint8(0), ipcmsg.ExecVotequorumNodeInfoMsg{NodeID: 2, Votes: 1, ExpectedVotes: 2, Flags: 1}.Append(nil, binary.NativeEndian))
	f.Add(uint8(0), ipcmsg.ExecVotequorumNodeInfoMsg{NodeID: 1, Flags: 2}.Append(nil, binary.NativeEndian))
	f.Add(uint8(1), ipcmsg.ExecVotequorumReconfigureMsg{NodeID: 1, Value: 1 << 31, Param: 1}.Append(nil, binary.NativeEndian))
	f.Add(uint8(2), ipcmsg.ExecVotequorumQdeviceRegMsg{Operation: 1, Name: []byte("dev")}.Append(nil, binary.NativeEndian))
	f.Add(uint8(3), ipcmsg.ExecVotequorumQdeviceReconfigureMsg{OldName: []byte("a"), NewName: []byte("b")}.Append(nil, binary.NativeEndian))
	f.Add(uint8(0x81), setExpected(1<<32-1))
	f.Add(uint8(0x82), setVotes(1, 1<<32-1))
	f.Add(uint8(0x85), qdevice(reqRegister, "dev"))
	f.Fuzz(func(t *testing.T, kind uint8, msg []byte) {
		c := newCluster(t, 2, nil)
		c.Form(1, 2)
		e := c.engines[1]
		if kind&0x80 != 0 {
			lib := e.Lib()
			conn := c.connect(1)
			req := make([]byte, max(16, len(msg)))
			copy(req, msg)
			binary.NativeEndian.PutUint32(req, uint32(int(kind&0x7f)%len(lib)))
			binary.NativeEndian.PutUint32(req[8:], uint32(len(req)))
			conn.Request(req)
			c.Run()
			if len(conn.Replies) != 1 {
				t.Errorf("%d answers", len(conn.Replies))
			}
		} else {
			exec := e.Exec()
			exec[int(kind)%len(exec)](2, msg, kind&0x40 != 0)
			c.Run()
		}
		c.info(1, 0)
		c.Form(1)
		c.Form(1, 2)
		if e.us.state != stateMember || len(e.nodes) > maxNodes {
			t.Errorf("own state %d, %d nodes", e.us.state, len(e.nodes))
		}
	})
}
