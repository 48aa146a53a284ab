package shm

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CreateTemp makes a file of exactly size zeroed bytes with a name that begins with prefix in the first of dirs that takes
// it, for its owner alone and with all its memory reserved, and maps it: the client's side of the 1.x protocol. The error is
// that of the first. ENOSPC when there is no room; EFBIG when the process may not make files of that size, for which the kernel
// would send it a signal.
func CreateTemp(dirs []string, prefix string, size int) (path string, mem []byte, err error) {
	var most unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_FSIZE, &most) == nil && uint64(size) > most.Cur {
		return "", nil, os.NewSyscallError("fallocate", unix.EFBIG)
	}
	for _, dir := range dirs {
		path, mem, errDir := createTemp(dir, prefix, size)
		if errDir == nil {
			return path, mem, nil
		}
		if err == nil {
			err = errDir
		}
	}
	return "", nil, err
}

func createTemp(dir, prefix string, size int) (string, []byte, error) {
	for range 100 {
		path := dir + "/" + prefix + suffix()
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, fileMode)
		if err == unix.EEXIST {
			continue
		}
		if err != nil {
			return "", nil, os.NewSyscallError("open "+path, err)
		}
		mem, err := func() ([]byte, error) {
			defer unix.Close(fd)
			if err := reserve(fd, size); err != nil {
				return nil, err
			}
			return mapFd(fd, size)
		}()
		if err != nil {
			unix.Unlink(path)
			return "", nil, fmt.Errorf("%s: %w", path, err)
		}
		return path, mem, nil
	}
	return "", nil, os.NewSyscallError("open "+dir+"/"+prefix, unix.EEXIST)
}

// Take opens a file that a client has made for the caller, removes its name and maps size bytes of it, which it is made
// to have. The path is a stranger's word, and the caller may do what the stranger may not: so it must be a name of the given
// prefix directly in one of dirs, and a regular file of one of the owners with no other name. EINVAL if it is not.
func Take(path string, dirs []string, prefix string, size int, owners ...uint32) ([]byte, error) {
	dir, base := filepath.Split(path)
	if !slices.Contains(dirs, strings.TrimSuffix(dir, "/")) || !strings.HasPrefix(base, prefix) {
		return nil, os.NewSyscallError("open", unix.EINVAL)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("open", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || !slices.Contains(owners, st.Uid) || st.Nlink != 1 {
		return nil, os.NewSyscallError("open", unix.EINVAL)
	}
	if err := unix.Unlink(path); err != nil {
		return nil, os.NewSyscallError("unlink", err)
	}
	if st.Size != int64(size) {
		if err := unix.Ftruncate(fd, int64(size)); err != nil {
			return nil, os.NewSyscallError("ftruncate", err)
		}
	}
	return mapFd(fd, size)
}

// RemoveStaleFiles removes files with one of the prefixes and six more characters from dirs, if they are older than a
// minute: they are made to be unlinked within milliseconds, so their makers are gone. It returns how many it removed.
func RemoveStaleFiles(dirs []string, prefixes ...string) int {
	for i, p := range prefixes {
		prefixes[i] = regexp.QuoteMeta(p)
	}
	name := regexp.MustCompile(`^(?:` + strings.Join(prefixes, "|") + `)[A-Za-z0-9]{6}$`)
	n := 0
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if !name.MatchString(e.Name()) || !e.Type().IsRegular() {
				continue
			}
			if info, err := e.Info(); err == nil && time.Since(info.ModTime()) >= staleAge && unix.Unlink(dir+"/"+e.Name()) == nil {
				n++
			}
		}
	}
	return n
}
