package cfg

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// Lib returns the client functions in the order of their numbers.
func (e *Engine) Lib() []service.LibFunc {
	return []service.LibFunc{
		ipcmsg.CfgReqRingStatusGet:   {FlowControl: true, Call: e.ringStatusGet},
		ipcmsg.CfgReqRingReenable:    {FlowControl: true, Call: e.ringReenable},
		ipcmsg.CfgReqKillNode:        {FlowControl: true, Call: e.killNode},
		ipcmsg.CfgReqTryShutdown:     {FlowControl: true, Call: e.tryShutdown},
		ipcmsg.CfgReqReplyToShutdown: {FlowControl: true, Call: e.replyToShutdown},
		ipcmsg.CfgReqGetNodeAddrs:    {Call: e.getNodeAddrs},
		ipcmsg.CfgReqLocalGet:        {Call: e.localGet},
		ipcmsg.CfgReqReloadConfig:    {FlowControl: true, Call: e.reloadConfig},
		ipcmsg.CfgReqReopenLogFiles:  {Call: e.reopenLogFiles},
		ipcmsg.CfgReqNodeStatusGet:   {Call: e.nodeStatusGet},
		ipcmsg.CfgReqTrackStart:      {FlowControl: true, Call: e.trackStart},
		ipcmsg.CfgReqTrackStop:       {FlowControl: true, Call: e.trackStop},
	}
}

// Sizes in bytes of the texts of a link, terminator included.
const (
	interfaceNameSize   = 128
	interfaceStatusSize = 512
)

func of(c service.Conn) *client { return c.Data().(*client) }

func (e *Engine) ringStatusGet(c service.Conn, _ []byte) {
	res := ipcmsg.CfgRingStatusResponse{Error: cserr.OK}
	for _, s := range e.api.Host().RingStatus() {
		if len(s.Name) >= interfaceNameSize || len(s.Status) >= interfaceStatusSize {
			e.api.Log().Errorf("String representation of interface %s is too long", s.Name)
			res = ipcmsg.CfgRingStatusResponse{Error: cserr.NameTooLong}
			break
		}
		res.Interfaces = append(res.Interfaces, ipcmsg.CfgInterface{Name: s.Name, Status: s.Status})
	}
	e.scratch = res.Append(e.scratch[:0])
	c.Reply(e.scratch)
}

// ringReenable belonged to the redundant ring protocol, which 3.x has given up.
func (e *Engine) ringReenable(c service.Conn, _ []byte) {
	e.reply(c, ipcmsg.CfgResRingReenable, cserr.NotSupported)
}

func (e *Engine) killNode(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseCfgKillNodeRequest(req)
	if err != nil {
		e.reply(c, ipcmsg.CfgResKillNode, cserr.InvalidParam)
		return
	}
	status, err := e.api.DB().GetString(fmt.Sprintf("runtime.members.%d.status", r.NodeID))
	if err != nil || status != "joined" {
		e.reply(c, ipcmsg.CfgResKillNode, cserr.NotExist)
		return
	}
	m := ipcmsg.ExecCfgKillNodeMsg{NodeID: r.NodeID, Reason: r.Reason}
	e.reply(c, ipcmsg.CfgResKillNode, e.sent(e.mcast(m.Append(e.scratch[:0], binary.NativeEndian))))
}

// sent is the result of a request that is done with sending. Admission has reserved room, so an error is a broken promise
// of the send queue; the client is told to try again rather than the process ended.
func (e *Engine) sent(err error) cserr.Error {
	if err != nil {
		e.api.Log().Errorf("Unable to multicast: %v", err)
		return cserr.TryAgain
	}
	return cserr.OK
}

func (e *Engine) getNodeAddrs(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseCfgWordRequest(req)
	res := ipcmsg.CfgNodeAddrsResponse{Error: cserr.InvalidParam}
	if err == nil {
		id := totem.NodeID(r.Value)
		if id == 0 {
			id = e.api.NodeID()
		}
		res = ipcmsg.CfgNodeAddrsResponse{Error: cserr.NotExist}
		if addrs := e.api.Host().NodeAddrs(id); len(addrs) > 0 {
			res = ipcmsg.CfgNodeAddrsResponse{Error: cserr.OK, Addrs: make([]netip.Addr, len(addrs))}
			for i, a := range addrs {
				res.Addrs[i] = a.IP
			}
		}
	}
	e.scratch = res.Append(e.scratch[:0])
	c.Reply(e.scratch)
}

func (e *Engine) localGet(c service.Conn, _ []byte) {
	e.scratch = ipcmsg.CfgLocalGetResponse{Error: cserr.OK, NodeID: uint32(e.api.NodeID())}.Append(e.scratch[:0])
	c.Reply(e.scratch)
}

// reloadConfig sends the request through the ring: every node reloads at the same point of the order. The client is
// answered when this node has done so (execReloadConfig).
func (e *Engine) reloadConfig(c service.Conn, _ []byte) {
	m := ipcmsg.ExecCfgReloadConfigMsg{Source: ipcmsg.Source{NodeID: uint32(e.api.NodeID()), Conn: c.ID()}}
	if res := e.sent(e.mcast(m.Append(e.scratch[:0], binary.NativeEndian))); res != cserr.OK {
		e.reply(c, ipcmsg.CfgResReloadConfig, res)
	}
}

func (e *Engine) reopenLogFiles(c service.Conn, _ []byte) {
	e.api.Log().Debugf("Reopening logging files")
	res := cserr.OK
	if err := e.api.Host().ReopenLogs(); err != nil {
		e.api.Log().Errorf("Unable to reopen logging files: %v", err)
		res = cserr.From(err)
	}
	e.reply(c, ipcmsg.CfgResReopenLogFiles, res)
}

func (e *Engine) nodeStatusGet(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseCfgNodeStatusRequest(req)
	res := ipcmsg.CfgNodeStatus{Error: cserr.OK, Version: r.Version, NodeID: r.NodeID}
	switch {
	case err != nil:
		res.Error = cserr.InvalidParam
	case r.Version != ipcmsg.CfgNodeStatusV1:
		res.Error = cserr.NotSupported
	default:
		st, ok := e.api.Host().NodeStatus(totem.NodeID(r.NodeID))
		if !ok {
			res.Error = cserr.FailedOperation
			break
		}
		res.Reachable, res.Remote, res.External = st.Reachable, st.Remote, st.External
		res.OnwireMin, res.OnwireMax, res.OnwireVer = st.OnwireMin, st.OnwireMax, st.OnwireVer
		for i, l := range st.Links {
			res.Links[i] = ipcmsg.CfgLinkStatus{
				Enabled: l.Enabled, Connected: l.Connected, DynConnected: l.DynConnected,
				MTU: l.MTU, Src: l.Src, Dst: l.Dst,
			}
		}
	}
	e.scratch = res.Append(e.scratch[:0])
	c.Reply(e.scratch)
}
