/*
 * Messages that C writes and reads itself: those that programs count in microseconds (a call of the core costs more than
 * half of one), which are multicasts, their delivery and the reading of keys; and all events but the pieces of long messages. During
 * a call of the core the signals of the calling thread are blocked, so that one for the process goes to another of its
 * threads: a program that only dispatches makes no such call. All else is the core's, and every error of these too:
 * DIRECT_ASK hands over to it what is not plainly good, untouched.
 */
#ifndef COROSYNC_GO_DIRECT_H
#define COROSYNC_GO_DIRECT_H

#include "../core/core.h"

#define DIRECT_ASK (-1)

/* direct_request sends a request. 0 or an errno, as the core's request. */
int direct_request(const struct core_record *r, const struct core_call *call);

/* direct_reply decodes a reply whose count was taken from the semaphore. 0: done, status in the call. */
int direct_reply(const struct core_record *r, struct core_call *call);

/* direct_events is the core's events, and may stop before an event that is not for it. EAGAIN: there is none. */
int direct_events(const struct core_record *r, void *room, uint64_t size, uint64_t most, struct core_batch *batch);

#endif
