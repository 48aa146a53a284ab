package ring

import (
	"encoding/binary"
	"errors"
	"sync/atomic"
)

// Layout of the header file. All words are in host order.
//
//	   0  write_pt   words; where the next chunk goes, the writer's
//	   4  read_pt    words; the oldest unread chunk, the reader's
//	   8  word_size  words of data
//	  12  hdr_path   4096 bytes, absolute
//	4108  data_path  4096 bytes, absolute; the opener finds the data file by it
//	8204  ref_count  1 created, 2 opened by the peer, 0 closed
//	8208  semaphore  number of committed, unread chunks
//	8240  user word  request ring: flow control
//	8248
const (
	offWrite = 0
	offRead  = 4
	offWords = 8
	offHdr   = 12
	offData  = 4108
	offRef   = 8204
	offSem   = 8208
	offUser  = 8240

	// HeaderBytes is the size of the header; UserBytes follow it in the file without being used.
	HeaderBytes = 8248
	UserBytes   = 4
	pathBytes   = 4096
)

// A chunk is a length word, a magic word, and the payload filled up to a whole word.
const (
	magicCommitted = 0xA1A1A1A1
	magicAlloc     = 0xA110CED0
	magicDead      = 0xD0D0D0D0

	chunkHeaderWords = 2
	chunkMargin      = 12 // bytes that must stay free beyond the payload: chunk header and one word of alignment
	selfTest         = 5  // what libqb leaves in word 0 of fresh data when it tries its mirror mapping
)

var (
	// ErrFull says that a message does not fit now.
	ErrFull = errors.New("ring: full")
	// ErrTooBig says that a message never fits.
	ErrTooBig = errors.New("ring: message exceeds the limit")
	// ErrEmpty says that no committed message is there.
	ErrEmpty = errors.New("ring: empty")
	// ErrCorrupt says that the peer, or whoever else can write the memory, has broken the structure.
	ErrCorrupt = errors.New("ring: corrupt")
	// ErrLayout says that header and data cannot be a ring.
	ErrLayout = errors.New("ring: sizes do not fit")
)

// DataBytes is the size of the data file for messages up to maxMessage bytes: room for one chunk and one byte,
// rounded up to page. Both sides compute it, so it must be libqb's formula.
func DataBytes(maxMessage, page int) int {
	return (maxMessage + chunkMargin + 1 + page - 1) / page * page
}

// Ring is one side's view: the writer calls Write and Room, the reader Peek, Consume and friends.
type Ring struct {
	hdr   []byte
	data  []byte
	words uint32 // private copy of word_size
	max   uint32 // bytes; longest payload either way
	at    uint32 // the own cursor: write_pt of a writer, read_pt of a reader
	role  Role
	// The chunk under Peek.
	peeked bool
	length uint32
}

// Role of a side of a ring.
type Role bool

const (
	Reader Role = false
	Writer Role = true
)

// Create makes a fresh ring in zeroed memory for messages up to maxMessage bytes. The paths are those of the two
// files, for the peer; they may be empty in tests.
func Create(hdr, data []byte, maxMessage int, role Role, hdrPath, dataPath string) (*Ring, error) {
	r, err := view(hdr, data, len(data)/4, maxMessage)
	if err != nil {
		return nil, err
	}
	if len(hdrPath) >= pathBytes || len(dataPath) >= pathBytes {
		return nil, ErrLayout
	}
	r.role = role
	copy(hdr[offHdr:], hdrPath)
	copy(hdr[offData:], dataPath)
	atomic.StoreUint32(word32(hdr, offWords), r.words)
	atomic.StoreUint64(word64(hdr, offSem), 0)
	binary.NativeEndian.PutUint32(hdr[offSem+8:], semShared)
	binary.NativeEndian.PutUint32(data, selfTest)
	atomic.StoreUint32(word32(hdr, offRef), 1)
	return r, nil
}

// Open views a ring that the peer created, or that this side used before under another view. It trusts word_size no
// further than the data reaches, and takes its own cursor from the header.
func Open(hdr, data []byte, maxMessage int, role Role) (*Ring, error) {
	if len(hdr) < HeaderBytes {
		return nil, ErrLayout
	}
	words := int(atomic.LoadUint32(word32(hdr, offWords)))
	r, err := view(hdr, data, words, maxMessage)
	if err != nil {
		return nil, err
	}
	r.role = role
	off := offRead
	if role == Writer {
		off = offWrite
	}
	if r.at = atomic.LoadUint32(word32(hdr, off)); r.at >= r.words {
		return nil, ErrCorrupt
	}
	return r, nil
}

func view(hdr, data []byte, words, maxMessage int) (*Ring, error) {
	if len(hdr) < HeaderBytes || !aligned(hdr, 8) || !aligned(data, 4) || maxMessage <= 0 ||
		words*4 > len(data) || words*4 < maxMessage+chunkMargin || words > 1<<30 {
		return nil, ErrLayout
	}
	return &Ring{hdr: hdr, data: data[:words*4], words: uint32(words), max: uint32(maxMessage)}, nil
}

// DataPath is the path of the data file that a header names; valid says whether it is terminated and not empty.
func DataPath(hdr []byte) (path string, valid bool) { return pathAt(hdr, offData) }

func pathAt(hdr []byte, off int) (path string, valid bool) {
	if len(hdr) < HeaderBytes {
		return "", false
	}
	p := hdr[off : off+pathBytes]
	for i, c := range p {
		if c == 0 {
			return string(p[:i]), i > 0
		}
	}
	return "", false
}

// HeaderPath is the path of the header file itself.
func HeaderPath(hdr []byte) (path string, valid bool) { return pathAt(hdr, offHdr) }

// Resync takes the own cursor from the header again, for a side that another process (a parent after a fork) may have
// used in between. A cursor that is outside is not taken.
func (r *Ring) Resync() {
	off := offRead
	if r.role == Writer {
		off = offWrite
	}
	if at := atomic.LoadUint32(word32(r.hdr, off)); at < r.words {
		r.at = at
	}
}

// Words reads word_size of a header: how much data to map.
func Words(hdr []byte) int { return int(atomic.LoadUint32(word32(hdr, offWords))) }

// Sem counts the committed, unread chunks.
func (r *Ring) Sem() Sem { return Sem{word64(r.hdr, offSem)} }

// User is the word at the reader's and writer's disposal: flow control in the request ring.
func (r *Ring) User() int32     { return int32(atomic.LoadUint32(word32(r.hdr, offUser))) }
func (r *Ring) SetUser(v int32) { atomic.StoreUint32(word32(r.hdr, offUser), uint32(v)) }

// Ref counts the processes that have the ring open; 2 in operation.
func (r *Ring) Ref() int32      { return int32(atomic.LoadUint32(word32(r.hdr, offRef))) }
func (r *Ring) SetRef(v int32)  { atomic.StoreUint32(word32(r.hdr, offRef), uint32(v)) }
func (r *Ring) AddRef(n int32)  { atomic.AddUint32(word32(r.hdr, offRef), uint32(n)) }
func (r *Ring) MaxMessage() int { return int(r.max) }

// Words is the size of the ring: what the header said when it was looked at.
func (r *Ring) Words() uint32 { return r.words }

// wrap is the byte offset of word p, counted past the end if need be.
func (r *Ring) wrap(p uint32) int { return int(p%r.words) * 4 }

// next is the index of the chunk after one of length bytes at p. length is at most max, so nothing overflows.
func (r *Ring) next(p, length uint32) uint32 { return (p + chunkHeaderWords + (length+3)/4) % r.words }

// Write puts one message, given in parts, into the ring. wake tells that the reader sleeps on the semaphore and must
// be woken. ErrFull and ErrTooBig leave the ring as it was; ErrCorrupt means the reader's cursor is outside.
func (r *Ring) Write(iov ...[]byte) (wake bool, err error) { return r.WriteParts(iov) }

// WriteParts is Write for a slice of parts.
func (r *Ring) WriteParts(iov [][]byte) (wake bool, err error) {
	length := 0
	for _, b := range iov {
		if len(b) > int(r.max)-length {
			return false, ErrTooBig
		}
		length += len(b)
	}
	room, err := r.Room()
	if err != nil {
		return false, err
	}
	if room < length+chunkMargin {
		return false, ErrFull
	}
	at := r.at
	lengthWord := word32(r.data, r.wrap(at))
	magicWord := word32(r.data, r.wrap(at+1))
	atomic.StoreUint32(lengthWord, 0)
	atomic.StoreUint32(magicWord, magicAlloc)
	off := r.wrap(at + chunkHeaderWords)
	for _, b := range iov {
		n := copy(r.data[off:], b)
		if n < len(b) {
			off = copy(r.data, b[n:])
		} else if off += n; off == len(r.data) {
			off = 0
		}
	}
	atomic.StoreUint32(lengthWord, uint32(length))
	r.at = r.next(at, uint32(length))
	atomic.StoreUint32(word32(r.hdr, offWrite), r.at)
	atomic.StoreUint32(magicWord, magicCommitted)
	return r.Sem().Post(), nil
}

// Room is the number of free bytes, chunk headers included; a message needs 12 more than its length.
func (r *Ring) Room() (int, error) {
	read := atomic.LoadUint32(word32(r.hdr, offRead))
	if read >= r.words {
		return 0, ErrCorrupt
	}
	var words uint32
	switch {
	case r.at > read:
		words = read - r.at + r.words - 1
	case r.at < read:
		words = read - r.at - 1
	case r.Sem().Value() == 0:
		words = r.words
	}
	return int(words) * 4, nil
}

// Peek shows the oldest message without taking it, in two parts of which the second is usually empty. It does not
// touch the semaphore. The parts are shared memory: a peer may change them at any time. ErrEmpty, ErrCorrupt.
func (r *Ring) Peek() (head, tail []byte, err error) {
	r.peeked = false
	if r.Sem().Value() == 0 {
		return nil, nil, ErrEmpty
	}
	return r.PeekTaken()
}

// PeekTaken is Peek for a reader that has already taken the count from the semaphore by waiting on it; Reclaim then
// follows instead of Consume. It never says ErrEmpty.
func (r *Ring) PeekTaken() (head, tail []byte, err error) {
	r.peeked = false
	if atomic.LoadUint32(word32(r.data, r.wrap(r.at+1))) != magicCommitted {
		return nil, nil, ErrCorrupt
	}
	length := atomic.LoadUint32(word32(r.data, r.wrap(r.at)))
	if length > r.max {
		return nil, nil, ErrCorrupt
	}
	r.peeked, r.length = true, length
	off := r.wrap(r.at + chunkHeaderWords)
	head = r.data[off:min(off+int(length), len(r.data))]
	return head, r.data[:int(length)-len(head)], nil
}

// Consume takes the message of the last Peek off the ring, with its count in the semaphore.
func (r *Ring) Consume() {
	r.Sem().Try()
	r.Reclaim()
}

// Reclaim is Consume without the semaphore. Without a Peek before it does nothing.
func (r *Ring) Reclaim() {
	if !r.peeked {
		return
	}
	r.peeked = false
	at := r.at
	r.at = r.next(at, r.length)
	atomic.StoreUint32(word32(r.data, r.wrap(at)), 0)
	atomic.StoreUint32(word32(r.data, r.wrap(at+1)), magicDead)
	atomic.StoreUint32(word32(r.hdr, offRead), r.at)
}
