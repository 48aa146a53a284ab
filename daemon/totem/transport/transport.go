package transport

import (
	"net/netip"

	"github.com/corosync-go/corosync/daemon/totem"
)

// MaxDatagram is the largest frame, in bytes, that a transport must be able to receive (totem.md 18).
const MaxDatagram = 65536

// Packet is a frame on its way out.
type Packet struct {
	// To is the node the frame goes to. Zero is a multicast: to every member except this node.
	To    totem.NodeID
	Frame []byte
}

// Member is a node as the configuration lists it. Invalid addresses mean that it has none on that link.
type Member struct {
	ID    totem.NodeID
	Addrs [totem.MaxLinks]netip.Addr
}

// Handler receives what a transport reports. It is called from the owner loop, and never from within a call of the
// transport's methods.
type Handler interface {
	// Receive hands over datagrams that arrived, oldest first, multicasts not later than the unicasts that were sent
	// after them. The frames are valid during the call.
	Receive(frames [][]byte)
	// Interface reports that the network can be used, or no longer. The first report comes soon after Start.
	Interface(up bool)
	// Fail reports that the transport cannot go on. The process is expected to end.
	Fail(err error)
}

// Transport sends and receives the frames of one node.
type Transport interface {
	// Start opens the network. What happens there is reported to h from then on. It is called once.
	Start(h Handler) error
	// Close leaves the network. Nothing is reported after it.
	Close()

	// Send sends packets. To each node they leave in the order of the batch; a lost or refused datagram is no error,
	// the protocol sends again. A unicast to a node that is no member, or to this node, is dropped. The frames are not
	// kept after the call.
	Send(batch []Packet)
	// Discard drops what has arrived and has not been read. Called from Handler.Receive, it may overwrite the frames of
	// that call.
	Discard()

	// SetMembers replaces the list of members, this node among them. It applies to the next datagram.
	SetMembers(members []Member) error
	// SetBlockUnlisted says whether datagrams from addresses that no member has are dropped (totem.block_unlisted_ips).
	SetBlockUnlisted(block bool)
	// CheckInterfaces asks for a look at the interface now: the protocol lost the token.
	CheckInterfaces()

	// RingStatus describes the links of this node.
	RingStatus() []totem.RingStatus
	// NodeStatus describes a node. reachable says whether it is a member of the ring. False refuses the answer.
	NodeStatus(id totem.NodeID, reachable bool) (totem.NodeStatus, bool)
	// Stats returns the counters since Start.
	Stats() Stats
}

// Stats are the counters of a transport. Each counts datagrams unless it says otherwise.
type Stats struct {
	TxDatagrams, TxBytes uint64
	// TxCalls and RxCalls count system calls.
	TxCalls, RxCalls uint64
	// TxErrors counts what the kernel refused, in datagrams or groups of them.
	TxErrors             uint64
	RxDatagrams, RxBytes uint64
	// RxRejected came from an address that no member has, RxTruncated were larger than MaxDatagram.
	RxRejected, RxTruncated uint64
	// MulticastErrors counts multicasts refused in a row; a sent one sets it to zero.
	MulticastErrors uint64
}

// MemberAddr returns the address of a node on link 0; an invalid one for a node that is not listed.
func MemberAddr(members []Member, id totem.NodeID) netip.Addr {
	var addr netip.Addr
	for i := range members {
		if members[i].ID == id {
			addr = members[i].Addrs[0]
		}
	}
	return addr
}

// SimpleRingStatus is the ring status of the transports with one link (udp, udpu): the address in use, or the configured one
// while there is none.
func SimpleRingStatus(addr, bind netip.Addr) []totem.RingStatus {
	if !addr.IsValid() {
		addr = bind
	}
	return []totem.RingStatus{{Name: "0 " + addr.WithZone("").String(), Status: "OK"}}
}

// SimpleStatus is the node status of the transports without state per peer (udp, udpu): one link, enabled while the own
// interface is up, connected when the node is in the ring. addr is the node's address on link 0, and invalid for an
// unknown node, of which nothing is said.
func SimpleStatus(id totem.NodeID, addr netip.Addr, mtu uint32, reachable, up bool) totem.NodeStatus {
	s := totem.NodeStatus{NodeID: id}
	if !addr.IsValid() {
		return s
	}
	s.Reachable = reachable
	s.Links[0] = totem.LinkStatus{Enabled: up, Connected: reachable, MTU: mtu, Src: addr.WithZone("").String()}
	return s
}
