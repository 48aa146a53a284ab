package dgram

import (
	"encoding/binary"
	"math"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Limits of one message with segmentation offload.
const (
	// maxSegments is the kernel's UDP_MAX_SEGMENTS since 4.18; newer kernels take more.
	maxSegments = 64
	// maxGroupBytes keeps a group below the largest UDP datagram of IPv4 with room for options.
	maxGroupBytes = 65000
	// maxMessages is the kernel's limit of one sendmmsg (UIO_MAXIOV).
	maxMessages = 1024
)

// stallWait is how long, in milliseconds, one batch waits for a full socket buffer. A token lost costs hundreds of
// milliseconds, so a short wait is worth it; a longer one would hold up the daemon.
const stallWait = 2

// mmsghdr is struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// group is a run of frames that go out as one message.
type group struct {
	first, count int // in iovs
	bytes        int
	segment      int // size of the frames but the last; 0 when the group is one frame
	ctrl         *[ctrlSize]byte
}

const ctrlSize = 24 // at least CMSG_SPACE of an int on every architecture

// SendStats counts what a Sender did.
type SendStats struct {
	Datagrams, Bytes, Calls uint64
	Errors                  uint64 // messages that the kernel refused or that were given up
}

// Sender sends batches. The zero value is ready. Use: Frames and To any number of times in the wanted order, then Flush.
type Sender struct {
	Stats SendStats

	iovs   []unix.Iovec
	groups []group
	hdrs   []mmsghdr
	owner  []int // group of each header

	current  int // first group of the current frames
	ctrls    []*[ctrlSize]byte
	usedCtrl int

	noSegment int // frames of this size and more are not segmented; 0 means no limit is known
	single    [1]mmsghdr
	pollFD    [1]unix.PollFd
}

// Begin starts an empty batch.
func (s *Sender) Begin() {
	s.iovs, s.groups, s.hdrs, s.owner = s.iovs[:0], s.groups[:0], s.hdrs[:0], s.owner[:0]
	s.current, s.usedCtrl = 0, 0
}

// ResetOffload forgets what segmentation was found to be impossible: the sockets or the interface are new.
func (s *Sender) ResetOffload() { s.noSegment = 0 }

// NewRun ends the current run of frames: the following Frame calls make up a new one.
func (s *Sender) NewRun() { s.current = len(s.groups) }

// Frame adds a frame to the current run. Frames of equal size that follow each other share a message; a smaller one may
// end it.
func (s *Sender) Frame(frame []byte) {
	n := len(frame)
	if n == 0 {
		return
	}
	iov := unix.Iovec{Base: unsafe.SliceData(frame)}
	iov.SetLen(n)
	s.iovs = append(s.iovs, iov)
	if len(s.groups) > s.current {
		g := &s.groups[len(s.groups)-1]
		size := g.segment
		if size == 0 {
			size = g.bytes
		}
		full := g.bytes == size*g.count // no shorter frame has ended the group
		if full && n <= size && g.count < maxSegments && g.bytes+n <= maxGroupBytes &&
			(s.noSegment == 0 || size < s.noSegment) && size <= math.MaxUint16 {
			g.segment = size
			g.count++
			g.bytes += n
			return
		}
	}
	s.groups = append(s.groups, group{first: len(s.iovs) - 1, count: 1, bytes: n})
}

// To sends the current run of frames to a peer.
func (s *Sender) To(a *Addr) {
	for i := s.current; i < len(s.groups); i++ {
		s.hdrs = append(s.hdrs, mmsghdr{})
		s.owner = append(s.owner, i)
		h := &s.hdrs[len(s.hdrs)-1].hdr
		h.Name = &a.raw[0]
		h.Namelen = a.size
	}
}

// Flush gives the batch to the kernel. The socket must be non-blocking. Nothing that goes wrong is an error: it is
// counted, and the datagram is lost.
func (s *Sender) Flush(fd int) {
	// Only now the arrays have stopped growing and may be pointed into.
	for i := range s.hdrs {
		h := &s.hdrs[i].hdr
		g := &s.groups[s.owner[i]]
		h.Iov = &s.iovs[g.first]
		h.SetIovlen(g.count)
		if g.segment != 0 {
			if g.ctrl == nil {
				g.ctrl = s.control(g.segment)
			}
			h.Control = &g.ctrl[0]
			h.SetControllen(unix.CmsgSpace(2))
		}
	}
	waited := false
	for i := 0; i < len(s.hdrs); {
		n, errno := s.sendmmsg(fd, s.hdrs[i:min(len(s.hdrs), i+maxMessages)])
		if errno == 0 {
			for range n {
				g := &s.groups[s.owner[i]]
				s.Stats.Datagrams += uint64(g.count)
				s.Stats.Bytes += uint64(g.bytes)
				i++
			}
			continue
		}
		switch {
		case errno == unix.EINTR:
		case errno == unix.EAGAIN && !waited:
			waited = true
			s.waitWritable(fd)
		case errno == unix.EAGAIN:
			s.Stats.Errors += uint64(len(s.hdrs) - i)
			i = len(s.hdrs)
		case s.groups[s.owner[i]].segment != 0 && segmentationRefused(errno):
			s.sendSingly(fd, i, errno)
			i++
		default:
			s.Stats.Errors++
			i++
		}
	}
	s.release()
}

// release drops the references to the frames.
func (s *Sender) release() {
	clear(s.iovs)
	clear(s.hdrs)
	s.Begin()
}

// segmentationRefused recognises what the kernel answers when it cannot segment: no checksum offload on the way out
// (EIO), segments larger than the MTU (EINVAL, EMSGSIZE), kernels before 4.18 (EINVAL).
func segmentationRefused(errno unix.Errno) bool {
	switch errno {
	case unix.EIO, unix.EINVAL, unix.EMSGSIZE, unix.EOPNOTSUPP, unix.ENOPROTOOPT:
		return true
	}
	return false
}

// sendSingly sends the frames of header i one by one. If that succeeds it was the segmentation that was refused, and it
// is not tried again for frames of this size. The rest of this batch, built before, comes here too.
func (s *Sender) sendSingly(fd, i int, why unix.Errno) {
	g := &s.groups[s.owner[i]]
	sent := 0
	for k := range g.count {
		m := &s.single[0]
		*m = mmsghdr{}
		m.hdr.Name, m.hdr.Namelen = s.hdrs[i].hdr.Name, s.hdrs[i].hdr.Namelen
		m.hdr.Iov = &s.iovs[g.first+k]
		m.hdr.SetIovlen(1)
		if _, errno := s.sendmmsg(fd, s.single[:]); errno != 0 {
			s.Stats.Errors++
			continue
		}
		sent++
		s.Stats.Datagrams++
		s.Stats.Bytes += uint64(s.iovs[g.first+k].Len)
	}
	s.single[0] = mmsghdr{}
	switch {
	case sent == 0:
	case why == unix.EIO:
		s.noSegment = 1
	case s.noSegment == 0 || g.segment < s.noSegment:
		s.noSegment = g.segment
	}
}

func (s *Sender) sendmmsg(fd int, hdrs []mmsghdr) (int, unix.Errno) {
	s.Stats.Calls++
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&hdrs[0])),
		uintptr(len(hdrs)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

func (s *Sender) waitWritable(fd int) {
	s.pollFD[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT}
	_, _ = unix.Poll(s.pollFD[:], stallWait)
}

// control returns a control message that asks for segments of the given size.
func (s *Sender) control(segment int) *[ctrlSize]byte {
	if s.usedCtrl == len(s.ctrls) {
		s.ctrls = append(s.ctrls, new([ctrlSize]byte))
	}
	c := s.ctrls[s.usedCtrl]
	s.usedCtrl++
	h := (*unix.Cmsghdr)(unsafe.Pointer(c))
	h.Level = unix.SOL_UDP
	h.Type = unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(c[unix.CmsgLen(0):], uint16(segment))
	return c
}
