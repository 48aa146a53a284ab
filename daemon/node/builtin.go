package node

import (
	"errors"
	"fmt"

	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/engine/cfg"
	"github.com/corosync-go/corosync/daemon/engine/cmap"
	"github.com/corosync-go/corosync/daemon/engine/cpg"
	"github.com/corosync-go/corosync/daemon/engine/mon"
	"github.com/corosync-go/corosync/daemon/engine/pload"
	"github.com/corosync-go/corosync/daemon/engine/quorum"
	"github.com/corosync-go/corosync/daemon/engine/votequorum"
	"github.com/corosync-go/corosync/daemon/engine/wd"
	"github.com/corosync-go/corosync/daemon/logsys"
	"github.com/corosync-go/corosync/daemon/loop"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
	"github.com/corosync-go/corosync/daemon/totem/transport"
	"github.com/corosync-go/corosync/daemon/totem/transport/udp"
	"github.com/corosync-go/corosync/daemon/totem/transport/udpu"
	"github.com/corosync-go/corosync/daemon/totem/wire"
	"github.com/corosync-go/corosync/lcr"
)

// EngineConstructor makes a service engine for a node. It is the type of New of the components "corosync_*".
type EngineConstructor func(n *Node) service.Engine

// TransportConstructor makes a transport. It is the type of New of the components "transport_*".
type TransportConstructor func(l *loop.Loop, log logsys.Logger, c *config.Config) (transport.Transport, error)

// engineOrder is the order in which services are loaded. The quorum service loads its provider itself.
var engineOrder = []lcr.Key{
	{Name: "corosync_cmap"},
	{Name: "corosync_cfg"},
	{Name: "corosync_cpg"},
	{Name: "corosync_pload"},
	{Name: "corosync_mon"},
	{Name: "corosync_wd"},
	{Name: "corosync_quorum"},
}

// builtIn lists the components that are linked into the daemon.
var builtIn = []lcr.Component{
	{Key: lcr.Key{Name: "corosync_cmap"}, New: EngineConstructor(func(*Node) service.Engine { return cmap.New() })},
	{Key: lcr.Key{Name: "corosync_cfg"}, New: EngineConstructor(func(*Node) service.Engine { return cfg.New() })},
	{Key: lcr.Key{Name: "corosync_cpg"}, New: EngineConstructor(newCPG)},
	{Key: lcr.Key{Name: "corosync_pload"}, New: EngineConstructor(func(*Node) service.Engine { return pload.New() })},
	{Key: lcr.Key{Name: "corosync_mon"}, New: EngineConstructor(func(n *Node) service.Engine { return mon.New(n.env.Sampler) })},
	{Key: lcr.Key{Name: "corosync_wd"}, New: EngineConstructor(func(n *Node) service.Engine { return wd.New(n.env.Platform) })},
	{Key: lcr.Key{Name: "corosync_quorum"}, New: EngineConstructor(newQuorum)},
	{Key: lcr.Key{Name: "corosync_votequorum"}, New: EngineConstructor(newVotequorum)},
	{Key: lcr.Key{Name: "transport_udpu"}, New: TransportConstructor(newUDPU)},
	{Key: lcr.Key{Name: "transport_udp"}, New: TransportConstructor(newUDP)},
}

func newCPG(n *Node) service.Engine {
	e := cpg.New()
	e.CRules = n.env.CRules
	return e
}

func newVotequorum(n *Node) service.Engine {
	e := votequorum.New(n.env.Barrier)
	e.CRules = n.env.CRules
	return e
}

// ErrProvider says that quorum.provider names no component.
var ErrProvider = errors.New("Invalid quorum provider") //nolint:staticcheck // the text is that of 3.1

func newQuorum(n *Node) service.Engine {
	provider := n.config.Quorum.Provider
	return quorum.New(provider, func() error {
		err := n.load(lcr.Key{Name: provider})
		if errors.Is(err, lcr.ErrNotFound) {
			return fmt.Errorf("%w: quorum.provider is %q, allowed is corosync_votequorum", ErrProvider, provider)
		}
		return err
	})
}

// members lists the nodes of link 0 as the transports want them.
func members(c *config.Config) []transport.Member {
	list := make([]transport.Member, 0, len(c.Links[0].Members))
	for _, m := range c.Links[0].Members {
		t := transport.Member{ID: totem.NodeID(m.NodeID)}
		t.Addrs[0] = m.Addr
		list = append(list, t)
	}
	return list
}

// frameMTU is the largest frame of the process group layer: totem.netmtu less two MCAST headers, so that a frame still fits
// when recovery wraps it once more.
func frameMTU(c *config.Config) int { return int(c.Totem.NetMTU) - 2*wire.McastHeaderLen }

func newUDPU(l *loop.Loop, log logsys.Logger, c *config.Config) (transport.Transport, error) {
	return udpu.New(l, log, udpu.Config{
		NodeID: totem.NodeID(c.NodeID), Bind: c.Links[0].Bind, Port: c.Links[0].Port, Members: members(c),
		BlockUnlisted: c.Totem.BlockUnlistedIPs != 0, DSCP: c.Totem.DSCP, FrameMTU: uint32(frameMTU(c)),
	})
}

func newUDP(l *loop.Loop, log logsys.Logger, c *config.Config) (transport.Transport, error) {
	return udp.New(l, log, udp.Config{
		NodeID: totem.NodeID(c.NodeID), Bind: c.Links[0].Bind, Port: c.Links[0].Port, Group: c.Links[0].Mcast,
		Broadcast: c.Totem.Broadcast, TTL: int(c.Links[0].TTL), DSCP: c.Totem.DSCP, Members: members(c), FrameMTU: uint32(frameMTU(c)),
	})
}
