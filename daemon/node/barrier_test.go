package node

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/corosync-go/corosync/daemon/logsys"
)

// FuzzBarrierFile: whatever the file holds, it is read as the four bytes at its start or as zero, and replaced by what is saved.
func FuzzBarrierFile(f *testing.F) {
	f.Add([]byte{}, uint32(1))
	f.Add([]byte{1, 2, 3}, uint32(0))
	f.Add([]byte{5, 0, 0, 0}, uint32(7))
	f.Add(make([]byte, 5000), uint32(1<<32-1))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte, next uint32) {
		path := filepath.Join(dir, "ev_tracking")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		b := NewBarrierFile(dir, logsys.DiscardAll().Logger("VOTEQ"))
		want := uint32(0)
		if len(content) >= 4 {
			want = binary.NativeEndian.Uint32(content)
		}
		if got, err := b.Load(); got != want || err != nil {
			t.Fatalf("%d, %v from % x", got, err, content)
		}
		b.Save(next)
		b.Wait()
		if got, err := b.Load(); got != next || err != nil {
			t.Errorf("%d, %v after %d was saved", got, err, next)
		}
	})
}
