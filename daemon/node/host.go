package node

import (
	"github.com/corosync-go/corosync/daemon/config"
	"github.com/corosync-go/corosync/daemon/service"
	"github.com/corosync-go/corosync/daemon/totem"
)

// host is the daemon as the engines see it.
type host struct{ *Node }

var _ service.Host = host{}

// Shutdown starts the graceful stop.
func (h host) Shutdown(reason string) { h.Node.Shutdown(reason) }

// Exit ends the process at once.
func (h host) Exit(status int) { h.exit(status) }

// Reload reads the file on another goroutine and applies it on this one.
func (h host) Reload(done func(changedCrypto bool, err error)) {
	n := h.Node
	path := n.config.Path
	var candidate *config.Candidate
	n.env.Offload(func() { candidate = config.Prepare(path, n.env.Files) }, func() {
		next, err := candidate.Commit(n.db, n.config, n.env.Logs.Logger("CFG"), n.apply)
		changed := err == nil && !next.Crypto.Equal(&n.config.Crypto)
		if err == nil {
			n.config = next
		}
		done(changed, err)
	})
}

// CryptoPhase has nothing to switch: only knet encrypts.
func (h host) CryptoPhase(int) error { return nil }

// ReopenLogs closes and opens the log files.
func (h host) ReopenLogs() error {
	if h.env.ReopenLogs == nil {
		return nil
	}
	return h.env.ReopenLogs()
}

// RingStatus lists the links.
func (h host) RingStatus() []service.RingStatus { return h.transport.RingStatus() }

// NodeStatus describes a node as the transport sees it.
func (h host) NodeStatus(id totem.NodeID) (service.NodeStatus, bool) { return h.driver.NodeStatus(id) }

// NodeAddrs lists the addresses of a node in the configuration, in link order.
func (h host) NodeAddrs(id totem.NodeID) []service.NodeAddr {
	var list []service.NodeAddr
	for i := range h.config.Links {
		for _, m := range h.config.Links[i].Members {
			if totem.NodeID(m.NodeID) == id && m.Addr.IsValid() {
				list = append(list, service.NodeAddr{Link: i, IP: m.Addr})
				break
			}
		}
	}
	return list
}

// Stats is the statistics map.
func (h host) Stats() service.StatsMap { return h.stats }
