package dgram

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bufferSize holds the largest datagram and the largest group that the kernel coalesces.
const bufferSize = 65536

// ReceiveStats counts what a Receiver did.
type ReceiveStats struct {
	Datagrams, Bytes, Calls uint64
	Rejected, Truncated     uint64 // messages
}

// Receiver reads batches. Use: Begin, then Read from one or several sockets, then Frames.
type Receiver struct {
	Stats ReceiveStats

	// Accept decides by the source address whether a datagram is kept; nil keeps all.
	Accept func(from netip.Addr) bool

	hdrs   []mmsghdr
	iovs   []unix.Iovec
	names  [][unix.SizeofSockaddrInet6]byte
	ctrls  [][ctrlSize]byte
	buf    []byte
	used   int
	frames [][]byte
}

// NewReceiver returns a receiver for batches of up to n messages (a message is a datagram or a coalesced group). Its
// memory is n times 64 KiB of address space, of which only what is received is touched.
func NewReceiver(n int) *Receiver {
	r := &Receiver{
		hdrs:  make([]mmsghdr, n),
		iovs:  make([]unix.Iovec, n),
		names: make([][unix.SizeofSockaddrInet6]byte, n),
		ctrls: make([][ctrlSize]byte, n),
		buf:   make([]byte, n*bufferSize),
	}
	for i := range r.hdrs {
		r.iovs[i].Base = &r.buf[i*bufferSize]
		r.iovs[i].SetLen(bufferSize)
		h := &r.hdrs[i].hdr
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Name = &r.names[i][0]
		h.Control = &r.ctrls[i][0]
	}
	return r
}

// Begin starts an empty batch; the frames of the previous one are overwritten.
func (r *Receiver) Begin() {
	r.used = 0
	r.frames = r.frames[:0]
}

// Frames returns the datagrams read since Begin, valid until the next Begin.
func (r *Receiver) Frames() [][]byte { return r.frames }

// Read reads what is there, until the socket is empty or the batch is full. It reports whether the socket was seen
// empty. The socket must be non-blocking; errors of the socket (none is fatal to UDP) end the reading like emptiness.
func (r *Receiver) Read(fd int) (empty bool) {
	for r.used < len(r.hdrs) {
		free := r.hdrs[r.used:]
		for i := range free {
			h := &free[i].hdr
			h.Namelen = unix.SizeofSockaddrInet6
			h.SetControllen(ctrlSize)
			h.Flags = 0
		}
		r.Stats.Calls++
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&free[0])),
			uintptr(len(free)), unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return true
		}
		for range int(n) {
			r.accept(r.used)
			r.used++
		}
		if int(n) < len(free) {
			return true
		}
	}
	return false
}

// accept appends the datagrams of message i.
func (r *Receiver) accept(i int) {
	m := &r.hdrs[i]
	size := int(m.len)
	if m.hdr.Flags&unix.MSG_TRUNC != 0 || size > bufferSize {
		r.Stats.Truncated++
		return
	}
	if r.Accept != nil && !r.Accept(parseAddr(r.names[i][:min(int(m.hdr.Namelen), len(r.names[i]))])) {
		r.Stats.Rejected++
		return
	}
	data := r.buf[i*bufferSize : i*bufferSize+size : i*bufferSize+size]
	segment := size
	if s := r.segment(i); s > 0 {
		segment = s
	}
	r.Stats.Bytes += uint64(size)
	for len(data) > segment {
		r.frames = append(r.frames, data[:segment:segment])
		data = data[segment:]
		r.Stats.Datagrams++
	}
	r.frames = append(r.frames, data)
	r.Stats.Datagrams++
}

// segment returns the size of the datagrams that the kernel coalesced into message i, 0 if it is a single one.
func (r *Receiver) segment(i int) int {
	n := int(r.hdrs[i].hdr.Controllen)
	if n < unix.CmsgLen(4) || n > ctrlSize {
		return 0
	}
	c := &r.ctrls[i]
	h := (*unix.Cmsghdr)(unsafe.Pointer(c))
	if h.Level != unix.SOL_UDP || h.Type != unix.UDP_GRO {
		return 0
	}
	return int(int32(binary.NativeEndian.Uint32(c[unix.CmsgLen(0):])))
}
