// Package cmap is service 0: clients read, write, iterate and track the configuration map (daemon/icmap) and read the
// statistics map (daemon/stats).
//
// It owns what a connection holds, its iterators and trackers, and the comparison of totem.config_version between nodes:
// a node that comes to others with an older version stops. It does not own the maps, and decides no key but the members'
// runtime.members.<id>.config_version.
//
//	client -> lib.go   -> icmap or stats
//	icmap  -> track.go -> events, queued before the answer of the request that caused them
//	ring   -> sync.go  -> config version exchange
//
// Everything runs on the owner goroutine. It answers to exec/cmap.c and exec/stats.c of corosync 3.1.
package cmap
