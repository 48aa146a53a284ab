/*
 * What C does itself on an established connection over shared memory, libqb's or coroipc's, which is all that comes and goes as long as it is
 * in order: requests, replies and events. A call of the core costs a program more than half a microsecond, and its
 * signals: they are blocked in the calling thread meanwhile, so that one for the process goes to another of its
 * threads, whose system call it interrupts. A request lets the daemon run, often instead of its caller, and then such a
 * call can last. Connecting and the end of a connection, the other transports, and every error are the core's:
 * DIRECT_ASK hands over to it what is not plainly good, untouched.
 */
#ifndef COROSYNC_GO_DIRECT_H
#define COROSYNC_GO_DIRECT_H

#include "../core/core.h"

#define DIRECT_ASK (-1)

/* direct_request (requests.c) sends a request. 0 or an errno, as the core's request. */
int direct_request(const struct core_record *r, const struct core_call *call);

/* direct_reply (requests.c) decodes a reply whose count was taken from the semaphore, or throws it away: call NULL. 0: done. */
int direct_reply(const struct core_record *r, struct core_call *call);

/* direct_events (events.c) is the core's events, and may stop before an event that is not for it. EAGAIN: there is none. */
int direct_events(const struct core_record *r, void *room, uint64_t size, uint64_t most, struct core_batch *batch);

/* direct_pause sleeps less than a second, or until a signal. Unlike nanosleep's callers, its own are not cancelled in it. */
void direct_pause(long ns);

#endif
