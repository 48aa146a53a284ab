// Package transport is how frames get from one node to the others: the [Transport] interface, and what its
// implementations have in common. A transport moves datagrams, and knows nothing of what is in them except the address.
//
//	udpu      one unicast datagram per member (totem.md 14.3)
//	udp       IP multicast or broadcast (14.4)
//	memnet    a deterministic network in memory
//	dgram     batched system calls, shared by udp and udpu
//	netif     supervision of the bound address, shared by udp and udpu
//	conformance   the tests that every transport passes
//
// All calls in both directions are made on the owner goroutine; nothing is locked.
//
// A transport never delivers a node's own frames to it: the driver loops them back in memory. So a node whose
// interface is down, or that is alone, needs no network.
package transport
