package pg

// Level says how full the send queue is, with hysteresis; clients see it as flow control state.
type Level uint8

// The levels, with the values of enum totem_q_level.
const (
	LevelLow Level = iota
	LevelGood
	LevelHigh
	LevelCritical
)

// slotsFor converts bytes to slots, as the C daemon does it.
func (p *PG) slotsFor(n int) int { return n/(p.netMTU-slotOverhead) + 1 }

// maxTotal is the size limit in bytes of a message with its group header.
func (p *PG) maxTotal() int {
	return min(largestSent, (p.slots-3)*(p.netMTU-slotOverhead)-1)
}

// MaxSize returns the size limit of one message in bytes. It is what receivers have room for: somewhat more than
// totem.MaxMessage.
func (p *PG) MaxSize() int { return p.maxTotal() - longestGroup }

// Room returns the number of free slots of the queue in use, 0 or more.
func (p *PG) Room() int { return max(0, p.sending().room()) }

// Slots returns the number of slots of each queue.
func (p *PG) Slots() int { return p.slots }

// Reserved returns the number of reserved slots; it is 1 when nothing is.
func (p *PG) Reserved() int { return p.reserved }

// Reserve sets aside room for a message of n bytes, so that a Queue of that size before Release cannot fail unless others
// queue in between. It reports whether there was room; n over MaxSize never has any.
func (p *PG) Reserve(n int) bool {
	if n < 0 || n > p.MaxSize() || p.buggify("no room to reserve") {
		return false
	}
	s := p.sending()
	if p.slotsFor(n+longestGroup+lenSize*s.pieces)+p.reserved-1 > s.room() {
		return false
	}
	p.reserved += p.reservation(n)
	return true
}

// Release gives back a reservation of n bytes.
func (p *PG) Release(n int) { p.reserved = max(1, p.reserved-p.reservation(n)) }

// reservation is the number of slots set aside for n bytes. The C daemon counts the name of the group, but not the
// lengths in front of it.
func (p *PG) reservation(n int) int { return p.slotsFor(n + len(GroupExec)) }

// Usage returns the percentage of the queue in use that is occupied or reserved, 0 to 100.
func (p *PG) Usage() int {
	return min(100, max(0, 100-(p.Room()-p.reserved)*100/p.slots))
}

// Level returns the present level. It changes only when the usage enters another band; between the bands the level
// stays what it was.
func (p *PG) Level() Level {
	switch u := p.Usage(); {
	case u >= 75:
		p.level = LevelCritical
	case u < 30:
		p.level = LevelLow
	case u > 40 && u < 50:
		p.level = LevelGood
	case u > 60 && u < 70:
		p.level = LevelHigh
	}
	return p.level
}
