//go:build linux

package capi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/libcorosync-go/qbipc"
	"github.com/corosync-go/corosync/tests/netns"
)

// TestBrokenAnswers: a daemon whose answers say more than they have, or nothing at all, misleads nobody: what a program is
// told of is there, and texts have an end. Over shared memory C reads the answers, over sockets the core does.
func TestBrokenAnswers(t *testing.T) {
	dir := needLibraries(t)
	prog := compile(t, dir, "broken")
	netns.Need(t, "true") // skips where there are no namespaces
	for _, transport := range []string{"shared memory", "sockets"} {
		for _, service := range []string{"cfg", "cmap", "cpg"} {
			ownNetwork(t, func() {
				network, err := os.Open("/proc/thread-self/ns/net")
				if err != nil {
					t.Error(err)
					return
				}
				defer network.Close()
				l, err := qbipc.Listen(service)
				if err != nil {
					t.Error(err)
					return
				}
				defer l.Close()
				if transport == "sockets" {
					l.UseSockets()
				}
				served := make(chan error, 1)
				go func() {
					runtime.LockOSThread()
					if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
						served <- err
						return
					}
					served <- serveBroken(l)
				}()
				if out, err := host(t, dir, over("qb", prog, service)...); err != nil || out != "" {
					t.Errorf("%s over %s: %v\n%s", service, transport, err, out)
				}
				if err := <-served; err != nil {
					t.Errorf("%s over %s: %v", service, transport, err)
				}
			})
		}
	}
}

// serveBroken serves one connection to its end.
func serveBroken(l *qbipc.Listener) error {
	c, err := acceptOne(l.Fd(), l.Accept)
	if err != nil {
		return err
	}
	defer c.Close()
	asked := 0
	for {
		if err := readable(c.Fd()); err != nil {
			return err
		}
		var failed error
		_, err := c.ReadRequests(1, func(req []byte) qbipc.Verdict {
			answer := ipcmsg.AppendResponse(nil, 0, cserr.OK)
			id := int32(binary.NativeEndian.Uint32(req))
			switch l.Service() {
			case "cfg":
				answer = brokenCfg(id, asked)
			case "cmap":
				answer = brokenCmap(id, req)
			}
			asked++
			failed = c.Respond(answer)
			return qbipc.Next
		})
		if err == unix.ENOTCONN {
			return nil
		}
		if err = errors.Join(err, failed); err != nil {
			return err
		}
	}
}

func brokenCfg(id int32, asked int) []byte {
	full := func(msg []byte, from int) []byte {
		copy(msg[from:], bytes.Repeat([]byte("x"), len(msg)))
		return msg
	}
	switch id {
	case ipcmsg.CfgReqRingStatusGet:
		if asked == 0 {
			return ipcmsg.AppendResponse(nil, 0, cserr.TryAgain)
		}
		msg := full(ipcmsg.CfgRingStatusResponse{Error: cserr.OK}.Append(nil), 32)
		setWord(msg, 24, uint32(18-asked))
		return msg
	case ipcmsg.CfgReqGetNodeAddrs:
		msg := append(ipcmsg.CfgNodeAddrsResponse{Error: cserr.OK}.Append(nil), bytes.Repeat([]byte{10}, 20*16)...)
		setWord(msg, 8, uint32(len(msg)))
		setWord(msg, 24, unix.AF_INET)
		setWord(msg, 28, 20)
		return msg
	case ipcmsg.CfgReqNodeStatusGet:
		return full(ipcmsg.CfgNodeStatus{Error: cserr.OK, Version: 1}.Append(nil), 28)
	}
	return ipcmsg.AppendResponse(nil, 0, cserr.OK)
}

func brokenCmap(id int32, req []byte) []byte {
	if id != ipcmsg.CmapReqGet {
		return ipcmsg.AppendResponse(nil, 0, cserr.OK)
	}
	r, err := ipcmsg.ParseCmapGetRequest(req)
	if err != nil || r.ValueLen > ipcmsg.MaxMessageSize-ipcmsg.CmapGetResponseFixed { // the C daemon would never answer this
		return ipcmsg.AppendResponse(nil, 0, cserr.InvalidParam)
	}
	long := bytes.Repeat([]byte("x"), 100)
	answer := ipcmsg.CmapGetResponse{Error: cserr.OK, ValueLen: 100, Type: 11, Value: long} // a string
	room := 100
	switch string(r.Key) {
	case "value.missing":
		room = 0
	case "value.endless":
		room = int(min(r.ValueLen, 100))
	case "value.immense":
		answer.ValueLen = 1<<64 - 1
		room = int(min(r.ValueLen, 100))
	}
	return answer.Append(nil, room)
}
