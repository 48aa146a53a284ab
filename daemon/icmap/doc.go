// Package icmap is the typed key map of a node: every configuration key, every
// published run-time value and every counter that corosync-cmapctl shows.
//
// It owns the keys, their values, the order in which they are listed, the list
// of keys that clients may not write, and the trackers. It does not own the
// file that the keys come from (daemon/config), the client protocol
// (engine/cmap), nor the computed statistics map (daemon/stats).
//
//	config, engines ── Set/Delete/Adjust ──▶ Map ── TrackNow ──▶ callback, at once
//	                                          │
//	                                          └── queue ── Flush (end of turn) ──▶ Track callbacks
//
// One goroutine, the owner loop, makes all calls; there are no locks. Several
// maps may exist: a reload parses into a temporary one.
//
// It answers to exec/icmap.c and to the trie of libqb that is beneath it.
package icmap
