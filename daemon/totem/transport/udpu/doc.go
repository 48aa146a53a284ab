// Package udpu is the transport that sends one unicast datagram to each member, over UDP.
//
// It owns one socket, bound to this node's address and port, which sends and receives everything. (C corosync sends
// multicasts from one more socket per member, with a port of its own; it accepts any source port of a member's address,
// and so do we.) Datagrams from addresses that no member has are dropped unless block_unlisted_ips says otherwise.
//
// It does not send to itself. When the interface is down it sends nothing, and the node is a ring of one until the
// kernel reports the address again.
//
// It runs on the owner goroutine. It answers to exec/totemudpu.c; totem.md 14.2 and 14.3.
package udpu
