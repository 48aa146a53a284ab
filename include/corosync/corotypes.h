/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Types that all client libraries share, and the functions of
 * libcorosync_common.so.4 (link with -lcorosync_common).
 *
 * Rules that hold for every library, unless a function says otherwise:
 *
 * Handles. A handle is 64 bits, never 0. One that was finalized, or never
 * existed, gives CS_ERR_BAD_HANDLE from every function. A handle belongs to the
 * process that made it.
 *
 * Threads. Several threads may use one handle; their requests go to the daemon
 * one after the other. A callback may call any function on its own handle,
 * finalizing it included: the dispatch that made the callback then ends with
 * CS_ERR_BAD_HANDLE. The functions are neither async-signal-safe nor
 * interrupted by signals, and are no cancellation points except where a
 * dispatch waits.
 *
 * Callbacks run in the thread that calls dispatch, during that call. What
 * pointers among their arguments point to is valid until the callback returns.
 * A callback pointer that is NULL drops its events.
 *
 * Dispatch needs 1 MiB of stack with the libraries of 3.1 written in C; a
 * program that is to run with both gives its threads that much.
 *
 * A lost daemon. When the daemon has ended, the descriptor of fd_get polls as
 * POLLIN|POLLHUP, requests and dispatch give CS_ERR_LIBRARY, and only finalize
 * makes sense. Nothing reconnects by itself: finalize, and initialize anew,
 * repeating that while it gives CS_ERR_LIBRARY (no daemon) or CS_ERR_TRY_AGAIN
 * (not ready).
 *
 * Waiting. A request waits for its answer without limit; during a change of the
 * membership that may be seconds. CS_ERR_TRY_AGAIN means: nothing was done, the
 * same call may succeed a little later.
 *
 * Strings are bytes ended by NUL, names of CPG groups are counted bytes.
 */
#ifndef COROTYPES_H_DEFINED
#define COROTYPES_H_DEFINED

#include <stdint.h>
#include <errno.h>
#include <time.h>
#include <sys/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A time or a span of time in nanoseconds. */
typedef int64_t cs_time_t;

#define CS_FALSE 0
#define CS_TRUE !CS_FALSE

/** Room in cs_name_t, in bytes. */
#define CS_MAX_NAME_LENGTH 256

/** The time that never comes. */
#define CS_TIME_END ((cs_time_t)0x7FFFFFFFFFFFFFFFULL)

/** The larger of two values; the larger one is evaluated twice. */
#define CS_MAX(x, y) (((x) > (y)) ? (x) : (y))

/*
 * printf formats: a node id (uint32_t) in decimal, the same in a column, the
 * sequence number of a ring (uint64_t) in hexadecimal, and a whole ring id
 * (node id, sequence) with both parts in hexadecimal. The user includes
 * <inttypes.h> before using one.
 */
#define CS_PRI_NODE_ID "%" PRIu32
#define CS_PRI_NODE_ID_PADDED "%10" PRIu32
#define CS_PRI_RING_ID_SEQ "%" PRIx64
#define CS_PRI_RING_ID "%" PRIx32 ".%" PRIx64

/** A counted name: the first length bytes of value, 0 to CS_MAX_NAME_LENGTH. */
typedef struct {
	uint16_t length;
	uint8_t value[CS_MAX_NAME_LENGTH];
} cs_name_t;

/** A version as letter, major and minor number. */
typedef struct {
	char releaseCode;
	unsigned char majorVersion;
	unsigned char minorVersion;
} cs_version_t;

/** How much a dispatch function does. */
typedef enum {
	CS_DISPATCH_ONE = 1,		/**< waits for one event, and handles it */
	CS_DISPATCH_ALL = 2,		/**< handles what is queued, possibly nothing; does not wait */
	CS_DISPATCH_BLOCKING = 3,	/**< handles events until an error, or until the handle is finalized */
	CS_DISPATCH_ONE_NONBLOCKING = 4	/**< handles one event, or gives CS_ERR_TRY_AGAIN if there is none */
} cs_dispatch_flags_t;

/*
 * What the trackstart functions ask for; values may be OR-ed.
 * CURRENT: one notification of the present state, now. CHANGES: that, and one
 * at every change. CHANGES_ONLY: only those at changes.
 */
#define CS_TRACK_CURRENT 0x01
#define CS_TRACK_CHANGES 0x02
#define CS_TRACK_CHANGES_ONLY 0x04

/** The result of nearly every function. Some values exist for history only. */
typedef enum {
	CS_OK = 1,			/**< done */
	CS_ERR_LIBRARY = 2,		/**< no daemon, the connection is lost, or the system refused something */
	CS_ERR_VERSION = 3,
	CS_ERR_INIT = 4,
	CS_ERR_TIMEOUT = 5,
	CS_ERR_TRY_AGAIN = 6,		/**< nothing was done; it may succeed later */
	CS_ERR_INVALID_PARAM = 7,	/**< an argument is not allowed */
	CS_ERR_NO_MEMORY = 8,		/**< memory is short, here or in the daemon */
	CS_ERR_BAD_HANDLE = 9,		/**< no such handle, or one that was finalized */
	CS_ERR_BUSY = 10,		/**< somebody refused, or is at it */
	CS_ERR_ACCESS = 11,		/**< not permitted */
	CS_ERR_NOT_EXIST = 12,		/**< what was named does not exist */
	CS_ERR_NAME_TOO_LONG = 13,	/**< a name is too long, or malformed */
	CS_ERR_EXIST = 14,		/**< it exists already */
	CS_ERR_NO_SPACE = 15,		/**< a file system is full */
	CS_ERR_INTERRUPT = 16,		/**< a signal came in between */
	CS_ERR_NAME_NOT_FOUND = 17,	/**< no node of that id */
	CS_ERR_NO_RESOURCES = 18,	/**< the daemon could not send, or is out of handles */
	CS_ERR_NOT_SUPPORTED = 19,	/**< the daemon, or the map, cannot do that */
	CS_ERR_BAD_OPERATION = 20,
	CS_ERR_FAILED_OPERATION = 21,	/**< the daemon tried, and failed */
	CS_ERR_MESSAGE_ERROR = 22,	/**< a message does not fit the present state */
	CS_ERR_QUEUE_FULL = 23,
	CS_ERR_QUEUE_NOT_AVAILABLE = 24,
	CS_ERR_BAD_FLAGS = 25,
	CS_ERR_TOO_BIG = 26,		/**< more than a message may hold */
	CS_ERR_NO_SECTIONS = 27,	/**< the end of an iteration */
	CS_ERR_CONTEXT_NOT_FOUND = 28,
	CS_ERR_TOO_MANY_GROUPS = 30,
	CS_ERR_SECURITY = 100
} cs_error_t;

/** How long a request waits for its answer in milliseconds: without limit. */
#define CS_IPC_TIMEOUT_MS -1

#define CS_TIME_MS_IN_SEC 1000ULL
#define CS_TIME_US_IN_SEC 1000000ULL
#define CS_TIME_NS_IN_SEC 1000000000ULL
#define CS_TIME_US_IN_MSEC 1000ULL
#define CS_TIME_NS_IN_MSEC 1000000ULL
#define CS_TIME_NS_IN_USEC 1000ULL

/**
 * Tells the monotonic time in nanoseconds; where the system has no such clock,
 * the time of day since 1970.
 */
static inline uint64_t cs_timestamp_get(void)
{
#if defined _POSIX_MONOTONIC_CLOCK && _POSIX_MONOTONIC_CLOCK >= 0
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CS_TIME_NS_IN_SEC + (uint64_t)now.tv_nsec;
#else
	struct timeval now;

	gettimeofday(&now, 0);
	return (uint64_t)now.tv_sec * CS_TIME_NS_IN_SEC + (uint64_t)now.tv_usec * CS_TIME_NS_IN_USEC;
#endif
}

/**
 * Translates a result of libqb to an error of this library.
 *
 * Any thread may call it at any time.
 *
 * @param result A negative errno value, or zero or more for success. A value
 *   without a counterpart becomes CS_ERR_LIBRARY.
 */
cs_error_t qb_to_cs_error(int result);

/**
 * Names an error.
 *
 * Any thread may call it at any time.
 *
 * @param err A value of cs_error_t; any other number is answered with a text
 *   that says it is unknown.
 * @return The name of the enumerator, and "success" for CS_OK. It is never NULL,
 *   and the caller neither changes nor frees it.
 */
const char *cs_strerror(cs_error_t err);

/**
 * Translates a result of a handle database (corosync/hdb.h).
 *
 * Any thread may call it at any time.
 *
 * @param res Zero, or a negative errno value: EBADF, ENOMEM, EMFILE and EACCES
 *   have a counterpart, all others become CS_ERR_LIBRARY.
 */
cs_error_t hdb_error_to_cs(int res);

#ifdef __cplusplus
}
#endif

#endif /* COROTYPES_H_DEFINED */
