package cfg

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// defaultShutdownTimeout is how long clients may think about a shutdown (cmap key cfg.shutdown_timeout, ms).
const defaultShutdownTimeout = 5 * time.Second

// vote is a tracker's answer to the shutdown being asked for.
type vote uint8

const (
	voteUnknown vote = iota
	voteNo
	voteYes
)

// negotiation is a shutdown that a client asked for and others are asked about. requester nil: none.
type negotiation struct {
	requester *client
	flags     uint32
	yes, no   int
	expected  int
	timer     service.Timer
}

func (n *negotiation) stopTimer() {
	if n.timer != nil {
		n.timer.Stop()
		n.timer = nil
	}
}

func (n *negotiation) clear() {
	n.stopTimer()
	*n = negotiation{}
}

// tryShutdown asks the trackers, unless the flags or their absence decide at once.
func (e *Engine) tryShutdown(c service.Conn, req []byte) {
	cl := of(c)
	r, err := ipcmsg.ParseCfgWordRequest(req)
	switch {
	case err != nil:
		e.reply(c, ipcmsg.CfgResTryShutdown, cserr.InvalidParam)
		return
	case r.Value == ipcmsg.CfgShutdownImmediate:
		e.sendShutdown()
		e.reply(c, ipcmsg.CfgResTryShutdown, cserr.OK)
		return
	case e.shutdown.requester != nil:
		e.reply(c, ipcmsg.CfgResTryShutdown, cserr.Exist)
		return
	}
	n := &e.shutdown
	cl.asked = true
	n.requester, n.flags, n.yes, n.no, n.expected = cl, r.Value, 0, 0, 0
	for _, t := range e.trackers {
		if t != cl {
			t.vote = voteUnknown
			n.expected++
		}
	}
	if n.expected == 0 {
		// The requester stays recorded: a further request meets a shutdown under way.
		e.reply(c, ipcmsg.CfgResTryShutdown, cserr.OK)
		e.sendShutdown()
		return
	}
	timeout := defaultShutdownTimeout
	if ms, err := e.api.DB().GetUint32("cfg.shutdown_timeout"); err == nil {
		timeout = time.Duration(ms) * time.Millisecond
	}
	n.timer = e.api.After(timeout, e.shutdownExpired)
	for _, t := range e.trackers {
		if t != cl {
			e.testShutdown(t, cserr.OK)
		}
	}
}

// replyToShutdown counts a vote. Nobody is kept from voting twice, as in 3.1.
func (e *Engine) replyToShutdown(c service.Conn, req []byte) {
	cl := of(c)
	r, err := ipcmsg.ParseCfgWordRequest(req)
	switch {
	case err != nil:
		e.reply(c, ipcmsg.CfgResReplyToShutdown, cserr.InvalidParam)
		return
	case e.shutdown.requester == nil:
		e.reply(c, ipcmsg.CfgResReplyToShutdown, cserr.Access)
		return
	}
	if r.Value != 0 {
		e.shutdown.yes++
		cl.vote = voteYes
	} else {
		e.shutdown.no++
		cl.vote = voteNo
	}
	e.evaluate()
	e.reply(c, ipcmsg.CfgResReplyToShutdown, cserr.OK)
}

// evaluate ends the negotiation when all have answered.
func (e *Engine) evaluate() {
	n := &e.shutdown
	if n.requester == nil || n.yes+n.no < n.expected {
		return
	}
	e.api.Log().Debugf("shutdown decision is: (yes count: %d, no count: %d) flags=%x", n.yes, n.no, n.flags)
	requester := n.requester
	agreed := n.yes >= n.expected || n.flags == ipcmsg.CfgShutdownRegardless
	n.clear()
	if !agreed {
		e.reply(requester.conn, ipcmsg.CfgResTryShutdown, cserr.Busy)
		return
	}
	e.reply(requester.conn, ipcmsg.CfgResTryShutdown, cserr.OK)
	e.sendShutdown()
}

// shutdownExpired counts everybody as a no. That it is too late is told to those trackers only that have themselves asked
// for a shutdown before, as 3.1 does: a library takes the event for another question, which the others have not been told
// to expect.
func (e *Engine) shutdownExpired() {
	n := &e.shutdown
	n.timer = nil
	flags := n.flags
	n.no = n.expected
	e.evaluate()
	n.flags = flags
	for _, t := range e.trackers {
		if t.asked {
			e.testShutdown(t, cserr.Timeout)
		}
	}
	n.flags = 0
}

func (e *Engine) testShutdown(t *client, res cserr.Error) {
	e.scratch = ipcmsg.CfgTestShutdownEvent{Error: res, Flags: e.shutdown.flags}.Append(e.scratch[:0])
	t.conn.Event(e.scratch)
}

func (e *Engine) sendShutdown() {
	if err := e.mcast(ipcmsg.AppendExecCfgShutdown(e.scratch[:0], binary.NativeEndian)); err != nil {
		// Admission has reserved room for requests; after a timeout the queue may be full. The local stop does not need
		// the others to know its reason.
		e.api.Log().Errorf("Unable to announce the shutdown: %v", err)
		e.api.Host().Shutdown("shutdown requested")
	}
}

// trackStart makes the connection one that is asked, at once if a question is open.
func (e *Engine) trackStart(c service.Conn, _ []byte) {
	cl := of(c)
	if !cl.tracking {
		cl.tracking = true
		cl.vote = voteUnknown
		e.trackers = slices.Insert(e.trackers, 0, cl)
		if e.shutdown.requester != nil {
			e.shutdown.expected++
			e.testShutdown(cl, cserr.OK)
		}
	}
	e.reply(c, ipcmsg.CfgResTrackStart, cserr.OK)
}

func (e *Engine) trackStop(c service.Conn, _ []byte) {
	e.leave(of(c))
	e.reply(c, ipcmsg.CfgResTrackStop, cserr.OK)
}

// leave takes a connection out: the requester's question is withdrawn, a tracker counts as one that does not mind.
func (e *Engine) leave(cl *client) {
	n := &e.shutdown
	if n.requester == cl {
		n.clear()
	}
	if !cl.tracking {
		return
	}
	cl.tracking = false
	if i := slices.Index(e.trackers, cl); i >= 0 {
		e.trackers = slices.Delete(e.trackers, i, i+1)
	}
	if n.requester == nil {
		return
	}
	switch cl.vote {
	case voteNo:
		n.no--
	case voteYes:
		n.yes--
	}
	cl.vote = voteUnknown
	n.yes++
	e.evaluate()
}
