package pg

import (
	"encoding/binary"

	"github.com/corosync-go/corosync/daemon/totem"
)

// A stream is one of the two send queues with the frame that is being packed for it.
//
// Frames live in a ring of slots. Their memory is taken in blocks when a slot is first used, and the ring starts over when
// it is empty, so that a queue that never grows long stays in the same few pages. The slot behind the last closed frame is
// the one being packed, so a byte is copied once into its slot and once from there into the datagram. In a slot, data grows from the front and
// piece lengths grow from the back; the space that a frame header will need keeps them apart.
//
//	first         next            head
//	  | kept | closed, to be sent | being packed |
//
// Between first and next are the frames that were sent of a message which is not sent completely; see PG.SendTransitional.
type stream struct {
	mtu    int
	blocks []*block // nil until one of their slots is used
	slots  int      // number of slots
	limit  int      // of those, what messages may count on; the others are for frames that are kept
	whole  bool     // messages that fit into one frame are not cut, larger ones start their own frame

	first, next, head int // indexes into slots
	kept, queued      int // frames from first to next, from next to head

	pieces   int   // complete pieces in the slot being packed
	size     int   // data bytes in the slot being packed
	piece    int   // of those, bytes of the last piece
	fragCont uint8 // continuation of the slot being packed
	nextFrag uint8 // number of the next fragment

	cut  bool  // the last frame sent ended in the middle of a message
	last uint8 // fragment number of it as it was sent
	// turn, unless zero, is the fragment number given last: numbers are then given as frames are sent, from highFrag to 255
	// in turn. Receivers only compare them.
	turn uint8
}

// highFrag is above the numbers that the ordinary stream uses for all but the longest messages. A frame of the transitional
// stream that comes behind the end of a synchronisation is put together with the ordinary ones. There the sender may have left
// the beginning of an ordinary message, or of an earlier sending of this one; with a number of its own it continues neither.
const highFrag = 128

// block is a number of slots whose memory is taken at once.
type block struct {
	mem   []byte
	slots [blockSlots]slot
}

const blockSlots = 32

// slot describes one closed frame.
type slot struct {
	size         int // data bytes
	pieces       int
	guarantee    totem.Guarantee
	frag, cont   uint8
	sent, resent bool
}

func (s *stream) init(mtu, slots int) {
	s.mtu = mtu
	s.limit = slots
	// No message takes more than about a quarter of the queue.
	s.slots = slots + slots*5/16 + 8
	s.blocks = make([]*block, (s.slots+blockSlots-1)/blockSlots)
	s.nextFrag = 1
}

// room is the number of slots that a message may count on. It is negative when messages took all they could. Frames that
// are kept do not count: a C daemon has none.
func (s *stream) room() int { return s.limit - s.queued - 2 }

// block is the one that slot i is in.
func (s *stream) block(i int) *block {
	b := s.blocks[i/blockSlots]
	if b == nil {
		b = &block{mem: make([]byte, min(blockSlots, s.slots-i/blockSlots*blockSlots)*s.mtu)}
		s.blocks[i/blockSlots] = b
	}
	return b
}

func (s *stream) slot(i int) *slot { return &s.block(i).slots[i%blockSlots] }

// memory is that of slot i.
func (s *stream) memory(i int) []byte {
	b := s.block(i)
	i %= blockSlots
	return b.mem[i*s.mtu : (i+1)*s.mtu : (i+1)*s.mtu]
}

// space is how many data bytes the slot being packed may hold with one more piece than it has.
func (s *stream) space() int { return s.mtu - frameHeader - lenSize*(s.pieces+1) }

// write appends to the piece being written. The caller has checked that b fits.
func (s *stream) write(b []byte) {
	copy(s.memory(s.head)[s.size:], b)
	s.size += len(b)
	s.piece += len(b)
}

// writeString is write for a string.
func (s *stream) writeString(b string) {
	copy(s.memory(s.head)[s.size:], b)
	s.size += len(b)
	s.piece += len(b)
}

// endPiece records the length of the piece being written.
func (s *stream) endPiece() {
	s.pieces++
	binary.NativeEndian.PutUint16(s.memory(s.head)[s.mtu-lenSize*s.pieces:], uint16(s.piece))
	s.piece = 0
}

// close queues the slot being packed and starts the next one. The last piece continues in the next frame if more is set.
// A free slot always remains for packing: messages are accepted only when room says so.
func (s *stream) close(more bool, g totem.Guarantee) {
	d := slot{size: s.size, pieces: s.pieces, guarantee: g, cont: s.fragCont}
	s.fragCont = 0
	if more {
		if s.nextFrag == 0 {
			s.nextFrag = 1
		}
		d.frag = s.nextFrag
		s.fragCont = s.nextFrag
		s.nextFrag++
	}
	*s.slot(s.head) = d
	s.queued++
	s.head = s.after(s.head)
	s.pieces, s.size = 0, 0
}

// flush queues the slot being packed if it holds anything and there is room. The guarantee is agreed, whatever the
// messages asked for, as in C.
func (s *stream) flush() {
	if s.pieces > 0 && s.room() > 0 {
		s.close(false, totem.Agreed)
	}
}

func (s *stream) after(i int) int {
	if i++; i == s.slots {
		return 0
	}
	return i
}

// cont is the continuation of the next frame.
func (s *stream) cont() uint8 {
	if d := s.slot(s.next); s.turn == 0 || d.cont == 0 {
		return d.cont
	}
	return s.last
}

// pull writes the next frame to dst and returns what it is. There must be one.
func (s *stream) pull(dst []byte) *slot {
	index := s.next
	d := s.slot(index)
	mem := s.memory(index)
	data := frameHeader + lenSize*d.pieces
	dst = dst[:data+d.size]
	binary.NativeEndian.PutUint32(dst, 0)
	dst[5] = s.cont()
	s.last = d.frag
	if s.turn != 0 && d.frag != 0 {
		s.turn = max(s.turn+1, highFrag)
		s.last = s.turn
	}
	dst[4] = s.last
	binary.NativeEndian.PutUint16(dst[6:], uint16(d.pieces))
	for i := range d.pieces {
		from := len(mem) - lenSize*(i+1)
		copy(dst[frameHeader+lenSize*i:], mem[from:from+lenSize])
	}
	copy(dst[data:], mem[:d.size])

	d.resent, d.sent = d.sent, true
	s.cut = d.frag != 0
	s.next = s.after(s.next)
	s.queued--
	s.kept++
	switch {
	case !s.cut:
		s.first, s.kept = s.next, 0
		if s.queued == 0 && s.pieces == 0 {
			s.first, s.next, s.head = 0, 0, 0
		}
	case d.pieces > 1 || d.cont == 0:
		// A message begins at the end of this frame.
		s.first, s.kept = index, 1
	}
	return d
}

// rewind makes the frames of a message that was sent in part the next ones to be sent. What else the first of them holds has
// been sent completely and is taken out.
func (s *stream) rewind() {
	if s.kept == 0 {
		return
	}
	s.next = s.first
	s.queued += s.kept
	s.kept = 0
	s.cut = false
	d, mem := s.slot(s.first), s.memory(s.first)
	if d.pieces > 1 {
		last := mem[len(mem)-lenSize*d.pieces:][:lenSize]
		size := int(binary.NativeEndian.Uint16(last))
		copy(mem[len(mem)-lenSize:], last)
		copy(mem, mem[d.size-size:d.size])
		d.size, d.pieces = size, 1
	}
	d.cont = 0
}
