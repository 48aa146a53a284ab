// Package memnet is a network in memory for tests and simulation: the same seed gives the same losses, delays,
// duplicates and reorderings, in virtual time.
//
// A [Network] connects the [Endpoint]s of one simloop.World, each of which is the transport of one simulated process.
// Datagrams between two nodes keep their order unless the network is told to reorder; between different pairs nothing is
// promised, as on a real network. A node's receive queue is bounded like a socket buffer, and goes on filling while the
// node is paused.
//
// Directions of a link are separate: a one-way partition is one [Network.Cut].
package memnet
