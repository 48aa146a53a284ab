package cpg

import (
	"cmp"
	"slices"

	"github.com/corosync-go/corosync/daemon/totem"
)

// group is a group that has members or local connections.
type group struct {
	name string
	// members are its entries of the process table, in the order of that.
	members []member
	// clients are the local connections, in order of their connection: joining, joined or leaving.
	clients []*client
}

// member is a process of a group.
type member struct {
	node totem.NodeID
	pid  uint32
}

// process is an entry of the process table (struct process_info).
type process struct {
	member
	group *group
}

func compareMember(a, b member) int {
	return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.pid, b.pid))
}

// lookup returns a group by name, or nil.
func (e *Engine) lookup(name []byte) *group { return e.groups[string(name)] }

// get returns a group by name, making it if need be. The caller adds a member or client, or calls release.
func (e *Engine) get(name string) *group {
	g := e.groups[name]
	if g == nil {
		g = &group{name: name}
		e.groups[name] = g
	}
	return g
}

// release drops a group that has neither members nor connections.
func (e *Engine) release(g *group) {
	if len(g.members) > 0 || len(g.clients) > 0 {
		return
	}
	// A finalized or leaving connection may still point here; it goes on with the object that has no name in the table.
	if e.groups[g.name] == g {
		delete(e.groups, g.name)
	}
}

// has says whether m is a member.
func (g *group) has(m member) bool {
	_, ok := slices.BinarySearchFunc(g.members, m, compareMember)
	return ok
}

// hasNode says whether any process of the node is a member.
func (g *group) hasNode(id totem.NodeID) bool {
	i, _ := slices.BinarySearchFunc(g.members, member{node: id}, compareMember)
	return i < len(g.members) && g.members[i].node == id
}

// add puts a process into the table, unless it is there.
func (e *Engine) add(m member, g *group) bool {
	i, found := slices.BinarySearchFunc(g.members, m, compareMember)
	if found {
		return false
	}
	g.members = slices.Insert(g.members, i, m)
	// An entry goes after those with equal keys, which belong to other groups of the same process.
	at, _ := slices.BinarySearchFunc(e.procs, m, func(p process, m member) int {
		if c := compareMember(p.member, m); c != 0 {
			return c
		}
		return -1
	})
	e.procs = slices.Insert(e.procs, at, process{m, g})
	return true
}

// drop takes a process out of the table.
func (e *Engine) drop(m member, g *group) {
	if i, found := slices.BinarySearchFunc(g.members, m, compareMember); found {
		g.members = slices.Delete(g.members, i, i+1)
	}
	e.procs = slices.DeleteFunc(e.procs, func(p process) bool { return p.member == m && p.group == g })
	e.release(g)
}

// enter adds a connection to its group, in the order of connections.
func (g *group) enter(cl *client) {
	i, _ := slices.BinarySearchFunc(g.clients, cl.conn.ID(), func(c *client, id uint64) int { return cmp.Compare(c.conn.ID(), id) })
	g.clients = slices.Insert(g.clients, i, cl)
}
