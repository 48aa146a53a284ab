package wire

import "github.com/corosync-go/corosync/daemon/totem"

// TOKEN_HOLD_CANCEL asks the representative to let go of a held token:
//
//	13  ring id  ring_id
const HoldCancelLen = 25

// HoldCancel ends a token hold. The C daemon does not convert it between byte orders, so one from a foreign node matches
// no ring there; here it does.
type HoldCancel struct {
	Header
	Ring totem.RingID
}

// Parse reads a TOKEN_HOLD_CANCEL frame. The errors are those of ParseHeader.
func (h *HoldCancel) Parse(frame []byte) error {
	if err := h.parseAs(frame, TypeHoldCancel, HoldCancelLen); err != nil {
		return err
	}
	h.Ring = ringID(frame[13:], h.Foreign)
	return nil
}

// Append appends the frame to dst.
func (h *HoldCancel) Append(dst []byte) []byte { return h.append(dst, false) }

// AppendForeign is Append in the other byte order.
func (h *HoldCancel) AppendForeign(dst []byte) []byte { return h.append(dst, true) }

func (h *HoldCancel) append(dst []byte, f bool) []byte {
	return appendRing(h.Header.append(dst, TypeHoldCancel, f), h.Ring, f)
}
