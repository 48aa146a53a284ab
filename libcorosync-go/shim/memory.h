/*
 * Messages in memory that is shared with the daemon, as far as C writes and reads them itself (direct.h). The connection was
 * made, and its mappings were checked, by the core (packages qbipc, ring and coroipc, which say what the layouts mean).
 *
 * Nothing is kept between calls: cursors are in the mappings, where the core finds them as this left them, and a
 * forked child as well. Whatever is not as it should be is left untouched for the core, which has the errors.
 */
#ifndef COROSYNC_GO_MEMORY_H
#define COROSYNC_GO_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include <corosync/corotypes.h>
#include <corosync/cpg.h>

#include "direct.h"

enum stream { REQUESTS, REPLIES, EVENTS };

/* A message that has come. The daemon may change it at any time: copy, then look. */
struct message {
	const char *memory; /* where it lies, from `at` on and perhaps across the end */
	size_t size, at;    /* bytes */
	uint32_t length;    /* bytes; checked, and read once */
};

/* What a protocol does in its own way. */
struct memory {
	/*
	 * write puts one request there, given as a head and further parts of `total` bytes, no more than a message may have, and
	 * tells the daemon. EAGAIN: held back by flow control up to limit. ENOBUFS: no room. ENOTCONN. DIRECT_ASK: nothing was done.
	 */
	int (*write)(const struct core_record *r, int32_t limit, uint64_t total, const void *head, size_t head_length,
		const struct iovec *iov, uint64_t iovcnt);

	/* peek finds the oldest message. 0, or DIRECT_ASK if there is none that can be one. */
	int (*peek)(const struct core_record *r, enum stream which, struct message *m);

	/* reclaim gives its place back. Its count in the semaphore must have been taken. */
	void (*reclaim)(const struct core_record *r, enum stream which, const struct message *m);

	/* count is how many messages wait; take takes one from the semaphore, if there is one. */
	uint32_t (*count)(const struct core_record *r, enum stream which);
	void (*take)(const struct core_record *r, enum stream which);
};

extern const struct memory qbring, coroipc;

/* memory_of is that of a connection, or NULL if it has none. */
const struct memory *memory_of(const struct core_record *r);

/* memory_put copies n bytes to an offset of a ring of so many bytes, across its end if need be, and returns the offset behind. */
size_t memory_put(char *ring, size_t size, size_t at, const void *from, size_t n);

/* message_copy copies n bytes from an offset on; the caller knows that they lie within length. */
void message_copy(const struct message *m, uint32_t offset, void *to, uint32_t n);

/* message_addresses copies n of mar_cpg_address_t from an offset on. */
void message_addresses(const struct message *m, uint64_t offset, struct cpg_address *to, uint64_t n);

/* Numbers in messages stand in the byte order of the machine, and not always at a multiple of their size. */
static inline void set16(unsigned char *b, size_t at, uint16_t v) { memcpy(b + at, &v, sizeof(v)); }
static inline void set32(unsigned char *b, size_t at, uint32_t v) { memcpy(b + at, &v, sizeof(v)); }
static inline void set64(unsigned char *b, size_t at, uint64_t v) { memcpy(b + at, &v, sizeof(v)); }

static inline uint32_t get32(const unsigned char *b, size_t at)
{
	uint32_t v;

	memcpy(&v, b + at, sizeof(v));
	return v;
}

static inline uint64_t get64(const unsigned char *b, size_t at)
{
	uint64_t v;

	memcpy(&v, b + at, sizeof(v));
	return v;
}

/* Sizes of fields that several messages have. */
#define GROUP_MOST 128  /* bytes of a group's name, which has no NUL */
#define KEY_ROOM 256    /* of mar_name_t, with a NUL */
#define WIRE_ADDRESS 24 /* mar_cpg_address_t: node, process and reason at multiples of 8 */

#endif
