package ipcserver

import (
	"encoding/binary"
	"slices"
)

// blockBytes is the size of the pieces of memory that queues are made of. A message larger than that gets one of largeBytes
// to itself, which is as large as messages of groups become; if it is larger still, one made for it.
const (
	blockBytes = 256 << 10
	largeBytes = 1<<20 + 64<<10
)

// spareBlocks and spareLarge are how many pieces are kept for the next queue: what the queue of one client fills before it
// is throttled, and once more for what was on its way then. So a client that is fast enough to be throttled again and again
// makes no work for the collector.
const (
	spareBlocks = 2 * throttleBytes / blockBytes
	spareLarge  = 2 * throttleBytes / (1 << 20)
)

// lengthBytes precede each message in a block.
const lengthBytes = 4

// pool keeps blocks that are not in use.
type pool struct{ spare, large [][]byte }

func (p *pool) get(n int) []byte {
	list, size := &p.spare, blockBytes
	if n > blockBytes {
		list, size = &p.large, max(n, largeBytes)
	}
	if k := len(*list); k > 0 && size <= largeBytes {
		b := (*list)[k-1]
		*list = (*list)[:k-1]
		return b
	}
	return make([]byte, 0, size)
}

func (p *pool) put(b []byte) {
	switch {
	case cap(b) == blockBytes && len(p.spare) < spareBlocks:
		p.spare = append(p.spare, b[:0])
	case cap(b) == largeBytes && len(p.large) < spareLarge:
		p.large = append(p.large, b[:0])
	}
}

// queue holds copies of messages in order, each behind its length. Memory is taken in blocks, so that a long queue is
// never copied and never needs twice its size.
type queue struct {
	pool   *pool
	blocks [][]byte
	head   int // offset of the oldest message in the first block
	count  int
	bytes  int // with lengths
}

// push appends a message given in parts.
func (q *queue) push(parts [][]byte) {
	n := lengthBytes
	for _, p := range parts {
		n += len(p)
	}
	last := len(q.blocks) - 1
	if last < 0 || len(q.blocks[last])+n > cap(q.blocks[last]) {
		q.blocks = append(q.blocks, q.pool.get(n))
		last++
	}
	b := binary.NativeEndian.AppendUint32(q.blocks[last], uint32(n-lengthBytes))
	for _, p := range parts {
		b = append(b, p...)
	}
	q.blocks[last] = b
	q.count++
	q.bytes += n
}

// front returns the oldest message, valid until the next call of pop.
func (q *queue) front() []byte {
	b := q.blocks[0][q.head:]
	return b[lengthBytes : lengthBytes+int(binary.NativeEndian.Uint32(b))]
}

// pop removes the oldest message.
func (q *queue) pop() {
	n := lengthBytes + len(q.front())
	q.head += n
	q.bytes -= n
	q.count--
	if q.head == len(q.blocks[0]) {
		q.pool.put(q.blocks[0])
		q.blocks = slices.Delete(q.blocks, 0, 1)
		q.head = 0
	}
}

// clear drops all messages.
func (q *queue) clear() {
	for _, b := range q.blocks {
		q.pool.put(b)
	}
	*q = queue{pool: q.pool}
}
