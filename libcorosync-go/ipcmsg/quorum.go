package ipcmsg

import (
	"fmt"

	"github.com/corosync-go/corosync/libcorosync-go/cserr"
)

// QUORUM requests (library functions).
const (
	QuorumReqGetQuorate   = 0
	QuorumReqTrackStart   = 1
	QuorumReqTrackStop    = 2
	QuorumReqGetType      = 3
	QuorumReqModelGetType = 4
)

// QUORUM responses and events.
const (
	QuorumResGetQuorate   = 0
	QuorumResTrackStart   = 1 // header only
	QuorumResTrackStop    = 2 // header only
	QuorumResGetType      = 4
	QuorumResModelGetType = 5

	QuorumEventNotification = 3 // model v0
	QuorumEventV1Quorum     = 6 // model v1
	QuorumEventV1NodeList   = 7 // model v1
)

// Sizes in bytes of QUORUM messages; Fixed marks the size without list
// elements. In the three events the list starts 4 bytes before the end of
// that part, so that 4 unused bytes follow it.
const (
	QuorumTrackStartRequestSize   = 24
	QuorumModelGetTypeRequestSize = 24
	QuorumValueResponseSize       = 32
	QuorumNotificationFixed       = 48
	QuorumV1QuorumFixed           = 56
	QuorumV1NodeListFixed         = 64
)

// Quorum types.
const (
	QuorumTypeFree = 0 // no provider: always quorate
	QuorumTypeSet  = 1 // a provider decides
)

// Models of a QUORUM connection.
const (
	QuorumModelV0 = 0
	QuorumModelV1 = 1
)

// QuorumTrackStartRequest asks for events: track_flags @16.
type QuorumTrackStartRequest struct {
	TrackFlags uint32 // Track...
}

// ParseQuorumTrackStartRequest reads a TRACKSTART request.
func ParseQuorumTrackStartRequest(b []byte) (QuorumTrackStartRequest, error) {
	if err := atLeast(b, QuorumTrackStartRequestSize, "quorum trackstart"); err != nil {
		return QuorumTrackStartRequest{}, err
	}
	return QuorumTrackStartRequest{TrackFlags: getu32(b, 16)}, nil
}

// Append appends the request.
func (r QuorumTrackStartRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, QuorumReqTrackStart, QuorumTrackStartRequestSize)
	putu32(m, 16, r.TrackFlags)
	return dst
}

// QuorumModelGetTypeRequest chooses the model of the connection and asks for
// the quorum type: model @16.
type QuorumModelGetTypeRequest struct {
	Model uint32 // QuorumModel...
}

// ParseQuorumModelGetTypeRequest reads a MODEL_GETTYPE request.
func ParseQuorumModelGetTypeRequest(b []byte) (QuorumModelGetTypeRequest, error) {
	if err := atLeast(b, QuorumModelGetTypeRequestSize, "quorum model gettype"); err != nil {
		return QuorumModelGetTypeRequest{}, err
	}
	return QuorumModelGetTypeRequest{Model: getu32(b, 16)}, nil
}

// Append appends the request.
func (r QuorumModelGetTypeRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, QuorumReqModelGetType, QuorumModelGetTypeRequestSize)
	putu32(m, 16, r.Model)
	return dst
}

// QuorumValueResponse answers GETQUORATE (0 or 1), GETTYPE and MODEL_GETTYPE
// (QuorumType...): value @24.
type QuorumValueResponse struct {
	ID    int32 // QuorumResGetQuorate, ...GetType or ...ModelGetType
	Error cserr.Error
	Value uint32
}

// ParseQuorumValueResponse reads one of the three responses. A bare header is
// accepted if it carries an error.
func ParseQuorumValueResponse(b []byte) (QuorumValueResponse, error) {
	h, err := ParseResponseHeader(b)
	if err != nil {
		return QuorumValueResponse{}, err
	}
	r := QuorumValueResponse{ID: h.ID, Error: h.Error}
	if h.bareError(b, QuorumValueResponseSize) {
		return r, nil
	}
	if err := atLeast(b, QuorumValueResponseSize, "quorum response"); err != nil {
		return r, err
	}
	r.Value = getu32(b, 24)
	return r, nil
}

// Append appends the response.
func (r QuorumValueResponse) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, r.ID, QuorumValueResponseSize, r.Error)
	putu32(m, 24, r.Value)
	return dst
}

// QuorumNotification is the event of model v0: quorate @24, ring_seq @32,
// view_list_entries @40, view_list[] @44.
type QuorumNotification struct {
	Quorate bool
	RingSeq uint64
	View    []uint32 // members
}

// ParseQuorumNotification reads a v0 event.
func ParseQuorumNotification(b []byte) (QuorumNotification, error) {
	const what = "quorum notification"
	if err := atLeast(b, QuorumNotificationFixed, what); err != nil {
		return QuorumNotification{}, err
	}
	n := getu32(b, 40)
	if err := countFits(b, 44, uint64(n), 4, what); err != nil {
		return QuorumNotification{}, err
	}
	return QuorumNotification{
		Quorate: getu32(b, 24) != 0,
		RingSeq: getu64(b, 32),
		View:    getu32s(b, 44, int(n)),
	}, nil
}

// Append appends the event.
func (e QuorumNotification) Append(dst []byte) []byte {
	size := QuorumNotificationFixed + 4*len(e.View)
	dst, m := extendResponse(dst, QuorumEventNotification, size, cserr.OK)
	putu32(m, 24, uint32(flagByte(e.Quorate)))
	putu64(m, 32, e.RingSeq)
	putu32(m, 40, uint32(len(e.View)))
	putu32s(m, 44, e.View)
	return dst
}

// QuorumV1QuorumEvent reports quorum to model v1: quorate @24, ring id @32,
// view_list_entries @48, view_list[] @52.
type QuorumV1QuorumEvent struct {
	Quorate bool
	RingID  RingID
	View    []uint32 // members
}

// ParseQuorumV1QuorumEvent reads a v1 quorum event.
func ParseQuorumV1QuorumEvent(b []byte) (QuorumV1QuorumEvent, error) {
	const what = "quorum v1 quorum event"
	if err := atLeast(b, QuorumV1QuorumFixed, what); err != nil {
		return QuorumV1QuorumEvent{}, err
	}
	n := getu32(b, 48)
	if err := countFits(b, 52, uint64(n), 4, what); err != nil {
		return QuorumV1QuorumEvent{}, err
	}
	return QuorumV1QuorumEvent{
		Quorate: getu32(b, 24) != 0,
		RingID:  getRingID(b, 32),
		View:    getu32s(b, 52, int(n)),
	}, nil
}

// Append appends the event.
func (e QuorumV1QuorumEvent) Append(dst []byte) []byte {
	size := QuorumV1QuorumFixed + 4*len(e.View)
	dst, m := extendResponse(dst, QuorumEventV1Quorum, size, cserr.OK)
	putu32(m, 24, uint32(flagByte(e.Quorate)))
	e.RingID.put(m, 32)
	putu32(m, 48, uint32(len(e.View)))
	putu32s(m, 52, e.View)
	return dst
}

// QuorumV1NodeListEvent reports a membership to model v1: ring id @24,
// member_entries @40, joined_entries @48, left_entries @56, then members,
// joined and left @60.
type QuorumV1NodeListEvent struct {
	RingID                RingID
	Members, Joined, Left []uint32
}

// ParseQuorumV1NodeListEvent reads a v1 nodelist event.
func ParseQuorumV1NodeListEvent(b []byte) (QuorumV1NodeListEvent, error) {
	const what = "quorum v1 nodelist event"
	if err := atLeast(b, QuorumV1NodeListFixed, what); err != nil {
		return QuorumV1NodeListEvent{}, err
	}
	m, j, l := getu32(b, 40), getu32(b, 48), getu32(b, 56)
	if err := countFits(b, 60, uint64(m)+uint64(j)+uint64(l), 4, what); err != nil {
		return QuorumV1NodeListEvent{}, fmt.Errorf("%w (members %d, joined %d, left %d)", err, m, j, l)
	}
	off := 60
	e := QuorumV1NodeListEvent{RingID: getRingID(b, 24)}
	e.Members = getu32s(b, off, int(m))
	off += 4 * int(m)
	e.Joined = getu32s(b, off, int(j))
	off += 4 * int(j)
	e.Left = getu32s(b, off, int(l))
	return e, nil
}

// Append appends the event.
func (e QuorumV1NodeListEvent) Append(dst []byte) []byte {
	size := QuorumV1NodeListFixed + 4*(len(e.Members)+len(e.Joined)+len(e.Left))
	dst, m := extendResponse(dst, QuorumEventV1NodeList, size, cserr.OK)
	e.RingID.put(m, 24)
	putu32(m, 40, uint32(len(e.Members)))
	putu32(m, 48, uint32(len(e.Joined)))
	putu32(m, 56, uint32(len(e.Left)))
	off := putu32s(m, 60, e.Members)
	off = putu32s(m, off, e.Joined)
	putu32s(m, off, e.Left)
	return dst
}
