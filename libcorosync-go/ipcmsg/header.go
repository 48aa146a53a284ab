package ipcmsg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// Service identifiers; the upper 16 bits of an exec message identifier.
const (
	ServiceCmap       = 0
	ServiceCfg        = 1
	ServiceCpg        = 2
	ServiceQuorum     = 3
	ServicePload      = 4
	ServiceVotequorum = 5
	ServiceMon        = 6
	ServiceWd         = 7

	// ServiceMax is the number of possible service identifiers
	// (SERVICES_COUNT_MAX).
	ServiceMax = 64
)

// Names under which a service with library functions listens.
const (
	IPCNameCmap       = "cmap"
	IPCNameCfg        = "cfg"
	IPCNameCpg        = "cpg"
	IPCNameQuorum     = "quorum"
	IPCNameVotequorum = "votequorum"
)

// Number of library functions (requests) and exec functions per service. An
// identifier at or above it is an unknown function.
const (
	CmapLibFunctions       = 10
	CfgLibFunctions        = 12
	CpgLibFunctions        = 13
	QuorumLibFunctions     = 5
	VotequorumLibFunctions = 10

	CmapExecFunctions       = 1
	CfgExecFunctions        = 5
	CpgExecFunctions        = 7
	PloadExecFunctions      = 2
	VotequorumExecFunctions = 4
)

const (
	// RequestHeaderSize is the size in bytes of the header of requests and of
	// exec messages.
	RequestHeaderSize = 16
	// ResponseHeaderSize is the size in bytes of the header of responses and
	// events.
	ResponseHeaderSize = 24
	// MaxMessageSize is the largest request, response or event in bytes that
	// clients connect with (IPC_REQUEST_SIZE: 8192*128).
	MaxMessageSize = 8192 * 128
	// ProcessorCountMax is the largest number of nodes in a list
	// (PROCESSOR_COUNT_MAX).
	ProcessorCountMax = 384
)

// Track flags of QUORUM, VOTEQUORUM and CFG.
const (
	TrackCurrent     = 1 // report the present state at once
	TrackChanges     = 2 // report every change
	TrackChangesOnly = 4 // report changes, but not the present state
)

// The errors that every Parse function wraps.
var (
	// ErrShort means that the message ends before its fixed part does.
	ErrShort = errors.New("message too short")
	// ErrLength means that a length inside the message exceeds the message.
	ErrLength = errors.New("inner length exceeds message")
	// ErrCount means that a count exceeds the message or its limit.
	ErrCount = errors.New("count out of range")
	// ErrNameTooLong means that a name is longer than its field.
	ErrNameTooLong = errors.New("name too long")
)

// ne is the byte order of everything between client and daemon.
var ne = binary.NativeEndian

// RequestHeader heads requests and exec messages (struct
// qb_ipc_request_header): id @0, size @8.
type RequestHeader struct {
	ID   int32 // function number; with the service in the upper half in exec messages
	Size int32 // bytes, header included
}

// ParseRequestHeader reads the header of a request. The size is not compared
// with the length of b: the transport knows how much it received.
func ParseRequestHeader(b []byte) (RequestHeader, error) {
	if err := atLeast(b, RequestHeaderSize, "request header"); err != nil {
		return RequestHeader{}, err
	}
	return RequestHeader{ID: geti32(b, 0), Size: geti32(b, 8)}, nil
}

// Append appends the 16 bytes of the header. A request without a body is its
// header with Size [RequestHeaderSize].
func (h RequestHeader) Append(dst []byte) []byte {
	dst, m := extend(dst, RequestHeaderSize)
	puti32(m, 0, h.ID)
	puti32(m, 8, h.Size)
	return dst
}

// AppendRequest appends a request that consists of its header only.
func AppendRequest(dst []byte, id int32) []byte {
	return RequestHeader{ID: id, Size: RequestHeaderSize}.Append(dst)
}

// ResponseHeader heads responses and events (struct qb_ipc_response_header):
// id @0, size @8, error @16.
type ResponseHeader struct {
	ID    int32
	Size  int32 // bytes, header included
	Error cserr.Error
}

// ParseResponseHeader reads the header of a response or an event.
func ParseResponseHeader(b []byte) (ResponseHeader, error) {
	if err := atLeast(b, ResponseHeaderSize, "response header"); err != nil {
		return ResponseHeader{}, err
	}
	return ResponseHeader{ID: geti32(b, 0), Size: geti32(b, 8), Error: cserr.Error(getu32(b, 16))}, nil
}

// bareError tells whether b is an error answer shorter than the full response
// of n bytes. The daemon answers so when it refuses a request before it
// reaches the service.
func (h ResponseHeader) bareError(b []byte, n int) bool {
	return h.Error != cserr.OK && len(b) < n
}

// Append appends the 24 bytes of the header.
func (h ResponseHeader) Append(dst []byte) []byte {
	dst, m := extend(dst, ResponseHeaderSize)
	putResponseHeader(m, h.ID, int(h.Size), h.Error)
	return dst
}

// AppendResponse appends a response that consists of its header only: the
// answer to most requests, and to every request that fails before its body is
// known.
func AppendResponse(dst []byte, id int32, csError cserr.Error) []byte {
	return ResponseHeader{ID: id, Size: ResponseHeaderSize, Error: csError}.Append(dst)
}

// ExecID is the identifier of an exec message: service << 16 | function.
type ExecID uint32

// MakeExecID joins a service and a function number.
func MakeExecID(service, function uint16) ExecID {
	return ExecID(uint32(service)<<16 | uint32(function))
}

// Service returns the service number, which may exceed [ServiceMax].
func (id ExecID) Service() int { return int(id >> 16) }

// Function returns the function number within the service.
func (id ExecID) Function() int { return int(id & 0xffff) }

// String returns "service.function".
func (id ExecID) String() string { return fmt.Sprintf("%d.%d", id.Service(), id.Function()) }

// ParseExecHeader reads identifier and size of an exec message in the byte
// order of its sender.
func ParseExecHeader(b []byte, order binary.ByteOrder) (id ExecID, sizeBytes int, err error) {
	if err := atLeast(b, RequestHeaderSize, "exec header"); err != nil {
		return 0, 0, err
	}
	return ExecID(order.Uint32(b)), int(int32(order.Uint32(b[8:]))), nil
}

// Source names the sender of an exec message (mar_message_source_t, 16 bytes:
// nodeid @0, conn @8).
type Source struct {
	NodeID uint32
	// Conn is the sender's own mark for the connection that caused the
	// message. It means nothing on any other node, and on the sender it must
	// be looked up, since the client may be gone.
	Conn uint64
}

func parseSource(b []byte, off int, order binary.ByteOrder) Source {
	return Source{NodeID: order.Uint32(b[off:]), Conn: order.Uint64(b[off+8:])}
}

func (s Source) put(b []byte, off int, order binary.ByteOrder) {
	order.PutUint32(b[off:], s.NodeID)
	order.PutUint64(b[off+8:], s.Conn)
}

// RingID names a configuration as clients see it (16 bytes: nodeid @0, seq @8).
type RingID struct {
	NodeID uint32 // representative
	Seq    uint64
}

func getRingID(b []byte, off int) RingID {
	return RingID{NodeID: getu32(b, off), Seq: getu64(b, off+8)}
}

func (r RingID) put(b []byte, off int) {
	putu32(b, off, r.NodeID)
	putu64(b, off+8, r.Seq)
}

// extend returns dst grown by n zero bytes, and these bytes.
func extend(dst []byte, n int) (all, m []byte) {
	all, m = extendDirty(dst, n)
	clear(m)
	return all, m
}

// extendDirty is extend without zeroing, for parts that are copied over.
func extendDirty(dst []byte, n int) (all, m []byte) {
	start := len(dst)
	dst = slices.Grow(dst, n)[:start+n]
	return dst, dst[start:]
}

// extendRequest grows dst by a request of n bytes with its header filled in.
func extendRequest(dst []byte, id int32, n int) (all, m []byte) {
	all, m = extend(dst, n)
	puti32(m, 0, id)
	puti32(m, 8, int32(n))
	return all, m
}

// extendResponse grows dst by a response or event of n bytes with its header
// filled in.
func extendResponse(dst []byte, id int32, n int, csError cserr.Error) (all, m []byte) {
	all, m = extend(dst, n)
	putResponseHeader(m, id, n, csError)
	return all, m
}

func putResponseHeader(m []byte, id int32, size int, csError cserr.Error) {
	puti32(m, 0, id)
	puti32(m, 8, int32(size))
	putu32(m, 16, uint32(csError))
}

// extendExec grows dst by an exec message of n bytes with its header filled in.
func extendExec(dst []byte, id ExecID, n int, order binary.ByteOrder) (all, m []byte) {
	all, m = extend(dst, n)
	order.PutUint32(m, uint32(id))
	order.PutUint32(m[8:], uint32(n))
	return all, m
}

// atLeast returns an error that names the message unless b has n bytes.
func atLeast(b []byte, n int, what string) error {
	if len(b) >= n {
		return nil
	}
	return fmt.Errorf("%s: %w: %d of %d bytes", what, ErrShort, len(b), n)
}

// payload returns the n bytes at off, or an error that names the message.
func payload(b []byte, off int, n uint64, what string) ([]byte, error) {
	if n > uint64(len(b)-off) {
		return nil, fmt.Errorf("%s: %w: %d of %d bytes", what, ErrLength, len(b)-off, n)
	}
	end := off + int(n)
	return b[off:end:end], nil
}

// countFits checks that n elements of size bytes stand at off.
func countFits(b []byte, off int, n uint64, size int, what string) error {
	if off > len(b) || n > uint64((len(b)-off)/size) {
		return fmt.Errorf("%s: %w: %d", what, ErrCount, n)
	}
	return nil
}

func getu32s(b []byte, off, n int) []uint32 {
	if n == 0 {
		return nil
	}
	list := make([]uint32, n)
	for i := range list {
		list[i] = getu32(b, off+4*i)
	}
	return list
}

func putu32s(b []byte, off int, list []uint32) int {
	for _, v := range list {
		putu32(b, off, v)
		off += 4
	}
	return off
}

// cstring returns b up to its first NUL, or all of it.
func cstring(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i:i]
		}
	}
	return b
}

// putCString copies s into the field and leaves at least its last byte zero.
func putCString[T ~string | ~[]byte](field []byte, s T) {
	copy(field[:len(field)-1], s)
}

func getu16(b []byte, off int) uint16    { return ne.Uint16(b[off:]) }
func getu32(b []byte, off int) uint32    { return ne.Uint32(b[off:]) }
func getu64(b []byte, off int) uint64    { return ne.Uint64(b[off:]) }
func geti32(b []byte, off int) int32     { return int32(ne.Uint32(b[off:])) }
func putu16(b []byte, off int, v uint16) { ne.PutUint16(b[off:], v) }
func putu32(b []byte, off int, v uint32) { ne.PutUint32(b[off:], v) }
func putu64(b []byte, off int, v uint64) { ne.PutUint64(b[off:], v) }
func puti32(b []byte, off int, v int32)  { ne.PutUint32(b[off:], uint32(v)) }
func flag(b byte) bool                   { return b != 0 }
func flagByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}
