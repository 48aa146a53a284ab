package ipcmsg

import (
	"encoding/binary"
	"fmt"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// CPG requests (library functions).
const (
	CPGReqJoin                = 0
	CPGReqLeave               = 1
	CPGReqMcast               = 2 // has no response over libqb
	CPGReqMembership          = 3
	CPGReqLocalGet            = 4
	CPGReqIterationInitialize = 5
	CPGReqIterationNext       = 6
	CPGReqIterationFinalize   = 7
	CPGReqFinalize            = 8
	CPGReqZCAlloc             = 9
	CPGReqZCFree              = 10
	CPGReqZCExecute           = 11
	CPGReqPartialMcast        = 12
)

// CPG responses and events. Zero copy ALLOC and FREE are answered with
// CPGResJoin.
const (
	CPGResJoin                = 0 // header only
	CPGResLeave               = 1 // header only
	CPGResZCExecute           = 2 // header only
	CPGResMcast               = 2 // header only; not over libqb
	CPGResMembership          = 3
	CPGResLocalGet            = 7
	CPGResIterationInitialize = 9
	CPGResIterationNext       = 10
	CPGResIterationFinalize   = 11 // header only
	CPGResFinalize            = 12 // header only
	CPGResZC                  = 14 // header only; later versions refuse zero copy with it
	CPGResPartialMcast        = 18 // header only

	CPGEventConfchg        = 4
	CPGEventDeliver        = 5
	CPGEventTotemConfchg   = 13
	CPGEventPartialDeliver = 17
)

// Sizes in bytes of CPG messages; Fixed marks the part before a list or a
// payload. The list of CPGTotemConfchgFixed starts 4 bytes before its end.
const (
	CPGJoinRequestSize         = 168
	CPGLeaveRequestSize        = 160
	CPGMcastRequestFixed       = 40
	CPGMembershipRequestSize   = 152
	CPGMembershipResponseSize  = 9248
	CPGLocalGetResponseSize    = 32
	CPGIterInitRequestSize     = 160
	CPGHandleRequestSize       = 24
	CPGHandleResponseSize      = 32
	CPGIterNextResponseSize    = 168
	CPGZCAllocRequestSize      = 152
	CPGZCFreeRequestSize       = 32
	CPGPartialMcastRequestSize = 56
	CPGConfchgFixed            = 184
	CPGDeliverFixed            = 184
	CPGTotemConfchgFixed       = 48
	CPGPartialDeliverFixed     = 200
)

const (
	// CPGNameMax is the longest group name in bytes. Names are binary.
	CPGNameMax = 128
	// CPGMembersMax is the length of each list that client libraries have
	// room for (CPG_MEMBERS_MAX).
	CPGMembersMax = 128
	// CPGZCPathSize is the size in bytes of the path field of ZC_ALLOC.
	CPGZCPathSize = 128
	// CPGMaxAtomicMessage is the longest payload in bytes that one MCAST
	// request carries; longer ones are sent in parts.
	CPGMaxAtomicMessage = MaxMessageSize - 1024

	cpgNameSize    = 136
	cpgAddressSize = 24
)

// Reasons in a [CPGAddress].
const (
	CPGReasonUndefined = 0
	CPGReasonJoin      = 1
	CPGReasonLeave     = 2
	CPGReasonNodeDown  = 3
	CPGReasonNodeUp    = 4
	CPGReasonProcDown  = 5
)

// Guarantees of a multicast. The daemon always gives agreed order.
const (
	CPGUnordered = 0
	CPGFIFO      = 1
	CPGAgreed    = 2
	CPGSafe      = 3
)

// Iteration types.
const (
	CPGIterNameOnly = 1
	CPGIterOneGroup = 2
	CPGIterAll      = 3
)

// Types of the parts of a long message.
const (
	CPGPartialFirst     = 1
	CPGPartialContinued = 2
	CPGPartialLast      = 3
)

// CPGFlagDeliverInitialTotemConf in a JOIN asks for one totem configuration
// event after the join.
const CPGFlagDeliverInitialTotemConf = 1

// CPGModelV1 is the only model of the client API.
const CPGModelV1 = 1

// CPGAddress is a process in a group (mar_cpg_address_t, 24 bytes: nodeid @0,
// pid @8, reason @16).
type CPGAddress struct {
	NodeID uint32
	PID    uint32
	Reason uint32 // CPGReason...
}

func getCPGAddresses(b []byte, off, n int) []CPGAddress {
	if n == 0 {
		return nil
	}
	list := make([]CPGAddress, n)
	for i := range list {
		a := b[off+cpgAddressSize*i:]
		list[i] = CPGAddress{NodeID: getu32(a, 0), PID: getu32(a, 8), Reason: getu32(a, 16)}
	}
	return list
}

func putCPGAddresses(b []byte, off int, list []CPGAddress) int {
	for _, a := range list {
		putu32(b, off, a.NodeID)
		putu32(b, off+8, a.PID)
		putu32(b, off+16, a.Reason)
		off += cpgAddressSize
	}
	return off
}

// getCPGName returns a view of the group name at off, where cpgNameSize bytes
// must be present (mar_cpg_name_t: length u32 @0, value[128] @8).
func getCPGName(b []byte, off int, order binary.ByteOrder, what string) ([]byte, error) {
	n := order.Uint32(b[off:])
	if n > CPGNameMax {
		return nil, fmt.Errorf("%s: %w: %d bytes", what, ErrNameTooLong, n)
	}
	start, end := off+8, off+8+int(n)
	return b[start:end:end], nil
}

// putCPGName writes a group name; what exceeds the field is cut.
func putCPGName(b []byte, off int, name []byte, order binary.ByteOrder) {
	n := copy(b[off+8:off+8+CPGNameMax], name)
	order.PutUint32(b[off:], uint32(n))
}

// CPGJoinRequest joins a group: name @16, pid @152, flags @160.
type CPGJoinRequest struct {
	Group []byte
	PID   uint32
	Flags uint32 // CPGFlag...
}

// ParseCPGJoinRequest reads a JOIN request. A name that is too long yields
// [ErrNameTooLong] together with the other fields.
func ParseCPGJoinRequest(b []byte) (CPGJoinRequest, error) {
	const what = "cpg join"
	if err := atLeast(b, CPGJoinRequestSize, what); err != nil {
		return CPGJoinRequest{}, err
	}
	r := CPGJoinRequest{PID: getu32(b, 152), Flags: getu32(b, 160)}
	var err error
	r.Group, err = getCPGName(b, 16, ne, what)
	return r, err
}

// Append appends the request.
func (r CPGJoinRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, CPGReqJoin, CPGJoinRequestSize)
	putCPGName(m, 16, r.Group, ne)
	putu32(m, 152, r.PID)
	putu32(m, 160, r.Flags)
	return dst
}

// CPGLeaveRequest leaves a group: name @16, pid @152.
type CPGLeaveRequest struct {
	Group []byte
	PID   uint32
}

// ParseCPGLeaveRequest reads a LEAVE request.
func ParseCPGLeaveRequest(b []byte) (CPGLeaveRequest, error) {
	const what = "cpg leave"
	if err := atLeast(b, CPGLeaveRequestSize, what); err != nil {
		return CPGLeaveRequest{}, err
	}
	r := CPGLeaveRequest{PID: getu32(b, 152)}
	var err error
	r.Group, err = getCPGName(b, 16, ne, what)
	return r, err
}

// Append appends the request.
func (r CPGLeaveRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, CPGReqLeave, CPGLeaveRequestSize)
	putCPGName(m, 16, r.Group, ne)
	putu32(m, 152, r.PID)
	return dst
}

// CPGMcastRequest sends one message to the group of the connection. Its header
// is 24 bytes long, of which id and size count: guarantee @24, msglen @32,
// payload @40.
type CPGMcastRequest struct {
	Guarantee uint32 // CPGAgreed...
	Payload   []byte
}

// ParseCPGMcastRequest reads a MCAST request; the payload is a view of b.
func ParseCPGMcastRequest(b []byte) (CPGMcastRequest, error) {
	const what = "cpg mcast"
	if err := atLeast(b, CPGMcastRequestFixed, what); err != nil {
		return CPGMcastRequest{}, err
	}
	p, err := payload(b, 40, uint64(getu32(b, 32)), what)
	return CPGMcastRequest{Guarantee: getu32(b, 24), Payload: p}, err
}

// AppendCPGMcastHead appends the part of a MCAST request before a payload of n
// bytes, for senders that hand over head and payload separately.
func AppendCPGMcastHead(dst []byte, guarantee uint32, n int) []byte {
	dst, m := extend(dst, CPGMcastRequestFixed)
	putResponseHeader(m, CPGReqMcast, CPGMcastRequestFixed+n, 0)
	putu32(m, 24, guarantee)
	putu32(m, 32, uint32(n))
	return dst
}

// Append appends the request.
func (r CPGMcastRequest) Append(dst []byte) []byte {
	return append(AppendCPGMcastHead(dst, r.Guarantee, len(r.Payload)), r.Payload...)
}

// CPGPartialMcastRequest sends a part of a long message. Its header is 24 bytes
// long, of which id and size count: guarantee @24, msglen @32, fraglen @40,
// type @48, payload @56.
type CPGPartialMcastRequest struct {
	Guarantee uint32 // CPGAgreed...
	TotalLen  uint32 // of the whole message, in bytes
	Type      uint32 // CPGPartial...
	Payload   []byte // this part
}

// ParseCPGPartialMcastRequest reads a PARTIAL_MCAST request; the payload is a
// view of b.
func ParseCPGPartialMcastRequest(b []byte) (CPGPartialMcastRequest, error) {
	const what = "cpg partial mcast"
	if err := atLeast(b, CPGPartialMcastRequestSize, what); err != nil {
		return CPGPartialMcastRequest{}, err
	}
	p, err := payload(b, 56, uint64(getu32(b, 40)), what)
	return CPGPartialMcastRequest{
		Guarantee: getu32(b, 24),
		TotalLen:  getu32(b, 32),
		Type:      getu32(b, 48),
		Payload:   p,
	}, err
}

// AppendHead appends the request without its payload, whose length it tells.
func (r CPGPartialMcastRequest) AppendHead(dst []byte) []byte {
	dst, m := extend(dst, CPGPartialMcastRequestSize)
	putResponseHeader(m, CPGReqPartialMcast, CPGPartialMcastRequestSize+len(r.Payload), 0)
	putu32(m, 24, r.Guarantee)
	putu32(m, 32, r.TotalLen)
	putu32(m, 40, uint32(len(r.Payload)))
	putu32(m, 48, r.Type)
	return dst
}

// Append appends the request.
func (r CPGPartialMcastRequest) Append(dst []byte) []byte {
	return append(r.AppendHead(dst), r.Payload...)
}

// CPGMembershipRequest asks for the members of a group: name @16.
type CPGMembershipRequest struct {
	Group []byte
}

// ParseCPGMembershipRequest reads a MEMBERSHIP request.
func ParseCPGMembershipRequest(b []byte) (CPGMembershipRequest, error) {
	const what = "cpg membership"
	if err := atLeast(b, CPGMembershipRequestSize, what); err != nil {
		return CPGMembershipRequest{}, err
	}
	name, err := getCPGName(b, 16, ne, what)
	return CPGMembershipRequest{Group: name}, err
}

// Append appends the request.
func (r CPGMembershipRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, CPGReqMembership, CPGMembershipRequestSize)
	putCPGName(m, 16, r.Group, ne)
	return dst
}

// CPGMembershipResponse lists the members of a group: member_count @24,
// address[384] @32. It always has its full size.
type CPGMembershipResponse struct {
	Error   cserr.Error
	Members []CPGAddress // at most ProcessorCountMax
}

// ParseCPGMembershipResponse reads a MEMBERSHIP response. A bare header is
// accepted if it carries an error.
func ParseCPGMembershipResponse(b []byte) (CPGMembershipResponse, error) {
	const what = "cpg membership response"
	h, err := ParseResponseHeader(b)
	if err != nil {
		return CPGMembershipResponse{}, err
	}
	r := CPGMembershipResponse{Error: h.Error}
	if h.bareError(b, CPGMembershipResponseSize) {
		return r, nil
	}
	if err := atLeast(b, CPGMembershipResponseSize, what); err != nil {
		return r, err
	}
	n := getu32(b, 24)
	if n > ProcessorCountMax {
		return r, fmt.Errorf("%s: %w: %d", what, ErrCount, n)
	}
	r.Members = getCPGAddresses(b, 32, int(n))
	return r, nil
}

// Append appends the response; members above [ProcessorCountMax] are cut.
func (r CPGMembershipResponse) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, CPGResMembership, CPGMembershipResponseSize, r.Error)
	list := r.Members[:min(len(r.Members), ProcessorCountMax)]
	putu32(m, 24, uint32(len(list)))
	putCPGAddresses(m, 32, list)
	return dst
}

// CPGLocalGetResponse tells the local node id: local_nodeid @24.
type CPGLocalGetResponse struct {
	Error  cserr.Error
	NodeID uint32
}

// ParseCPGLocalGetResponse reads a LOCAL_GET response. A bare header is
// accepted if it carries an error.
func ParseCPGLocalGetResponse(b []byte) (CPGLocalGetResponse, error) {
	h, err := ParseResponseHeader(b)
	if err != nil {
		return CPGLocalGetResponse{}, err
	}
	r := CPGLocalGetResponse{Error: h.Error}
	if h.bareError(b, CPGLocalGetResponseSize) {
		return r, nil
	}
	if err := atLeast(b, CPGLocalGetResponseSize, "cpg local get response"); err != nil {
		return r, err
	}
	r.NodeID = getu32(b, 24)
	return r, nil
}

// Append appends the response.
func (r CPGLocalGetResponse) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, CPGResLocalGet, CPGLocalGetResponseSize, r.Error)
	putu32(m, 24, r.NodeID)
	return dst
}

// CPGIterInitRequest starts an iteration: name @16, iteration_type @152.
type CPGIterInitRequest struct {
	Group []byte // for CPGIterOneGroup
	Type  uint32 // CPGIter...
}

// ParseCPGIterInitRequest reads an ITERATIONINITIALIZE request.
func ParseCPGIterInitRequest(b []byte) (CPGIterInitRequest, error) {
	const what = "cpg iteration initialize"
	if err := atLeast(b, CPGIterInitRequestSize, what); err != nil {
		return CPGIterInitRequest{}, err
	}
	kind := getu32(b, 152)
	if kind != CPGIterOneGroup {
		// Without a group the C library sends its name uninitialized.
		return CPGIterInitRequest{Type: kind}, nil
	}
	name, err := getCPGName(b, 16, ne, what)
	return CPGIterInitRequest{Group: name, Type: kind}, err
}

// Append appends the request.
func (r CPGIterInitRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, CPGReqIterationInitialize, CPGIterInitRequestSize)
	putCPGName(m, 16, r.Group, ne)
	putu32(m, 152, r.Type)
	return dst
}

// CPGHandleRequest carries a handle of the daemon: an iteration
// (ITERATIONNEXT, ITERATIONFINALIZE) or a zero copy map (ZC_EXECUTE). Handle
// @16.
type CPGHandleRequest struct {
	ID     int32 // CPGReqIterationNext, ...Finalize or CPGReqZCExecute
	Handle uint64
}

// ParseCPGHandleRequest reads one of the three requests.
func ParseCPGHandleRequest(b []byte) (CPGHandleRequest, error) {
	if err := atLeast(b, CPGHandleRequestSize, "cpg handle request"); err != nil {
		return CPGHandleRequest{}, err
	}
	return CPGHandleRequest{ID: geti32(b, 0), Handle: getu64(b, 16)}, nil
}

// Append appends the request.
func (r CPGHandleRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, r.ID, CPGHandleRequestSize)
	putu64(m, 16, r.Handle)
	return dst
}

// CPGIterInitResponse returns the iteration: handle @24.
type CPGIterInitResponse struct {
	Error  cserr.Error
	Handle uint64
}

// ParseCPGIterInitResponse reads an ITERATIONINITIALIZE response. A bare header
// is accepted if it carries an error.
func ParseCPGIterInitResponse(b []byte) (CPGIterInitResponse, error) {
	h, err := ParseResponseHeader(b)
	if err != nil {
		return CPGIterInitResponse{}, err
	}
	r := CPGIterInitResponse{Error: h.Error}
	if h.bareError(b, CPGHandleResponseSize) {
		return r, nil
	}
	if err := atLeast(b, CPGHandleResponseSize, "cpg iteration initialize response"); err != nil {
		return r, err
	}
	r.Handle = getu64(b, 24)
	return r, nil
}

// Append appends the response.
func (r CPGIterInitResponse) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, CPGResIterationInitialize, CPGHandleResponseSize, r.Error)
	putu64(m, 24, r.Handle)
	return dst
}

// CPGIterNextResponse is one step of an iteration: name @24, nodeid @160,
// pid @164.
type CPGIterNextResponse struct {
	Error  cserr.Error
	Group  []byte
	NodeID uint32 // 0 in CPGIterNameOnly
	PID    uint32 // 0 in CPGIterNameOnly
}

// ParseCPGIterNextResponse reads an ITERATIONNEXT response. The body counts
// only without error; then a bare header is no response.
func ParseCPGIterNextResponse(b []byte) (CPGIterNextResponse, error) {
	const what = "cpg iteration next response"
	h, err := ParseResponseHeader(b)
	if err != nil {
		return CPGIterNextResponse{}, err
	}
	r := CPGIterNextResponse{Error: h.Error}
	if h.Error != cserr.OK {
		return r, nil
	}
	if err := atLeast(b, CPGIterNextResponseSize, what); err != nil {
		return r, err
	}
	r.NodeID = getu32(b, 160)
	r.PID = getu32(b, 164)
	r.Group, err = getCPGName(b, 24, ne, what)
	return r, err
}

// Append appends the response.
func (r CPGIterNextResponse) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, CPGResIterationNext, CPGIterNextResponseSize, r.Error)
	putCPGName(m, 24, r.Group, ne)
	putu32(m, 160, r.NodeID)
	putu32(m, 164, r.PID)
	return dst
}

// CPGZCAllocRequest offers a file to share for zero copy: map_size @16, path
// char[128] @24.
type CPGZCAllocRequest struct {
	MapSize uint64 // bytes
	Path    []byte // without terminator
}

// ParseCPGZCAllocRequest reads a ZC_ALLOC request.
func ParseCPGZCAllocRequest(b []byte) (CPGZCAllocRequest, error) {
	if err := atLeast(b, CPGZCAllocRequestSize, "cpg zero copy alloc"); err != nil {
		return CPGZCAllocRequest{}, err
	}
	return CPGZCAllocRequest{MapSize: getu64(b, 16), Path: cstring(b[24 : 24+CPGZCPathSize])}, nil
}

// Append appends the request.
func (r CPGZCAllocRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, CPGReqZCAlloc, CPGZCAllocRequestSize)
	putu64(m, 16, r.MapSize)
	putCString(m[24:24+CPGZCPathSize], r.Path)
	return dst
}

// CPGZCFreeRequest gives a zero copy map back: map_size @16, token @24.
type CPGZCFreeRequest struct {
	MapSize uint64 // bytes
	Token   uint64 // as the daemon wrote it into the map
}

// ParseCPGZCFreeRequest reads a ZC_FREE request.
func ParseCPGZCFreeRequest(b []byte) (CPGZCFreeRequest, error) {
	if err := atLeast(b, CPGZCFreeRequestSize, "cpg zero copy free"); err != nil {
		return CPGZCFreeRequest{}, err
	}
	return CPGZCFreeRequest{MapSize: getu64(b, 16), Token: getu64(b, 24)}, nil
}

// Append appends the request.
func (r CPGZCFreeRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, CPGReqZCFree, CPGZCFreeRequestSize)
	putu64(m, 16, r.MapSize)
	putu64(m, 24, r.Token)
	return dst
}

// Offsets in bytes within a zero copy map.
const (
	CPGZCMapSizeOffset = 0  // i32, written by the client
	CPGZCTokenOffset   = 8  // u64, written by the daemon
	CPGZCMcastOffset   = 16 // a MCAST request
	CPGZCOverhead      = CPGZCMcastOffset + CPGMcastRequestFixed
)

// CPGConfchgEvent reports a change of a group: name @24, member_entries @160,
// joined_entries @168, left_entries @176, then addresses @184 in the order
// members, left, joined.
type CPGConfchgEvent struct {
	Group                 []byte
	Members, Left, Joined []CPGAddress
}

// ParseCPGConfchgEvent reads a CONFCHG event.
func ParseCPGConfchgEvent(b []byte) (CPGConfchgEvent, error) {
	const what = "cpg confchg event"
	if err := atLeast(b, CPGConfchgFixed, what); err != nil {
		return CPGConfchgEvent{}, err
	}
	m, j, l := getu32(b, 160), getu32(b, 168), getu32(b, 176)
	if err := countFits(b, 184, uint64(m)+uint64(j)+uint64(l), cpgAddressSize, what); err != nil {
		return CPGConfchgEvent{}, err
	}
	var e CPGConfchgEvent
	var err error
	if e.Group, err = getCPGName(b, 24, ne, what); err != nil {
		return CPGConfchgEvent{}, err
	}
	off := 184
	e.Members = getCPGAddresses(b, off, int(m))
	off += cpgAddressSize * int(m)
	e.Left = getCPGAddresses(b, off, int(l))
	off += cpgAddressSize * int(l)
	e.Joined = getCPGAddresses(b, off, int(j))
	return e, nil
}

// Append appends the event.
func (e CPGConfchgEvent) Append(dst []byte) []byte {
	size := CPGConfchgFixed + cpgAddressSize*(len(e.Members)+len(e.Left)+len(e.Joined))
	dst, m := extendResponse(dst, CPGEventConfchg, size, cserr.OK)
	putCPGName(m, 24, e.Group, ne)
	putu32(m, 160, uint32(len(e.Members)))
	putu32(m, 168, uint32(len(e.Joined)))
	putu32(m, 176, uint32(len(e.Left)))
	off := putCPGAddresses(m, 184, e.Members)
	off = putCPGAddresses(m, off, e.Left)
	putCPGAddresses(m, off, e.Joined)
	return dst
}

// CPGDeliverEvent delivers a message: name @24, msglen @160, nodeid @168, pid
// @176, payload @184.
type CPGDeliverEvent struct {
	Group   []byte
	NodeID  uint32 // sender
	PID     uint32
	Payload []byte
}

// ParseCPGDeliverEvent reads a DELIVER event; name and payload are views of b.
func ParseCPGDeliverEvent(b []byte) (CPGDeliverEvent, error) {
	const what = "cpg deliver event"
	if err := atLeast(b, CPGDeliverFixed, what); err != nil {
		return CPGDeliverEvent{}, err
	}
	name, err := getCPGName(b, 24, ne, what)
	if err != nil {
		return CPGDeliverEvent{}, err
	}
	p, err := payload(b, 184, uint64(getu32(b, 160)), what)
	return CPGDeliverEvent{Group: name, NodeID: getu32(b, 168), PID: getu32(b, 176), Payload: p}, err
}

// AppendHead appends the event without its payload, whose length it tells.
func (e CPGDeliverEvent) AppendHead(dst []byte) []byte {
	dst, m := extend(dst, CPGDeliverFixed)
	putResponseHeader(m, CPGEventDeliver, CPGDeliverFixed+len(e.Payload), cserr.OK)
	putCPGName(m, 24, e.Group, ne)
	putu32(m, 160, uint32(len(e.Payload)))
	putu32(m, 168, e.NodeID)
	putu32(m, 176, e.PID)
	return dst
}

// Append appends the event.
func (e CPGDeliverEvent) Append(dst []byte) []byte {
	return append(e.AppendHead(dst), e.Payload...)
}

// CPGPartialDeliverEvent delivers a part of a long message: name @24, msglen
// @160, fraglen @168, nodeid @176, pid @184, type @192, payload @200.
type CPGPartialDeliverEvent struct {
	Group    []byte
	TotalLen uint32 // of the whole message, in bytes
	NodeID   uint32 // sender
	PID      uint32
	Type     uint32 // CPGPartial...
	Payload  []byte // this part
}

// ParseCPGPartialDeliverEvent reads a PARTIAL_DELIVER event; name and payload
// are views of b.
func ParseCPGPartialDeliverEvent(b []byte) (CPGPartialDeliverEvent, error) {
	const what = "cpg partial deliver event"
	if err := atLeast(b, CPGPartialDeliverFixed, what); err != nil {
		return CPGPartialDeliverEvent{}, err
	}
	name, err := getCPGName(b, 24, ne, what)
	if err != nil {
		return CPGPartialDeliverEvent{}, err
	}
	p, err := payload(b, 200, uint64(getu32(b, 168)), what)
	return CPGPartialDeliverEvent{
		Group:    name,
		TotalLen: getu32(b, 160),
		NodeID:   getu32(b, 176),
		PID:      getu32(b, 184),
		Type:     getu32(b, 192),
		Payload:  p,
	}, err
}

// AppendHead appends the event without its payload, whose length it tells.
func (e CPGPartialDeliverEvent) AppendHead(dst []byte) []byte {
	dst, m := extend(dst, CPGPartialDeliverFixed)
	putResponseHeader(m, CPGEventPartialDeliver, CPGPartialDeliverFixed+len(e.Payload), cserr.OK)
	putCPGName(m, 24, e.Group, ne)
	putu32(m, 160, e.TotalLen)
	putu32(m, 168, uint32(len(e.Payload)))
	putu32(m, 176, e.NodeID)
	putu32(m, 184, e.PID)
	putu32(m, 192, e.Type)
	return dst
}

// Append appends the event.
func (e CPGPartialDeliverEvent) Append(dst []byte) []byte {
	return append(e.AppendHead(dst), e.Payload...)
}

// CPGTotemConfchgEvent reports a configuration of the ring: ring id @24,
// member_entries @40, members[] @44; 4 unused bytes end it.
type CPGTotemConfchgEvent struct {
	RingID  RingID
	Members []uint32
}

// ParseCPGTotemConfchgEvent reads a TOTEM_CONFCHG event.
func ParseCPGTotemConfchgEvent(b []byte) (CPGTotemConfchgEvent, error) {
	const what = "cpg totem confchg event"
	if err := atLeast(b, CPGTotemConfchgFixed, what); err != nil {
		return CPGTotemConfchgEvent{}, err
	}
	n := getu32(b, 40)
	if err := countFits(b, 44, uint64(n), 4, what); err != nil {
		return CPGTotemConfchgEvent{}, err
	}
	return CPGTotemConfchgEvent{RingID: getRingID(b, 24), Members: getu32s(b, 44, int(n))}, nil
}

// Append appends the event.
func (e CPGTotemConfchgEvent) Append(dst []byte) []byte {
	size := CPGTotemConfchgFixed + 4*len(e.Members)
	dst, m := extendResponse(dst, CPGEventTotemConfchg, size, cserr.OK)
	e.RingID.put(m, 24)
	putu32(m, 40, uint32(len(e.Members)))
	putu32s(m, 44, e.Members)
	return dst
}
