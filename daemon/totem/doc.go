// Package totem holds the words of the Totem single ring protocol that every layer above and below it uses: node and
// ring identifiers, configurations, delivery guarantees.
//
// It has no behaviour and no state. The protocol is in its sub-packages: wire (formats), seq (sequence numbers), srp
// (ordering and membership), pg (packing and fragmentation), transport (datagrams), driver (all of them in the loop).
//
// Sources: Amir et al., "The Totem Single-Ring Ordering and Membership Protocol", 1995; corosync 3.1 include/corosync/
// totem/totem.h.
package totem
