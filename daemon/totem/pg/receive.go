package pg

import "github.com/corosync-go/corosync/daemon/totem"

// Handler takes complete messages. service.RingHandler is one.
type Handler interface {
	// Deliver hands over one message without its group header. msg is valid during the call; it lies in the frame or in
	// a buffer of the layer. The handler may queue messages and switch the layer (SetTransitional), but not call Receive
	// or Configuration.
	Deliver(group string, from totem.NodeID, msg []byte, foreign bool)
}

// Receive takes the next frame of a sender, in the agreed order, and delivers the messages that it completes. foreign
// says that the sender's byte order is the other one. The frame is not changed and not kept.
//
// A frame whose lengths do not add up is ignored. When a frame does not continue what the one before left, the partial
// message is lost, and so is the first piece if it was to continue one: this happens to nodes that join in the middle of
// a sender's message. Everything else in the frame is delivered.
func (p *PG) Receive(from totem.NodeID, frame []byte, foreign bool, h Handler) {
	p.Stats.Received++
	count, ok := checkFrame(frame, foreign)
	if !ok {
		p.Stats.Malformed++
		return
	}
	frag, cont := frame[4], frame[5]
	lens := frame[frameHeader:]
	data := lens[lenSize*count:]

	// The handler may switch sets at any message, which is meant for later frames.
	a := p.assembly(from)
	if a.last != 0 && cont == 0 && frag == 0 && !p.receiveTrans && !p.cfg.CRules && string(frame) != string(sacrifice) {
		// The sender has sent this from its transitional queue before it heard that the synchronisation was over, but the
		// order has it after that. Its message in the ordinary stream goes on later. 3.1 drops what it has of that.
		p.Stats.Late++
		for i := range count {
			n := int(u16(lens[lenSize*i:], foreign))
			p.deliver(from, data[:n:n], foreign, h)
			data = data[n:]
		}
		return
	}
	if cont != a.last {
		p.Stats.Broken++
		p.clear(a)
		a.skip = cont != 0
	}
	a.last = frag
	for i := range count {
		n := int(u16(lens[lenSize*i:], foreign))
		piece := data[:n:n]
		data = data[n:]
		more := frag != 0 && i == count-1
		switch {
		case i == 0 && cont != 0:
			p.add(a, piece)
			if more {
				break
			}
			if !a.skip {
				p.deliver(from, a.data, foreign, h)
			}
			p.clear(a)
		case more:
			p.add(a, piece)
		default:
			p.deliver(from, piece, foreign, h)
		}
	}
}

// checkFrame returns the number of pieces of a frame, 1 or more, if header, lengths and data add up to exactly the frame.
func checkFrame(frame []byte, foreign bool) (count int, ok bool) {
	if len(frame) < frameHeader {
		return 0, false
	}
	count = int(u16(frame[6:], foreign))
	size := frameHeader + lenSize*count
	if count == 0 || len(frame) < size {
		return 0, false
	}
	for i := range count {
		size += int(u16(frame[frameHeader+lenSize*i:], foreign))
	}
	return count, size == len(frame)
}

func (p *PG) deliver(from totem.NodeID, msg []byte, foreign bool, h Handler) {
	set, payload, ok := splitGroups(msg, foreign)
	switch {
	case !ok:
		p.Stats.BadGroup++
		return
	case set == 0:
		p.Stats.Unmatched++
		return
	}
	for i := range groups {
		if set&(1<<i) != 0 {
			p.Stats.Delivered++
			h.Deliver(groups[i].name, from, payload, foreign)
		}
	}
}
