package qbipc

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/cabi"
)

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 2000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("never: ", what)
}

// serves checks that a host still does.
func serves(t *testing.T, h *host) {
	t.Helper()
	c := dial(t, h)
	defer c.Close()
	if err := c.Send(1, [][]byte{message(1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Receive(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
}

// leave drops a client without touching memory that may be gone.
func leave(c *Client) {
	unix.Close(c.fd)
	c.unmap()
}

// TestTruncated: the client cuts the files off under the server, which then loses that client and nothing else.
func TestTruncated(t *testing.T) {
	for _, file := range []int{0, 1, 2, 3, 4, 5} {
		t.Run(fmt.Sprint(file), func(t *testing.T) {
			h := startHost(t, func(c *ServerConn, req []byte) Verdict {
				if c.Respond(req) != nil || c.Event(req[:24]) != nil {
					return Stop
				}
				return Next
			})
			c := dial(t, h)
			h.do(func() {
				if err := c.Send(1, [][]byte{message(1)}); err != nil {
					t.Error(err)
				}
				if err := os.Truncate(c.paths[file], 0); err != nil {
					t.Error(err)
				}
			})
			h.do(func() {
				for _, s := range h.conns {
					s.Event(message(1))
					s.Respond(message(1))
					s.SetFlowControl(1)
				}
			})
			leave(c)
			eventually(t, "client gone", func() bool { return h.gone.Load() == 1 })
			if left, _ := filepath.Glob(fmt.Sprintf("/dev/shm/qb-%d-*/qb-*-%s-*", os.Getpid(), h.l.Service())); len(left) != 0 {
				t.Error("left behind:", left)
			}
			serves(t, h)
		})
	}
}

// TestScribbled: the client breaks the rings' words.
func TestScribbled(t *testing.T) {
	for name, scribble := range map[string]func(c *Client){
		"semaphore":     func(c *Client) { c.request.Sem().Post() },
		"length":        func(c *Client) { binary.NativeEndian.PutUint32(c.maps[1], 1<<30) },
		"short":         func(c *Client) { binary.NativeEndian.PutUint32(c.maps[1], 15) },
		"magic":         func(c *Client) { binary.NativeEndian.PutUint32(c.maps[1][4:], 7) },
		"response read": func(c *Client) { binary.NativeEndian.PutUint32(c.maps[2][4:], 1<<31) },
	} {
		t.Run(name, func(t *testing.T) {
			h := startHost(t, func(c *ServerConn, req []byte) Verdict {
				if err := c.Respond(req); err != nil {
					c.Disconnect()
					return Stop
				}
				return Next
			})
			c := dial(t, h)
			h.do(func() {
				c.Send(1, [][]byte{message(1)})
				scribble(c)
			})
			eventually(t, "client gone", func() bool { return h.gone.Load() == 1 })
			leave(c)
			serves(t, h)
		})
	}
}

// TestStrayBytes: bytes without requests neither end the connection nor put it out of step.
func TestStrayBytes(t *testing.T) {
	h := startHost(t, echo)
	c := dial(t, h)
	defer c.Close()
	unix.Write(c.fd, make([]byte, 20))
	for range 30 {
		if err := c.Send(1, [][]byte{message(1)}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Receive(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all bytes read", func() (ok bool) {
		h.do(func() {
			for fd := range h.conns {
				ok = poll1(fd, unix.POLLIN) == 0
			}
		})
		return ok
	})
}

// TestLateByte: a request whose byte comes later is handled once, and its byte does not count for the next.
func TestLateByte(t *testing.T) {
	n := 0
	h := startHost(t, func(c *ServerConn, req []byte) Verdict { n++; return Next })
	c := dial(t, h)
	defer c.Close()
	h.do(func() {
		c.request.Write(message(1)) // no byte
		for _, s := range h.conns {
			if got, err := s.ReadRequests(10, func([]byte) Verdict { n++; return Next }); got != 1 || err != nil || s.debt != 1 {
				t.Error(got, err, s.debt)
			}
		}
		unix.Write(c.fd, []byte{0})
	})
	eventually(t, "byte read", func() (ok bool) {
		h.do(func() {
			for fd, s := range h.conns {
				ok = s.debt == 0 && poll1(fd, unix.POLLIN) == 0
			}
		})
		return ok
	})
	h.do(func() {
		if n != 1 {
			t.Error("handled", n, "times")
		}
	})
}

// TestStrangers: what is no libqb handshake is dropped without harm.
func TestStrangers(t *testing.T) {
	h := startHost(t, echo)
	for _, b := range [][]byte{nil, {1}, make([]byte, 24), make([]byte, 1000)} {
		addr, _ := abstractAddr(h.l.Service())
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := connect(fd, addr); err != nil {
			t.Fatal(err)
		}
		if len(b) > 0 {
			unix.Write(fd, b)
		}
		if len(b) < requestBytes {
			unix.Shutdown(fd, unix.SHUT_WR)
		}
		var in [1]byte
		if n, err := unix.Read(fd, in[:]); n > 0 {
			t.Error(n, err)
		}
		unix.Close(fd)
	}
	// A request for more memory than anybody has.
	if _, err := Dial(context.Background(), h.l.Service(), 1<<31); err == nil {
		t.Error("2 GiB messages accepted")
	}
	serves(t, h)
}

// TestFullShm: no room is an answer, not a SIGBUS later.
func TestFullShm(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	if err := unix.Mount("none", "/dev/shm", "tmpfs", 0, "size=2m"); err != nil {
		t.Skip("mount: ", err)
	}
	startHostAt(t, "gofull", 0, echo)
	if _, err := Dial(context.Background(), "gofull", 1<<20); err == nil || err.Error() != "connect: no space left on device" {
		t.Error(err)
	}
	if left, _ := filepath.Glob("/dev/shm/*"); len(left) != 0 {
		t.Error("left behind:", left)
	}
	c, err := Dial(context.Background(), "gofull", 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// TestForeignDatagram: a request socket takes datagrams of its own client only.
func TestForeignDatagram(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to become somebody else")
	}
	h := startHost(t, echo)
	h.do(h.l.UseSockets)
	c := dial(t, h)
	defer c.Close()
	var target string
	h.do(func() {
		for _, s := range h.conns {
			target = s.dg.base + "-request"
		}
	})
	done := make(chan error)
	go func() {
		// Another user, for this thread only, which ends with the goroutine.
		runtime.LockOSThread()
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 12345, 12345, 12345); errno != 0 {
			done <- errno
			return
		}
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		if err == nil {
			addr, _ := abstractAddr(target)
			if err = connect(fd, addr); err == nil {
				_, err = unix.Write(fd, message(666))
			}
			unix.Close(fd)
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := c.Send(1, [][]byte{message(1)}); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Receive(context.Background(), nil); err != nil || cabi.I32(r, 0) != 1 {
		t.Error(err, r)
	}
	h.do(func() {
		for _, s := range h.conns {
			if n := s.Counters(); n.Requests != 1 || n.Responses != 1 {
				t.Error(n)
			}
		}
	})
}

// TestRemovesNothingElse: a client removes the files of a server that has died. Where that was somebody else's, who has put a link
// in the place of the directory or other names into the memory, nothing but those files goes.
func TestRemovesNothingElse(t *testing.T) {
	for name, s := range map[string]struct {
		sockets bool
		betray  func(t *testing.T, c *Client, dir, victims string) *Client // the one that is closed
	}{
		"link":                        {false, link},
		"link, socket transport":      {true, link},
		"link above":                  {false, linkAbove},
		"names in memory, then adopt": {false, otherNames},
	} {
		t.Run(name, func(t *testing.T) {
			h := startHost(t, echo)
			if s.sockets {
				h.do(h.l.UseSockets)
			}
			c := dial(t, h)
			paths := c.paths[:]
			if c.dg != nil {
				paths = []string{c.dg.ctlPath}
			}
			dir, victims := filepath.Dir(paths[0]), t.TempDir()
			for _, p := range paths {
				if err := os.WriteFile(filepath.Join(victims, filepath.Base(p)), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c = s.betray(t, c, dir, victims)
			c.lost.Store(true)
			c.server.PID = 0 // of whom nobody can say that he lives
			c.Close()
			left, err := os.ReadDir(victims)
			if err != nil || len(left) != len(paths) {
				t.Errorf("%d of %d files left, %v", len(left), len(paths), err)
			}
		})
	}
}

// link moves the directory away and leads to the victims instead.
func link(t *testing.T, c *Client, dir, victims string) *Client {
	if err := os.Rename(dir, dir+"-moved"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir + "-moved"); os.Remove(dir) })
	if err := os.Symlink(victims, dir); err != nil {
		t.Fatal(err)
	}
	return c
}

// linkAbove is link for a server whose directory was in another, where nothing keeps root from following links of others.
func linkAbove(t *testing.T, c *Client, dir, victims string) *Client {
	above := dir + "-above"
	if err := os.Mkdir(above, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(above) })
	if err := os.Symlink(victims, filepath.Join(above, "sub")); err != nil {
		t.Fatal(err)
	}
	for i, p := range c.paths {
		c.paths[i] = filepath.Join(above, "sub", filepath.Base(p))
	}
	return c
}

// otherNames writes the victims' names where a child finds those of the files.
func otherNames(t *testing.T, c *Client, dir, victims string) *Client {
	s := c.State()
	for i, p := range c.paths {
		off := 12 // hdr_path
		if i%2 == 1 {
			off = 4108 // data_path
		}
		field := c.maps[i/2*2][off : off+4096]
		clear(field)
		copy(field, filepath.Join(victims, filepath.Base(p)))
	}
	t.Cleanup(c.unmap)
	c, err := Adopt(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
