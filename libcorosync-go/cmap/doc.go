// Package cmap is the client of corosync's configuration map: typed keys of one
// node, and its statistics.
//
//	application ── Get, Set, Iterate, Track ──▶ Client ──▶ conn ──▶ daemon
//	            ◀── Notification ── Dispatch ◀── events
//
// It owns typed values, iterators and trackers; it does not own the rules for
// keys, which the daemon applies. Methods may be called from any goroutine;
// callbacks run on the goroutine that calls Dispatch. Errors carry the number
// that C programs see: cserr.From. It answers to lib/cmap.c.
package cmap
