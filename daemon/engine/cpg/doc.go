// Package cpg is the closed process group service: groups of processes across the cluster, whose members are told of
// each change of the group and get each message of a member, all in one order.
//
//	lib.go    requests of clients: join, leave, multicast, membership, iterations; zerocopy.go the shared buffers
//	exec.go   ordered messages: joins and leaves take effect, messages are handed to local members
//	sync.go   after a membership change: who left with its node, who came with another
//	group.go  the table of processes and groups; notify.go the events
//
// A request changes nothing but the state of its connection; it multicasts. The process table changes only when an
// ordered message is delivered or a synchronisation is activated, so it is the same everywhere at the same point of the
// order. Groups, their fragments and their members are not configuration: nothing survives the daemon.
//
// It does not own fragmentation of long messages (the client library) nor flow control (daemon/service).
//
// It answers to exec/cpg.c of corosync 3.1.7. Deviations, each invisible to a client that keeps to the API:
//
//   - A connection that has left can join again. The C daemon keeps it in a state in which its library loops for ever.
//   - A process that goes away during a synchronisation is announced after it. The C daemon announces it in the middle,
//     which other nodes take back when they activate: a member without a process.
//   - A group has at most 128 local-order members in any list: the arrays of the client library end there.
//   - Zero copy takes only files that the library makes, and that belong to the client.
package cpg
