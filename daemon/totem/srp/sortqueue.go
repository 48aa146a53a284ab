package srp

import (
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/seq"
)

// queueSize is the number of messages that a ring may have in flight: not received by everybody, or not delivered
// (QUEUE_RTR_ITEMS_SIZE_MAX).
const queueSize = 16384

// item is a message in a sort queue.
type item struct {
	frame []byte // whole frame, as it is retransmitted; nil if the message is missing
	// systemFrom is the processor that originated the message, source the one in the header.
	systemFrom, source totem.NodeID
	foreign            bool
	recovered          bool   // somebody has sent it again on the new ring
	misses             uint32 // token visits at which it was missing
}

// firstItems is the length of the ring that a queue begins with. It doubles when the messages in flight need more, up to
// queueSize: few clusters ever do.
const firstItems = 256

// sortQueue holds the messages of one ring by sequence number, from the lowest that is still needed. Out-of-range numbers
// are refused, so no frame from the network makes it grow beyond queueSize.
type sortQueue struct {
	head  seq.Num // lowest acceptable number
	used  uint32  // the items of numbers from head+used on are zero
	count int     // messages held
	items []item  // a ring; its length is a power of two
	pool  *bufferPool
}

func (q *sortQueue) init(pool *bufferPool, head seq.Num) {
	q.items = make([]item, firstItems)
	q.pool = pool
	q.head = head
}

func (q *sortQueue) at(s seq.Num) *item { return &q.items[s.Uint32()%uint32(len(q.items))] }

func (q *sortQueue) inRange(s seq.Num) bool { return s.Sub(q.head) < queueSize }

// get returns the message s, or nil if it is not held.
func (q *sortQueue) get(s seq.Num) *item {
	if s.Sub(q.head) >= q.used {
		return nil
	}
	if it := q.at(s); it.frame != nil {
		return it
	}
	return nil
}

// touch returns the item of a number that is in range, to be written.
func (q *sortQueue) touch(s seq.Num) *item {
	if d := s.Sub(q.head); d >= q.used {
		if d >= uint32(len(q.items)) {
			q.grow(d + 1)
		}
		q.used = d + 1
	}
	return q.at(s)
}

// grow makes room for n items.
func (q *sortQueue) grow(n uint32) {
	size := uint32(len(q.items))
	for size < n {
		size *= 2
	}
	items := make([]item, size)
	for i, s := uint32(0), q.head; i < q.used; i, s = i+1, s.Next() {
		items[s.Uint32()%size] = *q.at(s)
	}
	q.items = items
}

// put stores a message whose number is in range, in place of one that may be there.
func (q *sortQueue) put(s seq.Num, it item) {
	slot := q.touch(s)
	if slot.frame != nil {
		q.pool.retire(slot.frame)
	} else {
		q.count++
	}
	*slot = it
}

// miss counts a visit at which s, which is in range, was missing, and returns the count.
func (q *sortQueue) miss(s seq.Num) uint32 {
	it := q.touch(s)
	it.misses++
	return it.misses
}

// release drops everything up to and including s.
func (q *sortQueue) release(s seq.Num) {
	n := s.Next().Sub(q.head)
	if n > queueSize {
		return
	}
	for ; n > 0; n-- {
		if q.used > 0 {
			q.drop(q.at(q.head))
			q.used--
		}
		q.head = q.head.Next()
	}
}

func (q *sortQueue) drop(it *item) {
	if it.frame != nil {
		q.pool.retire(it.frame)
		q.count--
	}
	*it = item{}
}

// reset drops everything and makes head the lowest acceptable number.
func (q *sortQueue) reset(head seq.Num) {
	for ; q.used > 0; q.used-- {
		q.drop(q.at(q.head))
		q.head = q.head.Next()
	}
	q.head = head
}
