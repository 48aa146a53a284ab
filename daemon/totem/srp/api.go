package srp

import (
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/totem"
)

// Config holds the parameters of the protocol. The keys in brackets are those of corosync.conf; the caller has derived and
// checked the values. [Machine.Reconfigure] changes all but those marked "start".
type Config struct {
	// NodeID is this processor, not zero. Start.
	NodeID totem.NodeID
	// StoredSeq is the ring sequence number that was stored last, 0 if there is none. One is added to it, so that a
	// restarted node never reuses a ring id. Start.
	StoredSeq uint64
	// NetMTU is the largest frame, in bytes, that Source.Next writes: totem.netmtu less two MCAST headers. Start.
	NetMTU int

	// Token is how long a token may be away before it counts as lost [token, with its coefficient].
	Token time.Duration
	// TokenWarning is the part of Token, in percent, after which a warning is logged; 0 is off [token_warning].
	TokenWarning int
	// TokenRetransmit is the interval at which the last token is sent again [token_retransmit].
	TokenRetransmit time.Duration
	// Hold is how long the representative keeps the token of an idle ring [hold].
	Hold time.Duration
	// Join is the interval of JOIN messages in GATHER [join].
	Join time.Duration
	// SendJoin is the upper bound of the random delay before a JOIN that starts a GATHER; 0 is none [send_join].
	SendJoin time.Duration
	// Consensus is how long GATHER waits for nodes that do not answer [consensus].
	Consensus time.Duration
	// Merge is the delay from an idle token to the MERGE_DETECT of the representative [merge].
	Merge time.Duration

	// FailRecvConst is the number of token visits without progress after which this node gives up [fail_recv_const].
	FailRecvConst int
	// SeqnoUnchangedConst is the number of idle rotations after which the token is held [seqno_unchanged_const].
	SeqnoUnchangedConst int
	// HeartbeatFailuresAllowed turns the heartbeat on: its timeout is this times TokenRetransmit plus MaxNetworkDelay, if
	// that is less than Token [heartbeat_failures_allowed, max_network_delay]. Start.
	HeartbeatFailuresAllowed int
	MaxNetworkDelay          time.Duration
	// WindowSize is how many messages may be sent in one rotation, MaxMessages how many in one visit; together at most
	// 16384, otherwise they are reduced [window_size, max_messages].
	WindowSize, MaxMessages int
	// MissCountConst is the number of visits that a message must be missing before it is requested [miss_count_const].
	MissCountConst int
	// CancelTokenHoldOnRetransmit keeps an idle token going while something is retransmitted
	// [cancel_token_hold_on_retransmit].
	CancelTokenHoldOnRetransmit bool

	// StartSeq is the number before the first message and the first token of each ring. All nodes must agree; it is 0
	// except in tests of the wrap-around. Start.
	StartSeq uint32
	// Check makes every input verify the invariants of the machine, and panic if one does not hold. For tests.
	Check bool
	// CRules makes the machine follow 3.1 where that decides otherwise: which JOINs are believed and answered, who sends what in
	// a recovery and when it is over, what a full window allows, duplicates of the token. For tests of rings of both.
	CRules bool
	// Buggify, optional, says at a named place whether to take a rare path without need. For tests.
	Buggify func(place string) bool
}

// buggify reports whether a rare path is to be taken. It is a nil check outside of simulations.
func (c *Config) buggify(place string) bool { return c.Buggify != nil && c.Buggify(place) }

// Source is where the frames to be sent come from; pg.PG is one. The machine calls it during Step only, when it has the
// token.
type Source interface {
	// Flush closes the frame that is being packed. It is called at each accepted token, before flow control.
	Flush()
	// Pending returns the number of frames waiting in the queue that is in use: the transitional one between a
	// configuration change and its acknowledgement, otherwise the ordinary one (and what is left in the other).
	Pending(transitional bool) int
	// Next writes the next frame of that queue to dst, which has room for Config.NetMTU bytes.
	Next(dst []byte, transitional bool) (n int, g totem.Guarantee, ok bool)
}

// Logger is the part of logsys.Logger that the machine needs.
type Logger interface {
	Errorf(format string, args ...any)
	Warningf(format string, args ...any)
	Noticef(format string, args ...any)
	Debugf(format string, args ...any)
}

// Kind says what an [Output] is.
type Kind uint8

// The outputs. The fields named are the ones that are set.
const (
	// Unicast: send Frame to To. If Loop is set, To is this node, and the frame goes nowhere else: hand it to Step later.
	Unicast Kind = iota + 1
	// Multicast: send Frame to all other members. If Loop is set, hand it to Step later as well, as if it had been received.
	Multicast
	// Deliver: hand Frame, a pg frame, up as sent by From. Foreign says that it is in the other byte order.
	Deliver
	// SendTransitional: new messages go to the transitional (On) or ordinary queue. (pg.SendTransitional)
	SendTransitional
	// ReceiveTransitional: frames delivered from here on belong to the transitional (On) or ordinary assembly set.
	// (pg.ReceiveTransitional)
	ReceiveTransitional
	// ConfigurationChange: hand Configuration up. After a regular one, [Machine.TransAck] is due when the application has
	// synchronised.
	ConfigurationChange
	// StoreRing: store Seq as the ring sequence number; what follows must not be sent before.
	StoreRing
	// TokenSent: the token was passed on or put on hold; the moment of C's token-sent callbacks.
	TokenSent
	// Drain: the process was paused; drop everything that has arrived and has not been read.
	Drain
	// CheckInterfaces: the token was lost; look at the interfaces.
	CheckInterfaces
	// ProcessorCount: a ring of N members is being formed.
	ProcessorCount
	// Notice: log Text, now that what was said before it has been done.
	Notice
)

// Output is something that the caller does. It does all of them in order, right after the input that caused them.
type Output struct {
	Kind    Kind
	Loop    bool
	On      bool
	Foreign bool
	To      totem.NodeID
	From    totem.NodeID
	N       int
	Seq     uint64
	// Frame is valid until the next input; so a frame with Loop must be copied.
	Frame []byte
	// Configuration and its lists are valid until the next input.
	Configuration *totem.Configuration
	Text          string
}

// State is a state of the membership automaton.
type State uint8

// The states, with their numbers in log lines of the C daemon.
const (
	Operational State = 1
	Gather      State = 2
	Commit      State = 3
	Recovery    State = 4
)

// API is the set of inputs and readings of a [Machine]: what its caller needs, so that it can be tested with a double.
//
// Each input first empties the list of outputs of the previous one, so none may be made while outputs are being executed: a
// message that the application sends when it is handed a delivery is followed by Wake after the list is done. At one instant, frames are handed to Step before
// Advance is called, so that what arrived during a pause of the process is recognised as old.
type API interface {
	// Step handles received frames and returns how many it consumed. It stops early when the outputs so far must be
	// executed first; the caller does that and calls again with the rest. It may reorder the slice frames. It keeps no
	// frame: it copies what it needs. All that can be read at this moment should be handed in together, with the frames
	// marked Loop among them.
	Step(now clock.Instant, frames [][]byte) int
	// Advance runs the timers that have expired.
	Advance(now clock.Instant)
	// NextDeadline returns when Advance is due; clock.Never if no timer runs.
	NextDeadline() clock.Instant

	// InterfaceUp and InterfaceDown report a change of the network. The first of either starts the protocol.
	InterfaceUp(now clock.Instant)
	InterfaceDown(now clock.Instant)
	// Wake releases a held token. It is due whenever a message was put into the source, or a TokenSent is wanted.
	Wake(now clock.Instant)
	// TransAck tells that the application has synchronised after a regular configuration.
	TransAck(now clock.Instant)
	// ForceGather makes the membership form again.
	ForceGather(now clock.Instant)
	// Leave announces that this node stops. All later inputs are ignored.
	Leave(now clock.Instant)
	// Reconfigure replaces the parameters that are not fixed at the start. Running timers keep their deadline.
	Reconfigure(cfg Config)

	// Outputs returns what the last input wants done. The slice is valid until the next input.
	Outputs() []Output
	// ClearOutputs marks them as done. It is optional.
	ClearOutputs()

	State() State
	Ring() totem.RingID
	// Members returns the members of the last installed ring, ascending. The slice is valid until the next input.
	Members() []totem.NodeID
	// TokenHeld tells whether Wake would do anything.
	TokenHeld() bool
	// WaitingTransAck tells whether TransAck is due.
	WaitingTransAck() bool
	// Stats returns the counters at the given instant.
	Stats(now clock.Instant) Stats
	ClearStats()
}
