package quorum

import (
	"encoding/binary"
	"testing"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// FuzzRequests: every request has one answer, in any order of two, with membership changes between them.
func FuzzRequests(f *testing.F) {
	for fn := range int32(5) {
		f.Add(ipcmsg.AppendRequest(nil, fn), ipcmsg.QuorumModelGetTypeRequest{Model: uint32(fn)}.Append(nil))
		f.Add(ipcmsg.QuorumTrackStartRequest{TrackFlags: 1<<uint(fn) - 1}.Append(nil), ipcmsg.AppendRequest(nil, fn))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		c := newCluster(t)
		c.Form(1, 2)
		conn := c.Node(1).Connect(service.Quorum)
		for _, msg := range [][]byte{a, b, a} {
			req := make([]byte, max(16, len(msg)))
			copy(req, msg)
			binary.NativeEndian.PutUint32(req, binary.NativeEndian.Uint32(req)%5)
			binary.NativeEndian.PutUint32(req[8:], uint32(len(req)))
			conn.Replies = nil
			conn.Request(req)
			if len(conn.Replies) != 1 {
				t.Errorf("%d answers", len(conn.Replies))
			}
			c.Form(1)
			c.Form(1, 2, 3)
		}
		conn.Disconnect()
		c.Form(1)
	})
}
