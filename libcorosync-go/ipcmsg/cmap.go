package ipcmsg

import (
	"encoding/binary"
	"fmt"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// CMAP requests (library functions).
const (
	CmapReqSet           = 0
	CmapReqDelete        = 1
	CmapReqGet           = 2
	CmapReqAdjustInt     = 3
	CmapReqIterInit      = 4
	CmapReqIterNext      = 5
	CmapReqIterFinalize  = 6
	CmapReqTrackAdd      = 7
	CmapReqTrackDelete   = 8
	CmapReqSetCurrentMap = 9
)

// CMAP responses and the event.
const (
	CmapResSet           = 0 // header only
	CmapResDelete        = 1 // header only
	CmapResGet           = 2
	CmapResAdjustInt     = 3 // header only
	CmapResIterInit      = 4
	CmapResIterNext      = 5
	CmapResIterFinalize  = 6 // header only
	CmapResTrackAdd      = 7
	CmapResTrackDelete   = 8
	CmapResSetCurrentMap = 10 // header only

	CmapEventNotify = 9
)

// Sizes in bytes of CMAP messages; Fixed marks the part before a value.
const (
	CmapSetRequestFixed      = 296
	CmapKeyRequestSize       = 280
	CmapGetRequestSize       = 288
	CmapGetResponseFixed     = 40
	CmapAdjustRequestSize    = 288
	CmapHandleRequestSize    = 24
	CmapHandleResponseSize   = 32
	CmapIterNextResponseSize = 304
	CmapTrackAddRequestSize  = 296
	CmapSetCurrentMapSize    = 24
	CmapNotifyFixed          = 336
	marNameSize              = 264
	marNameValueSize         = 256
)

const (
	// CmapNameMin and CmapNameMax bound the length of a key in bytes
	// (ICMAP_KEYNAME_MINLEN, CMAP_KEYNAME_MAXLEN).
	CmapNameMin = 3
	CmapNameMax = 255
	// CmapValueMax is the largest value of a set request in bytes.
	CmapValueMax = 16384
)

// Maps that a connection can select.
const (
	CmapMapIcmap = 0
	CmapMapStats = 1
)

// Value types.
const (
	CmapInt8   = 1
	CmapUint8  = 2
	CmapInt16  = 3
	CmapUint16 = 4
	CmapInt32  = 5
	CmapUint32 = 6
	CmapInt64  = 7
	CmapUint64 = 8
	CmapFloat  = 9
	CmapDouble = 10
	CmapString = 11
	CmapBinary = 12
)

// Events, and bits of a track type.
const (
	CmapTrackDelete = 1
	CmapTrackModify = 2
	CmapTrackAdd    = 4
	CmapTrackPrefix = 8 // only in requests
)

// getMarKey returns a view of the name at off (mar_name_t: length u16 @0,
// value[256] @8) as the daemon reads it in requests: up to its NUL, whatever
// the length says.
func getMarKey(b []byte, off int) []byte {
	return cstring(b[off+8 : off+8+marNameValueSize])
}

// getMarName returns a view of the name at off as it is read where it may be
// absent, and by clients: no longer than its length.
func getMarName(b []byte, off int) []byte {
	n := int(getu16(b, off))
	return cstring(b[off+8 : off+8+min(n, marNameValueSize)])
}

// getMarOptionalKey is getMarKey where a length of 0 means "none".
func getMarOptionalKey(b []byte, off int) []byte {
	if getu16(b, off) == 0 {
		return nil
	}
	return getMarKey(b, off)
}

// putMarName writes a name; what exceeds 255 bytes is cut.
func putMarName[T ~string | ~[]byte](b []byte, off int, name T) {
	n := copy(b[off+8:off+8+marNameValueSize-1], name)
	putu16(b, off, uint16(n))
}

// CmapSetRequest sets a key: name @16, value_len u64 @280, type u8 @288, value
// @296.
type CmapSetRequest struct {
	Key   []byte
	Type  uint8 // CmapInt8...
	Value []byte
}

// ParseCmapSetRequest reads a SET request; key and value are views of b.
func ParseCmapSetRequest(b []byte) (CmapSetRequest, error) {
	const what = "cmap set"
	if err := atLeast(b, CmapSetRequestFixed, what); err != nil {
		return CmapSetRequest{}, err
	}
	v, err := payload(b, 296, getu64(b, 280), what)
	return CmapSetRequest{Key: getMarKey(b, 16), Type: b[288], Value: v}, err
}

// Append appends the request.
func (r CmapSetRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, CmapReqSet, CmapSetRequestFixed+len(r.Value))
	putMarName(m, 16, r.Key)
	putu64(m, 280, uint64(len(r.Value)))
	m[288] = r.Type
	copy(m[296:], r.Value)
	return dst
}

// CmapKeyRequest is a request with a name only, @16: DELETE, and ITER_INIT with
// a prefix.
type CmapKeyRequest struct {
	ID  int32  // CmapReqDelete or CmapReqIterInit
	Key []byte // empty in ITER_INIT: no prefix
}

// ParseCmapKeyRequest reads a DELETE or ITER_INIT request.
func ParseCmapKeyRequest(b []byte) (CmapKeyRequest, error) {
	if err := atLeast(b, CmapKeyRequestSize, "cmap key request"); err != nil {
		return CmapKeyRequest{}, err
	}
	r := CmapKeyRequest{ID: geti32(b, 0)}
	if r.ID == CmapReqIterInit {
		r.Key = getMarOptionalKey(b, 16)
	} else {
		r.Key = getMarKey(b, 16)
	}
	return r, nil
}

// Append appends the request.
func (r CmapKeyRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, r.ID, CmapKeyRequestSize)
	putMarName(m, 16, r.Key)
	return dst
}

// CmapGetRequest reads a key: name @16, value_len u64 @280.
type CmapGetRequest struct {
	Key []byte
	// ValueLen is the room for the value in bytes; 0 asks for type and length
	// only.
	ValueLen uint64
}

// ParseCmapGetRequest reads a GET request.
func ParseCmapGetRequest(b []byte) (CmapGetRequest, error) {
	if err := atLeast(b, CmapGetRequestSize, "cmap get"); err != nil {
		return CmapGetRequest{}, err
	}
	return CmapGetRequest{Key: getMarKey(b, 16), ValueLen: getu64(b, 280)}, nil
}

// Append appends the request.
func (r CmapGetRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, CmapReqGet, CmapGetRequestSize)
	putMarName(m, 16, r.Key)
	putu64(m, 280, r.ValueLen)
	return dst
}

// CmapGetResponse returns a value: value_len u64 @24, type u8 @32, value @40.
type CmapGetResponse struct {
	Error    cserr.Error
	ValueLen uint64 // real length in bytes
	Type     uint8  // CmapInt8...
	// Value has ValueLen bytes, or none if the request asked for none.
	Value []byte
}

// ParseCmapGetResponse reads a GET response; the value is a view of b. A bare
// header is accepted if it carries an error.
func ParseCmapGetResponse(b []byte) (CmapGetResponse, error) {
	const what = "cmap get response"
	h, err := ParseResponseHeader(b)
	if err != nil {
		return CmapGetResponse{}, err
	}
	r := CmapGetResponse{Error: h.Error}
	if h.bareError(b, CmapGetResponseFixed) {
		return r, nil
	}
	if err := atLeast(b, CmapGetResponseFixed, what); err != nil {
		return r, err
	}
	r.ValueLen = getu64(b, 24)
	r.Type = b[32]
	if h.Error == cserr.OK && len(b) > CmapGetResponseFixed {
		r.Value, err = payload(b, 40, r.ValueLen, what)
	}
	return r, err
}

// Append appends the response. Its size follows room, the requested length, so
// that a longer buffer is padded; on error nothing follows the fixed part.
// room must be at least the length of the value and is bounded by the caller.
func (r CmapGetResponse) Append(dst []byte, room int) []byte {
	size := CmapGetResponseFixed
	if r.Error == cserr.OK {
		size += room
	}
	dst, m := extendResponse(dst, CmapResGet, size, r.Error)
	putu64(m, 24, r.ValueLen)
	m[32] = r.Type
	if r.Error == cserr.OK {
		copy(m[40:], r.Value)
	}
	return dst
}

// CmapAdjustRequest adds to an integer key: name @16, step i32 @280.
type CmapAdjustRequest struct {
	Key  []byte
	Step int32
}

// ParseCmapAdjustRequest reads an ADJUST_INT request.
func ParseCmapAdjustRequest(b []byte) (CmapAdjustRequest, error) {
	if err := atLeast(b, CmapAdjustRequestSize, "cmap adjust"); err != nil {
		return CmapAdjustRequest{}, err
	}
	return CmapAdjustRequest{Key: getMarKey(b, 16), Step: geti32(b, 280)}, nil
}

// Append appends the request.
func (r CmapAdjustRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, CmapReqAdjustInt, CmapAdjustRequestSize)
	putMarName(m, 16, r.Key)
	puti32(m, 280, r.Step)
	return dst
}

// CmapHandleRequest carries a handle of the daemon, @16: ITER_NEXT,
// ITER_FINALIZE and TRACK_DELETE.
type CmapHandleRequest struct {
	ID     int32 // CmapReqIterNext, CmapReqIterFinalize or CmapReqTrackDelete
	Handle uint64
}

// ParseCmapHandleRequest reads one of the three requests.
func ParseCmapHandleRequest(b []byte) (CmapHandleRequest, error) {
	if err := atLeast(b, CmapHandleRequestSize, "cmap handle request"); err != nil {
		return CmapHandleRequest{}, err
	}
	return CmapHandleRequest{ID: geti32(b, 0), Handle: getu64(b, 16)}, nil
}

// Append appends the request.
func (r CmapHandleRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, r.ID, CmapHandleRequestSize)
	putu64(m, 16, r.Handle)
	return dst
}

// CmapHandleResponse returns a handle @24: of the daemon for ITER_INIT and
// TRACK_ADD, of the client (the instance handle) for TRACK_DELETE.
type CmapHandleResponse struct {
	ID     int32 // CmapResIterInit, CmapResTrackAdd or CmapResTrackDelete
	Error  cserr.Error
	Handle uint64
}

// ParseCmapHandleResponse reads one of the three responses. A bare header is
// accepted if it carries an error.
func ParseCmapHandleResponse(b []byte) (CmapHandleResponse, error) {
	h, err := ParseResponseHeader(b)
	if err != nil {
		return CmapHandleResponse{}, err
	}
	r := CmapHandleResponse{ID: h.ID, Error: h.Error}
	if h.bareError(b, CmapHandleResponseSize) {
		return r, nil
	}
	if err := atLeast(b, CmapHandleResponseSize, "cmap handle response"); err != nil {
		return r, err
	}
	r.Handle = getu64(b, 24)
	return r, nil
}

// Append appends the response.
func (r CmapHandleResponse) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, r.ID, CmapHandleResponseSize, r.Error)
	putu64(m, 24, r.Handle)
	return dst
}

// CmapIterNextResponse is one step of an iteration: name @24, value_len u64
// @288, type u8 @296.
type CmapIterNextResponse struct {
	Error    cserr.Error
	Key      []byte
	ValueLen uint64
	Type     uint8 // CmapInt8...
}

// ParseCmapIterNextResponse reads an ITER_NEXT response. The body counts only
// without error.
func ParseCmapIterNextResponse(b []byte) (CmapIterNextResponse, error) {
	h, err := ParseResponseHeader(b)
	if err != nil {
		return CmapIterNextResponse{}, err
	}
	r := CmapIterNextResponse{Error: h.Error}
	if h.Error != cserr.OK {
		return r, nil
	}
	if err := atLeast(b, CmapIterNextResponseSize, "cmap iteration next response"); err != nil {
		return r, err
	}
	r.Key = getMarName(b, 24)
	r.ValueLen = getu64(b, 288)
	r.Type = b[296]
	return r, nil
}

// Append appends the response.
func (r CmapIterNextResponse) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, CmapResIterNext, CmapIterNextResponseSize, r.Error)
	putMarName(m, 24, r.Key)
	putu64(m, 288, r.ValueLen)
	m[296] = r.Type
	return dst
}

// CmapTrackAddRequest asks for events on a key or prefix: name @16, track_type
// i32 @280, track_inst_handle u64 @288.
type CmapTrackAddRequest struct {
	Key       []byte // empty: every key, with CmapTrackPrefix
	TrackType int32  // CmapTrack...
	Instance  uint64 // chosen by the client, echoed in events
}

// ParseCmapTrackAddRequest reads a TRACK_ADD request.
func ParseCmapTrackAddRequest(b []byte) (CmapTrackAddRequest, error) {
	if err := atLeast(b, CmapTrackAddRequestSize, "cmap track add"); err != nil {
		return CmapTrackAddRequest{}, err
	}
	return CmapTrackAddRequest{
		Key:       getMarOptionalKey(b, 16),
		TrackType: geti32(b, 280),
		Instance:  getu64(b, 288),
	}, nil
}

// Append appends the request.
func (r CmapTrackAddRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, CmapReqTrackAdd, CmapTrackAddRequestSize)
	putMarName(m, 16, r.Key)
	puti32(m, 280, r.TrackType)
	putu64(m, 288, r.Instance)
	return dst
}

// CmapSetCurrentMapRequest selects the map of the connection: map i32 @16.
type CmapSetCurrentMapRequest struct {
	Map int32 // CmapMapIcmap or CmapMapStats
}

// ParseCmapSetCurrentMapRequest reads a SET_CURRENT_MAP request.
func ParseCmapSetCurrentMapRequest(b []byte) (CmapSetCurrentMapRequest, error) {
	if err := atLeast(b, CmapSetCurrentMapSize, "cmap set current map"); err != nil {
		return CmapSetCurrentMapRequest{}, err
	}
	return CmapSetCurrentMapRequest{Map: geti32(b, 16)}, nil
}

// Append appends the request.
func (r CmapSetCurrentMapRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, CmapReqSetCurrentMap, CmapSetCurrentMapSize)
	puti32(m, 16, r.Map)
	return dst
}

// CmapValue is a typed value; type 0 without bytes means "none".
type CmapValue struct {
	Type uint8 // CmapInt8...
	Data []byte
}

// CmapNotifyEvent reports the change of a key: track_inst_handle u64 @24, name
// @32, event i32 @296, new_type u8 @304, old_type u8 @312, new_len u64 @320,
// old_len u64 @328, new value @336, then the old value.
type CmapNotifyEvent struct {
	Instance uint64
	Key      []byte
	Event    int32 // CmapTrackDelete, ...Modify or ...Add
	New, Old CmapValue
}

// ParseCmapNotifyEvent reads a NOTIFY event; key and values are views of b.
func ParseCmapNotifyEvent(b []byte) (CmapNotifyEvent, error) {
	const what = "cmap notify event"
	if err := atLeast(b, CmapNotifyFixed, what); err != nil {
		return CmapNotifyEvent{}, err
	}
	newLen, oldLen := getu64(b, 320), getu64(b, 328)
	newValue, err := payload(b, 336, newLen, what)
	if err != nil {
		return CmapNotifyEvent{}, err
	}
	oldValue, err := payload(b, 336+len(newValue), oldLen, what)
	if err != nil {
		return CmapNotifyEvent{}, err
	}
	return CmapNotifyEvent{
		Instance: getu64(b, 24),
		Key:      getMarName(b, 32),
		Event:    geti32(b, 296),
		New:      CmapValue{Type: b[304], Data: newValue},
		Old:      CmapValue{Type: b[312], Data: oldValue},
	}, nil
}

// Append appends the event.
func (e CmapNotifyEvent) Append(dst []byte) []byte {
	size := CmapNotifyFixed + len(e.New.Data) + len(e.Old.Data)
	dst, m := extendResponse(dst, CmapEventNotify, size, cserr.OK)
	putu64(m, 24, e.Instance)
	putMarName(m, 32, e.Key)
	puti32(m, 296, e.Event)
	m[304] = e.New.Type
	m[312] = e.Old.Type
	putu64(m, 320, uint64(len(e.New.Data)))
	putu64(m, 328, uint64(len(e.Old.Data)))
	n := copy(m[336:], e.New.Data)
	copy(m[336+n:], e.Old.Data)
	return dst
}

// getMarNameExec is getMarName for exec messages: the length is in the order of
// the sender and must fit, since names of items are compared by it.
func getMarNameExec(b []byte, off int, order binary.ByteOrder, what string) ([]byte, error) {
	n := int(order.Uint16(b[off:]))
	if n > marNameValueSize {
		return nil, fmt.Errorf("%s: %w: %d bytes", what, ErrNameTooLong, n)
	}
	start, end := off+8, off+8+n
	return b[start:end:end], nil
}
