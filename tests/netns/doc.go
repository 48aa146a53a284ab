// Package netns builds whole clusters on one machine: real daemons, real
// sockets, real clients, every node in Linux namespaces of its own.
//
//	       test process ("hub"): own net, mount and pid namespace
//	 +--------------------------------------------------------------+
//	 |   bridge of group A            bridge of group B (partition) |
//	 |     |v1       |v2                  |v3                       |
//	 +-----|---------|--------------------|-------------------------+
//	  eth0 |    eth0 |               eth0 |
//	+------+--+ +----+----+        +------+--+   net, mount, UTS and pid
//	| node 1  | | node 2  |        | node 3  |   namespace each; private
//	| daemon  | | daemon  |        | daemon  |   /dev/shm /run /var/log
//	| clients | | clients |        | clients |   /etc/corosync /var/lib/...
//	+---------+ +---------+        +---------+
//
// A test package calls [Main] from its TestMain. Main runs the test binary
// again inside fresh namespaces (with a user namespace around them for an
// ordinary user), so a test that dies, hangs or is killed takes all of its
// daemons, links and mounts with it: they cannot outlive process 1 of its pid
// namespace. A node is the same binary a third time, as process 1 of the
// node's namespaces; it mounts, and then only reaps.
//
// A partition moves ports between bridges: frames stop, the carrier stays, as
// when a switch in the middle fails. No packet filter is needed for it.
//
// The package owns topology, files, processes and waiting. It does not own
// what a correct cluster is: that is package history for deliveries, and the
// tests themselves. It knows a daemon only as a path with a name, so that the
// same scenario runs on the C daemon (which shows that the scenario is sound)
// and on ours.
//
// Goroutines: everything is called from the test's goroutine, except where a
// method says otherwise.
package netns
