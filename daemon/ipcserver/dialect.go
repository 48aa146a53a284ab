package ipcserver

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/coroipc"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// dialect translates between a client of 1.4 and an engine, which speaks 3.x. Headers are those of 3.x on both sides; see
// package coroipc. A connection has one request at a time, so a dialect knows what an answer belongs to.
type dialect interface {
	// request returns the engine's request, or the answer if the engine is not to be asked. Either may be req, changed.
	request(req []byte) (engine, answer []byte)
	// reply returns the client's answer, which may be msg, changed.
	reply(msg []byte) []byte
	// translates says whether an event that begins with head differs. event returns the client's event, nil if it has none
	// of that kind; it may be called again with the same event until sent says that it is on its way.
	translates(head []byte) bool
	event(msg []byte) []byte
	sent()
}

// shared1x is what 1.x keeps for the node and 3.x does not have.
type shared1x struct {
	diskName string // that a quorum disk registered under
	hasState bool   // votequorum_setstate was called
}

// dialect returns that of a service of 1.x.
func (s *Server) dialect(number int) dialect {
	switch number {
	case coroipc.ServiceCPG:
		return &cpg1x{}
	case coroipc.ServiceCFG:
		return &cfg1x{}
	case coroipc.ServiceQuorum:
		return &quorum1x{}
	case coroipc.ServiceConfdb:
		return &confdb1x{server: s}
	case coroipc.ServiceVotequorum:
		return &votequorum1x{server: s}
	}
	return &same1x{}
}

func idOf(msg []byte) int32             { return int32(binary.NativeEndian.Uint32(msg)) }
func setID(msg []byte, id int32) []byte { binary.NativeEndian.PutUint32(msg, uint32(id)); return msg }
func errorOf(msg []byte) cserr.Error    { return cserr.Error(binary.NativeEndian.Uint32(msg[16:])) }

func setError(msg []byte, e cserr.Error) []byte {
	binary.NativeEndian.PutUint32(msg[16:], uint32(e))
	return msg
}

// short is an answer that is its header only.
func short(id int32, e cserr.Error) []byte { return ipcmsg.AppendResponse(nil, id, e) }

// unknown is the answer to a request that the service of 1.x does not have.
func unknown() []byte { return short(0, cserr.InvalidParam) }

// same1x is a service whose messages are the same, and the base of the others.
type same1x struct{}

func (same1x) request(req []byte) (engine, answer []byte) { return req, nil }
func (same1x) reply(msg []byte) []byte                    { return msg }
func (same1x) translates([]byte) bool                     { return false }
func (same1x) event(msg []byte) []byte                    { return msg }
func (same1x) sent()                                      {}

// cpg1x is the closed process group service. A message that a client of 3.x sent in pieces is put together here; one that
// does not fit into a client's ring cannot be shown to it in any way.
type cpg1x struct {
	same1x
	parts map[sender][]byte
	whole []byte  // the event made last
	done  *sender // whose message that is
}

type sender struct{ node, pid uint32 }

// maxWhole bounds a message put together for a client of 1.x, whose ring has a megabyte.
const maxWhole = 1 << 20

func (d *cpg1x) request(req []byte) (engine, answer []byte) {
	switch id := idOf(req); {
	case id == ipcmsg.CPG1xReqZCAlloc:
		return setID(req, ipcmsg.CPGReqZCAlloc), nil
	case id == ipcmsg.CPG1xReqZCFree:
		return setID(req, ipcmsg.CPGReqZCFree), nil
	case id == ipcmsg.CPG1xReqZCExecute:
		return setID(req, ipcmsg.CPGReqZCExecute), nil
	case id > ipcmsg.CPGReqFinalize:
		return nil, unknown()
	}
	return req, nil
}

func (d *cpg1x) translates(head []byte) bool {
	id := idOf(head)
	return id == ipcmsg.CPGEventPartialDeliver || id == ipcmsg.CPGEventConfchg && len(d.parts) > 0
}

func (d *cpg1x) event(msg []byte) []byte {
	if idOf(msg) == ipcmsg.CPGEventConfchg {
		if e, err := ipcmsg.ParseCPGConfchgEvent(msg); err == nil {
			for _, a := range e.Left {
				delete(d.parts, sender{a.NodeID, a.PID})
			}
		}
		return msg
	}
	e, err := ipcmsg.ParseCPGPartialDeliverEvent(msg)
	if err != nil {
		return nil
	}
	from := sender{e.NodeID, e.PID}
	have, known := d.parts[from]
	if e.Type == ipcmsg.CPGPartialFirst {
		have, known = nil, e.TotalLen <= maxWhole
	}
	if !known || uint64(len(have))+uint64(len(e.Payload)) > uint64(e.TotalLen) {
		delete(d.parts, from)
		return nil
	}
	if e.Type != ipcmsg.CPGPartialLast {
		if d.parts == nil {
			d.parts = make(map[sender][]byte)
		}
		d.parts[from] = append(have, e.Payload...)
		return nil
	}
	d.whole = ipcmsg.CPGDeliverEvent{
		Group: e.Group, NodeID: e.NodeID, PID: e.PID, Payload: append(have[:len(have):len(have)], e.Payload...),
	}.Append(d.whole[:0])
	d.done = &from
	return d.whole
}

func (d *cpg1x) sent() {
	if d.done != nil {
		delete(d.parts, *d.done)
		d.done, d.whole = nil, nil
	}
}

// quorum1x is the quorum service: tracking twice is no error.
type quorum1x struct{ same1x }

func (d *quorum1x) request(req []byte) (engine, answer []byte) {
	if idOf(req) > ipcmsg.QuorumReqTrackStop {
		return nil, unknown()
	}
	return req, nil
}

func (d *quorum1x) reply(msg []byte) []byte {
	if idOf(msg) == ipcmsg.QuorumResTrackStart && errorOf(msg) == cserr.Exist {
		return setError(msg, cserr.OK)
	}
	return msg
}

// cfg1x is the configuration service. Layouts are those of 3.x under other numbers.
type cfg1x struct {
	same1x
	asked int32
}

func (d *cfg1x) request(req []byte) (engine, answer []byte) {
	d.asked = idOf(req)
	switch d.asked {
	case ipcmsg.Cfg1xReqRingStatusGet:
		return req, nil
	case ipcmsg.Cfg1xReqRingReenable:
		// Links come back by themselves, so there is nothing that had to be enabled.
		return nil, short(ipcmsg.CfgResRingReenable, cserr.OK)
	case ipcmsg.Cfg1xReqStateTrackStart:
		return setID(req, ipcmsg.CfgReqTrackStart), nil
	case ipcmsg.Cfg1xReqStateTrackStop:
		return setID(req, ipcmsg.CfgReqTrackStop), nil
	case ipcmsg.Cfg1xReqAdminStateSet:
		return nil, short(ipcmsg.Cfg1xResAdminStateSet, cserr.NotSupported)
	case ipcmsg.Cfg1xReqAdminStateGet:
		return nil, short(ipcmsg.Cfg1xResAdminStateGet, cserr.NotSupported)
	case ipcmsg.Cfg1xReqServiceLoad, ipcmsg.Cfg1xReqServiceUnload:
		return nil, short(ipcmsg.Cfg1xResService, cserr.NotSupported)
	case ipcmsg.Cfg1xReqKillNode:
		return setID(req, ipcmsg.CfgReqKillNode), nil
	case ipcmsg.Cfg1xReqTryShutdown:
		return setID(req, ipcmsg.CfgReqTryShutdown), nil
	case ipcmsg.Cfg1xReqReplyToShutdown:
		return setID(req, ipcmsg.CfgReqReplyToShutdown), nil
	case ipcmsg.Cfg1xReqGetNodeAddrs:
		return setID(req, ipcmsg.CfgReqGetNodeAddrs), nil
	case ipcmsg.Cfg1xReqLocalGet:
		return setID(req, ipcmsg.CfgReqLocalGet), nil
	case ipcmsg.Cfg1xReqCryptoSet:
		// As 1.4 answers when totem does not say "crypto_accept: new".
		return nil, short(ipcmsg.Cfg1xResCryptoSet, cserr.InvalidParam)
	}
	return nil, unknown()
}

func (d *cfg1x) reply(msg []byte) []byte {
	switch {
	case d.asked == ipcmsg.Cfg1xReqKillNode && errorOf(msg) == cserr.NotExist:
		// 1.4 sends the message whoever it names, and says so.
		return setError(msg, cserr.OK)
	case idOf(msg) == ipcmsg.CfgResRingStatusGet:
		r, err := ipcmsg.ParseCfgRingStatusResponse(msg)
		if err != nil || r.Error != cserr.OK {
			return msg
		}
		for i := range r.Interfaces {
			r.Interfaces[i] = ring1x(i, r.Interfaces[i])
		}
		return r.Append(msg[:0])
	}
	return msg
}

// ring1x describes a link in the words of 1.4: the address alone, and one of two sentences.
func ring1x(i int, it ipcmsg.CfgInterface) ipcmsg.CfgInterface {
	number, addr, ok := strings.Cut(it.Name, " ")
	if n, err := strconv.Atoi(number); ok && err == nil {
		i = n
	} else {
		addr = it.Name
	}
	ring := strconv.Itoa(i)
	// A status is "OK", or for each node a digit whose second bit says connected; "n" is the node itself.
	if it.Status == "OK" || strings.Trim(it.Status, "n2367") == "" {
		return ipcmsg.CfgInterface{Name: addr, Status: "ring " + ring + " active with no faults"}
	}
	return ipcmsg.CfgInterface{Name: addr, Status: "Marking ringid " + ring + " interface " + addr + " FAULTY"}
}

// votequorum1x is the vote quorum service. Its quorum disk is the quorum device of 3.x, whose votes and time limit stand in
// the configuration.
type votequorum1x struct {
	same1x
	server *Server
	asked  int32
	device bool // GETINFO was about it
	out    []byte
	name   string // of the disk being registered
}

func (d *votequorum1x) request(req []byte) (engine, answer []byte) {
	d.asked, d.device = idOf(req), false
	status := func(e cserr.Error) []byte { return short(ipcmsg.Votequorum1xResStatus, e) }
	switch d.asked {
	case ipcmsg.Votequorum1xReqGetInfo:
		r, err := ipcmsg.ParseVotequorumGetInfoRequest(req)
		if err == nil && r.NodeID == ipcmsg.Votequorum1xQdevice {
			d.device = true
			return ipcmsg.VotequorumGetInfoRequest{}.Append(d.out[:0]), nil
		}
		return req, nil
	case ipcmsg.Votequorum1xReqSetExpected:
		return req, nil
	case ipcmsg.Votequorum1xReqSetVotes:
		r, err := ipcmsg.ParseVotequorumSetVotesRequest(req)
		if err != nil {
			return nil, status(cserr.InvalidParam)
		}
		switch r.NodeID {
		case 0:
			r.NodeID, _ = d.server.cfg.DB.GetUint32("runtime.votequorum.this_node_id")
		case ipcmsg.Votequorum1xQdevice:
			r.NodeID = 0
		}
		return r.Append(d.out[:0]), nil
	case ipcmsg.Votequorum1xReqQdiskRegister:
		r, err := ipcmsg.ParseVotequorum1xQdiskRegister(req)
		if err != nil {
			return nil, status(cserr.InvalidParam)
		}
		d.name = string(r.Name)
		return ipcmsg.VotequorumQdeviceRequest{ID: ipcmsg.VotequorumReqQdeviceRegister, Name: r.Name}.Append(d.out[:0]), nil
	case ipcmsg.Votequorum1xReqQdiskUnregister:
		return ipcmsg.VotequorumQdeviceRequest{
			ID: ipcmsg.VotequorumReqQdeviceUnregister, Name: []byte(d.server.legacy.diskName),
		}.Append(d.out[:0]), nil
	case ipcmsg.Votequorum1xReqQdiskPoll:
		r, err := ipcmsg.ParseVotequorum1xQdiskPoll(req)
		if err != nil {
			return nil, status(cserr.InvalidParam)
		}
		ring := d.server.cfg.Router.Ring()
		return ipcmsg.VotequorumQdevicePollRequest{
			Name: []byte(d.server.legacy.diskName), CastVote: r.State != 0, RingID: ringID(ring),
		}.Append(d.out[:0]), nil
	case ipcmsg.Votequorum1xReqQdiskGetInfo:
		return ipcmsg.VotequorumGetInfoRequest{}.Append(d.out[:0]), nil
	case ipcmsg.Votequorum1xReqSetState:
		d.server.legacy.hasState = true
		return nil, status(cserr.OK)
	case ipcmsg.Votequorum1xReqLeaving:
		// 3.x says that it leaves when it does, with allow_downscale, and cannot take it back.
		return nil, status(cserr.NotSupported)
	case ipcmsg.Votequorum1xReqTrackStart:
		return setID(req, ipcmsg.VotequorumReqTrackStart), nil
	case ipcmsg.Votequorum1xReqTrackStop:
		return setID(req, ipcmsg.VotequorumReqTrackStop), nil
	}
	return nil, unknown()
}

func ringID(r totem.RingID) ipcmsg.RingID { return ipcmsg.RingID{NodeID: uint32(r.Rep), Seq: r.Seq} }

func (d *votequorum1x) reply(msg []byte) []byte {
	e := errorOf(msg)
	switch d.asked {
	case ipcmsg.Votequorum1xReqGetInfo:
		return d.info(msg)
	case ipcmsg.Votequorum1xReqQdiskGetInfo:
		return d.diskInfo(msg)
	case ipcmsg.Votequorum1xReqQdiskRegister:
		if e == cserr.OK {
			d.server.legacy.diskName = d.name
		}
	case ipcmsg.Votequorum1xReqQdiskUnregister:
		if e == cserr.OK {
			d.server.legacy.diskName = ""
		}
	case ipcmsg.Votequorum1xReqTrackStart:
		if e == cserr.Exist {
			return setError(msg, cserr.OK)
		}
	}
	return msg
}

func (d *votequorum1x) info(msg []byte) []byte {
	v, err := ipcmsg.ParseVotequorumInfo(msg)
	if err != nil {
		v.Error = cserr.Library
	}
	r := ipcmsg.Votequorum1xInfo{
		Error: v.Error, NodeID: v.NodeID, Votes: v.Votes, ExpectedVotes: v.ExpectedVotes, HighestExpected: v.HighestExpected,
		TotalVotes: v.TotalVotes, Quorum: v.Quorum,
	}
	if v.Flags&ipcmsg.VotequorumInfoTwoNode != 0 {
		r.Flags |= ipcmsg.Votequorum1xInfoTwoNode
	}
	if v.Flags&ipcmsg.VotequorumInfoQuorate != 0 {
		r.Flags |= ipcmsg.Votequorum1xInfoQuorate
	}
	if d.server.legacy.hasState {
		r.Flags |= ipcmsg.Votequorum1xInfoHasState
	}
	if d.device {
		// 1.4 gives the votes of the local node whatever is asked for, and 0 for the number of the device.
		if r.NodeID = 0; v.Flags&ipcmsg.VotequorumInfoQdeviceRegistered == 0 && r.Error == cserr.OK {
			r = ipcmsg.Votequorum1xInfo{Error: cserr.NotExist}
		}
	}
	return r.Append(msg[:0])
}

func (d *votequorum1x) diskInfo(msg []byte) []byte {
	v, err := ipcmsg.ParseVotequorumInfo(msg)
	r := ipcmsg.Votequorum1xQdiskInfo{Error: v.Error, Votes: v.QdeviceVotes, State: ipcmsg.Votequorum1xStateDead}
	r.Name = []byte(string(v.QdeviceName)) // msg is written over below
	switch {
	case err != nil:
		r = ipcmsg.Votequorum1xQdiskInfo{Error: cserr.Library}
	case v.Error == cserr.OK && v.Flags&ipcmsg.VotequorumInfoQdeviceRegistered == 0:
		r = ipcmsg.Votequorum1xQdiskInfo{Error: cserr.NotExist}
	case v.Flags&ipcmsg.VotequorumInfoQdeviceCastVote != 0:
		r.State = ipcmsg.Votequorum1xStateMember
	}
	return r.Append(msg[:0])
}

func (d *votequorum1x) translates([]byte) bool { return true }

func (d *votequorum1x) event(msg []byte) []byte {
	switch idOf(msg) {
	case ipcmsg.VotequorumEventQuorum:
		e, err := ipcmsg.ParseVotequorumQuorumEvent(msg)
		if err != nil {
			return nil
		}
		for i := range e.Nodes {
			n := &e.Nodes[i]
			if n.NodeID == 0 {
				n.State = ipcmsg.Votequorum1xStateMember // the device is listed while it is registered
				continue
			}
			n.State++ // 1.4 has joining before the others
		}
		return setID(e.Append(msg[:0]), ipcmsg.Votequorum1xEventNotification)
	case ipcmsg.VotequorumEventExpectedVotes:
		return setID(msg, ipcmsg.Votequorum1xEventExpectedVotes)
	}
	return nil
}
