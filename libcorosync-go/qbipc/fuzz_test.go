package qbipc

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/ring"
)

// script is what a fuzzer decides.
type script []byte

func (s *script) byte() int {
	if len(*s) == 0 {
		return 0
	}
	c := (*s)[0]
	*s = (*s)[1:]
	return int(c)
}

// word is a value that is likely to hurt, or any.
func (s *script) word() uint32 {
	values := [...]uint32{0, 1, 2, 15, 16, 0x7fffffff, 0x80000000, 0xffffffff, 0xa1a1a1a1, 0xa110ced0, 0xd0d0d0d0, 3081, 1 << 20, 1 << 30}
	if i := s.byte(); i < 2*len(values) {
		return values[i%len(values)]
	}
	return uint32(s.byte()) | uint32(s.byte())<<8 | uint32(s.byte())<<16 | uint32(s.byte())<<24
}

// scribble writes a word into one of the files of a connection, or cuts it. Mappings must not be used for it: they end at the
// new size, and then the test would die, not what it tests.
func (s *script) scribble(files []*os.File) {
	f := files[s.byte()%len(files)]
	var b [4]byte
	switch s.byte() % 8 {
	case 0:
		_ = f.Truncate(int64(s.word() % 20000)) // EINVAL is fine
	case 1, 2:
		binary.NativeEndian.PutUint32(b[:], s.word())
		off := 4 * int64(s.byte())
		_, _ = f.WriteAt(b[:], off)
	default:
		// The words of a ring's header that mean something: cursors, size, references, semaphore, waiters, flow control.
		off := [...]int64{0, 4, 8, 8204, 8208, 8212, 8240, 4108}[s.byte()%8]
		binary.NativeEndian.PutUint32(b[:], s.word())
		_, _ = f.WriteAt(b[:], off)
	}
}

var shared struct {
	once sync.Once
	h    *host
}

// FuzzHostileClient: a client with a connection of its own does what it likes to the files, the socket and the rings, while
// the server reads requests, answers, sends events and turns flow control. Nothing but that connection may suffer, the
// server shows only whole requests, and nothing is left behind.
func FuzzHostileClient(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 0, 0, 3, 1, 2, 4, 0, 5, 1})
	f.Add([]byte{0, 2, 4, 3, 3, 1, 7, 3, 0, 3, 2, 2, 1, 0, 6, 4, 4, 3})
	f.Add([]byte{5, 0, 0, 1, 3, 3, 3, 8, 4, 3, 3, 1, 5, 4, 0, 1, 0, 0, 7})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 300 {
			return
		}
		shared.once.Do(func() {
			shared.h = startHostAt(testing.TB(discard{t}), "gofuzz"+strconv.Itoa(os.Getpid()), 0, func(c *ServerConn, req []byte) Verdict {
				if len(req) < messageHeaderBytes || len(req) > c.MaxMessage() {
					panic("a request that is none was shown")
				}
				if c.Respond(req) != nil || c.Event(req[:messageHeaderBytes]) != nil || c.Flush() != nil {
					c.Disconnect()
					return Stop
				}
				return Next
			})
		})
		h := shared.h
		c, err := Dial(context.Background(), h.l.Service(), 13000)
		if err != nil {
			t.Fatal(err)
		}
		var files []*os.File
		for _, p := range c.paths {
			file, err := os.OpenFile(p, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			files = append(files, file)
		}
		dir := filepath.Dir(c.paths[0])
		s := script(ops)
		cut := false // the client's own mappings must not be touched any more
		before := h.gone.Load()
		for len(s) > 0 {
			switch s.byte() % 8 {
			case 0, 1:
				if !cut {
					_ = c.Send(s.byte()%4, [][]byte{message(int32(s.byte())), make([]byte, s.byte())})
				}
			case 2:
				_, _ = unix.Write(c.fd, make([]byte, 1+s.byte()))
			case 3, 4:
				cut = true
				s.scribble(files)
				_, _ = unix.Write(c.fd, []byte{0})
			case 5:
				level := s.byte() % 3
				h.do(func() {
					for _, x := range h.conns {
						_ = x.SetFlowControl(level)
						_ = x.Pending()
					}
				})
			case 6:
				h.do(func() {
					for _, x := range h.conns {
						_ = x.Event(message(1), make([]byte, 3000))
						_ = x.Flush()
						_ = x.Respond(message(2))
					}
				})
			case 7:
				time.Sleep(time.Duration(s.byte()) * time.Microsecond)
			}
		}
		h.do(func() {
			for _, x := range h.conns {
				_ = x.SetFlowControl(0)
			}
		})
		leave(c)
		eventually(t, "client gone", func() bool { return h.gone.Load() > before })
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", dir, err)
		}
		serves(t, h)
	})
}

// discard keeps a host beyond the run of the fuzz function that started it.
type discard struct{ testing.TB }

func (discard) Cleanup(func()) {}
func (discard) Helper()        {}

// FuzzHostileServer: a client opens rings whose headers and data hold anything, under any name in its own directory, and uses
// them. It may refuse, fail or get rubbish of at most the agreed size; it must return.
func FuzzHostileServer(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 2, 0})
	f.Add([]byte{3, 3, 0, 1, 3, 4, 2, 5, 1, 4, 4, 0, 1, 2, 3})
	f.Fuzz(func(t *testing.T, ops []byte) {
		dir, err := os.MkdirTemp("/dev/shm", "qb-fuzz-")
		if err != nil {
			t.Skip(err)
		}
		defer os.RemoveAll(dir)
		s := script(ops)
		const most = 2000
		res := authResponse{maxMessage: most, request: dir + "/request", response: dir + "/response", event: dir + "/event"}
		var files []*os.File
		for i, base := range []string{res.request, res.response, res.event} {
			hdr, data := make([]byte, ring.HeaderBytes+ring.UserBytes), make([]byte, 4096)
			role := ring.Writer
			if i == 0 {
				role = ring.Reader
			}
			r, err := ring.Create(hdr, data, most, role, base+"-header", base+"-data")
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 {
				for range s.byte() % 4 {
					_, _ = r.Write(make([]byte, s.byte()))
				}
			}
			for name, content := range map[string][]byte{"-header": hdr, "-data": data} {
				if err := os.WriteFile(base+name, content, 0o600); err != nil {
					t.Fatal(err)
				}
				file, err := os.OpenFile(base+name, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer file.Close()
				files = append(files, file)
			}
		}
		for range s.byte() % 4 {
			s.scribble(files)
		}
		if s.byte()%8 == 0 {
			res.maxMessage = s.word()
		}
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pair[1])
		c := &Client{fd: pair[0]}
		defer leave(c)
		if c.open(res) != nil {
			return
		}
		limit := int(res.maxMessage)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		defer cancel()
		for len(s) > 0 && ctx.Err() == nil {
			switch s.byte() % 5 {
			case 0:
				_ = c.Send(1, [][]byte{message(1), make([]byte, s.byte())})
			case 1:
				if b, err := c.Receive(ctx, nil); err == nil && len(b) > limit {
					t.Fatalf("a reply of %d bytes", len(b))
				}
			case 2:
				b, err := c.Event(ctx, 0)
				if err == nil && len(b) > limit {
					t.Fatalf("an event of %d bytes", len(b))
				}
				c.ReleaseEvent()
			case 3:
				// The server changes its mind while the client uses the ring; it does not cut files under it, which no
				// process can survive.
				off := [...]int{0, 4, 8, 8204, 8208, 8240}[s.byte()%6]
				binary.NativeEndian.PutUint32(c.maps[2*(s.byte()%3)][off:], s.word())
			case 4:
				m := c.maps[2*(s.byte()%3)+1]
				binary.NativeEndian.PutUint32(m[4*(s.byte()%(len(m)/4)):], s.word())
			}
			// The byte of an event.
			_, _ = unix.Write(pair[1], []byte{0})
		}
	})
}

// TestScribblesWhileRead: a client changes lengths, magic words, cursors and the semaphore of its rings all the time, from another
// thread, while the server reads from them and writes to them. What the server shows is as long as it was when it looked once.
func TestScribblesWhileRead(t *testing.T) {
	h := startHost(t, func(c *ServerConn, req []byte) Verdict {
		if len(req) < messageHeaderBytes || len(req) > c.MaxMessage() {
			panic("a request that is none was shown")
		}
		sum := 0
		for _, b := range req {
			sum += int(b)
		}
		if c.Respond(req[:messageHeaderBytes]) != nil || c.Event(req) != nil || c.Flush() != nil || sum < 0 {
			c.Disconnect()
			return Stop
		}
		return Next
	})
	values := [...]uint32{0, 1, 15, 16, 24, 4000, 12328, 12329, 1 << 20, 1 << 31, 1<<32 - 1, 0xa1a1a1a1, 0xa110ced0}
	begin := time.Now()
	gone := h.gone.Load()
	for n := 0; time.Since(begin) < 500*time.Millisecond; n++ {
		c := dial(t, h)
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for i := n; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				v := values[i*7%len(values)]
				m := c.maps[i%6]
				off := 4 * (i * 13 % 64)
				if i%3 == 0 && len(m) < 10000 {
					off = [...]int{0, 4, 8, 8204, 8208, 8212, 8240}[i%7]
				}
				atomic.StoreUint32((*uint32)(unsafe.Pointer(&m[off])), v)
			}
		}()
		for range 30 {
			if c.Send(9, [][]byte{message(1, make([]byte, 100)...)}) != nil {
				_, _ = unix.Write(c.fd, []byte{0})
			}
		}
		close(stop)
		<-stopped
		h.do(func() {})
		leave(c)
	}
	eventually(t, "clients gone", func() (none bool) {
		h.do(func() { none = len(h.conns) == 0 })
		return none
	})
	if h.gone.Load() == gone {
		t.Error("no client came and went")
	}
	serves(t, h)
}
