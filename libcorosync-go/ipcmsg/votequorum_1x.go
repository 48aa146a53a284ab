package ipcmsg

import "github.com/corosync-go/corosync/libcorosync-go/cserr"

// Messages of corosync 1.4. Their headers are given here in the order of 3.x; package coroipc knows the other. What has
// the layout of 3.x under another number is read with the functions of 3.x.

// VOTEQUORUM requests of 1.4.
const (
	Votequorum1xReqGetInfo         = 0 // the layout of 3.x; nodeid is signed
	Votequorum1xReqSetExpected     = 1 // the layout of 3.x
	Votequorum1xReqSetVotes        = 2 // the layout of 3.x; nodeid 0 is the local node
	Votequorum1xReqQdiskRegister   = 3
	Votequorum1xReqQdiskUnregister = 4
	Votequorum1xReqQdiskPoll       = 5
	Votequorum1xReqQdiskGetInfo    = 6
	Votequorum1xReqSetState        = 7
	Votequorum1xReqLeaving         = 8
	Votequorum1xReqTrackStart      = 9 // the layout of 3.x
	Votequorum1xReqTrackStop       = 10
)

// VOTEQUORUM responses and events of 1.4. Device information is answered under the number of GETINFO.
const (
	Votequorum1xResStatus          = 0 // header only
	Votequorum1xResGetInfo         = 1
	Votequorum1xEventNotification  = 4 // the layout of 3.x's quorum event
	Votequorum1xEventExpectedVotes = 5 // the layout of 3.x
)

// Flags of [Votequorum1xInfo], and node states of 1.4.
const (
	Votequorum1xInfoHasState   = 1
	Votequorum1xInfoDisallowed = 2
	Votequorum1xInfoTwoNode    = 4
	Votequorum1xInfoQuorate    = 8

	Votequorum1xStateJoining = 1
	Votequorum1xStateMember  = 2
	Votequorum1xStateDead    = 3
	Votequorum1xStateLeaving = 4
)

// Votequorum1xQdevice is the node id of the quorum device in GETINFO and SETVOTES, -1.
const Votequorum1xQdevice = 1<<32 - 1

// Sizes in bytes.
const (
	Votequorum1xQdiskRegisterSize = 280 // 275 used
	Votequorum1xQdiskPollSize     = 24
	Votequorum1xInfoSize          = 56
	Votequorum1xQdiskInfoSize     = 288
)

// Votequorum1xInfo is the response to GETINFO of 1.4: nodeid @24, votes @28, expected_votes @32, highest_expected @36,
// total_votes @40, quorum @44, flags @48.
type Votequorum1xInfo struct {
	Error           cserr.Error
	NodeID          uint32
	Votes           uint32
	ExpectedVotes   uint32
	HighestExpected uint32
	TotalVotes      uint32
	Quorum          uint32
	Flags           uint32 // Votequorum1xInfo...
}

// ParseVotequorum1xInfo reads a GETINFO response of 1.4. A bare header is accepted if it carries an error.
func ParseVotequorum1xInfo(b []byte) (Votequorum1xInfo, error) {
	h, err := ParseResponseHeader(b)
	if err != nil {
		return Votequorum1xInfo{}, err
	}
	v := Votequorum1xInfo{Error: h.Error}
	if h.bareError(b, Votequorum1xInfoSize) {
		return v, nil
	}
	if err := atLeast(b, Votequorum1xInfoSize, "votequorum 1.x getinfo response"); err != nil {
		return v, err
	}
	v.NodeID, v.Votes, v.ExpectedVotes = getu32(b, 24), getu32(b, 28), getu32(b, 32)
	v.HighestExpected, v.TotalVotes, v.Quorum, v.Flags = getu32(b, 36), getu32(b, 40), getu32(b, 44), getu32(b, 48)
	return v, nil
}

// Append appends the response.
func (v Votequorum1xInfo) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, Votequorum1xResGetInfo, Votequorum1xInfoSize, v.Error)
	for i, n := range [...]uint32{v.NodeID, v.Votes, v.ExpectedVotes, v.HighestExpected, v.TotalVotes, v.Quorum, v.Flags} {
		putu32(m, 24+4*i, n)
	}
	return dst
}

// Votequorum1xQdiskRegister registers a quorum disk: votes @16, name char[255] @20.
type Votequorum1xQdiskRegister struct {
	Votes uint32
	Name  []byte // without terminator
}

// ParseVotequorum1xQdiskRegister reads a QDISK_REGISTER request.
func ParseVotequorum1xQdiskRegister(b []byte) (Votequorum1xQdiskRegister, error) {
	if err := atLeast(b, 20+VotequorumQdeviceNameMax, "votequorum 1.x qdisk register"); err != nil {
		return Votequorum1xQdiskRegister{}, err
	}
	return Votequorum1xQdiskRegister{Votes: getu32(b, 16), Name: cstring(b[20 : 20+VotequorumQdeviceNameMax])}, nil
}

// Append appends the request.
func (r Votequorum1xQdiskRegister) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, Votequorum1xReqQdiskRegister, Votequorum1xQdiskRegisterSize)
	putu32(m, 16, r.Votes)
	putCString(m[20:20+VotequorumQdeviceNameMax], r.Name)
	return dst
}

// Votequorum1xQdiskPoll is the disk's sign of life: state @16, not 0 if it is alive.
type Votequorum1xQdiskPoll struct{ State uint32 }

// ParseVotequorum1xQdiskPoll reads a QDISK_POLL request.
func ParseVotequorum1xQdiskPoll(b []byte) (Votequorum1xQdiskPoll, error) {
	if err := atLeast(b, Votequorum1xQdiskPollSize, "votequorum 1.x qdisk poll"); err != nil {
		return Votequorum1xQdiskPoll{}, err
	}
	return Votequorum1xQdiskPoll{State: getu32(b, 16)}, nil
}

// Append appends the request.
func (r Votequorum1xQdiskPoll) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, Votequorum1xReqQdiskPoll, Votequorum1xQdiskPollSize)
	putu32(m, 16, r.State)
	return dst
}

// Votequorum1xQdiskInfo is the response to QDISK_GETINFO: votes @24, state @28, name char[255] @32.
type Votequorum1xQdiskInfo struct {
	Error cserr.Error
	Votes uint32
	State uint32 // Votequorum1xState...
	Name  []byte
}

// ParseVotequorum1xQdiskInfo reads a QDISK_GETINFO response. A bare header is accepted if it carries an error.
func ParseVotequorum1xQdiskInfo(b []byte) (Votequorum1xQdiskInfo, error) {
	h, err := ParseResponseHeader(b)
	if err != nil {
		return Votequorum1xQdiskInfo{}, err
	}
	v := Votequorum1xQdiskInfo{Error: h.Error}
	if h.bareError(b, Votequorum1xQdiskInfoSize) {
		return v, nil
	}
	if err := atLeast(b, Votequorum1xQdiskInfoSize, "votequorum 1.x qdisk info"); err != nil {
		return v, err
	}
	v.Votes, v.State, v.Name = getu32(b, 24), getu32(b, 28), cstring(b[32:32+VotequorumQdeviceNameMax])
	return v, nil
}

// Append appends the response.
func (v Votequorum1xQdiskInfo) Append(dst []byte) []byte {
	dst, m := extendResponse(dst, Votequorum1xResGetInfo, Votequorum1xQdiskInfoSize, v.Error)
	putu32(m, 24, v.Votes)
	putu32(m, 28, v.State)
	putCString(m[32:32+VotequorumQdeviceNameMax], v.Name)
	return dst
}
