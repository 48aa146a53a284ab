package ipcmsg

import (
	"encoding/binary"
	"fmt"
)

// CPG exec functions.
const (
	ExecCPGProcJoin     = 0
	ExecCPGProcLeave    = 1
	ExecCPGJoinList     = 2
	ExecCPGMcast        = 3
	ExecCPGDownlistOld  = 4 // of old versions: ignored, never sent
	ExecCPGDownlist     = 5
	ExecCPGPartialMcast = 6
)

// Sizes in bytes of CPG exec messages; Fixed marks the part before a list or a
// payload.
const (
	ExecCPGProcSize          = 168
	ExecCPGJoinListFixed     = 24
	ExecCPGJoinListEntrySize = 144
	ExecCPGMcastFixed        = 184
	ExecCPGDownlistSize      = 1568
	ExecCPGPartialMcastFixed = 200
)

func execCPG(function uint16) ExecID { return MakeExecID(ServiceCpg, function) }

// ExecCPGProc says that a process joined or left a group: name @16, pid @152,
// reason @160.
type ExecCPGProc struct {
	Leave  bool // PROCLEAVE, otherwise PROCJOIN
	Group  []byte
	PID    uint32
	Reason uint32 // CPGReasonJoin; CPGReasonLeave or CPGReasonProcDown
}

// ParseExecCPGProc reads a PROCJOIN or PROCLEAVE message.
func ParseExecCPGProc(b []byte, order binary.ByteOrder) (ExecCPGProc, error) {
	const what = "cpg procjoin/procleave"
	if err := atLeast(b, ExecCPGProcSize, what); err != nil {
		return ExecCPGProc{}, err
	}
	name, err := getCPGName(b, 16, order, what)
	return ExecCPGProc{
		Leave:  ExecID(order.Uint32(b)).Function() == ExecCPGProcLeave,
		Group:  name,
		PID:    order.Uint32(b[152:]),
		Reason: order.Uint32(b[160:]),
	}, err
}

// Append appends the message.
func (x ExecCPGProc) Append(dst []byte, order binary.ByteOrder) []byte {
	id := execCPG(ExecCPGProcJoin)
	if x.Leave {
		id = execCPG(ExecCPGProcLeave)
	}
	dst, m := extendExec(dst, id, ExecCPGProcSize, order)
	putCPGName(m, 16, x.Group, order)
	order.PutUint32(m[152:], x.PID)
	order.PutUint32(m[160:], x.Reason)
	return dst
}

// ExecCPGJoinListEntry is a process of the sender (144 bytes: pid @0, name @8).
type ExecCPGJoinListEntry struct {
	PID   uint32
	Group []byte
}

// ExecCPGJoinListView is a parsed JOINLIST: all processes that the sender has
// in groups. The header has 24 bytes, entries follow @24.
type ExecCPGJoinListView struct {
	entries []byte
	order   binary.ByteOrder
}

// ParseExecCPGJoinList reads a JOINLIST message and checks every entry. The
// number of entries follows from the size in the header.
func ParseExecCPGJoinList(b []byte, order binary.ByteOrder) (ExecCPGJoinListView, error) {
	const what = "cpg joinlist"
	if err := atLeast(b, ExecCPGJoinListFixed, what); err != nil {
		return ExecCPGJoinListView{}, err
	}
	size := uint64(order.Uint32(b[8:]))
	if size > uint64(len(b)) {
		return ExecCPGJoinListView{}, fmt.Errorf("%s: %w: %d of %d bytes", what, ErrLength, len(b), size)
	}
	if size < ExecCPGJoinListFixed || (size-ExecCPGJoinListFixed)%ExecCPGJoinListEntrySize != 0 {
		return ExecCPGJoinListView{}, fmt.Errorf("%s: %w: size %d", what, ErrCount, size)
	}
	v := ExecCPGJoinListView{entries: b[ExecCPGJoinListFixed:size], order: order}
	for i := range v.Len() {
		if _, err := getCPGName(v.entries, i*ExecCPGJoinListEntrySize+8, order, what); err != nil {
			return ExecCPGJoinListView{}, err
		}
	}
	return v, nil
}

// Len returns the number of entries.
func (v ExecCPGJoinListView) Len() int { return len(v.entries) / ExecCPGJoinListEntrySize }

// At returns entry i, whose name is a view of the message.
func (v ExecCPGJoinListView) At(i int) ExecCPGJoinListEntry {
	e := v.entries[i*ExecCPGJoinListEntrySize:]
	name, _ := getCPGName(e, 8, v.order, "") // checked by ParseExecCPGJoinList
	return ExecCPGJoinListEntry{PID: v.order.Uint32(e), Group: name}
}

// AppendExecCPGJoinList appends a JOINLIST message.
func AppendExecCPGJoinList(dst []byte, entries []ExecCPGJoinListEntry, order binary.ByteOrder) []byte {
	size := ExecCPGJoinListFixed + ExecCPGJoinListEntrySize*len(entries)
	dst, m := extendExec(dst, execCPG(ExecCPGJoinList), size, order)
	for i, e := range entries {
		off := ExecCPGJoinListFixed + ExecCPGJoinListEntrySize*i
		order.PutUint32(m[off:], e.PID)
		putCPGName(m, off+8, e.Group, order)
	}
	return dst
}

// ExecCPGMcastMsg carries a message to a group: name @16, msglen @152, pid
// @160, source @168, payload @184.
type ExecCPGMcastMsg struct {
	Group   []byte
	PID     uint32
	Source  Source
	Payload []byte
}

// ParseExecCPGMcast reads a MCAST message; name and payload are views of b.
func ParseExecCPGMcast(b []byte, order binary.ByteOrder) (ExecCPGMcastMsg, error) {
	const what = "cpg exec mcast"
	if err := atLeast(b, ExecCPGMcastFixed, what); err != nil {
		return ExecCPGMcastMsg{}, err
	}
	name, err := getCPGName(b, 16, order, what)
	if err != nil {
		return ExecCPGMcastMsg{}, err
	}
	p, err := payload(b, 184, uint64(order.Uint32(b[152:])), what)
	return ExecCPGMcastMsg{
		Group:   name,
		PID:     order.Uint32(b[160:]),
		Source:  parseSource(b, 168, order),
		Payload: p,
	}, err
}

// AppendHead appends the message without its payload, whose length it tells.
func (x ExecCPGMcastMsg) AppendHead(dst []byte, order binary.ByteOrder) []byte {
	dst, m := extend(dst, ExecCPGMcastFixed)
	order.PutUint32(m, uint32(execCPG(ExecCPGMcast)))
	order.PutUint32(m[8:], uint32(ExecCPGMcastFixed+len(x.Payload)))
	putCPGName(m, 16, x.Group, order)
	order.PutUint32(m[152:], uint32(len(x.Payload)))
	order.PutUint32(m[160:], x.PID)
	x.Source.put(m, 168, order)
	return dst
}

// Append appends the message.
func (x ExecCPGMcastMsg) Append(dst []byte, order binary.ByteOrder) []byte {
	return append(x.AppendHead(dst, order), x.Payload...)
}

// ExecCPGPartialMcastMsg carries a part of a long message: name @16, msglen
// @152, fraglen @160, pid @168, type @176, source @184, payload @200.
type ExecCPGPartialMcastMsg struct {
	Group    []byte
	TotalLen uint32 // of the whole message, in bytes
	PID      uint32
	Type     uint32 // CPGPartial...
	Source   Source
	Payload  []byte // this part
}

// ParseExecCPGPartialMcast reads a PARTIAL_MCAST message; name and payload are
// views of b.
func ParseExecCPGPartialMcast(b []byte, order binary.ByteOrder) (ExecCPGPartialMcastMsg, error) {
	const what = "cpg exec partial mcast"
	if err := atLeast(b, ExecCPGPartialMcastFixed, what); err != nil {
		return ExecCPGPartialMcastMsg{}, err
	}
	name, err := getCPGName(b, 16, order, what)
	if err != nil {
		return ExecCPGPartialMcastMsg{}, err
	}
	p, err := payload(b, 200, uint64(order.Uint32(b[160:])), what)
	return ExecCPGPartialMcastMsg{
		Group:    name,
		TotalLen: order.Uint32(b[152:]),
		PID:      order.Uint32(b[168:]),
		Type:     order.Uint32(b[176:]),
		Source:   parseSource(b, 184, order),
		Payload:  p,
	}, err
}

// AppendHead appends the message without its payload, whose length it tells.
func (x ExecCPGPartialMcastMsg) AppendHead(dst []byte, order binary.ByteOrder) []byte {
	dst, m := extend(dst, ExecCPGPartialMcastFixed)
	order.PutUint32(m, uint32(execCPG(ExecCPGPartialMcast)))
	order.PutUint32(m[8:], uint32(ExecCPGPartialMcastFixed+len(x.Payload)))
	putCPGName(m, 16, x.Group, order)
	order.PutUint32(m[152:], x.TotalLen)
	order.PutUint32(m[160:], uint32(len(x.Payload)))
	order.PutUint32(m[168:], x.PID)
	order.PutUint32(m[176:], x.Type)
	x.Source.put(m, 184, order)
	return dst
}

// Append appends the message.
func (x ExecCPGPartialMcastMsg) Append(dst []byte, order binary.ByteOrder) []byte {
	return append(x.AppendHead(dst, order), x.Payload...)
}

// ExecCPGDownlistMsg tells which nodes left, in the view of the sender:
// old_members @16, left_nodes @24, nodeids[384] @32. It always has its full
// size.
type ExecCPGDownlistMsg struct {
	OldMembers uint32   // number of members before
	Left       []uint32 // at most ProcessorCountMax
}

// ParseExecCPGDownlist reads a DOWNLIST message.
func ParseExecCPGDownlist(b []byte, order binary.ByteOrder) (ExecCPGDownlistMsg, error) {
	const what = "cpg downlist"
	if err := atLeast(b, ExecCPGDownlistSize, what); err != nil {
		return ExecCPGDownlistMsg{}, err
	}
	n := order.Uint32(b[24:])
	if n > ProcessorCountMax {
		return ExecCPGDownlistMsg{}, fmt.Errorf("%s: %w: %d", what, ErrCount, n)
	}
	x := ExecCPGDownlistMsg{OldMembers: order.Uint32(b[16:])}
	if n > 0 {
		x.Left = make([]uint32, n)
	}
	for i := range x.Left {
		x.Left[i] = order.Uint32(b[32+4*i:])
	}
	return x, nil
}

// Append appends the message; nodes above [ProcessorCountMax] are cut.
func (x ExecCPGDownlistMsg) Append(dst []byte, order binary.ByteOrder) []byte {
	dst, m := extendExec(dst, execCPG(ExecCPGDownlist), ExecCPGDownlistSize, order)
	left := x.Left[:min(len(x.Left), ProcessorCountMax)]
	order.PutUint32(m[16:], x.OldMembers)
	order.PutUint32(m[24:], uint32(len(left)))
	for i, id := range left {
		order.PutUint32(m[32+4*i:], id)
	}
	return dst
}
