package totem

import "net/netip"

// MaxLinks is the number of links a node may have (INTERFACE_MAX).
const MaxLinks = 8

// RingStatus is the state of one link as the cfg service reports it.
type RingStatus struct {
	Name   string // "<link number> <address>"
	Status string // "OK" for udp and udpu
}

// LinkStatus is one link of a node's status.
type LinkStatus struct {
	Enabled, Connected, DynConnected bool
	MTU                              uint32
	Src, Dst                         string
}

// NodeStatus is the transport's view of a node (struct totem_node_status).
type NodeStatus struct {
	NodeID                          NodeID
	Reachable, Remote, External     bool
	OnwireMin, OnwireMax, OnwireVer uint8
	Links                           [MaxLinks]LinkStatus
}

// NodeAddr is an address of a node on one link.
type NodeAddr struct {
	Link int
	IP   netip.Addr
}
