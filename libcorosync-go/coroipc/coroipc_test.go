package coroipc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/shm"
)

// deadline bounds every wait of these tests.
const deadline = 20 * time.Second

var names atomic.Int32

// server is a daemon of one connection: what touches the connection runs on one goroutine, as in the owner loop.
type server struct {
	t     *testing.T
	l     *Listener
	name  string
	do    chan func()
	c     *ServerConn
	reply func(c *ServerConn, req []byte) // answers a request
	err   error                           // of the last ReadRequests
	looks atomic.Int32                    // calls of what Watch was given
}

// newServer listens under a name of its own. It answers each request with its own bytes behind a header.
func newServer(t *testing.T) *server {
	s := &server{t: t, name: fmt.Sprintf("coroipc-test-%d-%d", os.Getpid(), names.Add(1)), do: make(chan func(), 100), reply: echo}
	var err error
	if s.l, err = ListenAt(s.name); err != nil {
		t.Fatal(err)
	}
	go func() {
		for f := range s.do {
			f()
		}
	}()
	t.Cleanup(func() {
		s.call(func() {
			if s.c != nil {
				s.c.Close()
			}
			s.l.Close()
		})
		close(s.do)
	})
	return s
}

// echo answers with the request behind a response header.
func echo(c *ServerConn, req []byte) {
	m := message(int(binary.NativeEndian.Uint32(req)), 24, req[16:])
	c.Respond(m[:24], m[24:])
}

// message is a response or event with a 3.x header that announces its own length and more bytes.
func message(id, n int, body []byte) []byte {
	b := append(make([]byte, n), body...)
	binary.NativeEndian.PutUint32(b, uint32(id))
	binary.NativeEndian.PutUint32(b[8:], uint32(len(b)))
	return b
}

// call runs f on the goroutine of the connection and waits for it.
func (s *server) call(f func()) {
	done := make(chan struct{})
	s.do <- func() { f(); close(done) }
	<-done
}

// pending waits for a client and its request.
func (s *server) pending() (*Pending, error) {
	p := []unix.PollFd{{Fd: int32(s.l.Fd()), Events: unix.POLLIN}}
	if n, err := poll(p); n != 1 {
		return nil, fmt.Errorf("nobody comes: %w", err)
	}
	pend, err := s.l.Accept()
	if err != nil {
		return nil, err
	}
	for {
		p[0].Fd = int32(pend.Fd())
		if n, err := poll(p); n != 1 {
			pend.Close()
			return nil, fmt.Errorf("nothing comes: %w", err)
		}
		if ready, err := pend.Read(); err != nil {
			pend.Close()
			return nil, err
		} else if ready {
			return pend, nil
		}
	}
}

func poll(p []unix.PollFd) (int, error) {
	for {
		if n, err := unix.Poll(p, int(deadline/time.Millisecond)); err != unix.EINTR {
			return n, err
		}
	}
}

// serve admits the next client.
func (s *server) serve() error {
	p, err := s.pending()
	if err != nil {
		return err
	}
	s.call(func() {
		if s.c, err = p.Accept(); err != nil {
			return
		}
		s.c.Watch(func() bool {
			s.looks.Add(1)
			select {
			case s.do <- s.work:
				return true
			default:
				return false
			}
		})
	})
	return err
}

// answer changes what is done with requests.
func (s *server) answer(f func(c *ServerConn, req []byte)) { s.call(func() { s.reply = f }) }

func (s *server) work() {
	if s.c.fd < 0 {
		return
	}
	n, err := s.c.ReadRequests(10, func(req []byte) { s.reply(s.c, req) })
	if n == 10 {
		s.do <- s.work
	}
	if err != nil {
		s.err = err
		s.c.Close()
	}
}

// connect makes a connection to a service.
func (s *server) connect(service, size int) *Client {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	admitted := make(chan error, 1)
	go func() { admitted <- s.serve() }()
	c, err := DialAt(ctx, s.name, service, size)
	if errServe := <-admitted; err != nil || errServe != nil {
		s.t.Fatal(err, errServe)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

func (s *server) eventually(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(deadline); ; time.Sleep(time.Millisecond) {
		good := false
		s.call(func() { good = ok() })
		if good {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("never: %s", what)
		}
	}
}

// request is a request with the header of the service.
func request(service, id int, body []byte) []byte {
	b := append(make([]byte, 16), body...)
	binary.NativeEndian.PutUint32(b, uint32(id))
	binary.NativeEndian.PutUint32(b[8:], uint32(len(b)))
	if !is3x(service) {
		swapHeader(b)
	}
	return b
}

// ask makes a request and checks its echo.
func ask(t *testing.T, c *Client, id int, body []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	req := request(c.service, id, body)
	if err := c.Send(1, [][]byte{req[:5], nil, req[5:]}); err != nil {
		t.Fatal(err)
	}
	got, err := c.Receive(ctx, nil)
	want := message(id, 24, body)
	if !is3x(c.service) {
		swapHeader(want)
	}
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v; want %d", len(got), err, len(want))
	}
}

// files lists what this process could have left.
func files() []string {
	var list []string
	for _, p := range prefixes {
		m, _ := filepath.Glob("/dev/shm/" + p + "??????")
		list = append(list, m...)
	}
	return list
}

// both runs a test with the layouts of 1.x and of 3.x.
func both(t *testing.T, f func(t *testing.T, service int)) {
	t.Run("1.x", func(t *testing.T) { f(t, ServiceCPG) })
	t.Run("3.x", func(t *testing.T) { f(t, Service3x+2) })
}

func TestRequests(t *testing.T) {
	both(t, func(t *testing.T, service int) {
		s := newServer(t)
		c := s.connect(service, BufferBytes)
		for i := range 1000 {
			ask(t, c, i, bytes.Repeat([]byte{byte(i)}, i*7))
		}
		ask(t, c, 5, make([]byte, BufferBytes-24)) // all the room there is in the answer
		if err := c.Send(1, [][]byte{make([]byte, BufferBytes+1)}); err != unix.EMSGSIZE {
			t.Error(err)
		}
		ask(t, c, 6, nil)
		s.call(func() {
			if n := s.c.Counters(); n.Requests != 1002 || n.Responses != 1002 || s.c.Service() != service {
				t.Errorf("%+v", n)
			}
			if s.c.Credentials() != (Credentials{PID: int32(os.Getpid()), UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}) {
				t.Errorf("%+v", s.c.Credentials())
			}
			if err := s.c.Respond(make([]byte, BufferBytes), []byte{1}); err != unix.EMSGSIZE {
				t.Error(err)
			}
		})
		if !c.Connected() || c.FlowControlled() || c.MaxMessage() != BufferBytes {
			t.Error("state")
		}
	})
}

// TestEvents sends more than the ring holds, with a reader that waits, one that polls and one that takes batches.
func TestEvents(t *testing.T) {
	both(t, func(t *testing.T, service int) {
		s := newServer(t)
		c := s.connect(service, 8192)
		const n = 20000
		sizes := func(i int) int { return 24 + i*37%3000 }
		queue := 0
		var pump func()
		pump = func() {
			for queue < n {
				m := message(queue, sizes(queue), nil)
				m[20] = byte(queue)
				err := s.c.Event(m[:24], m[24:])
				if err == unix.EAGAIN {
					break
				}
				if err != nil {
					t.Errorf("event %d: %v", queue, err)
					return
				}
				queue++
			}
			s.c.Flush()
			if queue == n {
				s.c.Drained()
			}
		}
		s.answer(func(*ServerConn, []byte) {})
		s.call(pump)
		stop, stopped := make(chan struct{}), make(chan struct{})
		defer func() { close(stop); <-stopped }() // the server is closed behind it
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					select {
					case s.do <- func() {
						if s.c.fd >= 0 {
							pump()
						}
					}:
					default:
					}
				}
			}
		}()
		for i := range n {
			if i%100 == 0 {
				c.BatchEvents(i%200 == 0)
			}
			ev, err := c.Event(context.Background(), deadline)
			if err != nil {
				t.Fatalf("event %d: %v", i, err)
			}
			m := bytes.Clone(ev)
			if !is3x(service) {
				swapHeader(m)
			}
			if int(binary.NativeEndian.Uint32(m)) != i || len(m) != sizes(i) || m[20] != byte(i) {
				t.Fatalf("event %d: number %d, %d bytes", i, binary.NativeEndian.Uint32(m), len(m))
			}
			c.ReleaseEvent()
		}
		c.BatchEvents(false)
		if _, err := c.Event(context.Background(), 0); err != unix.EAGAIN {
			t.Error(err)
		}
		if _, err := c.Event(context.Background(), time.Millisecond); err != unix.EAGAIN {
			t.Error(err)
		}
		// All was read, and no byte is left over.
		if p := []unix.PollFd{{Fd: int32(c.Fd()), Events: unix.POLLIN}}; func() int { n, _ := unix.Poll(p, 0); return n }() != 0 {
			t.Errorf("readable without an event: %x", p[0].Revents)
		}
	})
}

// TestFlowControlWord: it is up while events wait for room, and down after the client's next sign.
func TestFlowControlWord(t *testing.T) {
	s := newServer(t)
	c := s.connect(ServiceCPG, 4096)
	held := message(1, 5000, nil)
	s.call(func() {
		if err := s.c.Event(held); err != nil {
			t.Error(err)
		}
		if err := s.c.Event(held); err != unix.EAGAIN {
			t.Error(err)
		}
		s.c.Flush()
	})
	if !c.FlowControlled() {
		t.Error("the word is down")
	}
	if _, err := c.Event(context.Background(), deadline); err != nil {
		t.Fatal(err)
	}
	c.ReleaseEvent() // there is room, which is a sign
	s.call(func() {
		if err := s.c.Event(held); err != nil {
			t.Error(err)
		}
		s.c.Drained()
		s.c.Flush()
	})
	if _, err := c.Event(context.Background(), deadline); err != nil {
		t.Fatal(err)
	}
	c.ReleaseEvent()
	s.eventually("the word goes down", func() bool { return !c.FlowControlled() })
	s.call(func() {
		if err := s.c.Event(make([]byte, 8192-spare+1)); err != unix.EMSGSIZE {
			t.Error(err)
		}
	})
}

// TestAbandoned: an answer that nobody waited for is not taken for another, and a request is not written over another.
func TestAbandoned(t *testing.T) {
	s := newServer(t)
	c := s.connect(Service3x, 4096)
	var held func()
	s.answer(func(c *ServerConn, req []byte) {
		m := slices.Clone(req)
		held = func() { echo(c, m) }
	})
	if err := c.Send(1, [][]byte{request(Service3x, 1, nil)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := c.Receive(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if err := c.Send(1, [][]byte{request(Service3x, 2, nil)}); err != unix.EAGAIN {
		t.Fatal(err)
	}
	s.eventually("the request comes", func() bool { return held != nil })
	s.call(func() { held(); s.reply = echo })
	if err := c.Send(1, [][]byte{request(Service3x, 2, nil)}); err != nil {
		t.Fatal(err)
	}
	for want := byte(1); want <= 2; want++ {
		if b, err := c.Receive(context.Background(), nil); err != nil || b[0] != want {
			t.Fatalf("% x, %v; want %d", b, err, want)
		}
	}
}

// meet hands the next client to f.
func (s *server) meet(f func(p *Pending)) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		if p, err := s.pending(); err == nil {
			f(p)
		}
	}()
	return done
}

// TestRefused: the answers of a daemon that does not admit a client, after which nothing is left.
func TestRefused(t *testing.T) {
	before := files()
	s := newServer(t)
	for errno, want := range map[unix.Errno]unix.Errno{
		unix.EAGAIN: unix.EAGAIN, unix.ENOSYS: unix.ENOSYS, unix.EMFILE: unix.EMFILE, unix.EACCES: unix.EACCES,
	} {
		done := s.meet(func(p *Pending) { p.Refuse(errno) })
		if _, err := DialAt(context.Background(), s.name, 63, 4096); !errors.Is(err, want) {
			t.Errorf("%v: %v", errno, err)
		}
		<-done
	}
	done := s.meet(func(p *Pending) { p.Close() })
	if _, err := DialAt(context.Background(), s.name, 8, 4096); !errors.Is(err, unix.ENOTCONN) {
		t.Error(err)
	}
	<-done
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := DialAt(ctx, s.name, 8, 4096); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("nobody answered:", err)
	}
	if _, err := DialAt(context.Background(), s.name+"-nobody", 8, 4096); !errors.Is(err, unix.ECONNREFUSED) {
		t.Error(err)
	}
	if after := files(); len(after) > len(before) {
		t.Errorf("left: %v", after)
	}
}

// TestNothingOnDisk: the files of a connection have no names once it stands.
func TestNothingOnDisk(t *testing.T) {
	before := files()
	s := newServer(t)
	s.connect(ServiceCFG, 4096)
	if after := files(); len(after) > len(before) {
		t.Errorf("left: %v", after)
	}
}

// TestServerEnds: whatever the client is doing, it hears of the end at once.
func TestServerEnds(t *testing.T) {
	for _, kind := range []string{"closes", "dies"} {
		t.Run(kind, func(t *testing.T) {
			s := newServer(t)
			c := s.connect(ServiceCPG, 4096)
			s.answer(func(*ServerConn, []byte) {})
			s.call(func() { s.c.Event(message(9, 24, nil)); s.c.Flush() })
			if err := c.Send(1, [][]byte{request(ServiceCPG, 1, nil)}); err != nil {
				t.Fatal(err)
			}
			result := make(chan error, 1)
			go func() { _, err := c.Receive(context.Background(), nil); result <- err }()
			s.call(func() {
				if kind == "closes" {
					s.c.Disconnect()
				} else {
					unix.Shutdown(s.c.fd, unix.SHUT_RDWR) // what the kernel does for it
				}
			})
			if err := <-result; err != unix.ENOTCONN {
				t.Error(err)
			}
			// What had come is still there.
			if _, err := c.Event(context.Background(), deadline); err != nil {
				t.Error(err)
			}
			c.ReleaseEvent()
			if _, err := c.Event(context.Background(), deadline); err != unix.ENOTCONN {
				t.Error(err)
			}
			if err := c.Send(1, [][]byte{request(ServiceCPG, 1, nil)}); err != unix.ENOTCONN {
				t.Error(err)
			}
			if c.Connected() {
				t.Error("connected")
			}
		})
	}
}

// TestShutdownWakes: calls that wait in the client end when it closes.
func TestShutdownWakes(t *testing.T) {
	s := newServer(t)
	c := s.connect(ServiceCPG, 4096)
	s.answer(func(*ServerConn, []byte) {})
	if err := c.Send(1, [][]byte{request(ServiceCPG, 1, nil)}); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 2)
	go func() { _, err := c.Receive(context.Background(), nil); result <- err }()
	go func() { _, err := c.Event(context.Background(), -1); result <- err }()
	c.Shutdown()
	for range 2 {
		if err := <-result; err != unix.ENOTCONN {
			t.Error(err)
		}
	}
	s.eventually("the server sees it", func() bool { return s.c.HungUp() && s.c.ReadSocket() == unix.ENOTCONN })
}

// TestNoRoom: a full /dev/shm is a clear error, and leaves nothing.
func TestNoRoom(t *testing.T) {
	s := newServer(t)
	saved := clientDirs
	defer func() { clientDirs = saved }()
	clientDirs = []string{t.TempDir() + "/missing"}
	if _, err := DialAt(context.Background(), s.name, 8, 4096); !errors.Is(err, unix.ENOENT) {
		t.Error(err)
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no file system of my own: %v", err)
	}
	defer unix.Unmount(dir, 0)
	clientDirs = []string{dir}
	if _, err := DialAt(context.Background(), s.name, 8, 1<<20); !errors.Is(err, unix.ENOSPC) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestRemoveStale removes what is old and has our names, and nothing else.
func TestRemoveStale(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-time.Hour)
	for name, age := range map[string]time.Time{
		"control_buffer-aBcDe1": old, "dispatch_buffer-XXXXXX": old, "corosync_zerocopy-000000": old,
		"control_buffer-young1": time.Now(), "control_buffer-long123": old, "other-aBcDe1": old,
	} {
		if err := os.WriteFile(dir+"/"+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		os.Chtimes(dir+"/"+name, age, age)
	}
	os.Symlink("/dev/null", dir+"/response_buffer-aaaaaa")
	if n := shm.RemoveStaleFiles([]string{dir, dir + "/missing"}, append(prefixes[:], "corosync_zerocopy-")...); n != 3 {
		t.Errorf("removed %d", n)
	}
	if left, _ := os.ReadDir(dir); len(left) != 4 {
		t.Errorf("left %v", left)
	}
}
