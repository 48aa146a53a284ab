package wire

import "github.com/corosync-go/corosync/daemon/totem"

// MEMB_MERGE_DETECT makes rings that do not know of each other meet:
//
//	13  u32      system_from
//	17  ring id  ring_id       operational ring of the sender
const MergeDetectLen = 29

// MergeDetect announces a ring to those that are not in it.
type MergeDetect struct {
	Header
	SystemFrom totem.NodeID
	Ring       totem.RingID
}

// Parse reads a MEMB_MERGE_DETECT frame. The errors are those of ParseHeader.
func (m *MergeDetect) Parse(frame []byte) error {
	if err := m.parseAs(frame, TypeMergeDetect, MergeDetectLen); err != nil {
		return err
	}
	m.SystemFrom = totem.NodeID(u32(frame[13:], m.Foreign))
	m.Ring = ringID(frame[17:], m.Foreign)
	return nil
}

// Append appends the frame to dst.
func (m *MergeDetect) Append(dst []byte) []byte { return m.append(dst, false) }

// AppendForeign is Append in the other byte order.
func (m *MergeDetect) AppendForeign(dst []byte) []byte { return m.append(dst, true) }

func (m *MergeDetect) append(dst []byte, f bool) []byte {
	dst = m.Header.append(dst, TypeMergeDetect, f)
	dst = append32(dst, uint32(m.SystemFrom), f)
	return appendRing(dst, m.Ring, f)
}
