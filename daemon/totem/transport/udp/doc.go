// Package udp is the transport that sends multicasts to an IP multicast group (or as broadcasts) and unicasts to their
// target.
//
// It owns three sockets: one that receives from the group, one bound to this node's address and port-1 that sends
// everything, and one bound to address and port that receives unicasts. Multicast loop is off and the transport does not
// send to itself. When the interface is down it sends nothing, and the node is a ring of one until it comes back.
//
// It runs on the owner goroutine. It answers to exec/totemudp.c; totem.md 14.2 and 14.4.
package udp
