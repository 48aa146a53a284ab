package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/corosync-go/corosync/daemon/logsys"
)

// BarrierFile keeps the expected votes barrier in <state dir>/ev_tracking, four bytes in host order, as 3.1 does. Writing
// is done on a goroutine of its own, because the file is synchronised to disk.
type BarrierFile struct {
	path string
	log  logsys.Logger

	mu     sync.Mutex
	latest uint32 // guarded by mu
	dirty  bool   // guarded by mu
	busy   bool   // a writer runs; guarded by mu
	done   sync.WaitGroup
}

// NewBarrierFile returns the store for a state directory.
func NewBarrierFile(stateDir string, log logsys.Logger) *BarrierFile {
	return &BarrierFile{path: filepath.Join(stateDir, "ev_tracking"), log: log}
}

// Load reads the barrier. A missing or short file counts as zero and is created.
func (b *BarrierFile) Load() (uint32, error) {
	f, err := os.Open(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, b.write(0)
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var text [4]byte // whatever else is in the file
	switch _, err := io.ReadFull(f, text[:]); {
	case err == nil:
		return binary.NativeEndian.Uint32(text[:]), nil
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return 0, b.write(0)
	default:
		return 0, err
	}
}

// Save stores the barrier soon; only the latest value counts.
func (b *BarrierFile) Save(barrier uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.latest, b.dirty = barrier, true
	if !b.busy {
		b.busy = true
		b.done.Add(1)
		go b.writer()
	}
}

func (b *BarrierFile) writer() {
	defer b.done.Done()
	for {
		b.mu.Lock()
		v, dirty := b.latest, b.dirty
		b.dirty = false
		b.busy = dirty
		b.mu.Unlock()
		if !dirty {
			return
		}
		if err := b.write(v); err != nil {
			b.log.Warningf("Unable to update ev_tracking_barrier on disk data: %v", err)
		}
	}
}

// Wait returns when all that was saved is on disk.
func (b *BarrierFile) Wait() { b.done.Wait() }

func (b *BarrierFile) write(v uint32) (err error) {
	f, err := os.OpenFile(b.path, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		return fmt.Errorf("opening the barrier file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var buf [4]byte
	binary.NativeEndian.PutUint32(buf[:], v)
	if _, err := f.WriteAt(buf[:], 0); err != nil {
		return fmt.Errorf("writing the barrier: %w", err)
	}
	return f.Sync()
}
