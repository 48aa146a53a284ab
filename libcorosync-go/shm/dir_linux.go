package shm

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Root is where libqb puts its files on Linux, whatever the mount.
const Root = "/dev/shm"

const (
	dirMode  = 0o770
	fileMode = 0o600
)

// Dir is the directory of one connection on the server's side: /dev/shm/qb-<server pid>-<client pid>-<fd>-XXXXXX. It
// holds a descriptor, so that nothing its later owner does to the path leads elsewhere.
type Dir struct {
	path string
	fd   int
}

// MakeDir creates a fresh directory. Files are made in it before HandOver gives it to the client.
func MakeDir(serverPID, clientPID, connFd int) (*Dir, error) {
	for range 100 {
		path := fmt.Sprintf("%s/qb-%d-%d-%d-%s", Root, serverPID, clientPID, connFd, suffix())
		err := unix.Mkdir(path, 0o700)
		if err == unix.EEXIST {
			continue
		}
		if err != nil {
			return nil, os.NewSyscallError("mkdir", err)
		}
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			// The umask must not decide who reaches the files.
			if err = unix.Fchmod(fd, dirMode); err != nil {
				unix.Close(fd)
			}
		}
		if err != nil {
			unix.Rmdir(path)
			return nil, os.NewSyscallError("open directory", err)
		}
		return &Dir{path: path, fd: fd}, nil
	}
	return nil, os.NewSyscallError("mkdir", unix.EEXIST)
}

// suffix is six characters of mkdtemp's alphabet.
func suffix() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	var b [6]byte
	// Not crypto/rand: its generator brings 32 MB, which clients that lock their memory would pay for.
	unix.Getrandom(b[:], 0)
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b[:])
}

// Path is the absolute path of the directory.
func (d *Dir) Path() string { return d.path }

// Create makes a file of exactly size zeroed bytes for its owner alone, with all its memory reserved, and maps it.
// ENOSPC when /dev/shm has no room: better now than SIGBUS later. uid and gid are set as far as permitted.
func (d *Dir) Create(name string, size int, uid, gid int) ([]byte, error) {
	fd, err := unix.Openat(d.fd, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, fileMode)
	if err != nil {
		return nil, os.NewSyscallError("open "+name, err)
	}
	defer unix.Close(fd)
	mem, err := func() ([]byte, error) {
		if err := reserve(fd, size); err != nil {
			return nil, err
		}
		if err := chown(fd, uid, gid); err != nil {
			return nil, os.NewSyscallError("fchown", err)
		}
		if err := unix.Fchmod(fd, fileMode); err != nil {
			return nil, os.NewSyscallError("fchmod", err)
		}
		return mapFd(fd, size)
	}()
	if err != nil {
		unix.Unlinkat(d.fd, name, 0)
	}
	return mem, err
}

// reserve gives the file its size with memory behind every page. The kernel gives up when a signal is pending, and
// Go's scheduler sends signals, so it is asked again.
func reserve(fd, size int) error {
	for {
		switch err := unix.Fallocate(fd, 0, 0, int64(size)); err {
		case unix.EINTR:
		default:
			return os.NewSyscallError("fallocate", err)
		}
	}
}

// chown ignores the refusal a daemon gets that is not root.
func chown(fd, uid, gid int) error {
	if err := unix.Fchown(fd, uid, gid); err != nil && err != unix.EPERM {
		return err
	}
	return nil
}

// HandOver makes the client the owner of the directory, as far as permitted.
func (d *Dir) HandOver(uid, gid int) error {
	return os.NewSyscallError("fchown", chown(d.fd, uid, gid))
}

// Remove unlinks the named files, then the directory, and closes it. What is not there any more is fine.
func (d *Dir) Remove(names ...string) {
	for _, name := range names {
		unix.Unlinkat(d.fd, name, 0)
	}
	unix.Close(d.fd)
	unix.Rmdir(d.path)
	d.fd = -1
}

// Open maps an existing file under Root. size 0 takes all of it; otherwise a file shorter than size is EINVAL. The path is what
// somebody on a socket says, who may not be who the caller thinks: links are not followed, and other places are EACCES.
func Open(path string, size int) ([]byte, error) {
	fd, err := openBeneath(path)
	if err != nil {
		return nil, os.NewSyscallError("open "+path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	if size == 0 {
		size = int(min(st.Size, 1<<30))
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || size == 0 || st.Size < int64(size) {
		return nil, os.NewSyscallError("map "+path, unix.EINVAL)
	}
	return mapFd(fd, size)
}

func openBeneath(path string) (int, error) {
	name, ok := strings.CutPrefix(path, Root+"/")
	if !ok {
		return -1, unix.EACCES
	}
	const flags = unix.O_RDWR | unix.O_NONBLOCK | unix.O_CLOEXEC
	root, err := unix.Open(Root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	fd, err := unix.Openat2(root, name, &unix.OpenHow{Flags: flags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS})
	if err != unix.ENOSYS && err != unix.EPERM {
		return fd, err
	}
	// Linux before 5.6, or a filter of system calls that does not know this one.
	return unix.Open(path, flags|unix.O_NOFOLLOW, 0)
}

func mapFd(fd, size int) ([]byte, error) {
	p, err := unix.MmapPtr(fd, 0, nil, uintptr(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return unsafe.Slice((*byte)(p), size), nil
}

// RemoveFiles removes files that Open has mapped, as far as they are in the directory of the first, and that directory if it is
// empty then. The names are those that somebody said who may not be who the caller thinks, and who may have put something else
// in their place since: so no link leads elsewhere.
func RemoveFiles(paths ...string) {
	dir, _ := filepath.Split(paths[0])
	below, ok := strings.CutPrefix(dir, Root+"/")
	if !ok {
		return
	}
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Open(Root, flags, 0)
	if err != nil {
		return
	}
	parent, last := -1, ""
	defer func() { unix.Close(parent); unix.Close(fd) }()
	for _, step := range strings.FieldsFunc(below, func(r rune) bool { return r == '/' }) {
		if step == "." || step == ".." {
			return
		}
		at, err := unix.Openat(fd, step, flags, 0)
		if err != nil {
			return
		}
		unix.Close(parent)
		parent, fd, last = fd, at, step
	}
	for _, p := range paths {
		if name, ok := strings.CutPrefix(p, dir); ok && !strings.Contains(name, "/") {
			unix.Unlinkat(fd, name, 0)
		}
	}
	if last != "" {
		unix.Unlinkat(parent, last, unix.AT_REMOVEDIR)
	}
}

// Unmap ends a mapping. nil is fine.
func Unmap(mem []byte) {
	if len(mem) > 0 {
		unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(mem)), uintptr(len(mem)))
	}
}

// Contains tells whether addr, of a memory fault, lies in one of the mappings.
func Contains(addr uintptr, mems ...[]byte) bool {
	for _, m := range mems {
		if start := uintptr(unsafe.Pointer(unsafe.SliceData(m))); addr >= start && addr-start < uintptr(len(m)) {
			return true
		}
	}
	return false
}

// staleAge protects a connection that is being made right now by a server in another pid namespace.
const staleAge = time.Minute

// RemoveStale removes what servers that are no more left under /dev/shm: directories of libqb's pattern whose server
// process does not exist, or had the caller's own pid, and that hold files of the given services only. It is for the
// start of a daemon, before its first connection. It returns how many directories it removed.
func RemoveStale(services []string) int {
	// Compiled here because clients, who share this package, never need them.
	staleDir := regexp.MustCompile(`^qb-([0-9]+)-[0-9]+-[0-9]+-[A-Za-z0-9]{6}$`)
	staleFile := regexp.MustCompile(`^qb-(?:request|response|event|control)-(` + strings.Join(services, "|") + `)(?:-header|-data)?$`)
	entries, err := os.ReadDir(Root)
	if err != nil {
		return 0
	}
	n := 0
	for _, e := range entries {
		m := staleDir.FindStringSubmatch(e.Name())
		if m == nil || !e.IsDir() {
			continue
		}
		pid, err := strconv.Atoi(m[1])
		if err != nil || pid != os.Getpid() && unix.Kill(pid, 0) != unix.ESRCH {
			continue
		}
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < staleAge {
			continue
		}
		if removeDir(filepath.Join(Root, e.Name()), staleFile) {
			n++
		}
	}
	return n
}

// removeDir removes a directory if it holds nothing but files of the given names.
func removeDir(path string, names *regexp.Regexp) bool {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	files, err := os.ReadDir(path)
	if err != nil {
		return false
	}
	for _, f := range files {
		if !names.MatchString(f.Name()) {
			return false
		}
	}
	for _, f := range files {
		unix.Unlinkat(fd, f.Name(), 0)
	}
	return unix.Rmdir(path) == nil
}
