package ipcserver

import "encoding/binary"

// keepBytes is how much memory an emptied queue keeps for the next time.
const keepBytes = 256 << 10

// queue holds copies of messages in order, each behind its length, in one buffer.
type queue struct {
	buf   []byte
	head  int // of the oldest message
	count int
}

const lengthBytes = 4

// bytes is what the waiting messages take.
func (q *queue) bytes() int { return len(q.buf) - q.head }

// push appends a message given in parts.
func (q *queue) push(parts [][]byte) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if q.head > 0 && len(q.buf)+lengthBytes+n > cap(q.buf) && q.head >= len(q.buf)/2 {
		// Move instead of growing; amortised, as at least half of the buffer is free.
		q.buf = q.buf[:copy(q.buf, q.buf[q.head:])]
		q.head = 0
	}
	q.buf = binary.NativeEndian.AppendUint32(q.buf, uint32(n))
	for _, p := range parts {
		q.buf = append(q.buf, p...)
	}
	q.count++
}

// front returns the oldest message, valid until the next call of push or pop.
func (q *queue) front() []byte {
	n := int(binary.NativeEndian.Uint32(q.buf[q.head:]))
	return q.buf[q.head+lengthBytes : q.head+lengthBytes+n]
}

// pop removes the oldest message.
func (q *queue) pop() {
	q.head += lengthBytes + len(q.front())
	if q.count--; q.count > 0 {
		return
	}
	q.head = 0
	q.buf = q.buf[:0]
	if cap(q.buf) > keepBytes {
		q.buf = nil
	}
}
