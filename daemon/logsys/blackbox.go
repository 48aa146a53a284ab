package logsys

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"
)

// blackboxBytes is the room for recent messages, as in the C daemon.
const blackboxBytes = 8 << 20

// blackbox is a ring of recent messages in the chunk format of libqb's ring
// buffer, so that a dump is a copy and qb-blackbox can print it.
//
// A chunk is: size u32 (bytes of payload), magic u32, payload, padded to words.
// The payload is: line u32, tags u32, priority u8, length of function u32,
// function with NUL, seconds i64, nanoseconds i64, length of message u32,
// message. The message is a format string with NUL and its arguments; ours is
// always "%s" and one string with NUL.
type blackbox struct {
	mu    sync.Mutex // guards what follows
	words []uint32
	read  int // word index of the oldest chunk
	write int // word index where the next goes
	used  int // words in use
}

const (
	chunkMagic       = 0xA1A1A1A1
	chunkHeaderWords = 2
	// blackboxText is the longest text that the printer of libqb accepts (512 with
	// format string and terminators).
	blackboxText = 480
)

func newBlackbox(size int) *blackbox {
	return &blackbox{words: make([]uint32, size/4)}
}

// add stores r, overwriting the oldest messages. Any goroutine may call it.
func (b *blackbox) add(r *Record) {
	_, line, function := r.where()
	msg := r.Text
	if len(msg) > blackboxText {
		msg = msg[:blackboxText]
	}
	ne := binary.NativeEndian
	p := make([]byte, 0, 64+len(function)+len(msg))
	p = ne.AppendUint32(p, uint32(line))
	p = ne.AppendUint32(p, blackboxTag(r.Subsys))
	p = append(p, byte(r.Level))
	p = ne.AppendUint32(p, uint32(len(function)+1))
	p = append(append(p, function...), 0)
	p = ne.AppendUint64(p, uint64(r.Time.Unix()))
	p = ne.AppendUint64(p, uint64(r.Time.Nanosecond()))
	p = ne.AppendUint32(p, uint32(len("%s")+1+len(msg)+1))
	p = append(append(append(p, "%s\x00"...), msg...), 0)

	b.mu.Lock()
	defer b.mu.Unlock()
	need := chunkHeaderWords + (len(p)+3)/4
	for b.used+need+chunkHeaderWords > len(b.words) {
		old := chunkHeaderWords + (int(b.words[b.read])+3)/4
		b.read = (b.read + old) % len(b.words)
		b.used -= old
	}
	at := b.write
	put := func(w uint32) {
		b.words[at] = w
		at = (at + 1) % len(b.words)
	}
	put(uint32(len(p)))
	put(chunkMagic)
	for len(p) >= 4 {
		put(ne.Uint32(p))
		p = p[4:]
	}
	if len(p) > 0 {
		var last [4]byte
		copy(last[:], p)
		put(ne.Uint32(last[:]))
	}
	b.write = at
	b.used += need
	// A reader stops where no chunk follows; old words may look like one.
	put(0)
	put(0)
}

// blackboxTag numbers subsystems for the printed dump.
func blackboxTag(subsys string) uint32 {
	for i, n := range []string{"MAIN", "TOTEM", "SERV", "CPG", "CMAP", "CFG", "QUORUM", "VOTEQ", "SYNC", "QB", "WD", "MON", "PLOAD", "YKD", "KNET", "STATS", "APIDEF"} {
		if n == subsys {
			return uint32(i)
		}
	}
	return 31
}

// writeTo writes a dump as qb_log_blackbox_write_to_file does: the header that
// marks a dump with nanoseconds, the header of a ring buffer, and its words.
func (b *blackbox) writeTo(w io.Writer) error {
	b.mu.Lock()
	words := append([]uint32(nil), b.words...)
	read, write := uint32(b.read), uint32(b.write)
	b.mu.Unlock()
	const version = 1
	size := uint32(len(words))
	head := []uint32{
		0, 0xCCBBCCBB, 0xBBCCBBCC, 2, 0,
		size, write, read, version, size + write + read + version,
	}
	var buf bytes.Buffer
	if err := binary.Write(&buf, binary.NativeEndian, head); err != nil {
		return err
	}
	if _, err := w.Write(buf.Bytes()); err != nil {
		return err
	}
	return binary.Write(w, binary.NativeEndian, words)
}

// HasBlackbox says whether messages are kept.
func (s *System) HasBlackbox() bool { return s.blackbox.Load() != nil }

// WriteBlackbox writes the recent messages in the format that corosync-blackbox
// prints. With the blackbox off it writes nothing.
func (s *System) WriteBlackbox(w io.Writer) error {
	if bb := s.blackbox.Load(); bb != nil {
		return bb.writeTo(w)
	}
	return nil
}
