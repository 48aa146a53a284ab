package sim

import (
	"slices"

	"github.com/corosync-go/corosync/daemon/clock"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
	"github.com/corosync-go/corosync/tests/history"
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
	switch {
	case err != nil:
	case h.ID == ipcmsg.QuorumEventV1Quorum:
		var e ipcmsg.QuorumV1QuorumEvent
		if e, err = ipcmsg.ParseQuorumV1QuorumEvent(msg); err == nil {
			slices.Sort(e.View)
			w.last, w.seen, w.at = e, true, w.p.c.world.Now()
			w.p.c.log(w.p.h, "quorum", "%v %d.%x %v", e.Quorate, e.RingID.NodeID, e.RingID.Seq, e.View)
			w.record(history.Step{Kind: history.LifeQuorum, Ring: ringOf(e.RingID), Nodes: e.View, Quorate: e.Quorate})
		}
	case h.ID == ipcmsg.QuorumEventV1NodeList:
		var e ipcmsg.QuorumV1NodeListEvent
		if e, err = ipcmsg.ParseQuorumV1NodeListEvent(msg); err == nil {
			slices.Sort(e.Members)
			w.p.c.log(w.p.h, "nodelist", "%d.%x %v joined %v left %v", e.RingID.NodeID, e.RingID.Seq, e.Members, e.Joined, e.Left)
			w.record(history.Step{Kind: history.LifeNodeList, Ring: ringOf(e.RingID), Nodes: e.Members, Joined: e.Joined, Left: e.Left})
		}
	}
	if err != nil {
		w.p.c.violate("ipc", "%v: quorum event: %v", w.p.h, err)
	}
}

func ringOf(r ipcmsg.RingID) history.RingID { return history.RingID{Node: r.NodeID, Seq: r.Seq} }

func (w *watcher) record(s history.Step) {
	if w.p.spy != nil && w.p.spy.life != nil {
		w.p.spy.record(s)
	}
}

func (w *watcher) closed(string) { w.p.watcher = nil }
