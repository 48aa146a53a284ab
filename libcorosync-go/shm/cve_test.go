package shm

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// CVE-2019-12779: libqb made its files under names that could be guessed, and followed what somebody else had put there before:
// a symbolic link in /dev/shm made the daemon overwrite any file.
func TestCVE_2019_12779_NamesThatOthersHaveTaken(t *testing.T) {
	seen := map[string]bool{}
	for range 20 {
		d, err := MakeDir(os.Getpid(), 1, 1)
		if err != nil {
			t.Skip(err)
		}
		defer d.Remove()
		if seen[d.Path()] {
			t.Fatalf("%s for the second time", d.Path())
		}
		seen[d.Path()] = true
		if st, err := os.Lstat(d.Path()); err != nil || !st.IsDir() || st.Mode().Perm()&0o007 != 0 {
			t.Errorf("%v, %v", st, err)
		}
	}

	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := MakeDir(os.Getpid(), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Remove("link", "file", "dir")
	// The server finds the name taken, by a link or a file.
	if err := os.Symlink(victim, filepath.Join(d.Path(), "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.Path(), "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "file"} {
		if _, err := d.Create(name, 4096, os.Getuid(), os.Getgid()); !errors.Is(err, unix.EEXIST) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The directory is moved away and a link to another put in its place: the server goes on in the one that it made.
	moved := d.Path() + "-moved"
	if err := os.Rename(d.Path(), moved); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(moved)
	other := t.TempDir()
	if err := os.Symlink(other, d.Path()); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(d.Path())
	mem, err := d.Create("fresh", 4096, os.Getuid(), os.Getgid())
	if err != nil {
		t.Fatal(err)
	}
	Unmap(mem)
	if left, _ := os.ReadDir(other); len(left) > 0 {
		t.Errorf("the file was made behind a link: %v", left)
	}

	// The client is told names by whoever answers on the socket. It opens no link, neither as file nor as directory.
	if err := os.Symlink(victim, filepath.Join(moved, "again")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(moved, "again"), filepath.Join(d.Path(), "fresh"), victim} {
		if mem, err := Open(path, 0); err == nil {
			Unmap(mem)
			t.Errorf("%s was opened", path)
		}
	}
	mem, err = Open(filepath.Join(moved, "fresh"), 4096)
	if err != nil {
		t.Error(err)
	}
	Unmap(mem)
}
