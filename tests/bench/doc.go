// Package bench puts the C daemon and ours side by side: the same stock client,
// on one machine, in turn, over and over, and reports ratios.
//
// Single timings on a shared machine say little. So both clusters stand at the
// same time, the one that is not measured idles, and each row is measured C,
// Go, C, Go, ...; what is reported is the median of each and the median of the
// ratios of neighbours. A ratio above 1 is always good for ours: throughput is
// Go/C, latency C/Go.
//
// The client is testdata/cpgload.c, compiled here against the installed libcpg.
// It owns what is counted; this package owns clusters, repetition and the table.
//
//	COROSYNC_BENCH=1           run (otherwise the tests skip)
//	COROSYNC_BENCH_SECONDS=2   length of one measurement
//	COROSYNC_BENCH_REPS=5      measurements per daemon and row
//	COROSYNC_BENCH_ROWS=re     only rows whose name matches
//	COROSYNC_BENCH_SCHED=no    system.sched_rr of both daemons; default yes
//	COROSYNC_BENCH_CLIENT=rr   clients with real-time priority too, which takes
//	                           out what else runs on a busy machine
//	COROSYNC_BENCH_STRICT=1    fail where a row misses its target
//	COROSYNC_TEST_PROGRAMS=dir also run corosync's own cpgbench from there
//
// [TestLibraries] keeps the daemon and changes the client libraries instead: Debian's and ours in turn under one and the
// same program, on a daemon of each kind. What they cost beside messages is testdata/libload.c. [TestProtocols] changes the
// protocol that our library speaks to our daemon.
//
// It answers to test/cpgbench.c of corosync, which knows no second daemon.
package bench
