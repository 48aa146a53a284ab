package ipcmsg

import "encoding/binary"

// PLOAD exec functions. The service has no library functions in 3.x.
const (
	ExecPloadStart = 0
	ExecPloadMcast = 1
)

const (
	// ExecPloadStartSize is the size in bytes of a START message.
	ExecPloadStartSize = 24
	// ExecPloadStartLong is that of one that says how to end.
	ExecPloadStartLong = 32
	// PloadSizeMax is the largest msg_size in bytes.
	PloadSizeMax = 1048576
)

func execPload(function uint16) ExecID { return MakeExecID(ServicePload, function) }

// ExecPloadStartMsg starts the load on every node: msg_count @16, msg_size @20. 3.1 ends the daemon after the load. A longer
// message, which 3.1 takes for one of its own, has a word @24 that is 1 if the daemon is to go on, as 1.x does.
type ExecPloadStartMsg struct {
	Count uint32 // messages that each node sends
	Size  uint32 // bytes per message
	GoOn  bool
}

// ParseExecPloadStart reads a START message. The size in its header does not
// count: the C daemon does not set it.
func ParseExecPloadStart(b []byte, order binary.ByteOrder) (ExecPloadStartMsg, error) {
	if err := atLeast(b, ExecPloadStartSize, "pload start"); err != nil {
		return ExecPloadStartMsg{}, err
	}
	x := ExecPloadStartMsg{Count: order.Uint32(b[16:]), Size: order.Uint32(b[20:])}
	x.GoOn = len(b) >= ExecPloadStartLong && order.Uint32(b[24:]) == 1
	return x, nil
}

// Append appends the message.
func (x ExecPloadStartMsg) Append(dst []byte, order binary.ByteOrder) []byte {
	n := ExecPloadStartSize
	if x.GoOn {
		n = ExecPloadStartLong
	}
	dst, m := extendExec(dst, execPload(ExecPloadStart), n, order)
	order.PutUint32(m[16:], x.Count)
	order.PutUint32(m[20:], x.Size)
	if x.GoOn {
		order.PutUint32(m[24:], 1)
	}
	return dst
}

// AppendExecPloadMcast appends a MCAST message of sizeBytes bytes, at least a
// header and at most [PloadSizeMax]. As in the C daemon, its header claims 16
// bytes more.
func AppendExecPloadMcast(dst []byte, sizeBytes int, order binary.ByteOrder) []byte {
	sizeBytes = min(max(sizeBytes, 0), PloadSizeMax)
	dst, m := extend(dst, max(RequestHeaderSize, sizeBytes))
	order.PutUint32(m, uint32(execPload(ExecPloadMcast)))
	order.PutUint32(m[8:], uint32(RequestHeaderSize+sizeBytes))
	return dst
}
