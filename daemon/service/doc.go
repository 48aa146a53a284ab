// Package service is the seam between the service engines and the rest of the daemon: the [Engine] interface that each
// engine implements, the [API] that each engine is given, and the routing of client requests and ring messages.
//
// Engines import this package, never each other, a transport or the IPC server. Everything here runs on the goroutine
// that owns the daemon; nothing is locked.
//
// It answers to exec/service.c, exec/main.c and exec/sync.c of corosync 3.1.
package service
