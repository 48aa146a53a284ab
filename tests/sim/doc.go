// Package sim runs whole daemons in one process: every node is a composition
// root with its loop, srp, pg, sync engine and services, on virtual time and on
// a network in memory. No sockets, no clock, no goroutine: one seed decides
// everything and gives the same run each time, on any machine.
//
//	seed -> Plan -> Cluster of hosts -> processes (node.Node) <- clients
//	                  |                       |
//	                  faults               histories -> tests/history
//
// A [Plan] is what a seed decides before the run: how many nodes, their
// configurations, the network, which kinds of faults occur and how often
// (swarm testing: each seed leaves out some kinds, so that the others meet in
// combinations that all kinds together would bury). The faults stop, all nodes
// are up, and the cluster must become whole within a time that is computed from
// its timeouts. Clients join and leave process groups, send, and follow quorum
// all the while, and what they saw is judged by tests/history and by the rules
// in judge.go, which know the promises and nothing of how they are kept.
//
// A run belongs to the goroutine that makes it; several may run side by side.
// The models are FoundationDB's simulation and TigerBeetle's VOPR.
package sim
