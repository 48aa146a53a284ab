package cpg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/service/servicetest"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// zeroCopyFile makes a file as the client library does and maps it.
func zeroCopyFile(t *testing.T, size int) (path string, mem []byte, f *os.File) {
	t.Helper()
	f, err := os.CreateTemp("/dev/shm", zeroCopyPrefix)
	if err != nil {
		t.Skipf("no /dev/shm: %v", err)
	}
	t.Cleanup(func() { f.Close(); os.Remove(f.Name()) })
	if err := f.Truncate(int64(size)); err != nil {
		t.Fatal(err)
	}
	mem, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(mem) })
	return f.Name(), mem, f
}

func responseError(t *testing.T, b []byte) cserr.Error {
	t.Helper()
	h, err := ipcmsg.ParseResponseHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	return h.Error
}

func TestZeroCopy(t *testing.T) {
	c := servicetest.New(t, 1, func(n *servicetest.Node) { n.Load(New()) })
	c.Form(1)
	p := c.Node(1).Connect(service.CPG)
	p.ClientUID = os.Getuid()
	size := ipcmsg.CPGZCOverhead + 100
	path, mem, f := zeroCopyFile(t, size)
	alloc := ipcmsg.CPGZCAllocRequest{MapSize: uint64(size), Path: []byte(path)}.Append(nil)
	if e := responseError(t, p.Call(alloc)); e != cserr.OK {
		t.Fatalf("alloc: %v", e)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("file not unlinked: %v", err)
	}
	token := binary.NativeEndian.Uint64(mem[8:])
	if token == 0 {
		t.Fatal("no token")
	}
	execute := func() cserr.Error {
		return responseError(t, p.Call(ipcmsg.CPGHandleRequest{ID: ipcmsg.CPGReqZCExecute, Handle: token}.Append(nil)))
	}
	if e := execute(); e != cserr.NotExist {
		t.Errorf("not joined: %v", e)
	}
	p.Call(ipcmsg.CPGJoinRequest{Group: []byte("g"), PID: 1}.Append(nil))
	c.Run()
	p.TakeEvents()
	binary.NativeEndian.PutUint32(mem[48:], 5)
	copy(mem[56:], "hello")
	if e := execute(); e != cserr.OK {
		t.Errorf("execute: %v", e)
	}
	c.Run()
	ev := p.TakeEvents()
	d, err := ipcmsg.ParseCPGDeliverEvent(ev[0])
	if err != nil || string(d.Payload) != "hello" {
		t.Errorf("delivered %q, %v", d.Payload, err)
	}
	binary.NativeEndian.PutUint32(mem[48:], 101)
	if e := execute(); e != cserr.InvalidParam {
		t.Errorf("length beyond the map: %v", e)
	}
	// The client cuts off the memory under the daemon.
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if e := execute(); e != cserr.InvalidParam {
		t.Errorf("truncated: %v", e)
	}
	free := ipcmsg.CPGZCFreeRequest{MapSize: uint64(size), Token: token}.Append(nil)
	if e := responseError(t, p.Call(free)); e != cserr.OK {
		t.Errorf("free: %v", e)
	}
	if e := responseError(t, p.Call(free)); e != cserr.NotExist {
		t.Errorf("second free: %v", e)
	}
	if e := execute(); e != cserr.NotExist {
		t.Errorf("execute after free: %v", e)
	}
}

// TestZeroCopyPaths: the daemon touches no file but what a library makes for the purpose.
func TestZeroCopyPaths(t *testing.T) {
	good, _, _ := zeroCopyFile(t, 4096)
	elsewhere := filepath.Join(t.TempDir(), zeroCopyPrefix+"x")
	if err := os.WriteFile(elsewhere, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := fmt.Sprintf("/dev/shm/%sgotest-link-%d", zeroCopyPrefix, os.Getpid())
	hard := fmt.Sprintf("/dev/shm/%sgotest-hard-%d", zeroCopyPrefix, os.Getpid())
	other := fmt.Sprintf("/dev/shm/gotest-%d", os.Getpid())
	for _, p := range []string{link, hard, other} {
		defer os.Remove(p)
	}
	if err := errors.Join(os.Symlink(elsewhere, link), os.Link(good, hard), os.WriteFile(other, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	uid := os.Getuid()
	for _, c := range []struct {
		name, path string
		size       uint64
		uid        int
	}{
		{"elsewhere", elsewhere, 4096, uid}, {"symbolic link", link, 4096, uid}, {"hard link", hard, 4096, uid},
		{"other name", other, 4096, uid}, {"other owner", good, 4096, uid + 1}, {"empty", "", 4096, uid},
		{"up", "/dev/shm/../etc/" + zeroCopyPrefix, 4096, uid}, {"missing", "/dev/shm/" + zeroCopyPrefix + "-none", 4096, uid},
	} {
		if z, err := mapZeroCopy(c.path, c.size, c.uid, 0, 0); err == nil {
			t.Errorf("%s: mapped", c.name)
			z.free()
		}
	}
	for _, p := range []string{good, elsewhere, other} {
		if _, err := os.Stat(p); err != nil {
			t.Error(err)
		}
	}
	if b, _ := os.ReadFile(elsewhere); string(b) != "precious" {
		t.Error("a file elsewhere was changed")
	}
}

// TestZeroCopyBounds: what is refused for its size or number leaves no file behind, as the library does not remove it.
func TestZeroCopyBounds(t *testing.T) {
	for _, c := range []struct {
		size       uint64
		there, all int
	}{{55, 0, 0}, {maxZeroCopyBytes + 1, 0, 0}, {4096, maxZeroCopy, 0}, {4096, 0, maxZeroCopyAll}} {
		path, _, _ := zeroCopyFile(t, 4096)
		if z, err := mapZeroCopy(path, c.size, os.Getuid(), c.there, c.all); err == nil {
			t.Errorf("%+v: mapped", c)
			z.free()
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%+v: file still there", c)
		}
	}
}
