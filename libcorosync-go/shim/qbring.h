/*
 * The rings of libqb's shared memory transport, as far as C uses them itself (direct.h). The connection was made, and its
 * mappings were checked, by the core (packages qbipc and ring, which say what the layout means).
 *
 * Nothing is kept between calls: cursors are in the mappings, where the core finds them as this left them, and a
 * forked child as well. Whatever is not as it should be is left untouched for the core, which has the errors.
 */
#ifndef COROSYNC_GO_QBRING_H
#define COROSYNC_GO_QBRING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include <corosync/corotypes.h>
#include <corosync/cpg.h>

#include "../core/core.h"

enum qbring_index { QBRING_REQUEST, QBRING_REPLY, QBRING_EVENT };

#define QBRING_ASK (-1) /* not for C: ask the core */

/*
 * qbring_write puts one message, given as a head and further parts, into the ring of requests, and tells the daemon.
 * EAGAIN: held back by flow control up to limit. ENOBUFS: no room. ENOTCONN. QBRING_ASK: nothing was done.
 */
int qbring_write(const struct core_record *r, int32_t limit, const void *head, size_t head_length, const struct iovec *iov,
	uint64_t iovcnt);

/* The oldest message of a ring. It is shared memory, which the daemon may change at any time: copy, then look. */
struct qbring_chunk {
	struct qbring_header *header;
	uint32_t *data;
	uint32_t words, at;
	uint32_t length; /* bytes; checked, and read once */
};

/* qbring_peek finds it. 0, or QBRING_ASK if there is none that can be one. */
int qbring_peek(const struct core_record *r, enum qbring_index which, struct qbring_chunk *c);

/* qbring_copy copies n bytes from an offset on; the caller knows that they lie within length. */
void qbring_copy(const struct qbring_chunk *c, uint32_t offset, void *to, uint32_t n);

/* qbring_reclaim gives its place back. Its count in the semaphore must have been taken. */
void qbring_reclaim(const struct qbring_chunk *c);

/* qbring_count is how many messages wait; qbring_take takes one from the semaphore, if there is one. */
uint32_t qbring_count(const struct core_record *r, enum qbring_index which);
void qbring_take(const struct core_record *r, enum qbring_index which);

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

/* qbring_addresses copies n of them from an offset on. */
void qbring_addresses(const struct qbring_chunk *c, uint64_t offset, struct cpg_address *to, uint64_t n);

#endif
