// Command corosync is the daemon: options, daemonizing, privileges of the
// process, signals and exit codes. The daemon itself is put together by
// daemon/node.
//
// It answers to exec/main.c.
package main
