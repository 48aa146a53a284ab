package driver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/totem"
)

// Store keeps the ring sequence number over restarts of the process, so that no ring id is used twice.
type Store interface {
	// Load returns the number stored last, 0 if there is none.
	Load() (uint64, error)
	// Store replaces it. When it returns nil, a Load by a later process gives this number.
	Store(seq uint64) error
}

// FileStore is the file <state dir>/ringid_<node id>, with the number in 8 bytes of host byte order, as the C daemon has
// it: each takes over the other's file.
//
// Store runs on the owner goroutine, because what follows it must not be sent before. It is one write of 8 bytes to a
// file that is open already, without fsync (the C daemon does not call it either): the number survives the process, which
// is what matters, and the write ends in the page cache. A crash of the whole machine may lose it; the numbers of the
// other nodes, learned from their JOIN messages, then lead on.
type FileStore struct {
	path string
	file *os.File
}

const seqSize = 8

// NewFileStore returns the store of a node in a directory that exists.
func NewFileStore(dir string, id totem.NodeID) *FileStore {
	return &FileStore{path: filepath.Join(dir, fmt.Sprintf("ringid_%d", id))}
}

// Load opens the file, and creates it with 0 when it is missing or too short.
func (s *FileStore) Load() (uint64, error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	var b [seqSize]byte
	switch _, err := s.file.ReadAt(b[:], 0); {
	case err == nil:
		return binary.NativeEndian.Uint64(b[:]), nil
	case errors.Is(err, io.EOF):
		return 0, s.write(0)
	default:
		return 0, fmt.Errorf("read the ring id: %w", err)
	}
}

// Store writes the number.
func (s *FileStore) Store(seq uint64) error {
	// Somebody may have cleaned up the directory: a file without a name would be lost at the next start.
	var st unix.Stat_t
	if s.file != nil && (unix.Fstat(int(s.file.Fd()), &st) != nil || st.Nlink == 0) {
		s.Close()
	}
	if s.file == nil {
		if err := s.open(); err != nil {
			return err
		}
	}
	return s.write(seq)
}

// Close closes the file.
func (s *FileStore) Close() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

func (s *FileStore) open() error {
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fileError{fmt.Sprintf("Couldn't create ringid file '%s'", s.path), err}
	}
	s.file = f
	return nil
}

func (s *FileStore) write(seq uint64) error {
	var b [seqSize]byte
	binary.NativeEndian.PutUint64(b[:], seq)
	if _, err := s.file.WriteAt(b[:], 0); err != nil {
		return fileError{fmt.Sprintf("Couldn't write ringid file '%s'", s.path), err}
	}
	return nil
}

// fileError is an error of the system in the words of the C daemon: what failed, the reason, its number.
type fileError struct {
	what string
	err  error
}

func (e fileError) Error() string { return e.what + ": " + reason(e.err) }
func (e fileError) Unwrap() error { return e.err }

// reason is strerror with the number of what lies beneath err.
func reason(err error) string {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	s := errno.Error()
	return fmt.Sprintf("%s%s (%d)", strings.ToUpper(s[:1]), s[1:], int(errno))
}

// storeError marks an error of the Store without adding to its text.
type storeError struct{ err error }

func (e storeError) Error() string   { return e.err.Error() }
func (e storeError) Unwrap() []error { return []error{ErrStore, e.err} }

// MemStore is a Store for tests and simulation. What it holds survives a simulated restart if the value does.
type MemStore struct {
	Seq uint64
	// Err, if set, is returned by Store.
	Err error
}

// Load returns the number.
func (s *MemStore) Load() (uint64, error) { return s.Seq, nil }

// Store replaces it.
func (s *MemStore) Store(seq uint64) error {
	if s.Err != nil {
		return s.Err
	}
	s.Seq = seq
	return nil
}
