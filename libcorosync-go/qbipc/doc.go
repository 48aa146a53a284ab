// Package qbipc speaks libqb's local protocol, both ends: how a corosync 3.x client library finds, enters and uses a
// daemon on its host.
//
// It owns the setup socket with its handshake and notification bytes, the three rings of a connection and their
// lifetime. It does not own what the messages say (ipcmsg), who may connect, or queues of any kind (daemon/ipcserver).
// The client end (Client) may block and is driven by package conn. The server end (Listener, Pending, ServerConn)
// never blocks, has no goroutine and no lock: the daemon's owner loop calls it when a descriptor is ready. Whatever a
// peer does to the socket or the memory ends in an error on its own connection. It answers to ipc_setup.c, ipc_shm.c,
// ipcs.c and ipcc.c of libqb 2.0.
package qbipc
