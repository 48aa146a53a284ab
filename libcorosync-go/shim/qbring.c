/* The rings of libqb's shared memory transport: see qbring.h, and package ring for what the words mean. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "qbring.h"

struct qbring_header {
	uint32_t write_pt, read_pt, word_size;
	char paths[2][4096];
	int32_t ref_count;
	sem_t sem;
	int32_t user; /* flow control, in the ring of requests */
	uint32_t rest;
};

_Static_assert(offsetof(struct qbring_header, ref_count) == 8204, "reference count");
_Static_assert(offsetof(struct qbring_header, sem) == 8208, "semaphore");
_Static_assert(offsetof(struct qbring_header, user) == 8240, "user word");
_Static_assert(sizeof(struct qbring_header) == 8248, "header");

#define COMMITTED 0xA1A1A1A1u
#define ALLOCATED 0xA110CED0u
#define DEAD 0xD0D0D0D0u
#define CHUNK_WORDS 2  /* length and magic */
#define CHUNK_MARGIN 12 /* bytes that stay free beyond a message */
#define OPEN_BY_BOTH 2
#define ROOM_MS 200 /* how long a wait for room in the socket goes without a try */

/* One process writes a ring and one reads it; what the semaphore does orders the rest. */
#define LOAD(word) __atomic_load_n(&(word), __ATOMIC_ACQUIRE)
#define STORE(word, value) __atomic_store_n(&(word), value, __ATOMIC_RELEASE)

static struct qbring_header *header_of(const struct core_record *r, enum qbring_index which) { return r->maps[2 * which].addr; }

static uint32_t after(uint32_t at, uint32_t length, uint32_t words)
{
	return (uint32_t)(((uint64_t)at + CHUNK_WORDS + ((uint64_t)length + 3) / 4) % words);
}

/* put copies into the data from a byte offset on, across the end if need be, and returns the offset behind. */
static size_t put(char *data, size_t size, size_t at, const void *from, size_t n)
{
	size_t first = n < size - at ? n : size - at;

	if (n == 0)
		return at;
	memcpy(data + at, from, first);
	memcpy(data, (const char *)from + first, n - first);
	return at + n < size ? at + n : at + n - size;
}

/*
 * tell sends the byte that belongs to the request just written. It must go out, since the C daemon waits for it: so the
 * system calls are made here and not by glibc, where a cancelled thread would end in them.
 */
static int tell(int fd)
{
	static const char byte = 0;
	struct timespec limit;
	struct pollfd room;

	for (;;) {
		if (syscall(SYS_sendto, fd, &byte, 1L, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0) == 1)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return ENOTCONN;
		limit.tv_sec = 0;
		limit.tv_nsec = ROOM_MS * 1000000L;
		room.fd = fd;
		room.events = POLLOUT;
		syscall(SYS_ppoll, &room, 1L, &limit, NULL, 8L);
	}
}

int qbring_write(const struct core_record *r, int32_t limit, const void *head, size_t head_length, const struct iovec *iov,
	uint64_t iovcnt)
{
	struct qbring_header *h = header_of(r, QBRING_REQUEST);
	uint32_t *data = r->maps[2 * QBRING_REQUEST + 1].addr;
	uint32_t words = (uint32_t)r->words[QBRING_REQUEST];
	uint64_t total = head_length, i, free_words = 0;
	uint32_t at, read;
	size_t size = (size_t)words * 4, offset;
	int32_t flow;

	if (LOAD(h->ref_count) != OPEN_BY_BOTH)
		return QBRING_ASK;
	flow = LOAD(h->user);
	if (flow > 0 && flow <= limit)
		return EAGAIN;
	for (i = 0; i < iovcnt; i++) {
		if (total > r->max_message || iov[i].iov_len > r->max_message - total)
			return QBRING_ASK;
		total += iov[i].iov_len;
	}
	at = LOAD(h->write_pt);
	read = LOAD(h->read_pt);
	if (total > r->max_message || at >= words || read >= words)
		return QBRING_ASK;
	if (at > read)
		free_words = (uint64_t)read + words - at - 1;
	else if (at < read)
		free_words = read - at - 1;
	else if (qbring_count(r, QBRING_REQUEST) == 0)
		free_words = words;
	if (free_words * 4 < total + CHUNK_MARGIN)
		return ENOBUFS;

	STORE(data[at], 0);
	STORE(data[(at + 1) % words], ALLOCATED);
	offset = put((char *)data, size, (size_t)((at + CHUNK_WORDS) % words) * 4, head, head_length);
	for (i = 0; i < iovcnt; i++)
		offset = put((char *)data, size, offset, iov[i].iov_base, iov[i].iov_len);
	STORE(data[at], (uint32_t)total);
	STORE(h->write_pt, after(at, (uint32_t)total, words));
	STORE(data[(at + 1) % words], COMMITTED);
	sem_post(&h->sem);
	return tell(r->byte_fd);
}

uint32_t qbring_count(const struct core_record *r, enum qbring_index which)
{
	int value = 0;

	return sem_getvalue(&header_of(r, which)->sem, &value) == 0 && value > 0 ? (uint32_t)value : 0;
}

void qbring_take(const struct core_record *r, enum qbring_index which) { sem_trywait(&header_of(r, which)->sem); }

int qbring_peek(const struct core_record *r, enum qbring_index which, struct qbring_chunk *c)
{
	c->header = header_of(r, which);
	c->data = r->maps[2 * which + 1].addr;
	c->words = (uint32_t)r->words[which];
	c->at = LOAD(c->header->read_pt);
	if (c->at >= c->words || LOAD(c->data[(c->at + 1) % c->words]) != COMMITTED)
		return QBRING_ASK;
	c->length = LOAD(c->data[c->at]);
	return c->length <= r->max_message ? 0 : QBRING_ASK;
}

void qbring_copy(const struct qbring_chunk *c, uint32_t offset, void *to, uint32_t n)
{
	size_t size = (size_t)c->words * 4;
	size_t at = ((size_t)((c->at + CHUNK_WORDS) % c->words) * 4 + offset) % size;
	size_t first = n < size - at ? n : size - at;

	memcpy(to, (char *)c->data + at, first);
	memcpy((char *)to + first, c->data, n - first);
}

void qbring_addresses(const struct qbring_chunk *c, uint64_t offset, struct cpg_address *to, uint64_t n)
{
	unsigned char address[WIRE_ADDRESS];
	uint64_t i;

	for (i = 0; i < n; i++) {
		qbring_copy(c, (uint32_t)(offset + i * WIRE_ADDRESS), address, sizeof(address));
		to[i].nodeid = get32(address, 0);
		to[i].pid = get32(address, 8);
		to[i].reason = get32(address, 16);
	}
}

void qbring_reclaim(const struct qbring_chunk *c)
{
	STORE(c->data[c->at], 0);
	STORE(c->data[(c->at + 1) % c->words], DEAD);
	STORE(c->header->read_pt, after(c->at, c->length, c->words));
}
