package pg

import "github.com/corosync-go/corosync/daemon/totem"

// Queue accepts a message for the members of a group, to be sent in the order of calls. The parts, concatenated, are the
// message; they are copied before it returns. The errors are ErrQueueFull, ErrTooBig and ErrGroup; a refused message has
// left no trace.
//
// The caller releases a held token before or after (srp.Machine.Wake).
//
// Packing is that of the C daemon to the byte, including its peculiar test for what fits: see part.
func (p *PG) Queue(name string, g totem.Guarantee, parts [][]byte) error {
	grp := groupNamed(name)
	if grp < 0 {
		return ErrGroup
	}
	header := &groups[grp]
	total := len(header.lens) + len(header.name)
	for _, b := range parts {
		total += len(b)
		if total > largestSent {
			p.Stats.Refused++
			return ErrTooBig
		}
	}
	if total > p.maxTotal() {
		p.Stats.Refused++
		return ErrTooBig
	}
	s := p.sending()
	if s.room() > 1 && s.pieces > 0 && p.buggify("frame closed early") {
		s.close(false, totem.Agreed)
	}
	if p.slotsFor(total+lenSize*s.pieces) > s.room() {
		p.Stats.Refused++
		return ErrQueueFull
	}
	p.Stats.Messages++
	p.Stats.Bytes += uint64(total - len(header.lens) - len(header.name))

	fits := s.size+total < s.space()-lenSize
	if !fits && s.whole && s.pieces > 0 {
		s.close(false, totem.Agreed)
		fits = total < s.space()-lenSize
	}
	if fits {
		s.writeString(header.lens)
		s.writeString(header.name)
		for _, b := range parts {
			s.write(b)
		}
		s.nextFrag = 1
		s.endPiece()
		return nil
	}

	for len(parts) > 0 && len(parts[len(parts)-1]) == 0 {
		parts = parts[:len(parts)-1]
	}
	s.partString(header.lens, g)
	s.part(header.nameBytes, len(parts) == 0, g)
	for i, b := range parts {
		s.part(b, i == len(parts)-1, g)
	}
	if s.piece > 0 {
		s.endPiece()
		if total > totem.MaxMessage {
			// A C peer has no room to put the end of so large a message beside others.
			s.close(false, g)
		}
	}
	return nil
}

// part appends one part of a message that does not fit into the slot being packed as a whole. last says that no part
// with any bytes follows.
//
// What fits with two bytes to spare stays in the slot; everything else fills the slot and closes it. The test looks at
// the whole length of the last part, not at what is left of it. So the end of a part larger than a frame is sent at once,
// and its frame starts no other message; receivers of older versions rely on that.
func (s *stream) part(b []byte, last bool, g totem.Guarantee) {
	whole := len(b)
	for len(b) > 0 {
		limit := s.space()
		test := len(b)
		if last {
			test = whole
		}
		if test+s.size < limit-lenSize {
			s.write(b)
			s.nextFrag = 1
			return
		}
		n := min(len(b), limit-s.size)
		s.write(b[:n])
		b = b[n:]
		s.endPiece()
		s.close(len(b) > 0 || !last, g)
	}
}

func (s *stream) partString(b string, g totem.Guarantee) {
	var buf [8]byte
	s.part(buf[:copy(buf[:], b)], false, g)
}

func (p *PG) sending() *stream {
	if p.sendTrans {
		return &p.transitional
	}
	return &p.ordinary
}

// Flush closes the frames being packed. srp calls it at each accepted token before it asks for Pending, so messages that
// arrive between two visits share frames.
func (p *PG) Flush() {
	if p.buggify("frame not closed") {
		return
	}
	p.transitional.flush()
	p.ordinary.flush()
}

// Pending returns the number of frames that Next would give one after the other.
func (p *PG) Pending(transitional bool) int {
	if transitional {
		return p.transitional.queued
	}
	if p.cfg.CRules {
		return p.ordinary.queued // the rest waits for the next change
	}
	return p.ordinary.queued + p.transitional.queued
}

// Idle reports whether nothing at all is waiting, neither in frames nor in the frame being packed.
func (p *PG) Idle() bool {
	return p.ordinary.queued+p.ordinary.pieces+p.transitional.queued+p.transitional.pieces == 0
}

// Next writes the next frame to dst, which must have room for NetMTU bytes, and returns its length and guarantee; false if
// there is none. With transitional set only the transitional queue is drained.
//
// Otherwise what is left in the transitional queue goes first, but never into the middle of a message of the ordinary one.
func (p *PG) Next(dst []byte, transitional bool) (n int, g totem.Guarantee, ok bool) {
	s := &p.ordinary
	if transitional || !p.cfg.CRules && (p.transitional.cut || p.transitional.queued > 0 && !p.ordinary.cut) {
		s = &p.transitional
	}
	if s.queued == 0 {
		return 0, 0, false
	}
	peers := &p.peers[0]
	if transitional {
		peers = &p.peers[1]
	}
	p.Stats.Frames++
	if *peers != s.cont() && *peers != 0 {
		// Receivers hold a partial message that will not be completed, and a C peer drops all pieces of a frame that does
		// not continue it. An empty message is sacrificed to that.
		*peers = 0
		return copy(dst[:cap(dst)], sacrifice), totem.Agreed, true
	}
	d := s.pull(dst)
	*peers = s.last
	if d.resent {
		p.Stats.FramesResent++
	}
	return frameHeader + lenSize*d.pieces + d.size, d.guarantee, true
}

// SendTransitional switches the sending direction only.
//
// When that happens in the middle of a message, its beginning is not where the rest would be put together: of a message of
// the transitional stream it is in the other set of partial messages, and of one of the ordinary stream it is with those
// that were in the old ring, but not with those that have come from another one. The latter is so in 3.1, where such nodes lose
// the message, be it only a process that leaves. So the whole message is sent again; this is why its frames were kept.
//
// On when it is on already is the next ring, before the application has synchronised: the same holds for a message of the
// transitional stream.
func (p *PG) SendTransitional(on bool) {
	if on == p.sendTrans && (!on || p.cfg.CRules) {
		return
	}
	p.sendTrans = on
	p.transitional.rewind()
	if on && !p.cfg.CRules {
		p.ordinary.rewind()
	}
}
