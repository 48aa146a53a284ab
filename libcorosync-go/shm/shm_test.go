package shm

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/libcorosync-go/ring"
)

func needRoot(t *testing.T) {
	t.Helper()
	if st, err := os.Stat(Root); err != nil || !st.IsDir() {
		t.Skip("no ", Root)
	}
}

func TestDir(t *testing.T) {
	needRoot(t)
	mask := 0o777
	if os.Getuid() != 0 {
		mask = 0o077 // who is not root needs permission to open what is its own
	}
	old := unix.Umask(mask)
	d, err := MakeDir(os.Getpid(), 12, 7)
	unix.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := filepath.Match("/dev/shm/qb-*-12-7-??????", d.Path()); !ok {
		t.Error(d.Path())
	}
	mem, err := d.Create("qb-event-x-data", 8192, os.Getuid(), os.Getgid())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Create("qb-event-x-data", 8192, 0, 0); !errors.Is(err, unix.EEXIST) {
		t.Error("created twice:", err)
	}
	if err := d.HandOver(os.Getuid(), os.Getgid()); err != nil {
		t.Error(err)
	}
	st, _ := os.Stat(d.Path())
	fst, err := os.Stat(d.Path() + "/qb-event-x-data")
	if err != nil || st.Mode().Perm() != 0o770 || fst.Mode().Perm() != 0o600 || fst.Size() != 8192 {
		t.Error(st.Mode(), fst.Mode(), fst.Size(), err)
	}
	other, err := Open(d.Path()+"/qb-event-x-data", 0)
	if err != nil || len(other) != 8192 {
		t.Fatal(err)
	}
	mem[5000] = 42
	if other[5000] != 42 {
		t.Error("not shared")
	}
	if _, err := Open(d.Path()+"/qb-event-x-data", 8193); !errors.Is(err, unix.EINVAL) {
		t.Error("short file:", err)
	}
	d.Remove("qb-event-x-data", "never-there")
	if _, err := os.Stat(d.Path()); !os.IsNotExist(err) {
		t.Error("left behind")
	}
	Unmap(mem)
	Unmap(other)
	Unmap(nil)
}

func TestFull(t *testing.T) {
	needRoot(t)
	var st unix.Statfs_t
	if err := unix.Statfs(Root, &st); err != nil || st.Type != unix.TMPFS_MAGIC || st.Blocks == 0 {
		t.Skip("/dev/shm is not a limited tmpfs")
	}
	d, err := MakeDir(os.Getpid(), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Remove("big")
	if _, err := d.Create("big", int(st.Blocks+1)*int(st.Bsize), 0, 0); !errors.Is(err, unix.ENOSPC) {
		t.Error(err)
	}
	if _, err := os.Stat(d.Path() + "/big"); !os.IsNotExist(err) {
		t.Error("file stays")
	}
}

func TestRemoveStale(t *testing.T) {
	needRoot(t)
	old := time.Now().Add(-time.Hour)
	mk := func(pid int, file string, when time.Time) string {
		d, err := MakeDir(pid, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(d.Path()+"/"+file, nil, 0o600)
		os.Chtimes(d.Path(), when, when)
		unix.Close(d.fd)
		t.Cleanup(func() { os.RemoveAll(d.Path()) })
		return d.Path()
	}
	const dead = 1 << 29 // beyond any pid_max
	gone := []string{mk(dead, "qb-request-gotest-header", old), mk(os.Getpid(), "qb-event-gotest-data", old)}
	stay := []string{mk(os.Getppid(), "qb-request-gotest-header", old), mk(dead, "qb-request-other-header", old),
		mk(dead, "qb-request-gotest-data", time.Now())}
	if n := RemoveStale([]string{"gotest"}); n != len(gone) {
		t.Error("removed", n)
	}
	for _, p := range gone {
		if _, err := os.Stat(p); !os.IsNotExist(err) {
			t.Error("stays", p)
		}
	}
	for _, p := range stay {
		if _, err := os.Stat(p); err != nil {
			t.Error("went", p)
		}
	}
}

func TestWait(t *testing.T) {
	needRoot(t)
	d, err := MakeDir(os.Getpid(), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Remove("h", "d")
	hdr, err1 := d.Create("h", ring.HeaderBytes, os.Getuid(), os.Getgid())
	data, err2 := d.Create("d", 4096, os.Getuid(), os.Getgid())
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	defer Unmap(hdr)
	defer Unmap(data)
	r, err := ring.Create(hdr, data, 100, ring.Reader, "", "")
	if err != nil {
		t.Fatal(err)
	}
	s := r.Sem()
	if err := Wait(s, 0, nil); err != unix.ETIMEDOUT {
		t.Error(err)
	}
	if err := Wait(s, time.Millisecond, nil); err != unix.ETIMEDOUT {
		t.Error(err)
	}
	const n = 1000
	done := make(chan error)
	go func() {
		var err error
		for i := 0; i < n && err == nil; i++ {
			// The wake for a count that was taken without sleeping may come late, and means nothing then.
			for err = unix.EINTR; err == unix.EINTR; {
				err = Wait(s, 10*time.Second, nil)
			}
		}
		done <- err
	}()
	for range n {
		if s.Post() {
			Wake(s)
		}
	}
	if err := <-done; err != nil || s.Value() != 0 {
		t.Error(err, s.Value())
	}
	var stop atomic.Bool
	go func() { done <- Wait(s, 10*time.Second, &stop) }()
	stop.Store(true)
	for {
		select {
		case err := <-done:
			if err != unix.EINTR {
				t.Error(err)
			}
			return
		case <-time.After(time.Millisecond):
			Wake(s)
		}
	}
}
