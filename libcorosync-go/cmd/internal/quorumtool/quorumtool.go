package quorumtool

import (
	"context"
	"math"
	"time"

	"github.com/corosync-go/corosync/libcorosync-go/cfg"
	"github.com/corosync-go/corosync/libcorosync-go/cmap"
	"github.com/corosync-go/corosync/libcorosync-go/cmd/internal/tool"
	"github.com/corosync-go/corosync/libcorosync-go/cserr"
	"github.com/corosync-go/corosync/libcorosync-go/quorum"
	"github.com/corosync-go/corosync/libcorosync-go/votequorum"
)

const usage = `usage: 
%s <options>

  options:

  -s             show quorum status
  -m             constantly monitor quorum status
  -l             list nodes
  -a             show all names or addresses for each node
  -p             when used with -s or -l, generates machine parsable output
  -v <votes>     change the number of votes for a node (*)
  -n <nodeid>    optional nodeid of node for -v
  -e <expected>  change expected votes for the cluster (*)
  -H             show nodeids in hexadecimal rather than decimal
  -i             show node IP addresses instead of the resolved name
  -o <a|n|i>     order by [a] IP address (default), [n] name, [i] nodeid
  -f             forcefully unregister a quorum device *DANGEROUS* (*)
  -h             show this help text
  -V             show version and exit

  (*) Starred items only work if votequorum is the quorum provider for corosync

`

// exitNotQuorate is the exit code of -s for a partition without quorum.
const exitNotQuorate = 2

const votequorumProvider = "corosync_votequorum"

// order of the member list.
type order int

const (
	byAddress order = iota // as the daemon gives it
	byName
	byNode
)

// run is one call of the tool.
type run struct {
	*tool.Env
	now    func() time.Time
	lookup func(ctx context.Context, addr string) ([]string, error)

	hex      bool // node ids
	numeric  bool // addresses instead of names
	allAddrs bool
	machine  bool
	order    order

	keys  *cmap.Client
	cfg   *cfg.Client
	quo   *quorum.Client
	votes *votequorum.Client // nil unless votequorum is the provider

	local    uint32 // node id; 0 without votequorum
	provider string // "" if not configured

	// What the last events said.
	quorate  bool
	ringSeq  uint64
	ringNode uint32
	view     []uint32
	gotView  bool
	gotNodes bool
}

// Run executes the tool and returns its exit code.
func Run(ctx context.Context, env *tool.Env, services tool.Services) int {
	r := &run{Env: env, now: time.Now, lookup: lookup}
	return r.main(ctx, services)
}

func (r *run) main(ctx context.Context, services tool.Services) int {
	action := r.showStatus
	number := func(text string, low, high int64, complaint string) (int64, bool) {
		v, ok := tool.ParseInt(text, low, high)
		if !ok {
			r.Errorf("%s\n", complaint)
		}
		return v, ok
	}
	var value, node int64
	options := r.Options("VHaslpmfe:v:hin:o:", nil)
	for {
		opt, ok := options.Next()
		if !ok {
			break
		}
		switch opt {
		case 's':
			action = r.showStatus
		case 'l':
			action = r.showNodes
		case 'm':
			action = r.monitor
		case 'f':
			action = r.unregisterDevice
		case 'a':
			r.allAddrs = true
		case 'i':
			r.numeric = true
		case 'H':
			r.hex = true
		case 'p':
			r.machine = true
		case 'e':
			value, ok = number(options.Arg, 1, math.MaxInt32, "New expected votes value was not valid, try a positive number")
			action = func(ctx context.Context) int { return r.setExpected(ctx, uint32(value)) }
		case 'n':
			node, ok = number(options.Arg, 1, math.MaxUint32, "The nodeid was not valid, try a positive number")
		case 'v':
			value, ok = number(options.Arg, 0, math.MaxInt32, "New votes value was not valid, try a positive number or zero")
			action = func(ctx context.Context) int { return r.setVotes(ctx, uint32(node), uint32(value)) }
		case 'o':
			r.order, ok = map[string]order{"a": byAddress, "n": byName, "i": byNode}[options.Arg]
			if !ok {
				r.Errorf("Invalid ordering option. valid orders are a(address), i(node ID) or n(name)\n")
			}
		case 'V':
			r.Printf("corosync-quorumtool version: %s\n", tool.Version)
			return tool.Success
		case 'h':
			r.Printf(usage, r.Program)
			return tool.Success
		default:
			r.Printf(usage, r.Program)
			return tool.Failure
		}
		if !ok {
			return tool.Failure
		}
	}
	defer r.close()
	if !r.connect(ctx, services) {
		return tool.Failure
	}
	return action(ctx)
}

// connect opens all services; false after a message.
func (r *run) connect(ctx context.Context, services tool.Services) bool {
	var err error
	if r.keys, err = services.Cmap(ctx, cmap.Icmap); err != nil {
		r.Errorf("Cannot initialize CMAP service\n")
		return false
	}
	if r.quo, err = services.Quorum(ctx, quorum.Callbacks{Notify: r.onQuorum}); err != nil {
		r.Errorf("Cannot initialize QUORUM service\n")
		return false
	}
	if r.cfg, err = services.Cfg(ctx); err != nil {
		r.Errorf("Cannot initialise CFG service\n")
		return false
	}
	if r.quo.Type() != quorum.Free {
		if name, err := cmap.Get[string](ctx, r.keys, "quorum.provider"); err == nil {
			r.provider = name
		}
	}
	if r.provider != votequorumProvider {
		return true
	}
	if r.votes, err = services.Votequorum(ctx, votequorum.Callbacks{NodeList: r.onNodeList}); err != nil {
		r.Errorf("Cannot initialise VOTEQUORUM service\n")
		return false
	}
	if r.local, err = cmap.Get[uint32](ctx, r.keys, "runtime.votequorum.this_node_id"); err != nil {
		r.Errorf("Unable to retrieve this_node_id\n")
		return false
	}
	return true
}

func (r *run) close() {
	if r.keys != nil {
		r.keys.Close()
	}
	if r.quo != nil {
		r.quo.Close()
	}
	if r.cfg != nil {
		r.cfg.Close()
	}
	if r.votes != nil {
		r.votes.Close()
	}
}

func (r *run) onQuorum(quorate bool, ringSeq uint64, members []uint32) {
	r.gotView, r.quorate, r.ringSeq, r.view = true, quorate, ringSeq, members
}

func (r *run) onNodeList(_ uint64, ring votequorum.RingID, _ []uint32) {
	r.gotNodes, r.ringNode = true, ring.NodeID
}

// needVotequorum tells whether votes can be changed; false after a message that
// names what cannot.
func (r *run) needVotequorum(what string) bool {
	if r.votes == nil {
		r.Errorf("You cannot %s, corosync is not using votequorum\n", what)
	}
	return r.votes != nil
}

func (r *run) setVotes(ctx context.Context, node, votes uint32) int {
	if !r.needVotequorum("change node votes") {
		return tool.Failure
	}
	if node == 0 { // not given
		node = r.local
	}
	if err := r.votes.SetVotes(ctx, node, votes); err != nil {
		r.Errorf("Unable to set votes %d for nodeid: %d: %s\n", votes, node, tool.Text(err))
		return tool.Failure
	}
	return tool.Success
}

func (r *run) setExpected(ctx context.Context, votes uint32) int {
	if !r.needVotequorum("change expected votes") {
		return tool.Failure
	}
	if err := r.votes.SetExpected(ctx, votes); err != nil {
		r.Errorf("Unable to set expected votes: %s\n", tool.Text(err))
		return tool.Failure
	}
	return tool.Success
}

func (r *run) unregisterDevice(ctx context.Context) int {
	if !r.needVotequorum("unregister quorum device") {
		return tool.Failure
	}
	info, err := r.votes.Info(ctx, r.local)
	if err != nil {
		r.Errorf("Unable to get quorum device info: %s\n", tool.Text(err))
		return tool.Failure
	}
	if info.Flags&votequorum.QdeviceRegistered == 0 {
		return tool.Success
	}
	if err := r.votes.QdeviceUnregister(ctx, info.QdeviceName); err != nil {
		r.Errorf("Unable to unregister quorum device: %s\n", tool.Text(err))
		return tool.Failure
	}
	return tool.Success
}

// errNoVotequorum is what the status ends with when there is no provider: the C
// tool tracks votequorum then with a handle that it never opened.
const errNoVotequorum = cserr.BadHandle
