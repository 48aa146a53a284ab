package srp

import (
	"fmt"
	"slices"

	"github.com/corosync-go/corosync/daemon/totem"
)

// An epoch is what one incarnation of a node handed up between two regular configurations: messages of one ring, with the
// transitional configuration that ends it.
type epoch struct {
	h            *history
	ring         totem.RingID
	members      []totem.NodeID
	msgs         []uint64
	transitional int // messages before the transitional configuration; -1 if the ring did not end
	trans        []totem.NodeID
	next         totem.RingID // ring that followed
	left         []totem.NodeID
}

func epochs(h *history) ([]*epoch, error) {
	e := &epoch{h: h, transitional: -1}
	list := []*epoch{e}
	seen := map[uint64]bool{}
	for _, ev := range h.events {
		switch {
		case ev.config == nil:
			if seen[ev.msg] {
				return nil, fmt.Errorf("node %d.%d: message %x is delivered twice", h.id, h.life, ev.msg)
			}
			seen[ev.msg] = true
			if want := totem.NodeID(ev.msg >> 48); ev.from != want {
				return nil, fmt.Errorf("node %d.%d: message %x is delivered as from %d", h.id, h.life, ev.msg, ev.from)
			}
			e.msgs = append(e.msgs, ev.msg)
		case ev.config.Type == totem.TransitionalConfiguration:
			if e.transitional >= 0 {
				return nil, fmt.Errorf("node %d.%d: two transitional configurations in ring %v", h.id, h.life, e.ring)
			}
			e.transitional = len(e.msgs)
			e.trans, e.left, e.next = ev.config.Members, ev.config.Left, ev.config.Ring
			for _, id := range e.trans {
				if !slices.Contains(e.members, id) {
					return nil, fmt.Errorf("node %d.%d: transitional member %d was no member of %v", h.id, h.life, id, e.ring)
				}
			}
			if len(e.members) > 0 && !slices.Contains(e.trans, h.id) {
				return nil, fmt.Errorf("node %d.%d does not come along itself", h.id, h.life)
			}
			if len(e.trans)+len(e.left) != len(e.members) {
				return nil, fmt.Errorf("node %d.%d: ring %v of %v ends with %v and left %v", h.id, h.life, e.ring, e.members, e.trans, e.left)
			}
		default:
			c := ev.config
			if e.transitional < 0 || e.next != c.Ring {
				return nil, fmt.Errorf("node %d.%d: regular configuration %v without its transitional one", h.id, h.life, c.Ring)
			}
			if !slices.Contains(c.Members, h.id) || !slices.IsSorted(c.Members) {
				return nil, fmt.Errorf("node %d.%d: members %v of %v", h.id, h.life, c.Members, c.Ring)
			}
			if len(e.trans)+len(c.Joined) != len(c.Members) {
				return nil, fmt.Errorf("node %d.%d: members %v of %v from %v and %v", h.id, h.life, c.Members, c.Ring, e.trans, c.Joined)
			}
			e = &epoch{h: h, ring: c.Ring, members: c.Members, transitional: -1}
			list = append(list, e)
		}
	}
	return list, nil
}

// checkHistories judges what all incarnations of all nodes did. complete says that the network has been quiet for a while, so
// that everything sent by a node that lives must have been delivered.
func checkHistories(hists []*history, complete bool) error {
	rings := map[totem.RingID][]*epoch{}
	for _, h := range hists {
		list, err := epochs(h)
		if err != nil {
			return err
		}
		for i, e := range list {
			if i > 0 && list[i-1].ring.Seq >= e.ring.Seq {
				return fmt.Errorf("node %d.%d: ring %v after %v", h.id, h.life, e.ring, list[i-1].ring)
			}
			if i > 0 {
				rings[e.ring] = append(rings[e.ring], e)
			} else if len(e.msgs) > 0 {
				return fmt.Errorf("node %d.%d delivers before its first ring", h.id, h.life)
			}
		}
		if err := checkSender(h, complete); err != nil {
			return err
		}
	}
	for ring, list := range rings {
		for i, a := range list {
			for _, b := range list[:i] {
				if err := checkPair(a, b); err != nil {
					return fmt.Errorf("ring %v, nodes %d.%d and %d.%d: %w", ring, a.h.id, a.h.life, b.h.id, b.h.life, err)
				}
			}
		}
	}
	return checkSenderOrder(hists)
}

// checkSender checks self-delivery: what a living node sent, and it only once, it has delivered.
func checkSender(h *history, complete bool) error {
	if h.crashed || !complete {
		return nil
	}
	got := map[uint64]bool{}
	for _, ev := range h.events {
		if ev.config == nil {
			got[ev.msg] = true
		}
	}
	for _, id := range h.sent {
		if !got[id] {
			return fmt.Errorf("node %d.%d does not deliver its own message %x", h.id, h.life, id)
		}
	}
	return nil
}

// checkSenderOrder checks that the messages of each sender are delivered in the order in which its machine took them.
func checkSenderOrder(hists []*history) error {
	at := map[uint64]int{}
	for _, h := range hists {
		for i, id := range h.sent {
			at[id] = i + 1
		}
	}
	for _, h := range hists {
		last := map[uint64]int{}
		for _, ev := range h.events {
			if ev.config != nil {
				continue
			}
			sender := ev.msg >> 32
			if at[ev.msg] <= last[sender] {
				return fmt.Errorf("node %d.%d: message %x is not in the order of its sender", h.id, h.life, ev.msg)
			}
			last[sender] = at[ev.msg]
		}
	}
	return nil
}

// checkPair checks two nodes of the same ring: same members; agreed order without gaps up to the transitional configuration; the
// same messages in all if both went on to the same ring.
func checkPair(a, b *epoch) error {
	if !slices.Equal(a.members, b.members) {
		return fmt.Errorf("members %v and %v", a.members, b.members)
	}
	agreedA, agreedB := a.msgs, b.msgs
	if a.transitional >= 0 {
		agreedA = a.msgs[:a.transitional]
	}
	if b.transitional >= 0 {
		agreedB = b.msgs[:b.transitional]
	}
	n := min(len(agreedA), len(agreedB))
	if !slices.Equal(agreedA[:n], agreedB[:n]) {
		return fmt.Errorf("different order before the transitional configuration:\n%x\n%x", agreedA, agreedB)
	}
	// Behind gaps only the order of common messages counts.
	at := map[uint64]int{}
	for i, id := range a.msgs {
		at[id] = i
	}
	last := -1
	for _, id := range b.msgs {
		if i, ok := at[id]; ok {
			if i < last {
				return fmt.Errorf("different order of %x", id)
			}
			last = i
		}
	}
	if a.transitional >= 0 && b.transitional >= 0 && a.next == b.next && slices.Contains(a.trans, b.h.id) {
		if !slices.Equal(a.trans, b.trans) {
			return fmt.Errorf("transitional members %v and %v", a.trans, b.trans)
		}
		if !slices.Equal(a.msgs, b.msgs) || a.transitional != b.transitional {
			return fmt.Errorf("came together to %v with different messages:\n%x (%d)\n%x (%d)", a.next, a.msgs, a.transitional, b.msgs, b.transitional)
		}
	}
	return nil
}
