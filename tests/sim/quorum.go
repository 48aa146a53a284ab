package sim

import (
	"slices"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// watcher is a client of the quorum service: one runs on each node from the moment it admits clients.
type watcher struct {
	p    *proc
	conn *conn
	last ipcmsg.QuorumV1QuorumEvent
	seen bool
	at   clock.Instant
}

func (p *proc) watchQuorum() {
	w := &watcher{p: p}
	p.h.nextPID++
	if w.conn = p.connect(service.Quorum, p.h.nextPID, w); w.conn == nil {
		p.c.violate("ipc", "%v: no connection to the quorum service when clients are admitted", p.h)
		return
	}
	p.watcher = w
	w.conn.send(ipcmsg.QuorumModelGetTypeRequest{Model: ipcmsg.QuorumModelV1}.Append(nil))
	w.conn.send(ipcmsg.QuorumTrackStartRequest{TrackFlags: ipcmsg.TrackCurrent | ipcmsg.TrackChanges}.Append(nil))
}

func (w *watcher) reply(msg []byte) {
	if h, err := ipcmsg.ParseResponseHeader(msg); err != nil || h.Error != cserr.OK {
		w.p.c.violate("ipc", "%v: quorum answered %v %v", w.p.h, h.Error, err)
	}
}

func (w *watcher) event(msg []byte) {
	h, err := ipcmsg.ParseResponseHeader(msg)
	if err != nil || h.ID != ipcmsg.QuorumEventV1Quorum {
		return
	}
	e, err := ipcmsg.ParseQuorumV1QuorumEvent(msg)
	if err != nil {
		w.p.c.violate("ipc", "%v: quorum event: %v", w.p.h, err)
		return
	}
	slices.Sort(e.View)
	w.last, w.seen, w.at = e, true, w.p.c.world.Now()
	w.p.c.log(w.p.h, "quorum", "%v %d.%x %v", e.Quorate, e.RingID.NodeID, e.RingID.Seq, e.View)
	w.p.c.judgeQuorum(w)
}

func (w *watcher) closed(string) { w.p.watcher = nil }

// judgeQuorum compares what a node says to the arithmetic of votes: each node has one, all nodes are expected.
func (c *Cluster) judgeQuorum(w *watcher) {
	n, v := len(c.hosts), len(w.last.View)
	if !slices.Contains(w.last.View, uint32(w.p.h.id)) {
		c.violate("quorum", "%v: the view %v does not hold the node itself", w.p.h, w.last.View)
	}
	majority := 2*v > n
	half := 2*v == n
	switch {
	case w.last.Quorate && !majority && !(half && c.Plan.AutoTieBreaker && w.last.View[0] == 1):
		c.violate("quorum", "%v: quorate with %v of %d nodes", w.p.h, w.last.View, n)
	case !w.last.Quorate && majority && !c.Plan.WaitForAll && c.settledSince(w):
		c.violate("quorum", "%v: not quorate with %v of %d nodes", w.p.h, w.last.View, n)
	}
}

// settledSince says whether the node has told its state before in this ring: the first event may come before the votes
// of the others are known.
func (c *Cluster) settledSince(w *watcher) bool { return false }
