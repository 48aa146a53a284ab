package coroipc

import (
	"context"
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// memoryConn is both ends of a connection over ordinary memory and a pair of sockets, without a waiter.
func memoryConn(t testing.TB, service int) (*ServerConn, *Client) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	s := &ServerConn{l: &Listener{}, fd: fds[0], service: service}
	for i := range s.maps {
		s.maps[i] = make([]byte, 4096)
	}
	s.ctl, _ = newControl(s.maps[fileControl])
	s.ctl.init()
	s.w = &waiter{ctl: s.ctl, ready: func() bool { return true }}
	return s, &Client{fd: fds[1], service: service, maps: s.maps, ctl: s.ctl}
}

// FuzzMemory lets a peer write anything anywhere between the calls of both ends: they end in errors at worst, show nothing
// that is shorter than a header or longer than its buffer, and leave the buffers as they are.
func FuzzMemory(f *testing.F) {
	f.Add([]byte{0, 0, 80, 1, 1, 0, 0, 16, 4, 0, 0, 0, 5, 0, 0, 0})
	f.Add([]byte{0, 0, 80, 1, 1, 0, 8, 200, 4, 0, 0, 0, 6, 0, 0, 200, 7, 0, 0, 0, 7, 0, 0, 0})
	f.Add([]byte{6, 0, 0, 255, 6, 0, 0, 255, 0, 0, 0, 8, 6, 0, 0, 255, 7, 0, 0, 1, 3, 0, 0, 255, 7, 0, 0, 1})
	f.Add([]byte{6, 0, 0, 255, 9, 0, 0, 0, 6, 0, 0, 200, 0, 0, 4, 1, 9, 0, 0, 0, 5, 0, 0, 9, 10, 0, 0, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		service := ServiceCPG
		if len(ops)%2 == 1 {
			service = Service3x + 2
		}
		s, c := memoryConn(t, service)
		for ; len(ops) >= 4; ops = ops[4:] {
			at, v := int(binary.BigEndian.Uint16(ops[1:])), ops[3]
			switch ops[0] % 11 {
			case fileControl, fileRequest, fileResponse, fileDispatch:
				s.maps[ops[0]%11][at%4096] = v
			case 4:
				_, err := s.ReadRequests(3, func(req []byte) {
					if len(req) < requestHeader || len(req) > 4096 || int(binary.NativeEndian.Uint32(req[8:])) != len(req) {
						t.Fatalf("a request of %d bytes that says % x", len(req), req[:requestHeader])
					}
				})
				if err != nil && err != unix.EBADMSG {
					t.Fatal(err)
				}
			case 5:
				if err := s.Respond(message(1, 24, make([]byte, int(v)))); err != nil {
					t.Fatal(err)
				}
			case 6:
				if err := s.Event(message(1, 24, make([]byte, 16*int(v)))); err != nil && err != unix.EAGAIN && err != unix.EBADMSG && err != unix.EMSGSIZE {
					t.Fatal(err)
				}
				if !valid(s.write, 4096) {
					t.Fatalf("written at %d", s.write)
				}
			case 7:
				// The byte of an event may be missing, for which the client would wait.
				c.batch, c.debt = true, 0
				if e, err := c.Event(context.Background(), 0); err == nil {
					if len(e) < responseHeader || len(e) > 4096 {
						t.Fatalf("an event of %d bytes", len(e))
					}
					c.ReleaseEvent()
				}
				c.lost.Store(false)
			case 8:
				if s.ctl.response.Try() {
					if b, err := c.answer(nil); err == nil && (len(b) < responseHeader || len(b) > 4096) {
						t.Fatalf("an answer of %d bytes", len(b))
					}
					c.lost.Store(false)
				}
			case 9, 10: // as the C libraries do it, who may share the connection with another process
				c.Share()
				if e, err := c.EventOnly(); err == nil {
					if len(e) < responseHeader || len(e) > 4096 {
						t.Fatalf("an event of %d bytes", len(e))
					}
					c.ReleaseEvent()
				}
				if b, err := c.Reply(ops[0]%11 == 10); err == nil && (len(b) < responseHeader || len(b) > 4096) {
					t.Fatalf("an answer of %d bytes", len(b))
				}
				c.lost.Store(false)
			}
		}
	})
}
