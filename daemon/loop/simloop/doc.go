// Package simloop is the owner loop with virtual time: many nodes on one goroutine, and the same run for the same
// program. [World] holds the time and the order of events; a [Node] is the loop of one simulated process and implements
// clock.Turns.
//
// An event is a turn of one node: its function, then the node's end-of-turn hooks. Events at the same instant happen in
// the order in which they were asked for. Time only moves when no event is due.
//
// A node can be paused (its turns wait, as when a process is stopped) and killed (they never happen).
package simloop
