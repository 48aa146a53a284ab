package srp

import (
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
)

// Stats are the counters published as stats.srp.*, named like their keys. All but the gauges only grow.
type Stats struct {
	OrfTokenTx, OrfTokenRx               uint64
	MembMergeDetectTx, MembMergeDetectRx uint64
	MembJoinTx, MembJoinRx               uint64
	McastTx, McastRetx, McastRx          uint64
	MembCommitTokenTx, MembCommitTokenRx uint64
	TokenHoldCancelTx, TokenHoldCancelRx uint64
	OperationalEntered                   uint64
	OperationalTokenLost                 uint64
	GatherEntered, GatherTokenLost       uint64
	CommitEntered, CommitTokenLost       uint64
	RecoveryEntered, RecoveryTokenLost   uint64
	ConsensusTimeouts                    uint64
	// RxMsgDropped counts frames that were malformed or could not be used in the state they arrived in.
	RxMsgDropped uint64

	// ContinuousGather counts consensus timeouts in a row.
	ContinuousGather uint32
	// FirewallEnabledOrNICFailure says that no ring could be formed for a while.
	FirewallEnabledOrNICFailure bool
	// MttRxToken is the mean time between tokens, AvgTokenWorkload that from receiving to sending one, in milliseconds,
	// AvgBacklogCalc the mean of the ring's backlog in messages, all over the last 100 tokens.
	MttRxToken, AvgTokenWorkload, AvgBacklogCalc uint32
	// TimeSinceTokenLastReceived is the age of the last token.
	TimeSinceTokenLastReceived time.Duration

	// What the C daemon does not count.
	RxMalformed    uint64 // of RxMsgDropped, those that could not be parsed
	RxDuplicate    uint64 // tokens and messages received again
	Delivered      uint64 // frames delivered
	PauseDetected  uint64
	FailedToRecv   uint64
	RetransRequest uint64 // messages that this node asked for
}

// tokenStatsMax is the number of token visits that the means are taken over.
const tokenStatsMax = 100

// tokenStats is a ring of the last visits.
type tokenStats struct {
	rx      [tokenStatsMax]clock.Instant
	backlog [tokenStatsMax]uint32
	last    int // index of the latest visit
	n       int // visits recorded, at most tokenStatsMax
}

func (t *tokenStats) record(now clock.Instant, backlog uint32) {
	if t.n > 0 {
		t.last++
		if t.last == tokenStatsMax {
			t.last = 0
		}
	}
	if t.n < tokenStatsMax {
		t.n++
	}
	t.rx[t.last] = now
	t.backlog[t.last] = backlog
}

// fill computes the means.
func (t *tokenStats) fill(s *Stats, now clock.Instant) {
	if t.n == 0 {
		return
	}
	s.TimeSinceTokenLastReceived = max(now.Sub(t.rx[t.last]), 0)
	oldest := t.last - t.n + 1
	if oldest < 0 {
		oldest += tokenStatsMax
	}
	if t.n > 1 {
		s.MttRxToken = uint32(t.rx[t.last].Sub(t.rx[oldest]) / time.Duration(t.n-1) / time.Millisecond)
	}
	var sum uint64
	for i := range t.n {
		sum += uint64(t.backlog[i])
	}
	s.AvgBacklogCalc = uint32(sum / uint64(t.n))
}
