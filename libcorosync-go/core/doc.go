// Package main of libcorosync-go/core is the one Go library (libcorosync-go.so, -buildmode=c-shared) behind all the C
// libraries of libcorosync-go/shim.
//
//	program → libcpg.so.4 ... (C: handles, waiting, callbacks) → core.h → core (messages, connection) → qbipc or coroipc
//
// It owns no memory that outlives a call but a client per connection, which a fresh copy of it in a forked child makes
// again from the C side's record (struct core_record). It never waits, starts no goroutine and no timer, opens nothing
// but connections, and reads no environment: it is a guest in a process that knows nothing of Go. It is called from
// any thread of the program with all signals blocked; the C side serialises requests with each other, and events with
// each other, per connection. It answers to lib/*.c of corosync and to libqb's ipcc.c.
package main

// main is never called in a library.
func main() {}
