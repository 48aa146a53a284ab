// Package node is the composition root: it takes a checked configuration and an [Env], the node's world, and joins loop,
// transport, totem, sync engine, services and IPC server into one daemon. It is the only package that knows everything.
//
//	config + Env -> New -> loop <- clients (ipcserver) and network (transport)
//	                        |
//	                        +-> driver (srp, pg) -> service.Router -> engines
//
// The ordered list of what is built in is in builtin.go; every engine and transport is taken from the registry in lcr by
// name and version. The package decides nothing about the protocol and serves no client itself; it answers the engines'
// questions about the daemon as a whole (service.Host) and watches the keys of the map that are commands to it.
//
// All methods but New, Run and those that say otherwise are for the goroutine that runs the loop. It answers to exec/main.c
// of corosync 3.1.
package node
