// Package config reads corosync.conf: from text to a tree, to keys of the map,
// to typed parameters of the daemon.
//
//	text ──parse.go──▶ tree ──load.go, schema.go──▶ icmap keys ──totem.go──▶ Config
//	                                                 ▲                         │
//	                                     cmap writes at run time     runtime.config.* keys
//
// It owns the grammar, the table of keys (schema.go: type, allowed values,
// default, whether a reload may change it), the formulas of derived values,
// the search for the local node, and what a reload compares. It does not own
// what values do: totem, votequorum, logsys and the others take them from
// Config or from the map.
//
// Values go through the map because clients may write keys while the daemon
// runs; the derived values are then computed anew from the map.
//
// Functions that read files or resolve names say so; they may block and are not
// for the owner loop. The rest is for the goroutine that owns the map.
//
// It answers to exec/coroparse.c, exec/totemconfig.c and exec/logconfig.c.
package config
