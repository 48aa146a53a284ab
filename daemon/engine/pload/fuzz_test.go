package pload

import (
	"encoding/binary"
	"testing"

	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// FuzzMessages: a start with any numbers, and messages of any kind, neither panic nor make more than one burst wait.
func FuzzMessages(f *testing.F) {
	ne := binary.NativeEndian
	f.Add(ipcmsg.ExecPloadStartMsg{Count: 3, Size: 100}.Append(nil, ne), []byte{}, false)
	f.Add(ipcmsg.ExecPloadStartMsg{Count: 1<<32 - 1, Size: ipcmsg.PloadSizeMax + 1}.Append(nil, ne), []byte{1}, true)
	f.Add(ipcmsg.ExecPloadStartMsg{Count: 1<<32 - 1, Size: 0}.Append(nil, ne), []byte{1}, false)
	f.Fuzz(func(t *testing.T, start, msg []byte, foreign bool) {
		e := New()
		c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(e) })
		c.Form(1)
		c.Node(1).Ring.Max = 4096 // the ring of the test has no other bound, and a burst of the largest messages is 4 GiB
		e.Exec()[ipcmsg.ExecPloadStart](2, start, foreign)
		e.Exec()[ipcmsg.ExecPloadMcast](2, msg, foreign)
		e.Exec()[ipcmsg.ExecPloadStart](2, start, foreign)
		c.Rotate()
		if q := c.Node(1).Ring.Queued(); q > burst || uint64(q) > uint64(e.wanted) {
			t.Errorf("%d of %d messages at once", q, e.wanted)
		}
	})
}
