package ipcmsg

import "encoding/binary"

// VOTEQUORUM exec functions.
const (
	ExecVotequorumNodeInfo           = 0
	ExecVotequorumReconfigure        = 1
	ExecVotequorumQdeviceReg         = 2
	ExecVotequorumQdeviceReconfigure = 3
)

// Sizes in bytes of VOTEQUORUM exec messages.
const (
	ExecVotequorumNodeInfoSize           = 32
	ExecVotequorumReconfigureSize        = 32
	ExecVotequorumQdeviceRegSize         = 280
	ExecVotequorumQdeviceReconfigureSize = 528
)

// Node flags in [ExecVotequorumNodeInfoMsg].
const (
	VotequorumNodeQuorate           = 1
	VotequorumNodeLeaving           = 2
	VotequorumNodeWFAStatus         = 4
	VotequorumNodeFirst             = 8
	VotequorumNodeQdeviceRegistered = 16
	VotequorumNodeQdeviceAlive      = 32
	VotequorumNodeQdeviceCastVote   = 64
	VotequorumNodeQdeviceMasterWins = 128
)

// Parameters of [ExecVotequorumReconfigureMsg].
const (
	VotequorumParamExpectedVotes = 1
	VotequorumParamNodeVotes     = 2
	VotequorumParamCancelWFA     = 3
)

// Operations of [ExecVotequorumQdeviceRegMsg].
const (
	VotequorumQdeviceOpUnregister = 0
	VotequorumQdeviceOpRegister   = 1
)

func execVotequorum(function uint16) ExecID { return MakeExecID(ServiceVotequorum, function) }

// ExecVotequorumNodeInfoMsg is a node's view of itself or of the quorum
// device: nodeid @16, votes @20, expected_votes @24, flags @28.
type ExecVotequorumNodeInfoMsg struct {
	NodeID        uint32 // 0 is the quorum device
	Votes         uint32
	ExpectedVotes uint32 // 0 for the device
	Flags         uint32 // VotequorumNode...; 0 for the device
}

// ParseExecVotequorumNodeInfo reads a NODEINFO message.
func ParseExecVotequorumNodeInfo(b []byte, order binary.ByteOrder) (ExecVotequorumNodeInfoMsg, error) {
	if err := atLeast(b, ExecVotequorumNodeInfoSize, "votequorum nodeinfo"); err != nil {
		return ExecVotequorumNodeInfoMsg{}, err
	}
	return ExecVotequorumNodeInfoMsg{
		NodeID:        order.Uint32(b[16:]),
		Votes:         order.Uint32(b[20:]),
		ExpectedVotes: order.Uint32(b[24:]),
		Flags:         order.Uint32(b[28:]),
	}, nil
}

// Append appends the message.
func (x ExecVotequorumNodeInfoMsg) Append(dst []byte, order binary.ByteOrder) []byte {
	dst, m := extendExec(dst, execVotequorum(ExecVotequorumNodeInfo), ExecVotequorumNodeInfoSize, order)
	order.PutUint32(m[16:], x.NodeID)
	order.PutUint32(m[20:], x.Votes)
	order.PutUint32(m[24:], x.ExpectedVotes)
	order.PutUint32(m[28:], x.Flags)
	return dst
}

// ExecVotequorumReconfigureMsg changes a value on all nodes: nodeid @16, value
// @20, param u8 @24.
type ExecVotequorumReconfigureMsg struct {
	NodeID uint32
	Value  uint32
	Param  uint8 // VotequorumParam...
}

// ParseExecVotequorumReconfigure reads a RECONFIGURE message.
func ParseExecVotequorumReconfigure(b []byte, order binary.ByteOrder) (ExecVotequorumReconfigureMsg, error) {
	if err := atLeast(b, ExecVotequorumReconfigureSize, "votequorum reconfigure"); err != nil {
		return ExecVotequorumReconfigureMsg{}, err
	}
	return ExecVotequorumReconfigureMsg{
		NodeID: order.Uint32(b[16:]),
		Value:  order.Uint32(b[20:]),
		Param:  b[24],
	}, nil
}

// Append appends the message.
func (x ExecVotequorumReconfigureMsg) Append(dst []byte, order binary.ByteOrder) []byte {
	dst, m := extendExec(dst, execVotequorum(ExecVotequorumReconfigure), ExecVotequorumReconfigureSize, order)
	order.PutUint32(m[16:], x.NodeID)
	order.PutUint32(m[20:], x.Value)
	m[24] = x.Param
	return dst
}

// ExecVotequorumQdeviceRegMsg announces a quorum device: operation @16, name
// char[255] @20.
type ExecVotequorumQdeviceRegMsg struct {
	Operation uint32 // VotequorumQdeviceOp...
	Name      []byte // without terminator
}

// ParseExecVotequorumQdeviceReg reads a QDEVICE_REG message.
func ParseExecVotequorumQdeviceReg(b []byte, order binary.ByteOrder) (ExecVotequorumQdeviceRegMsg, error) {
	if err := atLeast(b, ExecVotequorumQdeviceRegSize, "votequorum qdevice_reg"); err != nil {
		return ExecVotequorumQdeviceRegMsg{}, err
	}
	return ExecVotequorumQdeviceRegMsg{
		Operation: order.Uint32(b[16:]),
		Name:      cstring(b[20 : 20+VotequorumQdeviceNameMax]),
	}, nil
}

// Append appends the message.
func (x ExecVotequorumQdeviceRegMsg) Append(dst []byte, order binary.ByteOrder) []byte {
	dst, m := extendExec(dst, execVotequorum(ExecVotequorumQdeviceReg), ExecVotequorumQdeviceRegSize, order)
	order.PutUint32(m[16:], x.Operation)
	putCString(m[20:20+VotequorumQdeviceNameMax], x.Name)
	return dst
}

// ExecVotequorumQdeviceReconfigureMsg renames the device: oldname char[255]
// @16, newname char[255] @271.
type ExecVotequorumQdeviceReconfigureMsg struct {
	OldName, NewName []byte // without terminator
}

// ParseExecVotequorumQdeviceReconfigure reads a QDEVICE_RECONFIGURE message,
// in which nothing depends on the byte order.
func ParseExecVotequorumQdeviceReconfigure(b []byte) (ExecVotequorumQdeviceReconfigureMsg, error) {
	if err := atLeast(b, ExecVotequorumQdeviceReconfigureSize, "votequorum qdevice_reconfigure"); err != nil {
		return ExecVotequorumQdeviceReconfigureMsg{}, err
	}
	return ExecVotequorumQdeviceReconfigureMsg{
		OldName: cstring(b[16 : 16+VotequorumQdeviceNameMax]),
		NewName: cstring(b[271 : 271+VotequorumQdeviceNameMax]),
	}, nil
}

// Append appends the message.
func (x ExecVotequorumQdeviceReconfigureMsg) Append(dst []byte, order binary.ByteOrder) []byte {
	dst, m := extendExec(dst, execVotequorum(ExecVotequorumQdeviceReconfigure), ExecVotequorumQdeviceReconfigureSize, order)
	putCString(m[16:16+VotequorumQdeviceNameMax], x.OldName)
	putCString(m[271:271+VotequorumQdeviceNameMax], x.NewName)
	return dst
}
