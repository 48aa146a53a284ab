// Package conn is one connection of a client to one service of a corosync daemon, whatever protocol it speaks.
//
// It owns the order of calls on a connection: one requester at a time, one dispatcher at a time, both at once, and a
// Close that may come from anywhere. The protocols (qbipc, and coroipc) sit behind the Transport interface; what
// the bytes mean is ipcmsg's business, and sessions, callbacks and dispatch modes belong to the service packages
// (cpg, cmap, ...), which are its callers. Every method may be called from any goroutine. It answers to the calls of
// libqb's ipcc.c as corosync's client libraries use them.
package conn
