package pg

import (
	"errors"
	"fmt"

	"github.com/corosync-go/corosync/daemon/totem"
)

// A pg frame is the payload of a MCAST that is not encapsulated:
//
//	0     i16     version        0
//	2     i16     type           0
//	4     u8      fragmented     0 = the last piece ends a message; otherwise the number of the fragment that it is
//	5     u8      continuation   0 = the first piece starts a message; otherwise fragmented of the previous frame
//	6     u16     msg_count      pieces n, >= 1
//	8     u16[n]  msg_len        length of each piece
//	8+2n          data           the pieces without padding
const (
	frameHeader = 8
	lenSize     = 2
)

// Fixed by the C daemon, because clients see them or peers depend on them.
const (
	// queueMemory is the size of a send queue in bytes; divided by the frame size it gives the number of slots.
	queueMemory = 4 * totem.MaxMessage
	// slotOverhead is subtracted from the frame size when messages are converted to slots.
	slotOverhead = 24
	// assemblyMax is the largest message in bytes, with group header, that a receiver puts together.
	assemblyMax = totem.MaxMessage + 65536
	// largestSent keeps the messages that we send within what a C peer, which adds the header of the last frame to the
	// message, has room for. Exceeding it aborts the peer.
	largestSent = assemblyMax - frameHeader - lenSize - 1
)

// MinNetMTU and MaxNetMTU bound the size of a frame in bytes. The upper one is that of the largest totem frame less one
// MCAST header; piece lengths have 16 bits.
const (
	MinNetMTU = 64
	MaxNetMTU = 65536 - 45
)

// Errors of Queue and New.
var (
	// ErrQueueFull says that there is no room now; try again when frames have been sent.
	ErrQueueFull = totem.ErrQueueFull
	// ErrTooBig says that the message can never be sent.
	ErrTooBig = totem.ErrTooBig
	// ErrGroup says that the group does not exist.
	ErrGroup = errors.New("unknown totem group")
	// ErrMTU says that the frame size is out of bounds.
	ErrMTU = errors.New("totem frame size out of bounds")
)

// Config is what the layer needs to know.
type Config struct {
	// NetMTU is the largest pg frame in bytes: totem.netmtu less two MCAST headers (1410 on udp and udpu, 65446 on knet).
	NetMTU int
	// CRules makes the layer follow 3.1 where it differs. For tests of rings of both.
	CRules bool
	// Buggify, optional, says at a named place whether to take a rare path without need. For tests.
	Buggify func(place string) bool
}

// Stats counts what passed. All values only grow.
type Stats struct {
	Messages      uint64 // accepted by Queue
	Bytes         uint64 // of those, without group header
	Refused       uint64 // by Queue, for lack of room or size
	Frames        uint64 // handed out by Next
	FramesResent  uint64 // of those, again, because a switch came into the middle of a message
	Received      uint64 // frames passed to Receive
	Malformed     uint64 // of those, ignored because lengths did not add up
	Delivered     uint64 // messages delivered
	Broken        uint64 // partial messages lost because the frame did not continue the one before
	Late          uint64 // frames of the transitional stream that came behind the end of a synchronisation
	Oversize      uint64 // messages dropped because they exceeded the assembly bound
	BadGroup      uint64 // messages dropped because the group header was malformed
	Unmatched     uint64 // messages dropped because nobody here is in their groups
	PartialsFreed uint64 // partial messages dropped because their sender left
}

// PG is the layer of one node. It allocates in New; later only when a queue is longer than ever before, or a sender's first
// large message arrives.
type PG struct {
	// Stats may be read at any time by the owner goroutine.
	Stats Stats

	cfg    Config
	netMTU int
	slots  int // of each queue

	ordinary     stream
	transitional stream
	peers        [2]uint8 // fragment that receivers wait for, in their ordinary and transitional set
	sendTrans    bool     // Queue uses the transitional stream
	reserved     int      // slots; starts at 1 as in C
	level        Level
	receiveTrans bool // Receive uses the transitional set
	ordinarySet  assemblySet
	transSet     assemblySet
	buffers      bufferPool
	freeAssembly []*assembly
}

// New returns a layer in the state of a node that has not been in any ring: both directions transitional. It fails with
// ErrMTU when cfg.NetMTU is out of bounds.
func New(cfg Config) (*PG, error) {
	if cfg.NetMTU < MinNetMTU || cfg.NetMTU > MaxNetMTU {
		return nil, fmt.Errorf("%w: %d", ErrMTU, cfg.NetMTU)
	}
	p := &PG{
		cfg:          cfg,
		netMTU:       cfg.NetMTU,
		slots:        queueMemory / cfg.NetMTU,
		sendTrans:    true,
		receiveTrans: true,
		reserved:     1,
		level:        LevelGood,
		ordinarySet:  assemblySet{},
		transSet:     assemblySet{},
	}
	p.ordinary.init(p.netMTU, p.slots)
	p.transitional.init(p.netMTU, p.slots)
	p.transitional.whole = true
	if !cfg.CRules {
		p.transitional.turn = highFrag
	}
	return p, nil
}

// buggify reports whether a rare path is to be taken. It is a nil check outside of simulations.
func (p *PG) buggify(place string) bool { return p.cfg.Buggify != nil && p.cfg.Buggify(place) }

// NetMTU returns the largest frame in bytes.
func (p *PG) NetMTU() int { return p.netMTU }

// SetTransitional switches both directions. On: messages now go to the transitional queue, and frames are put together in
// the transitional set. Off (the application has synchronised): back to the ordinary ones; what the transitional queue still
// holds is sent first.
func (p *PG) SetTransitional(on bool) {
	p.SendTransitional(on)
	p.ReceiveTransitional(on)
}

// ReceiveTransitional switches the receiving direction only. During a change srp delivers old messages after it has
// switched its queues and before this.
func (p *PG) ReceiveTransitional(on bool) { p.receiveTrans = on }

// Transitional reports whether new messages go to the transitional queue.
func (p *PG) Transitional() bool { return p.sendTrans }
