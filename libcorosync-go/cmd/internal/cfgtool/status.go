package cfgtool

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/corosync-go/corosync/libcorosync-go/cfg"
	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/ipcmsg"
)

// cluster is what both forms of status start from.
type cluster struct {
	cfg       *cfg.Client
	local     uint32
	transport string   // totem.transport
	nodes     []uint32 // of the nodelist, ascending
	links     [ipcmsg.CfgLinksMax]string
}

func (cl *cluster) knet() bool { return cl.transport != "udp" && cl.transport != "udpu" }

// inspect returns nil after a message. The nodes come from the nodelist rather
// than from votequorum, which need not be there.
func (r *run) inspect(ctx context.Context) *cluster {
	c := r.connect(ctx)
	if c == nil {
		return nil
	}
	cl := &cluster{cfg: c, transport: "knet"}
	keys, err := r.Cmap(ctx, cmap.Icmap)
	if err != nil {
		r.Errorf("Could not initialize corosync cmap API error %d\n", tool.Code(err))
		return nil
	}
	defer keys.Close()
	if s, err := cmap.Get[string](ctx, keys, "totem.transport"); err == nil {
		cl.transport = s
	}
	if cl.local, err = c.LocalNode(ctx); err != nil {
		r.Errorf("Could not get the local node id, the error is: %d\n", tool.Code(err))
		return nil
	}
	if cl.nodes, err = nodelist(ctx, keys); err != nil {
		r.Errorf("Could not get nodelist from cmap. error %d\n", tool.Code(err))
		return nil
	}
	if len(cl.nodes) == 0 {
		r.Errorf("No nodes found in nodelist\n")
		return nil
	}
	slices.Sort(cl.nodes)
	cl.readLinks(ctx, keys)
	return cl
}

// nodelist returns the node ids of nodelist.node.N.nodeid. Only the start of
// the iteration can fail: what ends it otherwise ends the list.
func nodelist(ctx context.Context, keys *cmap.Client) ([]uint32, error) {
	const prefix = "nodelist.node."
	it, err := keys.Iterate(ctx, prefix)
	if err != nil {
		return nil, err
	}
	defer it.Close(ctx)
	var nodes []uint32
	for {
		e, err := it.Next(ctx)
		if err != nil {
			return nodes, nil
		}
		position, name, _ := strings.Cut(strings.TrimPrefix(e.Key, prefix), ".")
		if _, err := strconv.ParseUint(position, 10, 32); err != nil || name != "nodeid" {
			continue
		}
		if id, err := cmap.Get[uint32](ctx, keys, e.Key); err == nil {
			nodes = append(nodes, id)
		}
	}
}

// readLinks fills in the transport of each link, which is said for knet only:
// for the others it would repeat the transport.
func (cl *cluster) readLinks(ctx context.Context, keys *cmap.Client) {
	if cl.knet() {
		for i := range cl.links {
			cl.links[i] = "udp"
		}
	}
	for i := range cl.links {
		if s, err := cmap.Get[string](ctx, keys, "totem.interface."+strconv.Itoa(i)+".knet_transport"); err == nil {
			cl.links[i] = s
		}
	}
}

func (r *run) header(cl *cluster) {
	r.Printf("Local node ID %d, transport %s\n", cl.local, cl.transport)
}

// nodeStatus prints the reachable nodes with their links (-n).
func (r *run) nodeStatus(ctx context.Context) int {
	cl := r.inspect(ctx)
	if cl == nil {
		return tool.Failure
	}
	defer cl.cfg.Close()
	r.header(cl)
	for _, id := range cl.nodes {
		s, err := cl.cfg.NodeStatus(ctx, id)
		if err != nil || !s.Reachable || s.NodeID == cl.local {
			continue
		}
		r.Printf("nodeid: %d reachable%s%s\n", s.NodeID, word(s.Remote, " remote"), word(s.External, " external"))
		for i, l := range s.Links {
			if !l.Enabled {
				continue
			}
			r.Printf("   LINK: %d %s (%s%s%s) enabled%s%s mtu: %d\n", i, cl.links[i],
				l.Src, word(cl.knet(), "->"), l.Dst,
				word(l.Connected, " connected"), word(l.DynConnected, " dynconnected"), int32(l.MTU))
		}
		r.Printf("\n")
	}
	return tool.Success
}

func word(say bool, text string) string {
	if say {
		return text
	}
	return ""
}

// linkStatus prints the links with their state towards each node (-s).
func (r *run) linkStatus(ctx context.Context) int {
	cl := r.inspect(ctx)
	if cl == nil {
		return tool.Failure
	}
	defer cl.cfg.Close()
	r.header(cl)

	status := make([]cfg.NodeStatus, len(cl.nodes))
	// Which links exist is read off some other node's status, since the local
	// one has a single link, to itself: the highest node id that is not ours.
	// Without one, and for localhost, the first entry counts.
	other, local := 0, 0
	for i, id := range cl.nodes {
		if id == cl.local {
			local = i
		} else {
			other = i
		}
		s, err := cl.cfg.NodeStatus(ctx, id)
		if err != nil {
			r.Errorf("Could not get the node status for nodeid %d, the error is: %d\n", int32(id), tool.Code(err))
			continue
		}
		status[i] = s
	}
	for i, l := range status[other].Links {
		if !l.Enabled {
			continue
		}
		r.Printf("LINK ID %d %s\n\taddr\t= %s\n", i, cl.links[i], l.Src)
		if r.brief {
			r.Printf("\tstatus\t= %s\n", brief(status, local, i))
			continue
		}
		r.Printf("\tstatus:\n")
		for j, s := range status {
			state := "disconnected"
			switch {
			case j == local:
				state = "localhost"
			case s.Links[i].Connected:
				state = "connected"
			}
			r.Printf("\t\tnodeid: %10d:\t%s\n", s.NodeID, state)
		}
	}
	return tool.Success
}

// brief is one character per node: n for the local one, else a digit of two
// bits, enabled and connected.
func brief(status []cfg.NodeStatus, local, link int) string {
	b := make([]byte, len(status))
	for j, s := range status {
		b[j] = '0'
		if s.Links[link].Enabled {
			b[j]++
		}
		if s.Links[link].Connected {
			b[j] += 2
		}
		if j == local {
			b[j] = 'n'
		}
	}
	return string(b)
}
