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
//
// The tie breaker follows 3.1: half of the votes are enough with the lowest node of the last membership that had a majority.
// That is no fixed node. When {3 4 5} of six lose 5, the rest holds its own lowest node, and when 5 then comes to {1 2},
// these hold theirs: 3.1 has two quorate partitions there, and so have we, for nodes of both kinds must agree. What a node
// takes for that membership it need not have told anybody, so that only the number of votes is looked at.
func (c *Cluster) judgeQuorum(w *watcher) {
	n, v := len(c.hosts), len(w.last.View)
	if !slices.Contains(w.last.View, uint32(w.p.h.id)) {
		c.violate("quorum", "%v: the view %v does not hold the node itself", w.p.h, w.last.View)
		return
	}
	majority := 2*v > n
	tie := 2*v == n && c.Plan.AutoTieBreaker
	if w.last.Quorate && !majority && !tie {
		c.violate("quorum", "%v: quorate with %v of %d nodes", w.p.h, w.last.View, n)
	}
}
