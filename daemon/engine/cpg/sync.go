package cpg

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// syncState is what the engine keeps for and during a synchronisation.
type syncState struct {
	running bool // from SyncInit to SyncComplete

	ring    totem.RingID
	members []totem.NodeID // of the ring being synchronised
	old     []totem.NodeID // as last activated
	oldRing totem.RingID   // of old
	left    []totem.NodeID // of old, did not come along, or not all the way
	pending bool           // left is of a synchronisation that was not activated

	downlistSent, joinlistSent bool

	collected []entry // of the joinlists, in the order received
	gone      []entry // left while the joinlists were collected
}

// entry is a process as a joinlist names it.
type entry struct {
	member
	group string
}

// departed notes a leave that arrives during a synchronisation: the joinlist of its node, before or after, may still
// name the process.
func (s *syncState) departed(m member, group []byte) {
	if s.running && len(s.gone) < maxWaiting {
		s.gone = append(s.gone, entry{m, string(group)})
	}
}

// SyncInit computes which nodes left.
func (e *Engine) SyncInit(transitional, members []totem.NodeID, ring totem.RingID) {
	s := &e.sync
	s.running = true
	s.ring = ring
	s.members = append(s.members[:0], members...)
	s.downlistSent, s.joinlistSent = false, false
	s.collected, s.gone = nil, nil
	// A node that left and came back since the last activation is in left and among the members. It stays there when the
	// synchronisation of a ring is cut short by the next ring, to which it comes along: what was delivered meanwhile on its
	// side is not known here. 3.1 forgets it, and then messages are missing without a change of the membership.
	if !s.pending || e.CRules {
		s.left = s.left[:0]
	}
	s.pending = true
	for _, id := range s.old {
		if !slices.Contains(transitional, id) && !slices.Contains(s.left, id) {
			s.left = append(s.left, id)
		}
	}
}

// SyncProcess tells the others who left, and the processes of this node.
func (e *Engine) SyncProcess() (done bool) {
	s := &e.sync
	if !s.downlistSent {
		x := ipcmsg.ExecCPGDownlistMsg{OldMembers: uint32(len(s.old))}
		for _, id := range s.left {
			x.Left = append(x.Left, uint32(id))
		}
		if e.mcastWhole(x.Append(nil, binary.NativeEndian)) != nil {
			return false
		}
		s.downlistSent = true
	}
	if !s.joinlistSent {
		var list []ipcmsg.ExecCPGJoinListEntry
		for _, p := range e.procs {
			if p.node == e.api.NodeID() {
				list = append(list, ipcmsg.ExecCPGJoinListEntry{PID: p.pid, Group: []byte(p.group.name)})
			}
		}
		if len(list) > 0 && e.mcastWhole(ipcmsg.AppendExecCPGJoinList(nil, list, binary.NativeEndian)) != nil {
			return false
		}
		s.joinlistSent = true
	}
	return true
}

// SyncActivate makes the new membership count.
func (e *Engine) SyncActivate() {
	s := &e.sync
	s.old, s.oldRing, s.pending = append(s.old[:0], s.members...), s.ring, false
	e.removeLeftNodes()
	e.addCollected()
	e.removeZombies()
	s.collected, s.gone = nil, nil
	event := totemConfchg(s.oldRing, s.old)
	for _, cl := range slices.Backward(e.clients) {
		cl.conn.Event(event)
	}
}

// SyncAbort forgets what was collected.
func (e *Engine) SyncAbort() { e.sync.collected, e.sync.gone = nil, nil }

// SyncComplete announces the processes that went away meanwhile. The ordinary send queue still holds what they sent
// before, their joins among it, and that comes first.
func (e *Engine) SyncComplete() {
	e.sync.running = false
	for len(e.leaves) > 0 && e.sendLeave(e.leaves[0]) == nil {
		e.leaves = e.leaves[1:]
	}
	e.sendLeaves()
}

// change is what a synchronisation does to one group.
type change struct {
	group *group
	list  []ipcmsg.CPGAddress
}

// changes collects by group, and gives the groups back in the order of their names.
type changes map[*group][]ipcmsg.CPGAddress

func (c changes) sorted() []change {
	var list []change
	for g, l := range c {
		list = append(list, change{g, l})
	}
	slices.SortFunc(list, func(a, b change) int { return cmp.Compare(a.group.name, b.group.name) })
	return list
}

// removeLeftNodes takes the processes of nodes that left out of the table.
func (e *Engine) removeLeftNodes() {
	by := changes{}
	e.procs = slices.DeleteFunc(e.procs, func(p process) bool {
		if !slices.Contains(e.sync.left, p.node) {
			return false
		}
		by[p.group] = append(by[p.group], address(p.member, ipcmsg.CPGReasonNodeDown))
		return true
	})
	for g := range by {
		g.members = slices.DeleteFunc(g.members, func(m member) bool { return slices.Contains(e.sync.left, m.node) })
	}
	for _, c := range by.sorted() {
		e.notify(c.group, nil, c.list)
		e.release(c.group)
	}
}

// addCollected adds the processes of other nodes that their joinlists name. All are in the table before the first
// notification.
func (e *Engine) addCollected() {
	by := changes{}
	gone := make(map[entry]bool, len(e.sync.gone))
	for _, x := range e.sync.gone {
		gone[x] = true
	}
	for _, x := range slices.Backward(e.sync.collected) {
		if x.node == e.api.NodeID() || gone[x] || !e.roomFor(x.member, nil) {
			continue
		}
		g := e.get(x.group)
		if e.add(x.member, g) {
			by[g] = append(by[g], address(x.member, ipcmsg.CPGReasonNodeUp))
		}
	}
	for _, c := range by.sorted() {
		e.notify(c.group, c.list, nil)
	}
}

// removeZombies takes out processes that their own node does not know.
func (e *Engine) removeZombies() {
	known := make(map[entry]bool, len(e.sync.collected))
	for _, x := range e.sync.collected {
		known[x] = true
	}
	for _, p := range slices.Clone(e.procs) {
		if p.node == e.api.NodeID() || known[entry{p.member, p.group.name}] {
			continue
		}
		e.notify(p.group, nil, []ipcmsg.CPGAddress{address(p.member, ipcmsg.CPGReasonProcDown)})
		e.drop(p.member, p.group)
	}
}
