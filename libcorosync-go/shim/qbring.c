/* The rings of libqb's shared memory transport: see memory.h, and package ring for what the words mean. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"

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

static struct qbring_header *header_of(const struct core_record *r, enum stream which) { return r->maps[2 * which].addr; }

static uint32_t after(uint32_t at, uint32_t length, uint32_t words)
{
	return (uint32_t)(((uint64_t)at + CHUNK_WORDS + ((uint64_t)length + 3) / 4) % words);
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

static uint32_t count(const struct core_record *r, enum stream which)
{
	int value = 0;

	return sem_getvalue(&header_of(r, which)->sem, &value) == 0 && value > 0 ? (uint32_t)value : 0;
}

static void take(const struct core_record *r, enum stream which) { sem_trywait(&header_of(r, which)->sem); }

static int write_request(const struct core_record *r, int32_t limit, uint64_t total, const void *head, size_t head_length,
	const struct iovec *iov, uint64_t iovcnt)
{
	struct qbring_header *h = header_of(r, REQUESTS);
	uint32_t *data = r->maps[2 * REQUESTS + 1].addr;
	uint32_t words = (uint32_t)r->words[REQUESTS];
	uint64_t i, free_words = 0;
	uint32_t at, read;
	size_t size = (size_t)words * 4, offset;
	int32_t flow;

	if (LOAD(h->ref_count) != OPEN_BY_BOTH)
		return DIRECT_ASK;
	flow = LOAD(h->user);
	if (flow > 0 && flow <= limit)
		return EAGAIN;
	at = LOAD(h->write_pt);
	read = LOAD(h->read_pt);
	if (at >= words || read >= words)
		return DIRECT_ASK;
	if (at > read)
		free_words = (uint64_t)read + words - at - 1;
	else if (at < read)
		free_words = read - at - 1;
	else if (count(r, REQUESTS) == 0)
		free_words = words;
	if (free_words * 4 < total + CHUNK_MARGIN)
		return ENOBUFS;

	STORE(data[at], 0);
	STORE(data[(at + 1) % words], ALLOCATED);
	offset = memory_put((char *)data, size, (size_t)((at + CHUNK_WORDS) % words) * 4, head, head_length);
	for (i = 0; i < iovcnt; i++)
		offset = memory_put((char *)data, size, offset, iov[i].iov_base, iov[i].iov_len);
	STORE(data[at], (uint32_t)total);
	STORE(h->write_pt, after(at, (uint32_t)total, words));
	STORE(data[(at + 1) % words], COMMITTED);
	sem_post(&h->sem);
	return tell(r->byte_fd);
}

static int peek(const struct core_record *r, enum stream which, struct message *m)
{
	uint32_t *data = r->maps[2 * which + 1].addr;
	uint32_t words = (uint32_t)r->words[which], at = LOAD(header_of(r, which)->read_pt);

	if (at >= words || LOAD(data[(at + 1) % words]) != COMMITTED)
		return DIRECT_ASK;
	m->memory = (const char *)data;
	m->size = (size_t)words * 4;
	m->at = (size_t)((at + CHUNK_WORDS) % words) * 4;
	m->length = LOAD(data[at]);
	return m->length <= r->max_message ? 0 : DIRECT_ASK;
}

static void reclaim(const struct core_record *r, enum stream which, const struct message *m)
{
	uint32_t *data = r->maps[2 * which + 1].addr;
	uint32_t words = (uint32_t)r->words[which], at = (uint32_t)((m->at / 4 + words - CHUNK_WORDS) % words);

	STORE(data[at], 0);
	STORE(data[(at + 1) % words], DEAD);
	STORE(header_of(r, which)->read_pt, after(at, m->length, words));
}

const struct memory qbring = { write_request, peek, reclaim, count, take };
