package syncengine

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Message numbers of the group "sync". They carry no service part.
const (
	msgBarrier      = 0
	msgServiceBuild = 1
)

// Sizes of the messages in bytes, and the length of the service list.
const (
	barrierSize      = 32
	serviceBuildSize = 552
	// MaxServices is the number of services that a SERVICE_BUILD holds, and the bound of the merged list.
	MaxServices = 128
)

// Errors of messages that are no sync messages.
var (
	errShort   = errors.New("sync message too short")
	errCount   = errors.New("sync service list out of range")
	errUnknown = errors.New("unknown sync message")
)

// message is a decoded BARRIER or SERVICE_BUILD.
//
//	 0  16  header: id i32 @0, size i32 @8
//	16  12  ring id: representative u32, sequence u64, packed
//	32   4  number of services (SERVICE_BUILD only)
//	40 512  service ids i32[128], unused 0
type message struct {
	id       int32
	ring     totem.RingID
	services []int32 // valid until the next parse into the same message
}

// parse reads b into m. foreign says that the sender's byte order is not ours; the C daemon never converts, so that a
// ring of both orders does not synchronise there.
func (m *message) parse(b []byte, foreign bool) error {
	if len(b) < barrierSize {
		return fmt.Errorf("%w: %d bytes", errShort, len(b))
	}
	o := ipcmsg.Order(foreign)
	m.id = int32(o.Uint32(b))
	m.ring = totem.RingID{Rep: totem.NodeID(o.Uint32(b[16:])), Seq: o.Uint64(b[20:])}
	m.services = m.services[:0]
	switch m.id {
	case msgBarrier:
		return nil
	case msgServiceBuild:
	default:
		return fmt.Errorf("%w: %d", errUnknown, m.id)
	}
	if len(b) < serviceBuildSize {
		return fmt.Errorf("%w: %d bytes", errShort, len(b))
	}
	n := int32(o.Uint32(b[32:]))
	if n < 0 || n > MaxServices {
		return fmt.Errorf("%w: %d", errCount, n)
	}
	for i := range int(n) {
		m.services = append(m.services, int32(o.Uint32(b[40+4*i:])))
	}
	return nil
}

func appendHeader(dst []byte, id int32, ring totem.RingID, size int) (all, m []byte) {
	start := len(dst)
	dst = append(dst, make([]byte, size)...)
	m = dst[start:]
	ne := binary.NativeEndian
	ne.PutUint32(m, uint32(id))
	ne.PutUint32(m[8:], uint32(size))
	ne.PutUint32(m[16:], uint32(ring.Rep))
	ne.PutUint64(m[20:], ring.Seq)
	return dst, m
}

// appendBarrier appends a BARRIER for ring.
func appendBarrier(dst []byte, ring totem.RingID) []byte {
	dst, _ = appendHeader(dst, msgBarrier, ring, barrierSize)
	return dst
}

// appendServiceBuild appends a SERVICE_BUILD that lists at most MaxServices services.
func appendServiceBuild(dst []byte, ring totem.RingID, services []Service) []byte {
	dst, m := appendHeader(dst, msgServiceBuild, ring, serviceBuildSize)
	services = services[:min(len(services), MaxServices)]
	binary.NativeEndian.PutUint32(m[32:], uint32(len(services)))
	for i, s := range services {
		binary.NativeEndian.PutUint32(m[40+4*i:], uint32(s.ID))
	}
	return dst
}
