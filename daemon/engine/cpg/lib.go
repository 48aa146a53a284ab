package cpg

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// reply sends an answer that was appended to e.answer[:0].
func (e *Engine) reply(c service.Conn, msg []byte) {
	e.one[0] = msg
	c.Reply(e.one[:]...)
	e.one[0] = nil
}

// replyError sends an answer that is its header only.
func (e *Engine) replyError(c service.Conn, id int32, err cserr.Error) {
	e.reply(c, ipcmsg.AppendResponse(e.answer[:0], id, err))
}

// parseError maps what is wrong with a request.
func parseError(err error) cserr.Error {
	if errors.Is(err, ipcmsg.ErrNameTooLong) {
		return cserr.NameTooLong
	}
	return cserr.InvalidParam
}

// mcastError maps what Mcast says.
func mcastError(err error) cserr.Error {
	switch {
	case err == nil:
		return cserr.OK
	case errors.Is(err, service.ErrTooBig):
		return cserr.TooBig
	}
	return cserr.TryAgain
}

func (e *Engine) libJoin(c service.Conn, req []byte) {
	cl := clientOf(c)
	r, err := ipcmsg.ParseCPGJoinRequest(req)
	if err != nil {
		e.replyError(c, ipcmsg.CPGResJoin, parseError(err))
		return
	}
	e.replyError(c, ipcmsg.CPGResJoin, e.join(cl, r))
}

func (e *Engine) join(cl *client, r ipcmsg.CPGJoinRequest) cserr.Error {
	name := string(r.Group)
	g := e.groups[name]
	if g != nil {
		for _, other := range g.clients {
			if other.pid == r.PID {
				return cserr.Exist
			}
		}
		if g.has(member{e.api.NodeID(), r.PID}) {
			return cserr.TryAgain // the leave of an earlier connection is on its way
		}
	}
	if e.departing[leave{pid: r.PID, group: name}] > 0 {
		// So it is, but even the join before it has not been delivered yet. The two would be taken for those of this
		// process, which 3.1 lets happen.
		return cserr.TryAgain
	}
	switch {
	case cl.finalized:
		return cserr.BadHandle
	case cl.state == leaveStarted:
		return cserr.Busy
	case cl.state != unjoined:
		return cserr.Exist
	case g != nil && len(g.members) >= ipcmsg.CPGMembersMax:
		return cserr.NoResources
	}
	if err := e.mcastProc(ipcmsg.ExecCPGProc{Group: r.Group, PID: r.PID, Reason: ipcmsg.CPGReasonJoin}); err != nil {
		return mcastError(err)
	}
	cl.pid, cl.flags = r.PID, r.Flags
	cl.state = joinStarted
	cl.group = e.get(name)
	cl.group.enter(cl)
	return cserr.OK
}

func (e *Engine) libLeave(c service.Conn, req []byte) {
	cl := clientOf(c)
	r, err := ipcmsg.ParseCPGLeaveRequest(req)
	if err != nil {
		e.replyError(c, ipcmsg.CPGResLeave, parseError(err))
		return
	}
	e.replyError(c, ipcmsg.CPGResLeave, e.leaveGroup(cl, r))
}

func (e *Engine) leaveGroup(cl *client, r ipcmsg.CPGLeaveRequest) cserr.Error {
	switch cl.state {
	case unjoined, leaveStarted:
		return cserr.NotExist
	case joinStarted:
		return cserr.Busy
	}
	err := e.mcastProc(ipcmsg.ExecCPGProc{Leave: true, Group: r.Group, PID: r.PID, Reason: ipcmsg.CPGReasonLeave})
	if err != nil {
		return mcastError(err)
	}
	cl.state = leaveStarted
	cl.leavePID, cl.leaveGroup = r.PID, string(r.Group)
	return cserr.OK
}

// inGroup says whether a connection may send.
func (cl *client) inGroup() bool { return cl.state == joinStarted || cl.state == joinCompleted }

func (e *Engine) libMcast(c service.Conn, req []byte) {
	cl := clientOf(c)
	r, err := ipcmsg.ParseCPGMcastRequest(req)
	if err == nil && !cl.inGroup() {
		err = errNotJoined
	}
	if err == nil {
		err = e.mcast(cl, r.Payload)
	}
	if service.Acknowledges(c) {
		e.replyError(c, ipcmsg.CPGResMcast, acknowledge(err))
		return
	}
	if err != nil {
		e.cannotMcast(cl, err)
	}
}

// acknowledge is what a client hears of its multicast whose protocol lets it hear something.
func acknowledge(err error) cserr.Error {
	switch {
	case err == nil:
		return cserr.OK
	case errors.Is(err, errNotJoined):
		return cserr.NotExist
	case errors.Is(err, service.ErrTooBig), errors.Is(err, service.ErrQueueFull):
		return mcastError(err)
	}
	return parseError(err)
}

var errNotJoined = errors.New("not joined")

// cannotMcast logs the first messages that are dropped, and then ever fewer.
func (e *Engine) cannotMcast(cl *client, err error) {
	e.refused++
	if e.refused&(e.refused-1) != 0 {
		return
	}
	name := ""
	if cl.group != nil {
		name = cl.group.name
	}
	e.api.Log().Errorf("*** connection %d can't mcast to group %q state:%d, error:%v (%d so far)",
		cl.conn.ID(), name, cl.state, err, e.refused)
}

// mcast sends a message to the group of a connection.
func (e *Engine) mcast(cl *client, payload []byte) error {
	e.head = execMcast(e.head[:0], cl, uint32(e.api.NodeID()), payload)
	e.parts = [2][]byte{e.head, payload}
	err := e.api.Mcast(totem.Agreed, e.parts[:]...)
	e.parts = [2][]byte{}
	return err
}

// execMcast builds the head of an exec message without converting the name of the group.
func execMcast(dst []byte, cl *client, node uint32, payload []byte) []byte {
	ne := binary.NativeEndian
	dst = dst[:ipcmsg.ExecCPGMcastFixed]
	clear(dst)
	ne.PutUint32(dst, uint32(ipcmsg.MakeExecID(ipcmsg.ServiceCpg, ipcmsg.ExecCPGMcast)))
	ne.PutUint32(dst[8:], uint32(ipcmsg.ExecCPGMcastFixed+len(payload)))
	ne.PutUint32(dst[16:], uint32(copy(dst[24:24+ipcmsg.CPGNameMax], cl.group.name)))
	ne.PutUint32(dst[152:], uint32(len(payload)))
	ne.PutUint32(dst[160:], cl.pid)
	ne.PutUint32(dst[168:], node)
	ne.PutUint64(dst[176:], cl.conn.ID())
	return dst
}

func (e *Engine) libPartialMcast(c service.Conn, req []byte) {
	cl := clientOf(c)
	r, err := ipcmsg.ParseCPGPartialMcastRequest(req)
	if err != nil {
		e.replyError(c, ipcmsg.CPGResPartialMcast, parseError(err))
		return
	}
	e.replyError(c, ipcmsg.CPGResPartialMcast, e.partialMcast(cl, r))
}

func (e *Engine) partialMcast(cl *client, r ipcmsg.CPGPartialMcastRequest) cserr.Error {
	if r.Type == ipcmsg.CPGPartialFirst {
		cl.partial = cl.transitions
	}
	if !cl.inGroup() {
		return cserr.NotExist
	}
	// The members have changed since the first fragment: some would get a message without its beginning.
	if cl.partial != cl.transitions {
		return cserr.Interrupt
	}
	e.head = ipcmsg.ExecCPGPartialMcastMsg{
		Group: []byte(cl.group.name), TotalLen: r.TotalLen, PID: cl.pid, Type: r.Type, Payload: r.Payload,
		Source: ipcmsg.Source{NodeID: uint32(e.api.NodeID()), Conn: cl.conn.ID()},
	}.AppendHead(e.head[:0], binary.NativeEndian)
	e.parts = [2][]byte{e.head, r.Payload}
	err := e.api.Mcast(totem.Agreed, e.parts[:]...)
	e.parts = [2][]byte{}
	return mcastError(err)
}

func (e *Engine) libMembership(c service.Conn, req []byte) {
	r, err := ipcmsg.ParseCPGMembershipRequest(req)
	if err != nil {
		e.reply(c, ipcmsg.CPGMembershipResponse{Error: parseError(err)}.Append(e.answer[:0]))
		return
	}
	res := ipcmsg.CPGMembershipResponse{Error: cserr.OK}
	if g := e.lookup(r.Group); g != nil {
		for _, m := range g.members {
			res.Members = append(res.Members, address(m, ipcmsg.CPGReasonUndefined))
		}
	}
	res.Members = limit(res.Members)
	e.reply(c, res.Append(e.answer[:0]))
}

func (e *Engine) libLocalGet(c service.Conn, _ []byte) {
	e.reply(c, ipcmsg.CPGLocalGetResponse{Error: cserr.OK, NodeID: uint32(e.api.NodeID())}.Append(e.answer[:0]))
}

func (e *Engine) libFinalize(c service.Conn, _ []byte) {
	e.forget(clientOf(c))
	e.replyError(c, ipcmsg.CPGResFinalize, cserr.OK)
}

// iteration is a copy of the process table that a client walks.
type iteration struct {
	entries []process
	next    int
}

// snapshot copies the process table in the order that clients know: the newest group first, and in a group the first
// process, then the others from the last on.
func (e *Engine) snapshot(kind uint32, only *group) []process {
	var order []*group
	by := make(map[*group][]process)
	for _, p := range e.procs {
		if kind == ipcmsg.CPGIterOneGroup && p.group != only {
			continue
		}
		if by[p.group] == nil {
			order = append(order, p.group)
		}
		if kind == ipcmsg.CPGIterNameOnly {
			p.member = member{}
			by[p.group] = []process{p}
			continue
		}
		by[p.group] = append(by[p.group], p)
	}
	var list []process
	for _, g := range slices.Backward(order) {
		of := by[g]
		slices.Reverse(of[1:])
		list = append(list, of...)
	}
	return list
}

func (e *Engine) libIterInit(c service.Conn, req []byte) {
	cl := clientOf(c)
	res := ipcmsg.CPGIterInitResponse{Error: cserr.OK}
	r, err := ipcmsg.ParseCPGIterInitRequest(req)
	if err != nil {
		res.Error = parseError(err)
		e.reply(c, res.Append(e.answer[:0]))
		return
	}
	it := &iteration{}
	if r.Type != ipcmsg.CPGIterOneGroup {
		it.entries = e.snapshot(r.Type, nil)
	} else if g := e.lookup(r.Group); g != nil {
		it.entries = e.snapshot(r.Type, g)
	}
	if len(cl.iterations) >= maxIterations || cl.iterEntries+len(it.entries) > maxIterEntries {
		res.Error = cserr.NoMemory
	} else {
		e.nextHandle++
		if cl.iterations == nil {
			cl.iterations = make(map[uint64]*iteration)
		}
		cl.iterations[e.nextHandle] = it
		cl.iterEntries += len(it.entries)
		res.Handle = e.nextHandle
	}
	e.reply(c, res.Append(e.answer[:0]))
}

func (e *Engine) libIterNext(c service.Conn, req []byte) {
	res := ipcmsg.CPGIterNextResponse{Error: cserr.OK}
	r, err := ipcmsg.ParseCPGHandleRequest(req)
	it := clientOf(c).iterations[r.Handle]
	switch {
	case err != nil:
		res.Error = parseError(err)
	case it == nil:
		res.Error = cserr.Library
	case it.next >= len(it.entries):
		res.Error = cserr.NoSections
		it.next = 0 // 3.1 begins anew with the next request
	default:
		p := it.entries[it.next]
		it.next++
		res.Group, res.NodeID, res.PID = []byte(p.group.name), uint32(p.node), p.pid
	}
	e.reply(c, res.Append(e.answer[:0]))
}

func (e *Engine) libIterFinalize(c service.Conn, req []byte) {
	cl := clientOf(c)
	res := cserr.OK
	r, err := ipcmsg.ParseCPGHandleRequest(req)
	it := cl.iterations[r.Handle]
	switch {
	case err != nil:
		res = parseError(err)
	case it == nil:
		res = cserr.Library
	default:
		delete(cl.iterations, r.Handle)
		cl.iterEntries -= len(it.entries)
	}
	e.replyError(c, ipcmsg.CPGResIterationFinalize, res)
}
