package ipcmsg

import (
	"encoding/binary"
	"fmt"
)

// ExecCmapMcast is the only CMAP exec function.
const ExecCmapMcast = 0

const (
	// ExecCmapMcastFixed is the size in bytes of a MCAST message before its
	// items.
	ExecCmapMcastFixed = 48
	// ExecCmapItemsMax is the largest number of items in a message.
	ExecCmapItemsMax = 32

	execCmapItemFixed = 280
)

// Reasons of a CMAP MCAST message.
const (
	CmapReasonSync             = 0 // part of the synchronisation
	CmapReasonNewConfigVersion = 1 // the sender's configuration version changed
)

// ExecCmapItem is a key of the sender: name @0, type u8 @264, value_len u64
// @272, value @280; padded to a multiple of 8 bytes. Type 0 without value means
// that the key does not exist.
type ExecCmapItem struct {
	Key   []byte
	Value CmapValue // in the byte order of this host after parsing
}

// ExecCmapMcastMsg carries keys that nodes compare: reason u8 @16, number of
// items u8 @24, items @48.
type ExecCmapMcastMsg struct {
	Reason uint8 // CmapReason...
	Items  []ExecCmapItem
}

// ParseExecCmapMcast reads a MCAST message. Numbers of a sender with foreign
// byte order are converted; other values and the keys are views of b.
func ParseExecCmapMcast(b []byte, order binary.ByteOrder) (ExecCmapMcastMsg, error) {
	const what = "cmap exec mcast"
	if err := atLeast(b, ExecCmapMcastFixed, what); err != nil {
		return ExecCmapMcastMsg{}, err
	}
	n := int(b[24])
	if n > ExecCmapItemsMax {
		return ExecCmapMcastMsg{}, fmt.Errorf("%s: %w: %d", what, ErrCount, n)
	}
	x := ExecCmapMcastMsg{Reason: b[16], Items: make([]ExecCmapItem, n)}
	rest := b[ExecCmapMcastFixed:]
	for i := range x.Items {
		if err := atLeast(rest, execCmapItemFixed, what+" item"); err != nil {
			return ExecCmapMcastMsg{}, err
		}
		key, err := getMarNameExec(rest, 0, order, what)
		if err != nil {
			return ExecCmapMcastMsg{}, err
		}
		data, err := payload(rest, execCmapItemFixed, order.Uint64(rest[272:]), what)
		if err != nil {
			return ExecCmapMcastMsg{}, err
		}
		v := CmapValue{Type: rest[264], Data: data}
		if foreign(order) {
			v.Data = swapCmapNumber(v)
		}
		x.Items[i] = ExecCmapItem{Key: key, Value: v}
		rest = rest[min(len(rest), round8(execCmapItemFixed+len(data))):]
	}
	return x, nil
}

// Append appends the message; items above [ExecCmapItemsMax] are cut. For a
// foreign order numbers are converted.
func (x ExecCmapMcastMsg) Append(dst []byte, order binary.ByteOrder) []byte {
	items := x.Items[:min(len(x.Items), ExecCmapItemsMax)]
	size := ExecCmapMcastFixed
	for _, it := range items {
		size += round8(execCmapItemFixed + len(it.Value.Data))
	}
	dst, m := extendExec(dst, MakeExecID(ServiceCmap, ExecCmapMcast), size, order)
	m[16] = x.Reason
	m[24] = uint8(len(items))
	m = m[ExecCmapMcastFixed:]
	for _, it := range items {
		n := copy(m[8:8+marNameValueSize-1], it.Key)
		order.PutUint16(m, uint16(n))
		m[264] = it.Value.Type
		data := it.Value.Data
		if foreign(order) {
			data = swapCmapNumber(it.Value)
		}
		order.PutUint64(m[272:], uint64(len(data)))
		copy(m[execCmapItemFixed:], data)
		m = m[round8(execCmapItemFixed+len(data)):]
	}
	return dst
}

func round8(n int) int { return (n + 7) &^ 7 }

// foreign tells whether order differs from that of the host.
func foreign(order binary.ByteOrder) bool {
	return order.Uint16([]byte{1, 0}) != ne.Uint16([]byte{1, 0})
}

// swapCmapNumber returns the bytes of a number in opposite order, and other
// values as they are.
func swapCmapNumber(v CmapValue) []byte {
	switch v.Type {
	case CmapInt16, CmapUint16, CmapInt32, CmapUint32, CmapInt64, CmapUint64, CmapFloat, CmapDouble:
	default:
		return v.Data
	}
	swapped := make([]byte, len(v.Data))
	for i, c := range v.Data {
		swapped[len(swapped)-1-i] = c
	}
	return swapped
}
