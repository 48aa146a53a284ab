package ipcmsg

import "github.com/corosync-go/corosync/libcorosync-go/cserr"

// CFG requests of 1.4. Those marked have a layout of their own.
const (
	Cfg1xReqRingStatusGet   = 0
	Cfg1xReqRingReenable    = 1
	Cfg1xReqStateTrackStart = 2
	Cfg1xReqStateTrackStop  = 3
	Cfg1xReqAdminStateSet   = 4 // not served
	Cfg1xReqAdminStateGet   = 5 // not served
	Cfg1xReqServiceLoad     = 6 // not served
	Cfg1xReqServiceUnload   = 7 // not served
	Cfg1xReqKillNode        = 8
	Cfg1xReqTryShutdown     = 9
	Cfg1xReqReplyToShutdown = 10
	Cfg1xReqGetNodeAddrs    = 11
	Cfg1xReqLocalGet        = 12
	Cfg1xReqCryptoSet       = 13 // not served
)

// CFG responses of 1.4 that 3.x does not have. The other numbers and the layouts are those of 3.x.
const (
	Cfg1xResAdminStateGet = 4 // header only
	Cfg1xResAdminStateSet = 5 // header only
	Cfg1xResService       = 7 // header only: SERVICELOAD and SERVICEUNLOAD
	Cfg1xResCryptoSet     = 14
)

// CPG requests of 1.4's transport, which carries zero copy itself.
const (
	CPG1xReqZCAlloc   = -1
	CPG1xReqZCFree    = -2
	CPG1xReqZCExecute = -3
)

// PLOAD of 1.4 has one request.
const (
	Pload1xReqStart         = 0
	Pload1xStartSize        = 32
	Pload1xStartAnswerBytes = 4120
)

// Pload1xStart asks for the load: msg_code @16, msg_size @20, msg_count @24, time_interval @28, of which the first and the
// last mean nothing.
type Pload1xStart struct {
	Size  uint32 // bytes per message
	Count uint32 // messages that each node sends
}

// ParsePload1xStart reads a START request.
func ParsePload1xStart(b []byte) (Pload1xStart, error) {
	if err := atLeast(b, Pload1xStartSize, "pload 1.x start"); err != nil {
		return Pload1xStart{}, err
	}
	return Pload1xStart{Size: getu32(b, 20), Count: getu32(b, 24)}, nil
}

// Append appends the request.
func (r Pload1xStart) Append(dst []byte) []byte {
	dst, m := extendRequest(dst, Pload1xReqStart, Pload1xStartSize)
	putu32(m, 20, r.Size)
	putu32(m, 24, r.Count)
	return dst
}

// AppendPload1xAnswer appends the answer to START, whose body was never filled in.
func AppendPload1xAnswer(dst []byte, e cserr.Error) []byte {
	dst, _ = extendResponse(dst, Pload1xReqStart, Pload1xStartAnswerBytes, e)
	return dst
}
