package wire

import (
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/seq"
)

// The ORF token:
//
//	13  u32      seq           highest MCAST number assigned on this ring
//	17  u32      token_seq     +1 at every forward
//	21  u32      aru           all received up to
//	25  u32      aru_addr      node that lowered aru, 0 = none
//	29  ring id  ring_id
//	41  u32      backlog       sum of the members' queued messages
//	45  u32      fcc           messages sent during the last rotation
//	49  i32      retrans_flg   recovery: 1 while somebody has recovery messages to send
//	53  i32      entries       0..30
//	57  16 each  rtr list      ring id, u32 seq of a wanted message
const (
	TokenLen = 57
	rtrLen   = ringIDLen + 4

	// MaxRTR is the largest number of retransmission requests in a token.
	MaxRTR = 30

	// maxToken is the largest token, in bytes, that the C daemon has room for.
	maxToken = 1500
)

// RTR asks for the retransmission of one message.
type RTR struct {
	Ring totem.RingID
	Seq  seq.Num
}

// Token is the ordering token.
type Token struct {
	Header
	Seq, TokenSeq, ARU seq.Num
	ARUAddr            totem.NodeID
	Ring               totem.RingID
	Backlog, FCC       uint32
	RetransFlg         int32
	RTR                []RTR // at most MaxRTR
}

// Parse reads a token. Besides the errors of ParseHeader it returns ErrBounds when there are more than MaxRTR requests
// or the frame has more than 1500 bytes.
func (t *Token) Parse(frame []byte) error {
	if err := t.parseAs(frame, TypeToken, TokenLen); err != nil {
		return err
	}
	f := t.Foreign
	n := u32(frame[53:], f)
	if n > MaxRTR || len(frame) > maxToken {
		return ErrBounds
	}
	if len(frame) < TokenLen+int(n)*rtrLen {
		return ErrShort
	}
	t.Seq = num(frame[13:], f)
	t.TokenSeq = num(frame[17:], f)
	t.ARU = num(frame[21:], f)
	t.ARUAddr = totem.NodeID(u32(frame[25:], f))
	t.Ring = ringID(frame[29:], f)
	t.Backlog = u32(frame[41:], f)
	t.FCC = u32(frame[45:], f)
	t.RetransFlg = int32(u32(frame[49:], f))
	t.RTR = t.RTR[:0]
	for b := frame[TokenLen:]; n > 0; n, b = n-1, b[rtrLen:] {
		t.RTR = append(t.RTR, RTR{Ring: ringID(b, f), Seq: num(b[ringIDLen:], f)})
	}
	return nil
}

// Append appends the frame to dst. The caller keeps to at most MaxRTR requests.
func (t *Token) Append(dst []byte) []byte { return t.append(dst, false) }

// AppendForeign is Append in the other byte order.
func (t *Token) AppendForeign(dst []byte) []byte { return t.append(dst, true) }

func (t *Token) append(dst []byte, f bool) []byte {
	dst = t.Header.append(dst, TypeToken, f)
	dst = append32(dst, t.Seq.Uint32(), f)
	dst = append32(dst, t.TokenSeq.Uint32(), f)
	dst = append32(dst, t.ARU.Uint32(), f)
	dst = append32(dst, uint32(t.ARUAddr), f)
	dst = appendRing(dst, t.Ring, f)
	dst = append32(dst, t.Backlog, f)
	dst = append32(dst, t.FCC, f)
	dst = append32(dst, uint32(t.RetransFlg), f)
	dst = append32(dst, uint32(len(t.RTR)), f)
	for i := range t.RTR {
		dst = appendRing(dst, t.RTR[i].Ring, f)
		dst = append32(dst, t.RTR[i].Seq.Uint32(), f)
	}
	return dst
}
