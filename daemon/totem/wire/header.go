package wire

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/corosync-go/corosync/daemon/totem"
)

// Every frame starts with 13 bytes. Integers are in the sender's byte order; nothing is aligned.
//
//	0  u16  magic          0xC070
//	2  i8   version        3
//	3  i8   type           0..5
//	4  i8   encapsulated   MCAST: 1 = encapsulated, 2 = not; otherwise 0
//	5  u32  nodeid         sender; in MCAST the originator; 0 in a LEAVE
//	9  u32  target         knet: receiver of a unicast frame; udp, udpu: not set, any value
const (
	HeaderLen = 13

	magic   = 0xC070
	version = 3

	encapsulated    = 1
	notEncapsulated = 2

	ringIDLen = 12
)

// MaxFrame is the size, in bytes, of the largest frame that any transport carries.
const MaxFrame = 65536

// Errors of the parsers. A frame that violates a rule has no effect on state or timers.
var (
	// ErrShort says that the frame is shorter than the fixed part of its type, or than what it counts.
	ErrShort = errors.New("totem frame too short")
	// ErrMagic says that another program, or a corosync before 3.0, sent it; see PeerHint.
	ErrMagic = errors.New("totem frame has a wrong magic number")
	// ErrVersion says that the header version is not 3.
	ErrVersion = errors.New("totem frame has a wrong version")
	// ErrType says that the type is unknown, or not that of the struct it was parsed into.
	ErrType = errors.New("totem frame has a wrong type")
	// ErrBounds says that a count in the frame is outside its legal range.
	ErrBounds = errors.New("totem frame has a count out of bounds")
)

// Type is the kind of a frame.
type Type uint8

// The frames of the protocol (enum message_type).
const (
	TypeToken       Type = 0
	TypeMcast       Type = 1
	TypeMergeDetect Type = 2
	TypeJoin        Type = 3
	TypeCommitToken Type = 4
	TypeHoldCancel  Type = 5

	// NumTypes is the number of known types.
	NumTypes = 6
)

var typeNames = [NumTypes]string{"orf_token", "mcast", "memb_merge_detect", "memb_join", "memb_commit_token", "token_hold_cancel"}

// String returns the name of the type as it appears in statistics keys.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown"
}

// Header is the common start of all frames.
type Header struct {
	Type Type
	// Encapsulated marks a MCAST whose payload is a MCAST of the old ring, sent again during recovery.
	Encapsulated bool
	// NodeID is the sender, in a MCAST the originator whoever retransmits, in a LEAVE zero.
	NodeID totem.NodeID
	// Target is the receiver of a unicast frame on knet. Elsewhere the C daemon leaves it undefined, so it must not be
	// interpreted. It is never converted between byte orders.
	Target totem.NodeID
	// Foreign says that the frame arrived in the byte order that this machine does not have. Append ignores it.
	Foreign bool
}

// ParseHeader checks what all frames have in common, in the order of the C daemon, and returns the header. The errors
// are ErrShort, ErrMagic, ErrVersion and ErrType.
func ParseHeader(frame []byte) (Header, error) {
	var h Header
	err := h.parse(frame)
	return h, err
}

func (h *Header) parse(frame []byte) error {
	if len(frame) < HeaderLen {
		return ErrShort
	}
	switch binary.NativeEndian.Uint16(frame) {
	case magic:
		h.Foreign = false
	case magic>>8 | magic<<8&0xFFFF:
		h.Foreign = true
	default:
		return ErrMagic
	}
	if frame[2] != version {
		return ErrVersion
	}
	if frame[3] >= NumTypes {
		return ErrType
	}
	h.Type = Type(frame[3])
	h.Encapsulated = frame[4] == encapsulated
	h.NodeID = totem.NodeID(u32(frame[5:], h.Foreign))
	h.Target = totem.NodeID(binary.NativeEndian.Uint32(frame[9:]))
	return nil
}

// parseAs parses the header of a frame that must be of type t and have a fixed part of min bytes.
func (h *Header) parseAs(frame []byte, t Type, min int) error {
	if err := h.parse(frame); err != nil {
		return err
	}
	if h.Type != t {
		return ErrType
	}
	if len(frame) < min {
		return ErrShort
	}
	return nil
}

func (h *Header) append(dst []byte, t Type, foreign bool) []byte {
	var b [HeaderLen]byte
	h.put(&b, t, foreign)
	return append(dst, b[:]...)
}

func (h *Header) put(b *[HeaderLen]byte, t Type, foreign bool) {
	m := uint16(magic)
	if foreign {
		m = bits.ReverseBytes16(m)
	}
	binary.NativeEndian.PutUint16(b[:], m)
	b[2], b[3], b[4] = version, byte(t), 0
	if t == TypeMcast {
		b[4] = notEncapsulated
		if h.Encapsulated {
			b[4] = encapsulated
		}
	}
	put32(b[5:], uint32(h.NodeID), foreign)
	binary.NativeEndian.PutUint32(b[9:], uint32(h.Target))
}

// PeerHint guesses which other program sent a frame that was refused with ErrMagic, for the log.
func PeerHint(frame []byte) string {
	switch {
	case len(frame) < 2:
		return "unknown"
	case frame[0] == 0xFF && frame[1] == 0xFF:
		return "Corosync 2.2"
	case frame[0] == 0xFE && frame[1] == 0xFE:
		return "Corosync 2.3+"
	case frame[0] == 1:
		return "unencrypted Kronosnet"
	case frame[0] <= 5:
		return "unencrypted Corosync 2.0/2.1/1.x/OpenAIS"
	}
	return "unknown or an encrypted peer"
}
