package quorumtool

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/votequorum"
)

// member is a row of the list.
type member struct {
	node uint32
	name string
	info votequorum.Info
}

// displayNodes prints the members of the last view, with votes if there is
// votequorum, and then the quorum device if a member has one.
func (r *run) displayNodes(ctx context.Context) {
	list := make([]member, len(r.view))
	device := false
	for i, id := range r.view {
		list[i].node = id
		if r.votes == nil {
			continue
		}
		info, err := r.votes.Info(ctx, id)
		if err != nil {
			r.Printf("Unable to get node %d info\n", id)
		}
		list[i].info = info
		device = device || info.Flags&votequorum.QdeviceRegistered != 0
	}
	for i := range list {
		list[i].name = r.name(ctx, list[i].node)
	}
	var first votequorum.Info // the device is described by the first of the view
	if len(list) > 0 {
		first = list[0].info
	}
	r.sort(list)

	deviceColumn := r.votes != nil && (device || r.machine)
	r.Printf("\nMembership information\n----------------------\n%10s ", "Nodeid")
	if r.votes != nil {
		r.Printf("%10s ", "Votes")
	}
	if deviceColumn {
		r.Printf("%10s ", "Qdevice")
	}
	r.Printf("Name\n")

	var localFlags uint32
	for _, m := range list {
		r.Printf("%s", r.nodeID(m.node))
		if r.votes != nil {
			r.Printf("%10d ", m.info.Votes)
		}
		if deviceColumn {
			r.Printf("%10s ", deviceState(m.info.Flags))
		}
		r.Printf("%s", m.name)
		if m.node == r.local {
			r.Printf(" (local)")
			localFlags = m.info.Flags
		}
		r.Printf("\n")
	}
	if !device {
		return
	}
	// A device that does not vote here counts as nothing, so that the list is
	// not confusing; its votes are said at the end.
	votes, remark := first.QdeviceVotes, ""
	if localFlags&votequorum.QdeviceCastVote == 0 {
		votes, remark = 0, " (votes "+strconv.Itoa(int(int32(first.QdeviceVotes)))+")"
	}
	r.Printf("%s%10d            %s%s\n", r.nodeID(votequorum.QdeviceNode), votes, first.QdeviceName, remark)
}

func (r *run) nodeID(id uint32) string {
	if r.hex {
		return "0x" + leftZeros(strconv.FormatUint(uint64(id), 16)) + " "
	}
	s := strconv.FormatUint(uint64(id), 10)
	return strings.Repeat(" ", max(0, 10-len(s))) + s + " "
}

func leftZeros(s string) string { return strings.Repeat("0", max(0, 8-len(s))) + s }

// deviceState tells how a node stands to its quorum device.
func deviceState(flags uint32) string {
	if flags&votequorum.QdeviceRegistered == 0 {
		return "NR"
	}
	return choose(flags&votequorum.QdeviceAlive != 0, "A", "NA") + "," +
		choose(flags&votequorum.QdeviceCastVote != 0, "V", "NV") + "," +
		choose(flags&votequorum.QdeviceMasterWins != 0, "MW", "NMW")
}

// sort orders the rows. Node ids above 2^31 come first, since the C tool
// compares them as signed numbers.
func (r *run) sort(list []member) {
	switch r.order {
	case byNode:
		slices.SortStableFunc(list, func(a, b member) int { return cmp.Compare(int32(a.node), int32(b.node)) })
	case byName:
		slices.SortStableFunc(list, func(a, b member) int { return strings.Compare(a.name, b.name) })
	}
}

// name returns what stands for a node in the list: the name of the nodelist, or
// else that of its first address; with -i the address; with -a those of the
// other links after it.
func (r *run) name(ctx context.Context, node uint32) string {
	listed := ""
	if !r.numeric {
		listed = r.listedName(ctx, node)
	}
	addrs, err := r.cfg.NodeAddrs(ctx, node)
	if err != nil {
		r.Errorf("Unable to get node address for nodeid %d: %s\n", node, tool.Text(err))
		return ""
	}
	if !r.allAddrs && len(addrs) > 1 {
		addrs = addrs[:1]
	}
	s := listed
	for i, a := range addrs {
		if i == 0 && listed != "" || !a.IsValid() || a.IsUnspecified() {
			continue
		}
		if i > 0 {
			s += ", "
		}
		s += r.hostName(ctx, a)
	}
	return s
}

// listedNameMax is the longest name in bytes that is shown
// (_POSIX_HOST_NAME_MAX and the terminator).
const listedNameMax = 254

// listedName returns the name that the nodelist gives a node, or "".
func (r *run) listedName(ctx context.Context, node uint32) string {
	const prefix = "nodelist.node."
	for e, err := range r.keys.All(ctx, prefix) {
		if err != nil {
			return ""
		}
		position, key, _ := strings.Cut(strings.TrimPrefix(e.Key, prefix), ".")
		if _, err := strconv.ParseUint(position, 10, 32); err != nil || key != "nodeid" {
			continue
		}
		id, err := cmap.Get[uint32](ctx, r.keys, e.Key)
		if err != nil || id != node {
			continue
		}
		name, err := cmap.Get[string](ctx, r.keys, prefix+position+".name")
		if err != nil {
			continue
		}
		return name[:min(len(name), listedNameMax)]
	}
	return ""
}

// hostName resolves an address, unless -i. An address without a name shows as
// its text; one whose name could not be asked for shows as nothing, which is
// what getnameinfo made of it.
func (r *run) hostName(ctx context.Context, a netip.Addr) string {
	if r.numeric {
		return a.String()
	}
	names, err := r.lookup(ctx, a.String())
	var failure *net.DNSError
	switch {
	case err == nil && len(names) > 0:
		return strings.TrimSuffix(names[0], ".")
	case errors.As(err, &failure) && !failure.IsNotFound:
		return ""
	}
	return a.String()
}

func lookup(ctx context.Context, addr string) ([]string, error) {
	return net.DefaultResolver.LookupAddr(ctx, addr)
}
