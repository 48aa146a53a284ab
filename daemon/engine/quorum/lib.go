package quorum

import (
	"slices"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Lib returns the client functions in the order of their numbers.
func (e *Engine) Lib() []service.LibFunc {
	return []service.LibFunc{
		ipcmsg.QuorumReqGetQuorate:   {Call: e.getQuorate},
		ipcmsg.QuorumReqTrackStart:   {Call: e.trackStart},
		ipcmsg.QuorumReqTrackStop:    {Call: e.trackStop},
		ipcmsg.QuorumReqGetType:      {Call: e.getType},
		ipcmsg.QuorumReqModelGetType: {Call: e.modelGetType},
	}
}

func (e *Engine) reply(c service.Conn, id int32, err cserr.Error) {
	e.scratch = ipcmsg.AppendResponse(e.scratch[:0], id, err)
	c.Reply(e.scratch)
}

func (e *Engine) replyValue(c service.Conn, id int32, err cserr.Error, v uint32) {
	e.scratch = ipcmsg.QuorumValueResponse{ID: id, Error: err, Value: v}.Append(e.scratch[:0])
	c.Reply(e.scratch)
}

func (e *Engine) getQuorate(c service.Conn, _ []byte) {
	var v uint32
	if e.quorate {
		v = 1
	}
	e.replyValue(c, ipcmsg.QuorumResGetQuorate, cserr.OK, v)
}

func (e *Engine) getType(c service.Conn, _ []byte) {
	e.replyValue(c, ipcmsg.QuorumResGetType, cserr.OK, e.quorumType())
}

func (e *Engine) quorumType() uint32 {
	if e.provider == "" {
		return ipcmsg.QuorumTypeFree
	}
	return ipcmsg.QuorumTypeSet
}

func (e *Engine) modelGetType(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseQuorumModelGetTypeRequest(req)
	if err != nil || r.Model > ipcmsg.QuorumModelV1 {
		e.replyValue(c, ipcmsg.QuorumResModelGetType, cserr.InvalidParam, 0)
		return
	}
	c.Data().(*client).model = r.Model
	e.replyValue(c, ipcmsg.QuorumResModelGetType, cserr.OK, e.quorumType())
}

// trackStart sends the present state before the answer, and also to a client that is tracking already and is refused
// with EXIST: clients of both kinds count on it.
func (e *Engine) trackStart(c service.Conn, req []byte) {
	cl := c.Data().(*client)
	r, err := ipcmsg.ParseQuorumTrackStartRequest(req)
	if err != nil {
		e.reply(c, ipcmsg.QuorumResTrackStart, cserr.InvalidParam)
		return
	}
	if r.TrackFlags&(ipcmsg.TrackCurrent|ipcmsg.TrackChanges) != 0 {
		e.sendNodeList(cl, nil, nil)
		e.sendQuorum(cl)
	}
	if cl.tracking {
		e.reply(c, ipcmsg.QuorumResTrackStart, cserr.Exist)
		return
	}
	if r.TrackFlags&(ipcmsg.TrackChanges|ipcmsg.TrackChangesOnly) != 0 {
		cl.tracking = true
		cl.flags = r.TrackFlags
		e.trackers = slices.Insert(e.trackers, 0, cl)
	}
	e.reply(c, ipcmsg.QuorumResTrackStart, cserr.OK)
}

func (e *Engine) trackStop(c service.Conn, _ []byte) {
	e.untrack(c.Data().(*client))
	e.reply(c, ipcmsg.QuorumResTrackStop, cserr.OK)
}

func ringID(r totem.RingID) ipcmsg.RingID {
	return ipcmsg.RingID{NodeID: uint32(r.Rep), Seq: r.Seq}
}

// sendQuorum sends the quorum event of the client's model.
func (e *Engine) sendQuorum(cl *client) {
	if cl.model == ipcmsg.QuorumModelV0 {
		e.scratch = ipcmsg.QuorumNotification{
			Quorate: e.quorate, RingSeq: e.viewRing.Seq, View: e.view,
		}.Append(e.scratch[:0])
	} else {
		e.scratch = ipcmsg.QuorumV1QuorumEvent{
			Quorate: e.quorate, RingID: ringID(e.viewRing), View: e.view,
		}.Append(e.scratch[:0])
	}
	cl.conn.Event(e.scratch)
}

// sendNodeList sends the membership to a v1 client; v0 has no such event.
func (e *Engine) sendNodeList(cl *client, joined, left []uint32) {
	if cl.model != ipcmsg.QuorumModelV1 {
		return
	}
	e.scratch = ipcmsg.QuorumV1NodeListEvent{
		RingID: ringID(e.syncRing), Members: e.member, Joined: joined, Left: left,
	}.Append(e.scratch[:0])
	cl.conn.Event(e.scratch)
}
