package ipcmsg

import "github.com/corosync-go/corosync/libcorosync-go/cserr"

// VOTEQUORUM requests (library functions).
const (
	VotequorumReqGetInfo           = 0
	VotequorumReqSetExpected       = 1
	VotequorumReqSetVotes          = 2
	VotequorumReqTrackStart        = 3
	VotequorumReqTrackStop         = 4
	VotequorumReqQdeviceRegister   = 5
	VotequorumReqQdeviceUnregister = 6
	VotequorumReqQdeviceUpdate     = 7
	VotequorumReqQdevicePoll       = 8
	VotequorumReqQdeviceMasterWins = 9
)

// VOTEQUORUM responses and events.
const (
	VotequorumResStatus  = 0 // header only; answer to all but GETINFO
	VotequorumResGetInfo = 1

	VotequorumEventQuorum        = 3
	VotequorumEventExpectedVotes = 4
	VotequorumEventNodeList      = 5
)

// Sizes in bytes of VOTEQUORUM messages; Fixed marks the part before a list.
const (
	VotequorumGetInfoRequestSize     = 24
	VotequorumSetExpectedRequestSize = 24
	VotequorumSetVotesRequestSize    = 24
	VotequorumTrackStartRequestSize  = 32
	VotequorumQdeviceRequestSize     = 272
	VotequorumQdeviceUpdateSize      = 528
	VotequorumQdevicePollSize        = 296
	VotequorumQdeviceMasterWinsSize  = 280
	VotequorumGetInfoResponseSize    = 320
	VotequorumQuorumEventFixed       = 48
	VotequorumExpectedEventSize      = 40
	VotequorumNodeListEventFixed     = 56
)

// VotequorumQdeviceNameMax is the size of a device name field in bytes,
// terminator included: names have 1 to 254 bytes.
const VotequorumQdeviceNameMax = 255

// Flags of [VotequorumInfo].
const (
	VotequorumInfoTwoNode           = 1
	VotequorumInfoQuorate           = 2
	VotequorumInfoWaitForAll        = 4
	VotequorumInfoLastManStanding   = 8
	VotequorumInfoAutoTieBreaker    = 16
	VotequorumInfoAllowDownscale    = 32
	VotequorumInfoQdeviceRegistered = 64
	VotequorumInfoQdeviceAlive      = 128
	VotequorumInfoQdeviceCastVote   = 256
	VotequorumInfoQdeviceMasterWins = 512
)

// Node states in [VotequorumInfo] and [VotequorumNode].
const (
	VotequorumNodeStateMember  = 1
	VotequorumNodeStateDead    = 2
	VotequorumNodeStateLeaving = 3
)

// VotequorumGetInfoRequest asks for what is known of a node: nodeid @16.
type VotequorumGetInfoRequest struct {
	NodeID uint32 // 0 is the local node
}

// ParseVotequorumGetInfoRequest reads a GETINFO request.
func ParseVotequorumGetInfoRequest(b []byte) (VotequorumGetInfoRequest, error) {
	if err := atLeast(b, VotequorumGetInfoRequestSize, "votequorum getinfo"); err != nil {
		return VotequorumGetInfoRequest{}, err
	}
	return VotequorumGetInfoRequest{NodeID: getu32(b, 16)}, nil
}

// Append appends the request.
func (r VotequorumGetInfoRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, VotequorumReqGetInfo, VotequorumGetInfoRequestSize)
	putu32(m, 16, r.NodeID)
	return dst
}

// VotequorumInfo is the response to GETINFO: nodeid @24, state @28, votes @32,
// expected_votes @36, highest_expected @40, total_votes @44, quorum @48,
// flags @52, qdevice_votes @56, qdevice_name char[255] @60.
type VotequorumInfo struct {
	Error           cserr.Error
	NodeID          uint32
	State           uint32 // VotequorumNodeState...
	Votes           uint32
	ExpectedVotes   uint32
	HighestExpected uint32
	TotalVotes      uint32
	Quorum          uint32
	Flags           uint32 // VotequorumInfo...
	QdeviceVotes    uint32
	QdeviceName     []byte // without terminator
}

// ParseVotequorumInfo reads a GETINFO response. A bare header, as a daemon
// sends for a refused request, is accepted if it carries an error.
func ParseVotequorumInfo(b []byte) (VotequorumInfo, error) {
	h, err := ParseResponseHeader(b)
	if err != nil {
		return VotequorumInfo{}, err
	}
	v := VotequorumInfo{Error: h.Error}
	if h.bareError(b, VotequorumGetInfoResponseSize) {
		return v, nil
	}
	if err := atLeast(b, VotequorumGetInfoResponseSize, "votequorum getinfo response"); err != nil {
		return v, err
	}
	v.NodeID = getu32(b, 24)
	v.State = getu32(b, 28)
	v.Votes = getu32(b, 32)
	v.ExpectedVotes = getu32(b, 36)
	v.HighestExpected = getu32(b, 40)
	v.TotalVotes = getu32(b, 44)
	v.Quorum = getu32(b, 48)
	v.Flags = getu32(b, 52)
	v.QdeviceVotes = getu32(b, 56)
	v.QdeviceName = cstring(b[60 : 60+VotequorumQdeviceNameMax])
	return v, nil
}

// Append appends the response; a device name of more than 254 bytes is cut.
func (v VotequorumInfo) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, VotequorumResGetInfo, VotequorumGetInfoResponseSize, v.Error)
	putu32(m, 24, v.NodeID)
	putu32(m, 28, v.State)
	putu32(m, 32, v.Votes)
	putu32(m, 36, v.ExpectedVotes)
	putu32(m, 40, v.HighestExpected)
	putu32(m, 44, v.TotalVotes)
	putu32(m, 48, v.Quorum)
	putu32(m, 52, v.Flags)
	putu32(m, 56, v.QdeviceVotes)
	putCString(m[60:60+VotequorumQdeviceNameMax], v.QdeviceName)
	return dst
}

// VotequorumSetExpectedRequest changes the expected votes of the cluster:
// expected_votes @16.
type VotequorumSetExpectedRequest struct {
	ExpectedVotes uint32
}

// ParseVotequorumSetExpectedRequest reads a SETEXPECTED request.
func ParseVotequorumSetExpectedRequest(b []byte) (VotequorumSetExpectedRequest, error) {
	if err := atLeast(b, VotequorumSetExpectedRequestSize, "votequorum setexpected"); err != nil {
		return VotequorumSetExpectedRequest{}, err
	}
	return VotequorumSetExpectedRequest{ExpectedVotes: getu32(b, 16)}, nil
}

// Append appends the request.
func (r VotequorumSetExpectedRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, VotequorumReqSetExpected, VotequorumSetExpectedRequestSize)
	putu32(m, 16, r.ExpectedVotes)
	return dst
}

// VotequorumSetVotesRequest changes the votes of a node: votes @16, nodeid @20.
type VotequorumSetVotesRequest struct {
	Votes  uint32
	NodeID uint32 // 0 is the quorum device
}

// ParseVotequorumSetVotesRequest reads a SETVOTES request.
func ParseVotequorumSetVotesRequest(b []byte) (VotequorumSetVotesRequest, error) {
	if err := atLeast(b, VotequorumSetVotesRequestSize, "votequorum setvotes"); err != nil {
		return VotequorumSetVotesRequest{}, err
	}
	return VotequorumSetVotesRequest{Votes: getu32(b, 16), NodeID: getu32(b, 20)}, nil
}

// Append appends the request.
func (r VotequorumSetVotesRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, VotequorumReqSetVotes, VotequorumSetVotesRequestSize)
	putu32(m, 16, r.Votes)
	putu32(m, 20, r.NodeID)
	return dst
}

// VotequorumTrackStartRequest asks for events: context @16, track_flags @24.
type VotequorumTrackStartRequest struct {
	Context    uint64 // chosen by the client, echoed in events
	TrackFlags uint32 // Track...
}

// ParseVotequorumTrackStartRequest reads a TRACKSTART request.
func ParseVotequorumTrackStartRequest(b []byte) (VotequorumTrackStartRequest, error) {
	if err := atLeast(b, VotequorumTrackStartRequestSize, "votequorum trackstart"); err != nil {
		return VotequorumTrackStartRequest{}, err
	}
	return VotequorumTrackStartRequest{Context: getu64(b, 16), TrackFlags: getu32(b, 24)}, nil
}

// Append appends the request.
func (r VotequorumTrackStartRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, VotequorumReqTrackStart, VotequorumTrackStartRequestSize)
	putu64(m, 16, r.Context)
	putu32(m, 24, r.TrackFlags)
	return dst
}

// VotequorumQdeviceRequest registers or unregisters a quorum device: name
// char[255] @16.
type VotequorumQdeviceRequest struct {
	ID   int32  // VotequorumReqQdeviceRegister or ...Unregister
	Name []byte // without terminator, 1 to 254 bytes
}

// ParseVotequorumQdeviceRequest reads a QDEVICE_REGISTER or
// QDEVICE_UNREGISTER request.
func ParseVotequorumQdeviceRequest(b []byte) (VotequorumQdeviceRequest, error) {
	if err := atLeast(b, VotequorumQdeviceRequestSize, "votequorum qdevice"); err != nil {
		return VotequorumQdeviceRequest{}, err
	}
	return VotequorumQdeviceRequest{
		ID:   geti32(b, 0),
		Name: cstring(b[16 : 16+VotequorumQdeviceNameMax]),
	}, nil
}

// Append appends the request.
func (r VotequorumQdeviceRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, r.ID, VotequorumQdeviceRequestSize)
	putCString(m[16:16+VotequorumQdeviceNameMax], r.Name)
	return dst
}

// VotequorumQdeviceUpdateRequest renames the device: oldname char[255] @16,
// newname char[255] @271.
type VotequorumQdeviceUpdateRequest struct {
	OldName, NewName []byte // without terminator
}

// ParseVotequorumQdeviceUpdateRequest reads a QDEVICE_UPDATE request.
func ParseVotequorumQdeviceUpdateRequest(b []byte) (VotequorumQdeviceUpdateRequest, error) {
	if err := atLeast(b, VotequorumQdeviceUpdateSize, "votequorum qdevice update"); err != nil {
		return VotequorumQdeviceUpdateRequest{}, err
	}
	return VotequorumQdeviceUpdateRequest{
		OldName: cstring(b[16 : 16+VotequorumQdeviceNameMax]),
		NewName: cstring(b[271 : 271+VotequorumQdeviceNameMax]),
	}, nil
}

// Append appends the request.
func (r VotequorumQdeviceUpdateRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, VotequorumReqQdeviceUpdate, VotequorumQdeviceUpdateSize)
	putCString(m[16:16+VotequorumQdeviceNameMax], r.OldName)
	putCString(m[271:271+VotequorumQdeviceNameMax], r.NewName)
	return dst
}

// VotequorumQdevicePollRequest is the device's sign of life and its vote: name
// char[255] @16, cast_vote @272, ring id @280.
type VotequorumQdevicePollRequest struct {
	Name     []byte // without terminator
	CastVote bool
	RingID   RingID // the configuration that the device voted on
}

// ParseVotequorumQdevicePollRequest reads a QDEVICE_POLL request.
func ParseVotequorumQdevicePollRequest(b []byte) (VotequorumQdevicePollRequest, error) {
	if err := atLeast(b, VotequorumQdevicePollSize, "votequorum qdevice poll"); err != nil {
		return VotequorumQdevicePollRequest{}, err
	}
	return VotequorumQdevicePollRequest{
		Name:     cstring(b[16 : 16+VotequorumQdeviceNameMax]),
		CastVote: getu32(b, 272) != 0,
		RingID:   getRingID(b, 280),
	}, nil
}

// Append appends the request.
func (r VotequorumQdevicePollRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, VotequorumReqQdevicePoll, VotequorumQdevicePollSize)
	putCString(m[16:16+VotequorumQdeviceNameMax], r.Name)
	putu32(m, 272, uint32(flagByte(r.CastVote)))
	r.RingID.put(m, 280)
	return dst
}

// VotequorumQdeviceMasterWinsRequest lets the partition with a voting device
// win: name char[255] @16, allow @272.
type VotequorumQdeviceMasterWinsRequest struct {
	Name  []byte // without terminator
	Allow bool
}

// ParseVotequorumQdeviceMasterWinsRequest reads a QDEVICE_MASTER_WINS request.
func ParseVotequorumQdeviceMasterWinsRequest(b []byte) (VotequorumQdeviceMasterWinsRequest, error) {
	if err := atLeast(b, VotequorumQdeviceMasterWinsSize, "votequorum qdevice master wins"); err != nil {
		return VotequorumQdeviceMasterWinsRequest{}, err
	}
	return VotequorumQdeviceMasterWinsRequest{
		Name:  cstring(b[16 : 16+VotequorumQdeviceNameMax]),
		Allow: getu32(b, 272) != 0,
	}, nil
}

// Append appends the request.
func (r VotequorumQdeviceMasterWinsRequest) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, VotequorumReqQdeviceMasterWins, VotequorumQdeviceMasterWinsSize)
	putCString(m[16:16+VotequorumQdeviceNameMax], r.Name)
	putu32(m, 272, uint32(flagByte(r.Allow)))
	return dst
}

// VotequorumNode is an element of [VotequorumQuorumEvent] (8 bytes).
type VotequorumNode struct {
	NodeID uint32 // 0 is the quorum device
	State  uint32 // VotequorumNodeState...; 0 for the device
}

// VotequorumQuorumEvent reports quorum and the states of all nodes ever seen:
// quorate @24, context @32, entries @40, {nodeid, state}[] @48.
type VotequorumQuorumEvent struct {
	Quorate bool
	Context uint64
	Nodes   []VotequorumNode
}

// ParseVotequorumQuorumEvent reads a QUORUM event.
func ParseVotequorumQuorumEvent(b []byte) (VotequorumQuorumEvent, error) {
	const what = "votequorum quorum event"
	if err := atLeast(b, VotequorumQuorumEventFixed, what); err != nil {
		return VotequorumQuorumEvent{}, err
	}
	n := getu32(b, 40)
	if err := countFits(b, 48, uint64(n), 8, what); err != nil {
		return VotequorumQuorumEvent{}, err
	}
	e := VotequorumQuorumEvent{
		Quorate: getu32(b, 24) != 0,
		Context: getu64(b, 32),
		Nodes:   make([]VotequorumNode, n),
	}
	for i := range e.Nodes {
		e.Nodes[i] = VotequorumNode{NodeID: getu32(b, 48+8*i), State: getu32(b, 52+8*i)}
	}
	return e, nil
}

// Append appends the event.
func (e VotequorumQuorumEvent) Append(dst []byte) []byte {
	size := VotequorumQuorumEventFixed + 8*len(e.Nodes)
	dst, m := extendResponse(dst, VotequorumEventQuorum, size, cserr.OK)
	putu32(m, 24, uint32(flagByte(e.Quorate)))
	putu64(m, 32, e.Context)
	putu32(m, 40, uint32(len(e.Nodes)))
	for i, n := range e.Nodes {
		putu32(m, 48+8*i, n.NodeID)
		putu32(m, 52+8*i, n.State)
	}
	return dst
}

// VotequorumExpectedVotesEvent reports changed expected votes: context @24,
// expected_votes @32.
type VotequorumExpectedVotesEvent struct {
	Context       uint64
	ExpectedVotes uint32
}

// ParseVotequorumExpectedVotesEvent reads an EXPECTEDVOTES event.
func ParseVotequorumExpectedVotesEvent(b []byte) (VotequorumExpectedVotesEvent, error) {
	if err := atLeast(b, VotequorumExpectedEventSize, "votequorum expected votes event"); err != nil {
		return VotequorumExpectedVotesEvent{}, err
	}
	return VotequorumExpectedVotesEvent{Context: getu64(b, 24), ExpectedVotes: getu32(b, 32)}, nil
}

// Append appends the event.
func (e VotequorumExpectedVotesEvent) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, VotequorumEventExpectedVotes, VotequorumExpectedEventSize, cserr.OK)
	putu64(m, 24, e.Context)
	putu32(m, 32, e.ExpectedVotes)
	return dst
}

// VotequorumNodeListEvent reports the members of a new configuration: context
// @24, ring id @32, entries @48, nodeid[] @56.
type VotequorumNodeListEvent struct {
	Context uint64
	RingID  RingID
	Members []uint32
}

// ParseVotequorumNodeListEvent reads a NODELIST event.
func ParseVotequorumNodeListEvent(b []byte) (VotequorumNodeListEvent, error) {
	const what = "votequorum nodelist event"
	if err := atLeast(b, VotequorumNodeListEventFixed, what); err != nil {
		return VotequorumNodeListEvent{}, err
	}
	n := getu32(b, 48)
	if err := countFits(b, 56, uint64(n), 4, what); err != nil {
		return VotequorumNodeListEvent{}, err
	}
	return VotequorumNodeListEvent{
		Context: getu64(b, 24),
		RingID:  getRingID(b, 32),
		Members: getu32s(b, 56, int(n)),
	}, nil
}

// Append appends the event.
func (e VotequorumNodeListEvent) Append(dst []byte) []byte {
	size := VotequorumNodeListEventFixed + 4*len(e.Members)
	dst, m := extendResponse(dst, VotequorumEventNodeList, size, cserr.OK)
	putu64(m, 24, e.Context)
	e.RingID.put(m, 32)
	putu32(m, 48, uint32(len(e.Members)))
	putu32s(m, 56, e.Members)
	return dst
}
