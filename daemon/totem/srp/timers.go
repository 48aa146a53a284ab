package srp

import (
	"time"

	"github.com/corosync-go/corosync/daemon/clock"
)

// timer names a deadline.
type timer uint8

const (
	timerToken      timer = iota // token loss
	timerWarning                 // token overdue: only a line in the log
	timerRetransmit              // the last token is sent again
	timerHold                    // end of a token hold at the representative
	timerJoin                    // next JOIN in GATHER
	timerSendJoin                // delay of a JOIN (send_join)
	timerConsensus               // GATHER does not wait any longer for who is silent
	timerMerge                   // MERGE_DETECT on an idle ring
	timerPause                   // the process is alive
	timerHeartbeat               // token loss, heartbeat variant
	numTimers
)

// timers are deadlines; clock.Never means stopped.
type timers [numTimers]clock.Instant

func (t *timers) stopAll() {
	for i := range t {
		t[i] = clock.Never
	}
}

func (t *timers) stop(which timer) { t[which] = clock.Never }

func (t *timers) running(which timer) bool { return t[which] != clock.Never }

func (t *timers) earliest() (timer, clock.Instant) {
	first, at := timer(0), clock.Never
	for i, d := range t {
		if d < at {
			first, at = timer(i), d
		}
	}
	return first, at
}

func (m *Machine) start(which timer, d time.Duration) { m.timers[which] = m.now.Add(d) }

// startToken restarts the token loss timer and the warning that goes with it.
func (m *Machine) startToken() {
	m.start(timerToken, m.cfg.Token)
	m.timers.stop(timerWarning)
	if m.cfg.TokenWarning > 0 {
		m.start(timerWarning, m.warningInterval())
	}
}

func (m *Machine) warningInterval() time.Duration {
	return max(m.cfg.Token*time.Duration(m.cfg.TokenWarning)/100, time.Millisecond)
}

func (m *Machine) startRetransmit() { m.start(timerRetransmit, m.cfg.TokenRetransmit) }

func (m *Machine) startPause() { m.start(timerPause, m.cfg.Token/5) }

// NextDeadline returns when Advance is due.
func (m *Machine) NextDeadline() clock.Instant {
	_, at := m.timers.earliest()
	return at
}

// Advance runs the timers that have expired, in the order of their deadlines.
func (m *Machine) Advance(now clock.Instant) {
	if !m.begin(now) {
		return
	}
	// Intervals are at least a millisecond, so a timer that starts itself again is not run twice. The bound is there
	// because one timer may start another.
	for range 2 * numTimers {
		which, at := m.timers.earliest()
		if at > now {
			break
		}
		m.timers.stop(which)
		m.expire(which)
	}
	m.end()
}

func (m *Machine) expire(which timer) {
	switch which {
	case timerToken:
		m.tokenLost()
	case timerHeartbeat:
		m.log.Debugf("HeartBeat Timer expired Invoking token loss mechanism in state %d ", m.state)
		m.tokenLost()
	case timerWarning:
		if m.cfg.TokenWarning > 0 {
			m.log.Noticef("Token has not been received in %d ms ", m.tokenAge().Milliseconds())
			m.start(timerWarning, m.warningInterval())
		}
	case timerRetransmit:
		m.retransmitExpired()
	case timerHold:
		if m.state == Operational || m.state == Recovery {
			m.resendToken()
		}
	case timerJoin:
		if m.state == Gather {
			m.sendJoinDelayed()
			m.start(timerJoin, m.cfg.Join)
		}
	case timerSendJoin:
		if m.state == Gather {
			m.sendJoin()
		}
	case timerConsensus:
		if m.state == Gather {
			m.consensusExpired()
		}
	case timerMerge:
		if m.state == Operational && m.isRep() {
			m.sendMergeDetect()
		}
	case timerPause:
		m.pausedAt = 0
		if m.now.Sub(m.lastAlive) > m.cfg.Token/2 {
			m.pausedAt = m.now
			m.pausedFor = m.now.Sub(m.lastAlive)
		}
		m.lastAlive = m.now
		m.startPause()
	}
}

// tokenLost is the end of the token timer in each state.
func (m *Machine) tokenLost() {
	switch m.state {
	case Operational:
		m.log.Debugf("The token was lost in the OPERATIONAL state.")
		m.log.Noticef("A processor failed, forming new configuration: token timed out (%dms), waiting %dms for consensus.",
			m.cfg.Token.Milliseconds(), m.cfg.Consensus.Milliseconds())
		m.emit(Output{Kind: CheckInterfaces})
		m.enterGather(ReasonTokenLostOperational)
		m.stats.OperationalTokenLost++
	case Gather:
		m.log.Debugf("The consensus timeout expired (%dms).", m.cfg.Consensus.Milliseconds())
		m.consensusExpired()
		m.enterGather(ReasonConsensusTimeoutExpired)
		m.stats.GatherTokenLost++
	case Commit:
		m.log.Debugf("The token was lost in the COMMIT state.")
		m.enterGather(ReasonTokenLostCommit)
		m.stats.CommitTokenLost++
	case Recovery:
		m.log.Debugf("The token was lost in the RECOVERY state.")
		m.enterGather(ReasonTokenLostRecovery)
		m.stats.RecoveryTokenLost++
	}
}

// paused reports whether frames that are read now may have been waiting while the process did not run. The time since the
// last sign of life says so, or, if the timers came first this time, what they found.
func (m *Machine) paused() (time.Duration, bool) {
	if d := m.now.Sub(m.lastAlive); d > m.cfg.Token/2 {
		return d, true
	}
	if m.pausedAt == m.now {
		return m.pausedFor, true
	}
	return 0, false
}
