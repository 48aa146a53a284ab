// Package cfg is the client of corosync's configuration service: state of links
// and nodes, reload, shutdown with the consent of others.
//
//	application ── NodeStatus, Reload, TryShutdown ──▶ Client ──▶ conn ──▶ daemon
//	            ◀── Shutdown question ── Dispatch ◀── events
//
// It does not own configuration keys (package cmap). Methods may be called from
// any goroutine; the callback runs on the goroutine that calls Dispatch. Errors
// carry the number that C programs see: cserr.From. It answers to lib/cfg.c.
package cfg
