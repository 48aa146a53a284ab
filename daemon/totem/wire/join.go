package wire

import "github.com/corosync-go/corosync/daemon/totem"

// MEMB_JOIN proposes a membership; with header nodeid 0 it is a LEAVE:
//
//	13       u32    system_from   sender, also in a LEAVE
//	17       u32    proc entries p
//	21       u32    failed entries f
//	25       u64    ring_seq      seq of the sender's current ring id
//	33       u32[p] proc list     any order, includes the failed ones
//	33+4p    u32[f] failed list   any order
const JoinLen = 33

// Join is a membership proposal or the announcement of a leave.
type Join struct {
	Header
	SystemFrom   totem.NodeID
	RingSeq      uint64
	Proc, Failed []totem.NodeID // at most totem.MaxNodes each
}

// IsLeave reports whether the sender is about to stop: it then names no sender in the header.
func (j *Join) IsLeave() bool { return j.NodeID == 0 }

// Leaver returns the node that a LEAVE is about, which is its last failed entry, or 0.
func (j *Join) Leaver() totem.NodeID {
	if !j.IsLeave() || len(j.Failed) == 0 {
		return 0
	}
	return j.Failed[len(j.Failed)-1]
}

// Parse reads a MEMB_JOIN frame. Besides the errors of ParseHeader it returns ErrBounds when a list has more than
// totem.MaxNodes entries.
func (j *Join) Parse(frame []byte) error {
	if err := j.parseAs(frame, TypeJoin, JoinLen); err != nil {
		return err
	}
	f := j.Foreign
	proc, failed := u32(frame[17:], f), u32(frame[21:], f)
	if proc > totem.MaxNodes || failed > totem.MaxNodes {
		return ErrBounds
	}
	p, n := int(proc), int(failed)
	if len(frame) < JoinLen+4*(p+n) {
		return ErrShort
	}
	j.SystemFrom = totem.NodeID(u32(frame[13:], f))
	j.RingSeq = u64(frame[25:], f)
	j.Proc = nodes(j.Proc, frame[JoinLen:], p, f)
	j.Failed = nodes(j.Failed, frame[JoinLen+4*p:], n, f)
	return nil
}

// Append appends the frame to dst.
func (j *Join) Append(dst []byte) []byte { return j.append(dst, false) }

// AppendForeign is Append in the other byte order.
func (j *Join) AppendForeign(dst []byte) []byte { return j.append(dst, true) }

func (j *Join) append(dst []byte, f bool) []byte {
	dst = j.Header.append(dst, TypeJoin, f)
	dst = append32(dst, uint32(j.SystemFrom), f)
	dst = append32(dst, uint32(len(j.Proc)), f)
	dst = append32(dst, uint32(len(j.Failed)), f)
	dst = append64(dst, j.RingSeq, f)
	dst = appendNodes(dst, j.Proc, f)
	return appendNodes(dst, j.Failed, f)
}
