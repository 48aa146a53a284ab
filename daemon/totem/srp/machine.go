package srp

import (
	"math/rand"
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/seq"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// Machine is the protocol of one processor. Its zero value is not usable; see [New].
type Machine struct {
	// Set once.
	cfg Config
	id  totem.NodeID
	rnd *rand.Rand
	log Logger
	src Source

	// The input being handled.
	now     clock.Instant
	outputs []Output
	control []byte // control frames that outputs refer to

	started, left bool
	state         State

	// Ring and membership.
	ring    totem.RingID // in COMMIT and RECOVERY, and after one of them failed, the ring that was attempted
	seqMax  uint64       // highest ring sequence number known
	memb    nodeSet      // members of the last installed ring
	newMemb nodeSet      // members of the ring being formed
	trans   nodeSet      // members of newMemb that come from the same ring as this node
	// deliverMemb are the originators whose messages behind a gap are delivered.
	deliverMemb nodeSet
	proc        nodeSet // processors considered, failed those of them considered dead: both go into JOINs
	failed      nodeSet
	consensus   nodeSet // those that agree with proc and failed
	leavers     nodeSet // announced a LEAVE; for the log only
	scratch     nodeSet

	// The old ring, as it was when the first COMMIT after OPERATIONAL was entered.
	oldSaved        bool
	oldRing         totem.RingID
	oldARU, oldHigh seq.Num

	// Order.
	startSeq     seq.Num
	aru          seq.Num // all received up to
	high         seq.Num // highest received or sent
	delivered    seq.Num // highest delivered
	lastARU      seq.Num // of the previous token
	lastReleased seq.Num
	tokenSeq     seq.Num // of the last accepted token
	lastSeq      seq.Num // seq of the previous token
	thisSeqno    int32
	regular      *sortQueue
	recovery     *sortQueue
	pool         bufferPool

	// Token.
	discardToken bool // ORF tokens are ignored
	tokenHeld    bool
	seqUnchanged int    // tokens in a row with the same seq
	aruCount     int    // visits in a row with an unmoved aru
	saved        []byte // last token sent, ORF or commit
	target       totem.NodeID
	flow         flowControl
	heartbeat    time.Duration // timeout; 0 is off

	// Recovery.
	commit          wire.CommitToken // the one this node sent last
	retrans         recoverySource
	setRetransFlg   bool
	retransFlgCount int
	rotationCount   int
	recoveryVisits  int // tokens accepted in this RECOVERY
	installSeq      seq.Num
	receivedFlg     bool
	originated      bool // the representative has created the token of this ring

	failedToRecv    bool
	waitingTransAck bool

	timers    timers
	lastAlive clock.Instant
	// gatherSince is when GATHER was entered from another state.
	gatherSince clock.Instant
	// ringSince is when the last ring was installed. restless says that it did not last.
	ringSince clock.Instant
	restless  bool
	pausedAt  clock.Instant // instant at which the pause timer was found late, by pausedFor
	pausedFor time.Duration
	lastBad   clock.Instant // last line about a frame of another program

	stats  Stats
	visits tokenStats

	// Decoded frames, kept for their storage.
	in struct {
		token  wire.Token
		mcast  wire.Mcast
		merge  wire.MergeDetect
		join   wire.Join
		commit wire.CommitToken
		cancel wire.HoldCancel
		procs  nodeSet
		fails  nodeSet
		later  [][]byte // tokens of a batch
	}
}

var _ API = (*Machine)(nil)

// New returns a machine that waits for the first report about its interface. It draws from rnd only for the delay of JOINs.
func New(cfg Config, rnd *rand.Rand, log Logger, src Source) *Machine {
	cfg.normalize()
	m := &Machine{
		cfg:             cfg,
		id:              cfg.NodeID,
		rnd:             rnd,
		log:             log,
		src:             src,
		state:           Operational,
		startSeq:        seq.New(cfg.StartSeq),
		receivedFlg:     true,
		waitingTransAck: true,
		regular:         new(sortQueue),
		recovery:        new(sortQueue),
	}
	m.aru, m.high, m.delivered = m.startSeq, m.startSeq, m.startSeq
	m.lastARU, m.lastReleased, m.installSeq = m.startSeq, m.startSeq, m.startSeq
	m.lastSeq = m.startSeq
	m.tokenSeq = m.startSeq.Prev()
	m.regular.init(&m.pool, m.startSeq.Next())
	m.recovery.init(&m.pool, m.startSeq.Next())
	m.timers.stopAll()
	if n := cfg.HeartbeatFailuresAllowed; n > 0 {
		m.heartbeat = time.Duration(n)*cfg.TokenRetransmit + cfg.MaxNetworkDelay
		if m.heartbeat >= cfg.Token {
			m.log.Debugf("total heartbeat_timeout (%d ms) is not less than token timeout (%d ms)",
				m.heartbeat.Milliseconds(), cfg.Token.Milliseconds())
			m.log.Debugf("heartbeat timeout should be less than the token timeout. Heartbeat is disabled!!")
			m.heartbeat = 0
		}
	}
	return m
}

// normalize brings values that the machine could not work with into their range. The configuration has been checked before;
// this is for what slips through, as a value changed at run time may.
func (c *Config) normalize() {
	for _, d := range []*time.Duration{&c.Token, &c.TokenRetransmit, &c.Hold, &c.Join, &c.Consensus, &c.Merge} {
		*d = max(*d, time.Millisecond)
	}
	c.SendJoin = max(c.SendJoin, 0)
	c.WindowSize = min(max(c.WindowSize, 1), queueSize-1)
	c.MaxMessages = min(max(c.MaxMessages, 1), queueSize-c.WindowSize)
	c.MissCountConst = max(c.MissCountConst, 0)
	c.FailRecvConst = max(c.FailRecvConst, 0)
	c.SeqnoUnchangedConst = max(c.SeqnoUnchangedConst, 0)
	c.NetMTU = min(max(c.NetMTU, 0), wire.MaxFrame-wire.McastHeaderLen)
}

// begin starts an input. It returns false when inputs are ignored because this node has left.
func (m *Machine) begin(now clock.Instant) bool {
	m.ClearOutputs()
	m.control = m.control[:0]
	m.pool.reclaim()
	m.now = now
	return !m.left
}

// end finishes an input.
func (m *Machine) end() {
	if m.cfg.Check {
		m.check()
	}
}

func (m *Machine) emit(o Output) { m.outputs = append(m.outputs, o) }

// controlFrame returns a copy of a control frame that lives as long as the outputs do.
func (m *Machine) controlFrame(frame []byte) []byte {
	from := len(m.control)
	m.control = append(m.control, frame...)
	return m.control[from:len(m.control):len(m.control)]
}

// Outputs returns what the last input wants done.
func (m *Machine) Outputs() []Output { return m.outputs }

// ClearOutputs empties the list of outputs.
func (m *Machine) ClearOutputs() {
	clear(m.outputs)
	m.outputs = m.outputs[:0]
}

// InterfaceUp reports that the network can be used.
func (m *Machine) InterfaceUp(now clock.Instant) { m.interfaceChange(now) }

// InterfaceDown reports that only this node can be reached.
func (m *Machine) InterfaceDown(now clock.Instant) { m.interfaceChange(now) }

func (m *Machine) interfaceChange(now clock.Instant) {
	if !m.begin(now) {
		return
	}
	if !m.started {
		m.started = true
		if m.cfg.StoredSeq > ringSeqMax {
			// No cluster comes to that. From there the number would wrap around after a few rings, and others believe none so high.
			m.log.Warningf("The stored ring number %x cannot be right. It is not used.", m.cfg.StoredSeq)
			m.cfg.StoredSeq = 0
		}
		// Without the one a restarted representative could form the ring that it was in before, with aru 0, and make
		// the others try to recover messages that they have freed.
		m.ring = totem.RingID{Rep: m.id, Seq: m.cfg.StoredSeq + 1}
		m.seqMax = m.ring.Seq
		m.lastAlive = now
		m.startPause()
	}
	m.enterGather(ReasonInterfaceChange)
	m.end()
}

// TransAck tells that the application has synchronised: the ordinary queue and assembly set are used again.
func (m *Machine) TransAck(now clock.Instant) {
	if !m.begin(now) || !m.waitingTransAck || !m.started {
		return
	}
	m.waitingTransAck = false
	m.emit(Output{Kind: SendTransitional})
	m.emit(Output{Kind: ReceiveTransitional})
	if m.src.Pending(false) > 0 {
		m.cancelHold()
	}
	m.end()
}

// ForceGather makes the membership form again, as if the token had been lost.
func (m *Machine) ForceGather(now clock.Instant) {
	if m.begin(now) && m.started {
		m.tokenLost()
		m.end()
	}
}

// Reconfigure replaces the parameters. Those that are fixed at the start are not looked at.
func (m *Machine) Reconfigure(cfg Config) {
	old := &m.cfg
	cfg.NodeID, cfg.StoredSeq, cfg.NetMTU, cfg.StartSeq = old.NodeID, old.StoredSeq, old.NetMTU, old.StartSeq
	cfg.HeartbeatFailuresAllowed, cfg.MaxNetworkDelay = old.HeartbeatFailuresAllowed, old.MaxNetworkDelay
	cfg.normalize()
	m.cfg = cfg
}

// Config returns the parameters in use.
func (m *Machine) Config() Config { return m.cfg }

// State returns the state of the automaton. Before the first report about the interface it is OPERATIONAL.
func (m *Machine) State() State { return m.state }

// Ring returns the current ring id; in COMMIT and RECOVERY, and in GATHER after one of them failed, that of the ring which
// was attempted.
func (m *Machine) Ring() totem.RingID { return m.ring }

// Members returns the members of the last installed ring.
func (m *Machine) Members() []totem.NodeID { return m.memb }

// TokenHeld tells whether Wake would do anything.
func (m *Machine) TokenHeld() bool { return m.tokenHeld }

// WaitingTransAck tells whether TransAck is due.
func (m *Machine) WaitingTransAck() bool { return m.waitingTransAck }

// Stats returns the counters, and what is computed from the last token visits.
func (m *Machine) Stats(now clock.Instant) Stats {
	s := m.stats
	s.FirewallEnabledOrNICFailure = s.ContinuousGather > continuousGatherMax
	m.visits.fill(&s, now)
	return s
}

// ClearStats sets all counters to zero.
func (m *Machine) ClearStats() {
	m.stats = Stats{}
	m.visits = tokenStats{}
}

// tokenAge is the time since the last token, or since the start.
func (m *Machine) tokenAge() time.Duration {
	if m.visits.n == 0 {
		return 0
	}
	return m.now.Sub(m.visits.rx[m.visits.last])
}

func (m *Machine) isRep() bool { return m.ring.Rep == m.id }

// dropped counts a frame that cannot be used.
func (m *Machine) dropped() { m.stats.RxMsgDropped++ }

// malformed counts a frame that violates its format. A line a second tells which program may have sent it.
func (m *Machine) malformed(frame []byte, err error) {
	m.stats.RxMalformed++
	m.stats.RxMsgDropped++
	if m.lastBad != 0 && m.now.Sub(m.lastBad) < time.Second {
		return
	}
	m.lastBad = m.now
	if err == wire.ErrMagic {
		m.log.Warningf("Received message has bad magic number (probably sent by %s).. Ignoring", wire.PeerHint(frame))
		return
	}
	m.log.Warningf("Received message of %d bytes is invalid (%v)...  ignoring.", len(frame), err)
}
