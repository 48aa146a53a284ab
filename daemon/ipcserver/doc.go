// Package ipcserver connects local clients with the service layer: one endpoint for each service that has functions for
// clients, admission of new clients, and for each connection a bounded queue of events and flow control.
//
//	client ─ socket, rings ─ qbipc ─▶ conn ── Router.Request ──▶ engine
//	                         ◀────── event queue ◀── Conn.Event ──┘
//
// It does not own the protocol (libcorosync-go/qbipc; the connection of another protocol has the shape of [link]), nor
// the decision whether a request may run (daemon/service).
//
// # Back-pressure
//
// A request that multicasts without an answer cannot be refused. It is read from the client's ring only when it can be
// sent; until then the ring keeps it, fills up, and the client's library says TRY_AGAIN before anything is lost. Most
// of the time the flow control word in the ring has said so already.
//
// Events wait in order when the client does not read. A client that floods a group and cannot read as fast is told
// not to send until it has caught up. The C daemon lets that queue grow without limit; here a client whose queue reaches
// [Config].MaxQueueBytes, because of what others send, is disconnected, counted and logged: it would otherwise take the
// memory of the node. Nobody else loses anything.
//
// # Turn
//
// Everything runs on the goroutine that owns the daemon, and nothing waits. Wake-ups for events, retries and
// disconnections are made once, at the end of the turn: the server's hook must be registered after those of whoever
// makes events at the end of a turn (the map's trackers), that is, New called after them.
//
// It answers to exec/ipc_glue.c of corosync 3.1.
package ipcserver
