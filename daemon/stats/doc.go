// Package stats is the statistics map: the second map that clients of cmap can
// choose, read-only and computed at each access.
//
//	cmap ── Get, Keys, Set ──▶ Registry ── Out ──▶ readers of srp, pg, ipcserver, knet
//
// It owns the names and types of the keys and the record of late loop turns
// (stats.schedmiss.*). It owns no counter: those are plain fields of their
// owners, who register a function that reads them.
//
// One goroutine, the owner loop, makes all calls. It answers to exec/stats.c.
package stats
