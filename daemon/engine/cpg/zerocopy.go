package cpg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/libcorosync-go/shm"
)

// maxZeroCopyBytes bounds one shared buffer. The largest message that can be sent from it has 1 MiB.
const maxZeroCopyBytes = 64 << 20

// zeroCopyPrefix begins the name of the files that client libraries share, in one of zeroCopyDirs.
const zeroCopyPrefix = "corosync_zerocopy-"

var zeroCopyDirs = []string{"/dev/shm", "/var/run", "/run"}

var (
	errZeroCopyPath  = errors.New("not a zero copy file of this client")
	errZeroCopySize  = errors.New("zero copy size out of range")
	errZeroCopyCount = errors.New("too many zero copy maps")
	errZeroCopyGone  = errors.New("zero copy memory is gone")
)

// zeroCopy is memory shared with a client:
//
//	 0  map_size i32, written by the client
//	 8  token u64, written by the daemon
//	16  a MCAST request of 40 bytes: msglen u32 @48
//	56  data
type zeroCopy struct {
	mem []byte
}

// openZeroCopy opens and unlinks the file that a client made for the purpose. The path is the client's word, and the daemon
// may do what the client may not: so only a name that libraries choose counts, and only a file of the client's own.
func openZeroCopy(path string, uid int) (fd int, err error) {
	dir, base := filepath.Split(path)
	ours := false
	for _, d := range zeroCopyDirs {
		ours = ours || dir == d+"/"
	}
	if !ours || !strings.HasPrefix(base, zeroCopyPrefix) {
		return -1, fmt.Errorf("%w: %q", errZeroCopyPath, path)
	}
	fd, err = unix.Open(path, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("open %q: %w", path, err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err != nil {
		err = fmt.Errorf("stat %q: %w", path, err)
	} else if st.Mode&unix.S_IFMT != unix.S_IFREG || int(st.Uid) != uid || st.Nlink != 1 {
		err = fmt.Errorf("%w: %q", errZeroCopyPath, path)
	} else if err = unix.Unlink(path); err != nil {
		err = fmt.Errorf("unlink %q: %w", path, err)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// mapZeroCopy maps the file of a client; there says how many such maps it has already, and all how many there are. The
// file is gone from its directory even if it is refused for its size or number: nobody else would remove it.
func mapZeroCopy(path string, size uint64, uid, there, all int) (*zeroCopy, error) {
	fd, err := openZeroCopy(path, uid)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if size < ipcmsg.CPGZCOverhead || size > maxZeroCopyBytes {
		return nil, fmt.Errorf("%w: %d bytes", errZeroCopySize, size)
	}
	if there >= maxZeroCopy || all >= maxZeroCopyAll {
		return nil, fmt.Errorf("%w: %d of this client, %d in all", errZeroCopyCount, there, all)
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, fmt.Errorf("truncate %q: %w", path, err)
	}
	mem, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %q: %w", path, err)
	}
	return &zeroCopy{mem: mem}, nil
}

func (z *zeroCopy) free() {
	if z.mem != nil {
		_ = unix.Munmap(z.mem)
		z.mem = nil
	}
}

// access calls fn, and turns the fault of memory that the client has cut off into an error.
func (z *zeroCopy) access(fn func(mem []byte)) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		r := recover()
		if r == nil {
			return
		}
		if f, ok := r.(interface{ Addr() uintptr }); !ok || !shm.Contains(f.Addr(), z.mem) {
			panic(r)
		}
		err = errZeroCopyGone
	}()
	fn(z.mem)
	return nil
}

// setToken tells the client how to name the memory.
func (z *zeroCopy) setToken(token uint64) error {
	return z.access(func(mem []byte) { binary.NativeEndian.PutUint64(mem[ipcmsg.CPGZCTokenOffset:], token) })
}

// message copies the message that the client has prepared to dst: the client may go on writing.
func (z *zeroCopy) message(dst []byte) (msg []byte, err error) {
	bad := false
	err = z.access(func(mem []byte) {
		n := binary.NativeEndian.Uint32(mem[ipcmsg.CPGZCMcastOffset+32:])
		data := mem[ipcmsg.CPGZCOverhead:]
		if bad = uint64(n) > uint64(len(data)); !bad {
			msg = append(dst, data[:n]...)
		}
	})
	if bad {
		err = errZeroCopySize
	}
	return msg, err
}

func (e *Engine) libZeroCopyAlloc(c service.Conn, req []byte) {
	cl := clientOf(c)
	r, err := ipcmsg.ParseCPGZCAllocRequest(req)
	var z *zeroCopy
	if err == nil {
		z, err = mapZeroCopy(string(r.Path), r.MapSize, c.UID(), len(cl.maps), e.maps)
	}
	if err == nil {
		e.nextHandle++
		if err = z.setToken(e.nextHandle); err != nil {
			z.free()
		}
	}
	// The library does not look at the error; without a token it fails when it sends.
	if err != nil {
		if e.mapsRefused++; e.mapsRefused&(e.mapsRefused-1) == 0 {
			e.api.Log().Warningf("zero copy refused to pid %d: %v (%d so far)", c.PID(), err, e.mapsRefused)
		}
		e.replyError(c, ipcmsg.CPGResJoin, cserr.InvalidParam)
		return
	}
	if cl.maps == nil {
		cl.maps = make(map[uint64]*zeroCopy)
	}
	cl.maps[e.nextHandle] = z
	e.maps++
	e.replyError(c, ipcmsg.CPGResJoin, cserr.OK)
}

func (e *Engine) libZeroCopyFree(c service.Conn, req []byte) {
	cl := clientOf(c)
	res := cserr.OK
	if r, err := ipcmsg.ParseCPGZCFreeRequest(req); err != nil {
		res = parseError(err)
	} else if z := cl.maps[r.Token]; z == nil {
		res = cserr.NotExist
	} else {
		z.free()
		delete(cl.maps, r.Token)
		e.maps--
	}
	e.replyError(c, ipcmsg.CPGResJoin, res)
}

func (e *Engine) libZeroCopyExecute(c service.Conn, req []byte) {
	cl := clientOf(c)
	r, err := ipcmsg.ParseCPGHandleRequest(req)
	if err != nil {
		e.replyError(c, ipcmsg.CPGResZCExecute, parseError(err))
		return
	}
	z := cl.maps[r.Handle]
	if z == nil || !cl.inGroup() {
		e.replyError(c, ipcmsg.CPGResZCExecute, cserr.NotExist)
		return
	}
	msg, err := z.message(e.zeroBuf[:0])
	if err != nil {
		e.replyError(c, ipcmsg.CPGResZCExecute, cserr.InvalidParam)
		return
	}
	e.zeroBuf = msg
	e.replyError(c, ipcmsg.CPGResZCExecute, mcastError(e.mcast(cl, msg)))
}
