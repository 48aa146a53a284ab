package votequorum

import (
	"encoding/binary"
	"slices"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Lib returns the client functions in the order of their numbers.
func (e *Engine) Lib() []service.LibFunc {
	return []service.LibFunc{
		ipcmsg.VotequorumReqGetInfo:           {Call: e.getInfo},
		ipcmsg.VotequorumReqSetExpected:       {Call: e.status(e.setExpected)},
		ipcmsg.VotequorumReqSetVotes:          {Call: e.status(e.setVotes)},
		ipcmsg.VotequorumReqTrackStart:        {Call: e.status(e.trackStart)},
		ipcmsg.VotequorumReqTrackStop:         {Call: e.status(e.trackStop)},
		ipcmsg.VotequorumReqQdeviceRegister:   {Call: e.status(e.qdeviceRegister)},
		ipcmsg.VotequorumReqQdeviceUnregister: {Call: e.status(e.qdeviceUnregister)},
		ipcmsg.VotequorumReqQdeviceUpdate:     {Call: e.status(e.qdeviceUpdate)},
		ipcmsg.VotequorumReqQdevicePoll:       {Call: e.status(e.qdevicePoll)},
		ipcmsg.VotequorumReqQdeviceMasterWins: {Call: e.status(e.qdeviceMaster)},
	}
}

// answerLater is returned by a request whose answer comes with an ordered message.
const answerLater cserr.Error = 0

// status makes a client function of one that is answered with nothing but its result.
func (e *Engine) status(fn func(cl *client, req []byte) cserr.Error) func(service.Conn, []byte) {
	return func(c service.Conn, req []byte) {
		if res := fn(c.Data().(*client), req); res != answerLater {
			e.replyStatus(c, res)
		}
	}
}

func (e *Engine) replyStatus(c service.Conn, res cserr.Error) {
	e.scratch = ipcmsg.AppendResponse(e.scratch[:0], ipcmsg.VotequorumResStatus, res)
	c.Reply(e.scratch)
}

// LibInit prepares a connection.
func (e *Engine) LibInit(c service.Conn) error {
	c.SetData(&client{conn: c})
	return nil
}

// LibExit forgets the connection. A device that goes away stays registered: its timer takes the vote.
func (e *Engine) LibExit(c service.Conn) {
	if cl, ok := c.Data().(*client); ok {
		e.untrack(cl)
	}
	if e.qdeviceRegistration != nil && e.qdeviceRegistration.ID() == c.ID() {
		e.qdeviceRegistration = nil
	}
}

func (e *Engine) untrack(cl *client) {
	if i := slices.Index(e.trackers, cl); i >= 0 {
		e.trackers = slices.Delete(e.trackers, i, i+1)
	}
	cl.tracking = false
}

func (e *Engine) getInfo(c service.Conn, req []byte) {
	m, err := ipcmsg.ParseVotequorumGetInfoRequest(req)
	id := totem.NodeID(m.NodeID)
	if id == 0 {
		id = e.us.id
	}
	n := e.find(id)
	if err != nil || n == nil {
		res := cserr.NotExist
		if err != nil {
			res = cserr.InvalidParam
		}
		e.scratch = ipcmsg.VotequorumInfo{Error: res}.Append(e.scratch[:0])
		c.Reply(e.scratch)
		return
	}
	info := ipcmsg.VotequorumInfo{
		Error: cserr.OK, NodeID: uint32(n.id), State: uint32(n.state), Votes: n.votes, ExpectedVotes: n.expected,
		Quorum: e.quorum, QdeviceVotes: e.qdevice.votes, QdeviceName: []byte(e.qdeviceName),
	}
	e.eachMember(func(m *node) {
		info.HighestExpected = max(info.HighestExpected, m.expected)
		info.TotalVotes += m.votes
	})
	if n.has(ipcmsg.VotequorumNodeQdeviceCastVote) {
		info.TotalVotes += e.qdevice.votes
	}
	for _, f := range []struct {
		on   bool
		flag uint32
	}{
		{e.twoNode, ipcmsg.VotequorumInfoTwoNode},
		{e.quorate, ipcmsg.VotequorumInfoQuorate},
		{e.waitForAll, ipcmsg.VotequorumInfoWaitForAll},
		{e.lastManStanding, ipcmsg.VotequorumInfoLastManStanding},
		{e.tie != atbNone, ipcmsg.VotequorumInfoAutoTieBreaker},
		{e.allowDownscale, ipcmsg.VotequorumInfoAllowDownscale},
		{n.has(ipcmsg.VotequorumNodeQdeviceRegistered), ipcmsg.VotequorumInfoQdeviceRegistered},
		{n.has(ipcmsg.VotequorumNodeQdeviceAlive), ipcmsg.VotequorumInfoQdeviceAlive},
		{n.has(ipcmsg.VotequorumNodeQdeviceCastVote), ipcmsg.VotequorumInfoQdeviceCastVote},
		{n.has(ipcmsg.VotequorumNodeQdeviceMasterWins), ipcmsg.VotequorumInfoQdeviceMasterWins},
	} {
		if f.on {
			info.Flags |= f.flag
		}
	}
	e.scratch = info.Append(e.scratch[:0])
	c.Reply(e.scratch)
}

// setExpected refuses less than the votes that are here, and what would take the quorum away.
func (e *Engine) setExpected(_ *client, req []byte) cserr.Error {
	m, err := ipcmsg.ParseVotequorumSetExpectedRequest(req)
	if err != nil {
		return cserr.InvalidParam
	}
	downscale := e.allowDownscale
	e.allowDownscale = false
	quorum, total := e.compute(true, m.ExpectedVotes)
	e.allowDownscale = downscale
	if m.ExpectedVotes < total || e.quorate && quorum > total {
		return cserr.InvalidParam
	}
	e.setMembersExpected(m.ExpectedVotes)
	if e.sendReconfigure(ipcmsg.VotequorumParamExpectedVotes, e.us.id, m.ExpectedVotes) != nil {
		return cserr.NoResources
	}
	return cserr.OK
}

func (e *Engine) setVotes(_ *client, req []byte) cserr.Error {
	m, err := ipcmsg.ParseVotequorumSetVotesRequest(req)
	if err != nil {
		return cserr.InvalidParam
	}
	n := e.find(totem.NodeID(m.NodeID))
	if n == nil {
		return cserr.NameNotFound
	}
	saved := n.votes
	n.votes = m.Votes
	quorum, total := e.compute(true, 0)
	if quorum < total/2 || quorum > total {
		n.votes = saved
		return cserr.InvalidParam
	}
	if e.sendReconfigure(ipcmsg.VotequorumParamNodeVotes, n.id, m.Votes) != nil {
		return cserr.NoResources
	}
	return cserr.OK
}

// trackStart sends the present state before the answer, also when the client is tracking already.
func (e *Engine) trackStart(cl *client, req []byte) cserr.Error {
	m, err := ipcmsg.ParseVotequorumTrackStartRequest(req)
	if err != nil {
		return cserr.InvalidParam
	}
	if m.TrackFlags&(ipcmsg.TrackCurrent|ipcmsg.TrackChanges) != 0 {
		e.sendNodeList(cl, m.Context)
		e.sendQuorum(cl, m.Context)
	}
	if cl.tracking {
		return cserr.Exist
	}
	if m.TrackFlags&(ipcmsg.TrackChanges|ipcmsg.TrackChangesOnly) != 0 {
		cl.tracking, cl.context = true, m.Context
		e.trackers = slices.Insert(e.trackers, 0, cl)
	}
	return cserr.OK
}

func (e *Engine) trackStop(cl *client, _ []byte) cserr.Error {
	if !cl.tracking {
		return cserr.NotExist
	}
	e.untrack(cl)
	return cserr.OK
}

// qdeviceRegister is answered when the registration comes back in the order of the cluster (ownRegistration).
func (e *Engine) qdeviceRegister(cl *client, req []byte) cserr.Error {
	m, err := ipcmsg.ParseVotequorumQdeviceRequest(req)
	if err != nil {
		return cserr.InvalidParam
	}
	if !e.qdeviceCanOperate {
		e.log.Infof("Registration of quorum device is disabled by incorrect corosync.conf. See logs for more information")
		return cserr.Access
	}
	name := string(m.Name)
	if e.us.has(ipcmsg.VotequorumNodeQdeviceRegistered) {
		if name == e.qdeviceName {
			return cserr.OK
		}
		e.log.Warningf("A new qdevice with different name (new: %s old: %s) is trying to re-register!", name, e.qdeviceName)
		return cserr.Exist
	}
	if e.qdeviceRegistration != nil {
		e.log.Warningf("Registration request already in progress")
		return cserr.TryAgain
	}
	if err := e.sendQdeviceReg(ipcmsg.VotequorumQdeviceOpRegister, name); err != nil {
		e.log.Warningf("Unable to send qdevice registration request to cluster: %v", err)
		return cserr.TryAgain
	}
	e.qdeviceRegistration = cl.conn
	return answerLater
}

// registeredAs checks that a device with this name is registered here.
func (e *Engine) registeredAs(name []byte) cserr.Error {
	if !e.us.has(ipcmsg.VotequorumNodeQdeviceRegistered) {
		return cserr.NotExist
	}
	if string(name) != e.qdeviceName {
		return cserr.InvalidParam
	}
	return cserr.OK
}

func (e *Engine) qdeviceUnregister(_ *client, req []byte) cserr.Error {
	m, err := ipcmsg.ParseVotequorumQdeviceRequest(req)
	if err != nil {
		return cserr.InvalidParam
	}
	if res := e.registeredAs(m.Name); res != cserr.OK {
		return res
	}
	e.stopTimer(&e.qdeviceTimer)
	e.waitForPoll = false
	e.us.set(ipcmsg.VotequorumNodeQdeviceRegistered|ipcmsg.VotequorumNodeQdeviceAlive|
		ipcmsg.VotequorumNodeQdeviceCastVote|ipcmsg.VotequorumNodeQdeviceMasterWins, false)
	e.sendNodeInfo(e.us)
	if err := e.sendQdeviceReg(ipcmsg.VotequorumQdeviceOpUnregister, e.qdeviceName); err != nil {
		e.log.Warningf("Unable to send qdevice unregistration request to cluster: %v", err)
	}
	return cserr.OK
}

func (e *Engine) qdeviceUpdate(_ *client, req []byte) cserr.Error {
	m, err := ipcmsg.ParseVotequorumQdeviceUpdateRequest(req)
	if err != nil {
		return cserr.InvalidParam
	}
	if res := e.registeredAs(m.OldName); res != cserr.OK {
		return res
	}
	msg := ipcmsg.ExecVotequorumQdeviceReconfigureMsg{OldName: m.OldName, NewName: m.NewName}
	if err := e.mcast(msg.Append(e.scratch[:0], binary.NativeEndian)); err != nil {
		e.log.Warningf("Unable to send qdevice rename request to cluster: %v", err)
	}
	return cserr.OK
}

// qdevicePoll is the device's sign of life and its vote on the present membership. A vote on an older one is refused.
func (e *Engine) qdevicePoll(_ *client, req []byte) cserr.Error {
	m, err := ipcmsg.ParseVotequorumQdevicePollRequest(req)
	if err != nil {
		return cserr.InvalidParam
	}
	if !e.qdeviceCanOperate {
		return cserr.Access
	}
	res := e.registeredAs(m.Name)
	if res == cserr.NotExist {
		return res
	}
	if ring := (totem.RingID{Rep: totem.NodeID(m.RingID.NodeID), Seq: m.RingID.Seq}); ring != e.ring {
		e.log.Debugf("Received poll ring id (%v) != last sync ring id (%v). Ignoring poll call.", ring, e.ring)
		return cserr.MessageError
	}
	if res != cserr.OK {
		return res
	}
	old := e.us.flags
	e.us.set(ipcmsg.VotequorumNodeQdeviceAlive, true)
	e.us.set(ipcmsg.VotequorumNodeQdeviceCastVote, m.CastVote)
	if e.us.flags != old {
		e.sendNodeInfo(e.us)
	}
	e.stopTimer(&e.qdeviceTimer)
	e.qdeviceTimer = e.api.After(e.qdeviceTimeout, e.qdeviceExpired)
	e.waitForPoll = false
	return cserr.OK
}

func (e *Engine) qdeviceMaster(_ *client, req []byte) cserr.Error {
	m, err := ipcmsg.ParseVotequorumQdeviceMasterWinsRequest(req)
	if err != nil {
		return cserr.InvalidParam
	}
	if !e.qdeviceCanOperate {
		return cserr.Access
	}
	if res := e.registeredAs(m.Name); res != cserr.OK {
		return res
	}
	old := e.us.flags
	e.us.set(ipcmsg.VotequorumNodeQdeviceMasterWins, m.Allow)
	if e.us.flags != old {
		e.sendNodeInfo(e.us)
	}
	e.qdeviceMasterWins = m.Allow
	e.publish8("qdevice_master_wins", m.Allow)
	return cserr.OK
}
