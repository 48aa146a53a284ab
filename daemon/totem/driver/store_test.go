package driver

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

func TestFileStore(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "ringid_77")
	open := func() *FileStore { return NewFileStore(dir, 77) }

	s := open()
	if seq, err := s.Load(); seq != 0 || err != nil {
		t.Fatalf("new file: %d, %v", seq, err)
	}
	if fi, err := os.Stat(name); err != nil || fi.Mode().Perm() != 0o600 || fi.Size() != 8 {
		t.Fatalf("new file: %v, %v", fi, err)
	}
	if err := s.Store(0x1d); err != nil {
		t.Fatal(err)
	}
	s.Close()
	// As the C daemon writes it on a little-endian machine.
	if b, err := os.ReadFile(name); err != nil || !bytes.Equal(b, []byte{0x1d, 0, 0, 0, 0, 0, 0, 0}) {
		t.Fatalf("%x, %v", b, err)
	}
	s = open()
	if seq, err := s.Load(); seq != 0x1d || err != nil {
		t.Fatalf("%d, %v", seq, err)
	}
	// The file disappears while the daemon runs.
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := s.Store(0x21); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if seq, err := open().Load(); seq != 0x21 || err != nil {
		t.Fatalf("after the file was removed: %d, %v", seq, err)
	}
	// Too short.
	if err := os.WriteFile(name, []byte{1, 2, 3}, 0o600); err != nil {
		t.Fatal(err)
	}
	if seq, err := open().Load(); seq != 0 || err != nil {
		t.Fatalf("short file: %d, %v", seq, err)
	}
	if _, err := NewFileStore(filepath.Join(dir, "missing"), 1).Load(); err == nil {
		t.Fatal("no error for a directory that does not exist")
	}
}

// FuzzFileStore: whatever the file holds, it is read as the eight bytes at its start or as zero, and a number that was stored is
// read again.
func FuzzFileStore(f *testing.F) {
	f.Add([]byte{}, uint64(1))
	f.Add([]byte{1, 2, 3}, uint64(0))
	f.Add([]byte{0x1d, 0, 0, 0, 0, 0, 0, 0}, uint64(7))
	f.Add(make([]byte, 5000), uint64(1<<64-1))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte, next uint64) {
		if err := os.WriteFile(filepath.Join(dir, "ringid_1"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		want := uint64(0)
		if len(content) >= 8 {
			want = binary.NativeEndian.Uint64(content)
		}
		s := NewFileStore(dir, 1)
		defer s.Close()
		if got, err := s.Load(); got != want || err != nil {
			t.Fatalf("%d, %v from % x", got, err, content)
		}
		if err := s.Store(next); err != nil {
			t.Fatal(err)
		}
		again := NewFileStore(dir, 1)
		defer again.Close()
		if got, err := again.Load(); got != next || err != nil {
			t.Errorf("%d, %v after %d was stored", got, err, next)
		}
	})
}
