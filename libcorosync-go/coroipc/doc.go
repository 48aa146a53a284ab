// Package coroipc speaks corosync 1.x's local protocol, both ends: shared memory that the client brings along, a semaphore
// for each direction, and a socket that carries the setup, one byte for each event, and the news of a peer's death.
//
// It owns the setup, the four buffers of a connection with their lifetime, and the semaphores. It does not own what the
// messages say (ipcmsg), who may connect, or queues of any kind (daemon/ipcserver). The client end (Client) may block and is
// driven by package conn. The server end (Listener, Pending, ServerConn) never blocks and is the owner loop's; beside it
// each connection has a goroutine that waits on the client's semaphore, and does nothing but say so. Whatever a peer does
// to the socket or the memory ends in an error on its own connection.
//
// # Two kinds of layout on one socket
//
// A client names its service by number. Numbers 0 to 31 are the services of 1.x with the messages of 1.4. [Service3x] plus
// a number of 3.x is that service of 3.x, with messages exactly as they travel in libqb's protocol. 1.x never used numbers
// above 17, so its daemons answer NOT_EXIST to them. A header of 1.x begins with the size and one of 3.x with the number of
// the function; that order is part of this protocol: the server end shows and takes messages with 3.x headers always.
//
// A connection has room for one request, so every request is answered, the multicast of 3.x too, which has no answer over
// libqb.
//
// It answers to exec/coroipcs.c, lib/coroipcc.c and include/corosync/coroipc_ipc.h of corosync 1.4.
package coroipc
