// Package srp is the Totem single ring protocol: agreed order of multicasts by a circulating token, and the membership
// algorithm that forms a ring, detects its failure and recovers the messages of the old ring in the new one.
//
// It owns the automaton, the sort queues, retransmission, flow control and the timers' deadlines. It does not own
// datagrams (transport), packing of messages into frames (pg), the store of the ring sequence, nor any clock: everything
// comes in as a method call with the current instant, and what has to be done goes out as a list.
//
//	         frames, Advance, Wake, TransAck, ...
//	                      |
//	Source <-- frames -- Machine -- Outputs --> Unicast Multicast Deliver ConfigurationChange StoreRing ...
//
// Only the owner goroutine calls a [Machine]; the driver does, and executes the outputs after each call. The state
// diagram is above the table of handlers in dispatch.go. Files are named after states and mechanisms of the paper.
//
// It answers to Amir, Moser, Melliar-Smith, Agarwal, Ciarfella, "The Totem Single-Ring Ordering and Membership
// Protocol", ACM TOCS 13(4), 1995; to "Extended Virtual Synchrony", 1994; and on the wire to exec/totemsrp.c of corosync
// 3.1.7, with which it shares rings.
package srp
