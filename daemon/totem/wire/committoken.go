package wire

import (
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/seq"
)

// MEMB_COMMIT_TOKEN collects what each member of the new ring has of its old one:
//
//	13       u32      token_seq     +1 at every send; not checked
//	17       ring id  ring_id       ring being formed
//	29       u32      retrans_flg   always 0; ignored
//	33       i32      memb_index    entries filled so far
//	37       i32      entries n
//	41       u32[n]   addr          members, ascending
//	41+4n    24 each  memb          same order
//
// An entry is: ring id (12) of the old ring, zero while unfilled; u32 aru; u32 high_delivered; u32 received_flg.
const (
	CommitTokenLen  = 41
	commitMemberLen = ringIDLen + 12
)

// CommitMember is what one member knows about its old ring. An unfilled entry is all zero.
type CommitMember struct {
	Ring          totem.RingID
	ARU           seq.Num // all received up to, on the old ring
	HighDelivered seq.Num
	// ReceivedFlg is 1 when the member holds everything that any member of the same old ring holds.
	ReceivedFlg uint32
}

// CommitToken goes twice round the members of a ring that is being formed.
type CommitToken struct {
	Header
	TokenSeq   seq.Num
	Ring       totem.RingID
	RetransFlg uint32
	MembIndex  int            // 0 to len(Addrs)
	Addrs      []totem.NodeID // 1 to totem.MaxNodes
	Members    []CommitMember // as many as Addrs
}

// Parse reads a MEMB_COMMIT_TOKEN frame. Besides the errors of ParseHeader it returns ErrBounds when the number of
// entries is not 1 to totem.MaxNodes or the index points beyond them.
func (c *CommitToken) Parse(frame []byte) error {
	if err := c.parseAs(frame, TypeCommitToken, CommitTokenLen); err != nil {
		return err
	}
	f := c.Foreign
	index, entries := u32(frame[33:], f), u32(frame[37:], f)
	if entries == 0 || entries > totem.MaxNodes || index > entries {
		return ErrBounds
	}
	n := int(entries)
	if len(frame) < CommitTokenLen+n*(4+commitMemberLen) {
		return ErrShort
	}
	c.TokenSeq = num(frame[13:], f)
	c.Ring = ringID(frame[17:], f)
	c.RetransFlg = u32(frame[29:], f)
	c.MembIndex = int(index)
	c.Addrs = nodes(c.Addrs, frame[CommitTokenLen:], n, f)
	c.Members = c.Members[:0]
	for b := frame[CommitTokenLen+4*n:]; n > 0; n, b = n-1, b[commitMemberLen:] {
		m := CommitMember{
			Ring:          ringID(b, f),
			ARU:           num(b[12:], f),
			HighDelivered: num(b[16:], f),
			ReceivedFlg:   u32(b[20:], f),
		}
		if m.Ring.Rep == 0 {
			// Unfilled: a C peer of the other byte order sends undefined bytes here.
			m = CommitMember{}
		}
		c.Members = append(c.Members, m)
	}
	return nil
}

// Append appends the frame to dst. Addrs and Members must be of the same length.
func (c *CommitToken) Append(dst []byte) []byte { return c.append(dst, false) }

// AppendForeign is Append in the other byte order.
func (c *CommitToken) AppendForeign(dst []byte) []byte { return c.append(dst, true) }

func (c *CommitToken) append(dst []byte, f bool) []byte {
	dst = c.Header.append(dst, TypeCommitToken, f)
	dst = append32(dst, c.TokenSeq.Uint32(), f)
	dst = appendRing(dst, c.Ring, f)
	dst = append32(dst, c.RetransFlg, f)
	dst = append32(dst, uint32(c.MembIndex), f)
	dst = append32(dst, uint32(len(c.Addrs)), f)
	dst = appendNodes(dst, c.Addrs, f)
	for i := range c.Members {
		m := &c.Members[i]
		dst = appendRing(dst, m.Ring, f)
		dst = append32(dst, m.ARU.Uint32(), f)
		dst = append32(dst, m.HighDelivered.Uint32(), f)
		dst = append32(dst, m.ReceivedFlg, f)
	}
	return dst
}
