package srp

import (
	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/totem/wire"
)

// The automaton of the paper's membership algorithm:
//
//	             token lost, foreign message,
//	             merge, join
//	OPERATIONAL -----------------------------> GATHER <---.
//	    ^                                      |  ^  |    | lists changed,
//	    |                       own or received|  |  '----' consensus timeout
//	    | token seen with          commit token|  |
//	    | nothing left                         v  | token lost, join
//	RECOVERY <------------------------------ COMMIT
//	    |        commit token is complete         ^
//	    '---- token lost, join ----> GATHER ------'
//
// What a frame does depends on state and type:
//
//	              OPERATIONAL       GATHER             COMMIT            RECOVERY
//	ORF token     visit             ignored            ignored           visit
//	MCAST         receive, deliver  receive            dropped           receive encapsulated
//	 other ring   gather            gather if unknown  dropped           dropped
//	MERGE_DETECT  gather            gather if unknown  ignored           ignored
//	JOIN          agree             agree              merge, gather     merge, gather
//	commit token  ignored           commit             recover if whole  rep: first ORF token
//	HOLD_CANCEL   resend            -                  resend            resend
type handler func(*Machine, []byte)

// handlers lists what is not part of the steady flow of MCASTs and tokens; those are handled by segment.
var handlers = [wire.NumTypes]handler{
	wire.TypeMergeDetect: (*Machine).receiveMergeDetect,
	wire.TypeJoin:        (*Machine).receiveJoin,
	wire.TypeCommitToken: (*Machine).receiveCommitToken,
	wire.TypeHoldCancel:  (*Machine).receiveHoldCancel,
}

// Step handles frames that were received and returns how many it consumed; see [API].
//
// Runs of MCASTs and tokens are handled with the MCASTs first: the order in which the two arrive means nothing, and a message
// that is here need not be requested. With a token among them, delivery waits until the token has been sent on.
func (m *Machine) Step(now clock.Instant, frames [][]byte) int {
	if !m.begin(now) || !m.started {
		return len(frames)
	}
	for i := 0; i < len(frames); {
		t, ok := m.typeOf(frames[i])
		switch {
		case !ok:
			i++
		case t == wire.TypeMcast || t == wire.TypeToken:
			n, visited := m.segment(frames[i:])
			i += n
			if visited {
				m.end()
				return i
			}
		case t == wire.TypeJoin && m.flushPaused(len(frames)-i-1):
			i = len(frames)
		default:
			handlers[t](m, frames[i])
			i++
		}
	}
	m.end()
	return len(frames)
}

// typeOf checks the header of a frame.
func (m *Machine) typeOf(frame []byte) (wire.Type, bool) {
	h, err := wire.ParseHeader(frame)
	if err != nil {
		m.malformed(frame, err)
		return 0, false
	}
	return h.Type, true
}

// segment handles the MCASTs and tokens at the start of frames. It returns how many frames it consumed, and whether it
// stopped because a token was accepted, after which the outputs must be executed first.
func (m *Machine) segment(frames [][]byte) (n int, visited bool) {
	tokens := m.in.later[:0]
	end, msgs := 0, 0
	for ; end < len(frames); end++ {
		h, err := wire.ParseHeader(frames[end])
		if err != nil || h.Type != wire.TypeMcast && h.Type != wire.TypeToken {
			break
		}
		if h.Type == wire.TypeToken {
			tokens = append(tokens, frames[end])
			continue
		}
		frames[msgs] = frames[end]
		msgs++
	}
	copy(frames[msgs:end], tokens)
	clear(tokens)
	m.in.later = tokens[:0]

	hurry := msgs < end
	for _, f := range frames[:msgs] {
		m.receiveMcast(f, hurry)
	}
	for n = msgs; n < end; n++ {
		if m.receiveToken(frames[n]) {
			return n + 1, true
		}
	}
	if hurry && m.state == Operational {
		m.deliver()
	}
	return end, false
}

// flushPaused drops a JOIN, and what was read after it, if the process did not run for a while: such JOINs may be old. As in
// C, a JOIN that comes alone is taken to be new.
func (m *Machine) flushPaused(rest int) bool {
	d, ok := m.paused()
	if !ok {
		return false
	}
	m.log.Noticef("Process pause detected for %d ms, flushing membership messages.", d.Milliseconds())
	m.stats.PauseDetected++
	if rest == 0 {
		return false
	}
	m.stats.RxMsgDropped += uint64(rest) + 1
	m.emit(Output{Kind: Drain})
	return true
}
