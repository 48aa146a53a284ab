package wire

import (
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/seq"
)

// MCAST carries messages:
//
//	13  u32      system_from   originator
//	17  u32      seq           number on the ring
//	21  i32      this_seqno    sender's own count; receivers ignore it
//	25  ring id  ring_id       ring on which seq was assigned
//	37  u32      node_id       always 0; ignored
//	41  i32      guarantee     0 agreed, 1 safe; ignored by receivers
//	45           payload       a pg frame, or a whole MCAST frame of the old ring if encapsulated
const McastHeaderLen = 45

// Mcast is a multicast message.
type Mcast struct {
	Header
	SystemFrom totem.NodeID
	Seq        seq.Num
	ThisSeqno  int32
	Ring       totem.RingID
	Guarantee  totem.Guarantee
	// Payload lies in the frame that was parsed and is valid as long as that is. When Encapsulated it is a frame that
	// has to be parsed by itself and keeps the byte order of its originator.
	Payload []byte
}

// Parse reads a MCAST frame, whose storage Payload shares. The errors are those of ParseHeader.
func (m *Mcast) Parse(frame []byte) error {
	if err := m.parseAs(frame, TypeMcast, McastHeaderLen); err != nil {
		return err
	}
	f := m.Foreign
	m.SystemFrom = totem.NodeID(u32(frame[13:], f))
	m.Seq = num(frame[17:], f)
	m.ThisSeqno = int32(u32(frame[21:], f))
	m.Ring = ringID(frame[25:], f)
	m.Guarantee = totem.Guarantee(u32(frame[41:], f))
	m.Payload = frame[McastHeaderLen:]
	return nil
}

// Append appends the frame, payload included, to dst.
func (m *Mcast) Append(dst []byte) []byte { return m.append(dst, false) }

// AppendForeign is Append in the other byte order; the payload is taken as it is.
func (m *Mcast) AppendForeign(dst []byte) []byte { return m.append(dst, true) }

func (m *Mcast) append(dst []byte, f bool) []byte {
	var b [McastHeaderLen]byte
	m.put(&b, f)
	return append(append(dst, b[:]...), m.Payload...)
}

// PutMcastHeader writes the header of m into the first McastHeaderLen bytes of frame, whose payload is already in place
// behind them; m.Payload is not looked at. It panics if frame is shorter than that.
func PutMcastHeader(frame []byte, m *Mcast) { m.put((*[McastHeaderLen]byte)(frame), false) }

func (m *Mcast) put(b *[McastHeaderLen]byte, f bool) {
	m.Header.put((*[HeaderLen]byte)(b[:]), TypeMcast, f)
	put32(b[13:], uint32(m.SystemFrom), f)
	put32(b[17:], m.Seq.Uint32(), f)
	put32(b[21:], uint32(m.ThisSeqno), f)
	putRing(b[25:], m.Ring, f)
	put32(b[37:], 0, f)
	put32(b[41:], uint32(m.Guarantee), f)
}
