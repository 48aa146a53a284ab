package coroipc

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/internal/sock"
	"github.com/corosync-go/corosync/libcorosync-go/shm"
)

// raw is a client that does what it likes.
type raw struct {
	t  *testing.T
	fd int
}

func (s *server) raw() *raw {
	addr, _ := sock.Abstract(s.name)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = sock.Connect(fd, addr)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { unix.Close(fd) })
	return &raw{s.t, fd}
}

// TestHostileFiles: paths that are not the client's own buffers are refused, and not touched.
func TestHostileFiles(t *testing.T) {
	elsewhere := t.TempDir() + "/control_buffer-aaaaaa"
	good := func() (path string) {
		path, mem, err := shm.CreateTemp(clientDirs, prefixes[fileControl], 8192)
		if err != nil {
			t.Fatal(err)
		}
		shm.Unmap(mem)
		t.Cleanup(func() { os.Remove(path) })
		return path
	}
	link, hard, dir := good(), good(), good()
	os.Remove(link)
	os.Symlink(elsewhere, link)
	os.Link(hard, hard+"2")
	t.Cleanup(func() { os.Remove(hard + "2") })
	os.Remove(dir)
	os.Mkdir(dir, 0o700)
	fifo := good()
	os.Remove(fifo)
	unix.Mkfifo(fifo, 0o600)
	for name, path := range map[string]string{
		"another directory": elsewhere, "symbolic link": link, "second name": hard, "directory": dir, "pipe": fifo,
		"another name": "/dev/shm/request_buffer-aaaaaa", "missing": "/dev/shm/control_buffer-miss00", "relative": "control_buffer-aaaaaa",
		"upwards": "/dev/shm/../control_buffer-aaaaaa", "below": "/dev/shm/control_buffer-x/control_buffer-y", "nothing": "",
		"device": "/dev/null",
	} {
		if name == "another directory" {
			os.WriteFile(path, []byte("precious"), 0o600)
		}
		s := newServer(t)
		r := s.raw()
		q := setup{service: ServiceCPG, sizes: [fileCount]uint64{8192, 4096, 4096, 4096}}
		q.paths[fileControl] = path
		unix.Write(r.fd, q.append(nil))
		if err := s.serve(); err == nil {
			t.Errorf("%s: taken", name)
		}
		var answer [8]byte
		if n, _ := unix.Read(r.fd, answer[:]); n != 8 || answer[0] != 2 {
			t.Errorf("%s: answer % x", name, answer[:n])
		}
	}
	if b, err := os.ReadFile(elsewhere); err != nil || string(b) != "precious" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := shm.Take(good(), serverDirs, prefixes[fileControl], 8192, uint32(os.Getuid()+1)); err == nil {
		t.Error("somebody else's file was taken")
	}
}

// TestHostileSetup: what is not a setup request ends in an error, at any length.
func TestHostileSetup(t *testing.T) {
	s := newServer(t)
	for _, n := range []int{0, 1, 100, setupBytes - 1} {
		r := s.raw()
		unix.Write(r.fd, make([]byte, n))
		unix.Shutdown(r.fd, unix.SHUT_WR)
		if err := s.serve(); err == nil {
			t.Errorf("%d bytes: taken", n)
		}
	}
	r := s.raw()
	go unix.Write(r.fd, make([]byte, 3*setupBytes))
	if err := s.serve(); err == nil {
		t.Error("zeros: taken")
	}
}

// TestHostileMemory: whatever the client writes into the buffers ends its own connection, or nothing.
func TestHostileMemory(t *testing.T) {
	post := func(c *Client) {
		c.ctl.request.Post()
		c.ctl.work.Post()
		shm.Wake(c.ctl.work)
	}
	size := func(n uint32) func(t *testing.T, c *Client) {
		return func(_ *testing.T, c *Client) {
			binary.NativeEndian.PutUint32(c.maps[fileRequest], n)
			post(c)
		}
	}
	for name, do := range map[string]func(t *testing.T, c *Client){
		"size 0":        size(0),
		"size 15":       size(15),
		"size negative": size(1<<32 - 1),
		"size too big":  size(4097),
		"two requests":  func(t *testing.T, c *Client) { size(16)(t, c); post(c) },
		"semaphore at its end": func(t *testing.T, c *Client) {
			size(16)(t, c)
			binary.NativeEndian.PutUint32(c.maps[fileControl][ctlRequest:], 1<<31-1)
			post(c)
		},
		"request file cut": func(t *testing.T, c *Client) { cut(t, c, fileRequest); post(c) },
		"control file cut": func(t *testing.T, c *Client) {
			size(16)(t, c)
			cut(t, c, fileControl) // the waiter finds out when it next looks
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			answers := 0
			s.answer(func(*ServerConn, []byte) { answers++ })
			c := s.connect(ServiceCPG, 4096)
			do(t, c)
			s.eventually("the connection ends", func() bool { return s.c.fd < 0 })
			if answers > 1 {
				t.Errorf("%d requests were served", answers)
			}
		})
	}
	for name, do := range map[string]func(t *testing.T, c *Client){
		"read out of range": func(_ *testing.T, c *Client) { c.ctl.store(ctlRead, 1<<30) },
		"read out of line":  func(_ *testing.T, c *Client) { c.ctl.store(ctlRead, 4) },
		"dispatch file cut": func(t *testing.T, c *Client) { cut(t, c, fileDispatch) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			c := s.connect(ServiceCPG, 4096)
			do(t, c)
			s.call(func() {
				if err := s.c.Event(message(1, 24, nil)); err != unix.EBADMSG && err != unix.EFAULT {
					t.Error(err)
				}
			})
		})
	}
	t.Run("response file cut", func(t *testing.T) {
		s := newServer(t)
		c := s.connect(ServiceCPG, 4096)
		cut(t, c, fileResponse)
		s.call(func() {
			if err := s.c.Respond(message(1, 24, nil)); err != unix.EFAULT {
				t.Error(err)
			}
		})
	})
	t.Run("write is not believed", func(t *testing.T) {
		s := newServer(t)
		c := s.connect(ServiceCPG, 4096)
		c.ctl.store(ctlWrite, 1<<31)
		s.call(func() {
			if err := s.c.Event(message(1, 24, nil)); err != nil || c.ctl.load(ctlWrite) != 24 {
				t.Error(err, c.ctl.load(ctlWrite))
			}
		})
	})
}

// cut truncates the file behind a mapping, through the mapping's own entry in /proc: it has no name any more.
func cut(t *testing.T, c *Client, i int) {
	entries, _ := os.ReadDir("/proc/self/map_files")
	for _, e := range entries {
		var from, to uintptr
		if _, err := fmt.Sscanf(e.Name(), "%x-%x", &from, &to); err != nil || !shm.Contains(from, c.maps[i]) {
			continue
		}
		if err := os.Truncate("/proc/self/map_files/"+e.Name(), 0); err != nil {
			t.Skipf("cannot truncate what is mapped: %v", err)
		}
		// The client's own end closes in order.
		t.Cleanup(func() { os.Truncate("/proc/self/map_files/"+e.Name(), int64(len(c.maps[i]))) })
		return
	}
	t.Skip("no entry of the mapping in /proc/self/map_files")
}

// TestHostilePosts: a client that posts without end costs the loop no more than one look at a time.
func TestHostilePosts(t *testing.T) {
	s := newServer(t)
	c := s.connect(ServiceCPG, 4096)
	end := time.Now().Add(200 * time.Millisecond)
	for time.Now().Before(end) {
		c.ctl.work.Post()
		shm.Wake(c.ctl.work)
	}
	binary.NativeEndian.PutUint32(c.maps[fileControl][ctlWork:], 1<<31-1)
	c.ctl.work.Post()
	shm.Wake(c.ctl.work)
	ask(t, c, 1, nil)
	if n := s.looks.Load(); n > 2 {
		t.Errorf("%d looks", n)
	}
}

// TestClientDies in each phase of a connection; nothing is left, and the server is told.
func TestClientDies(t *testing.T) {
	before := files()
	s := newServer(t)
	// Before its request is complete: its files stay, for RemoveStale.
	r := s.raw()
	unix.Write(r.fd, make([]byte, 1000))
	unix.Close(r.fd)
	r.fd = -1
	if err := s.serve(); err == nil {
		t.Error("half a request")
	}
	// After the request, before the answer: the server takes the files, finds nobody, and gives them back.
	q := setup{service: ServiceCPG, sizes: [fileCount]uint64{8192, 4096, 4096, 4096}}
	for i := range q.paths {
		path, mem, err := shm.CreateTemp(clientDirs, prefixes[i], int(q.sizes[i]))
		if err != nil {
			t.Fatal(err)
		}
		shm.Unmap(mem)
		q.paths[i] = path
	}
	r = s.raw()
	unix.Write(r.fd, q.append(nil))
	unix.Close(r.fd)
	r.fd = -1
	if err := s.serve(); err == nil {
		s.eventually("the hang-up shows", func() bool { return s.c.HungUp() })
		s.call(func() { s.c.Close() })
	}
	// With a request under way, and with events unread.
	c := s.connect(ServiceCPG, 4096)
	c.Send(1, [][]byte{request(ServiceCPG, 1, nil)})
	unix.Shutdown(c.fd, unix.SHUT_RDWR)
	s.eventually("the hang-up shows", func() bool { return s.c.ReadSocket() == unix.ENOTCONN })
	s.call(func() {
		s.c.Event(message(1, 24, nil))
		if err := s.c.Flush(); err != unix.ENOTCONN {
			t.Error(err)
		}
		s.c.Close()
		s.c.Close()
	})
	if after := files(); len(after) > len(before) {
		t.Errorf("left: %v", after)
	}
}

// TestHostileServer: a daemon that lies ends the conversation, and nothing else.
func TestHostileServer(t *testing.T) {
	for name, n := range map[string]uint32{"short": 23, "long": 4097, "negative": 1 << 31} {
		s := newServer(t)
		c := s.connect(ServiceCPG, 4096)
		var err error
		s.call(func() {
			binary.NativeEndian.PutUint32(s.c.maps[fileResponse], n)
			s.c.ctl.response.Post()
		})
		c.asked = true
		if _, err = c.Receive(context.Background(), nil); err != unix.EBADMSG {
			t.Errorf("answer %s: %v", name, err)
		}
		s = newServer(t)
		c = s.connect(ServiceCPG, 4096)
		s.call(func() {
			binary.NativeEndian.PutUint32(s.c.maps[fileDispatch], n*3)
			s.c.ctl.dispatch.Post()
			s.c.unnotified++
			s.c.Flush()
		})
		if _, err = c.Event(context.Background(), deadline); n*3 > 8192 && err != unix.EBADMSG {
			t.Errorf("event %s: %v", name, err)
		}
	}
}
