package coroipc

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// goldenSetup is the request of a client of service 7, field by field.
func goldenSetup() []byte {
	b := make([]byte, 16432)
	b[0] = 7
	copy(b[16:], "/dev/shm/control_buffer-LJZi9T")
	copy(b[4112:], "/dev/shm/request_buffer-axKLBQ")
	copy(b[8208:], "/dev/shm/response_buffer-oDgXvh")
	copy(b[12304:], "/dev/shm/dispatch_buffer-YSQkbJ")
	binary.NativeEndian.PutUint64(b[16400:], 8192)
	for _, off := range []int{16408, 16416, 16424} {
		binary.NativeEndian.PutUint64(b[off:], 1048576)
	}
	return b
}

func TestSetupGolden(t *testing.T) {
	want := goldenSetup()
	s, err := parseSetup(want)
	if err != nil || s.service != 7 || s.paths[fileDispatch] != "/dev/shm/dispatch_buffer-YSQkbJ" || s.sizes[fileRequest] != 1<<20 {
		t.Errorf("%+v, %v", s, err)
	}
	if got := s.append(nil); !bytes.Equal(got, want) {
		t.Error("the request is not what was parsed")
	}
	if got := appendAnswer(nil, cserr.OK); !bytes.Equal(got, []byte{1, 0, 0, 0, 0, 0, 0, 0}) || parseAnswer(got) != cserr.OK {
		t.Errorf("answer % x", got)
	}
}

func TestSetupRefused(t *testing.T) {
	for name, change := range map[string]func(b []byte) []byte{
		"short":            func(b []byte) []byte { return b[:100] },
		"path without end": func(b []byte) []byte { copy(b[16:4112], bytes.Repeat([]byte{'a'}, 4096)); return b },
		"small control":    func(b []byte) []byte { b[16400], b[16401] = 151, 0; return b },
		"no request":       func(b []byte) []byte { clear(b[16408:16416]); return b },
		"huge response":    func(b []byte) []byte { b[16416+7] = 0x80; return b },
		"huge dispatch":    func(b []byte) []byte { b[16424+4] = 1; return b },
		"odd dispatch":     func(b []byte) []byte { b[16424] = 8; return b },
	} {
		if _, err := parseSetup(change(goldenSetup())); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	// A number out of range is a service that does not exist.
	b := goldenSetup()
	binary.NativeEndian.PutUint32(b, 1<<31)
	if s, err := parseSetup(b); err != nil || s.service >= 0 {
		t.Error(s.service, err)
	}
}

// TestControlGolden holds the layout of the control buffer: glibc's semaphores in the order of their use, not of their
// names.
func TestControlGolden(t *testing.T) {
	mem := make([]byte, controlBytes)
	for i := range mem[:controlUsed] {
		mem[i] = 0xdb
	}
	c, ok := newControl(mem)
	if !ok {
		t.Fatal("refused")
	}
	c.init()
	c.work.Post()
	c.dispatch.Post()
	c.dispatch.Post()
	c.request.Register()
	c.response.Post()
	c.store(ctlWrite, 24)
	c.store(ctlClosed, 1)
	want := make([]byte, controlUsed)
	for off, v := range map[int]uint32{4: 24, 16: 1, 16 + 8: 128, 48: 2, 48 + 8: 128, 80 + 4: 1, 80 + 8: 128, 112: 1, 112 + 8: 128, 144: 1} {
		binary.NativeEndian.PutUint32(want[off:], v)
	}
	if !bytes.Equal(mem[:controlUsed], want) {
		t.Errorf("% x\nwant\n% x", mem[:controlUsed], want)
	}
	if _, ok := newControl(mem[:controlUsed-1]); ok {
		t.Error("a short buffer")
	}
	if _, ok := newControl(mem[4:]); ok {
		t.Error("a buffer out of line")
	}
}

func TestHeaderOrder(t *testing.T) {
	b := make([]byte, 24)
	binary.NativeEndian.PutUint32(b, 24)
	binary.NativeEndian.PutUint32(b[8:], 5)
	swapHeader(b)
	if b[0] != 5 || b[8] != 24 || sizeAt(ServiceCPG) != 0 || sizeAt(Service3x) != 8 {
		t.Errorf("% x", b)
	}
}

func FuzzSetup(f *testing.F) {
	f.Add(goldenSetup())
	f.Add(make([]byte, setupBytes))
	page := uint64(os.Getpagesize())
	f.Fuzz(func(t *testing.T, b []byte) {
		// The interesting parts are far apart: a short input is spread over them.
		if len(b) < setupBytes {
			whole := goldenSetup()
			copy(whole, b)
			if len(b) > 16 {
				copy(whole[16400:], b[16:])
			}
			b = whole
		}
		s, err := parseSetup(b)
		if err != nil || s.service < 0 || s.service >= ServiceMax {
			return
		}
		if s.sizes[fileControl] < controlUsed || s.sizes[fileDispatch]%page != 0 || s.sizes[fileDispatch] == 0 {
			t.Fatalf("taken: %+v", s)
		}
		for i := range s.sizes {
			if s.sizes[i] > BufferMax {
				t.Fatalf("size %d", s.sizes[i])
			}
		}
		again, err := parseSetup(s.append(nil))
		if err != nil || again != s {
			t.Fatalf("%+v, then %+v, %v", s, again, err)
		}
	})
}
