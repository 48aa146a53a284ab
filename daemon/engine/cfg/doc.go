// Package cfg is service 1: administration of the running daemon. Clients ask for the state of links and nodes, reload the
// configuration on every node, reopen logs, kill a node or shut the local one down.
//
// It owns the negotiation of a shutdown, in which other clients may object, and the ring messages of the service. What it
// administers is the daemon's: it reaches it through service.Host.
//
//	client -> lib.go, shutdown.go -> ring (KILLNODE, SHUTDOWN, RELOAD_CONFIG)
//	ring   -> exec.go -> service.Host
//
// Everything runs on the owner goroutine. It answers to exec/cfg.c of corosync 3.1.
package cfg
