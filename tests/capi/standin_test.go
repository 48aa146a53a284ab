//go:build linux

package capi

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/libcorosync-go/qbipc"
	"github.com/corosync-go/corosync/tests/netns"
)

// standIn is a daemon of libqb's protocol that does what no daemon should, to the first request of its only client. It
// hangs up if it says so.
type standIn struct {
	service string
	play    func(c *qbipc.ServerConn) (hangUp bool)
}

// ringsWithoutEnd is an answer whose texts have no NUL.
func ringsWithoutEnd(c *qbipc.ServerConn) bool {
	b := ipcmsg.CfgRingStatusResponse{Error: cserr.OK, Interfaces: make([]ipcmsg.CfgInterface, ipcmsg.CfgInterfacesMax)}.Append(nil)
	copy(b[32:], bytes.Repeat([]byte("n"), 16*128))
	copy(b[32+16*128:], bytes.Repeat([]byte("s"), 16*512))
	_ = c.Respond(b)
	return false
}

// stringWithoutEnd is a value of 3000 bytes, however often it is asked for.
func stringWithoutEnd(c *qbipc.ServerConn) bool {
	_ = c.Respond(ipcmsg.CmapGetResponse{Error: cserr.OK, ValueLen: 3000, Type: 11, Value: bytes.Repeat([]byte("x"), 3000)}.Append(nil, 3000))
	return false
}

func halfClosed(c *qbipc.ServerConn) bool {
	_ = c.Respond(ipcmsg.CPGLocalGetResponse{Error: cserr.OK, NodeID: 1}.Append(nil))
	_ = unix.Shutdown(c.Fd(), unix.SHUT_WR)
	return false
}

// numbers answers with 1, 2 and so on, the first too late.
func numbers() func(*qbipc.ServerConn) bool {
	n := byte(0)
	return func(c *qbipc.ServerConn) bool {
		if n++; n == 1 {
			time.Sleep(300 * time.Millisecond)
		}
		_ = c.Respond(ipcmsg.CmapGetResponse{Error: cserr.OK, ValueLen: 4, Type: 6, Value: []byte{n, 0, 0, 0}}.Append(nil, 4))
		return false
	}
}

// aMomentLater hangs up when the client waits for its answer.
func aMomentLater(*qbipc.ServerConn) bool {
	time.Sleep(300 * time.Millisecond)
	return true
}

// TestStandIn: what a daemon may do to a program at worst is an error.
func TestStandIn(t *testing.T) {
	dir := needLibraries(t)
	prog := compile(t, dir, "standin")
	netns.Need(t, "true") // skips where there are no namespaces
	t.Setenv("MALLOC_PERTURB_", "165")
	for mode, s := range map[string]standIn{
		"ticking":     {ipcmsg.IPCNameCmap, aMomentLater},
		"left":        {ipcmsg.IPCNameCmap, numbers()},
		"on-top":      {ipcmsg.IPCNameCmap, numbers()},
		"rings":       {ipcmsg.IPCNameCfg, ringsWithoutEnd},
		"string":      {ipcmsg.IPCNameCmap, stringWithoutEnd},
		"half-closed": {ipcmsg.IPCNameCpg, halfClosed},
	} {
		t.Run(mode, func(t *testing.T) {
			ownNetwork(t, func() {
				l, err := qbipc.Listen(s.service)
				if err != nil {
					t.Error(err)
					return
				}
				defer l.Close()
				served := make(chan error, 1)
				go func() { served <- s.serve(l) }()
				well(t, dir, over("qb", "timeout", "20", prog, mode)...)
				if err := <-served; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// serve serves one client until it has gone.
func (s standIn) serve(l *qbipc.Listener) error {
	c, err := acceptOne(l.Fd(), l.Accept)
	if err != nil {
		return err
	}
	defer c.Close()
	for !c.HungUp() {
		if err := readable(c.Fd()); err != nil {
			return err
		}
		hangUp := false
		_, err := c.ReadRequests(1, func([]byte) qbipc.Verdict {
			hangUp = s.play(c)
			return qbipc.Next
		})
		if hangUp || errors.Is(err, unix.ENOTCONN) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
