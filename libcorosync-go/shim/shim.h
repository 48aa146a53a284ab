/*
 * What the C libraries share: handles, loading the Go core, requests, dispatch. It lives in libcorosync_common, which
 * each of them links, so that a process has one core whatever number of the libraries it uses.
 */
#ifndef COROSYNC_GO_SHIM_H
#define COROSYNC_GO_SHIM_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <corosync/corotypes.h>

#include "../core/core.h"

#define EXPORT __attribute__((visibility("default")))

/* What a handle stands for. A handle of another kind is a bad handle. */
enum shim_kind {
	SHIM_CPG = CORE_CPG,
	SHIM_CMAP = CORE_CMAP,
	SHIM_QUORUM = CORE_QUORUM,
	SHIM_VOTEQUORUM = CORE_VOTEQUORUM,
	SHIM_CFG = CORE_CFG,
	SHIM_CPG_ITERATION,
	SHIM_CMAP_TRACK,
};

struct shim_chunk;

/*
 * An object behind a handle. Everything but `extra` belongs to shim.c. Memory lives until the last reference is put
 * back, so a callback may finalize the handle that it was called for.
 */
struct shim {
	uint32_t kind;
	uint32_t refs;       /* under the process lock; 1 for the handle itself */
	uint32_t index;
	uint32_t generation; /* of the core that holds record.core */
	int finalized;
	uint64_t handle;
	void *context;
	void (*release)(struct shim *); /* frees what `extra` holds; may be NULL */

	/* Connections only. */
	struct core_record record;
	pthread_mutex_t requests;  /* one request at a time */
	unsigned int waiting;      /* replies to come for who has that lock: 1 or 0 */
	unsigned int owed;         /* replies to requests whose thread was cancelled, or has left by longjmp */
	unsigned int turn;         /* counts requests */
	pthread_mutex_t events;    /* one thread at a time takes events */
	struct shim_chunk *chunk;  /* events taken from the daemon and not yet delivered */
	struct shim_chunk *spare;
	unsigned int debt;         /* events taken whose byte is still in byte_fd */
	int failed;                /* the connection is broken, as the core has found out */
	int gone;                  /* the daemon had hung up before it was finalized */

	union {
		uint64_t words[8];
		void *pointers[8];
		unsigned char bytes[64];
	} extra;
};

/* shim_open makes a connection and the handle for it. Nothing is left behind if it fails. */
EXPORT cs_error_t shim_open(enum shim_kind kind, struct shim **object);

/* shim_new makes an object that is no connection. */
EXPORT cs_error_t shim_new(enum shim_kind kind, struct shim **object);

/* shim_get finds the object of a handle and takes a reference; shim_put gives it back. */
EXPORT cs_error_t shim_get(uint64_t handle, enum shim_kind kind, struct shim **object);
EXPORT void shim_put(struct shim *object);

/* shim_finalize makes the handle invalid and ends the conversation, once: CS_ERR_BAD_HANDLE the second time. */
EXPORT cs_error_t shim_finalize(struct shim *object);

/* shim_each_finalize does that to every object of a kind whose extra.words[word] has the value. */
EXPORT void shim_each_finalize(enum shim_kind kind, unsigned int word, uint64_t value);

/*
 * shim_call sends a request and waits for the reply. It returns what went wrong on the way, or else the reply's own
 * error, which is in call->status too. shim_call_raw keeps the two apart. shim_send sends a request without a reply.
 */
EXPORT cs_error_t shim_call(struct shim *object, struct core_call *call);
EXPORT cs_error_t shim_call_raw(struct shim *object, struct core_call *call);
EXPORT cs_error_t shim_send(struct shim *object, struct core_call *call);

/* shim_request is shim_call on a handle. */
EXPORT cs_error_t shim_request(uint64_t handle, enum shim_kind kind, struct core_call *call);

/*
 * shim_dispatch hands events to deliver, with no lock held and nothing of the core beneath: it may finalize the handle,
 * dispatch again, end its thread or jump out. Its result other than CS_OK ends the dispatch.
 */
typedef cs_error_t (*shim_deliver)(struct shim *object, struct core_event *event);
EXPORT cs_error_t shim_dispatch(uint64_t handle, enum shim_kind kind, cs_dispatch_flags_t flags, shim_deliver deliver);

EXPORT cs_error_t shim_fd(uint64_t handle, enum shim_kind kind, int *fd);
EXPORT cs_error_t shim_context_get(uint64_t handle, enum shim_kind kind, void **context);
EXPORT cs_error_t shim_context_set(uint64_t handle, enum shim_kind kind, const void *context);

static inline struct iovec shim_bytes(const void *base, size_t length)
{
	struct iovec v = { (void *)base, length };
	return v;
}

static inline struct iovec shim_text(const char *text)
{
	return shim_bytes(text, text ? strlen(text) : 0);
}

#endif
