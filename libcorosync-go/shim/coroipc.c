/* The buffers of coroipc, the protocol of corosync 1.x: see memory.h, and package coroipc for what is where. */
#include <errno.h>
#include <semaphore.h>

#include "memory.h"
#include "process.h"

/* The mappings, as the setup request names them. */
enum { CONTROL, REQUEST, RESPONSE, DISPATCH };

/* Of the control buffer. */
#define READ 0      /* uint32_t: where the oldest event is */
#define FLOW 8      /* uint32_t: events wait in the daemon for room */
#define WORK 16     /* sem_t: the daemon is to look */
#define WAITING 48  /* sem_t: events, and one more at the daemon's end */
#define ASKED 80    /* sem_t: requests */
#define CLOSED 144  /* uint32_t: the daemon's end */

#define SERVICE_3X 32 /* the first number whose messages have the headers of 3.x */
#define SIZE_AT 8     /* in those: where a message says how long it is */
#define RESPONSE_HEADER 24
#define SPARE 9       /* bytes that stay free in the buffer of events */
#define STEP 8        /* events begin at multiples of it */

static uint32_t *word(const struct core_record *r, size_t at) { return (uint32_t *)((char *)r->maps[CONTROL].addr + at); }
static sem_t *semaphore(const struct core_record *r, size_t at) { return (sem_t *)((char *)r->maps[CONTROL].addr + at); }

static int closed(const struct core_record *r) { return __atomic_load_n(word(r, CLOSED), __ATOMIC_SEQ_CST) != 0; }

static int write_request(const struct core_record *r, int32_t limit, uint64_t total, const void *head, size_t head_length,
	const struct iovec *iov, uint64_t iovcnt)
{
	size_t size = r->maps[REQUEST].len, offset;
	uint64_t i;

	(void)limit; /* the flow control of this protocol is in the answers */
	if (r->words[0] < SERVICE_3X || closed(r) || total > size)
		return DIRECT_ASK;
	offset = memory_put(r->maps[REQUEST].addr, size, 0, head, head_length);
	for (i = 0; i < iovcnt; i++)
		offset = memory_put(r->maps[REQUEST].addr, size, offset, iov[i].iov_base, iov[i].iov_len);
	/* The daemon posts once more when it ends, which may be right behind its last answer: the length tells whether there is one. */
	__atomic_store_n((uint32_t *)((char *)r->maps[RESPONSE].addr + SIZE_AT), 0, __ATOMIC_RELEASE);
	sem_post(semaphore(r, ASKED)); /* nobody sleeps on this one */
	sem_post(semaphore(r, WORK));
	return 0;
}

static int peek(const struct core_record *r, enum stream which, struct message *m)
{
	const struct core_map *map = &r->maps[which == REPLIES ? RESPONSE : DISPATCH];
	unsigned char length[4];

	if (r->words[0] < SERVICE_3X)
		return DIRECT_ASK;
	m->memory = map->addr;
	m->size = map->len;
	m->at = which == REPLIES ? 0 : __atomic_load_n(word(r, READ), __ATOMIC_ACQUIRE);
	if (m->at % STEP != 0 || m->at >= m->size)
		return DIRECT_ASK;
	message_copy(m, SIZE_AT, length, sizeof(length));
	m->length = get32(length, 0);
	if (m->length < RESPONSE_HEADER || m->length > m->size - (which == REPLIES ? 0 : SPARE))
		return DIRECT_ASK;
	return 0;
}

/* There is room for one answer, which the next request gives back. */
static void reclaim(const struct core_record *r, enum stream which, const struct message *m)
{
	size_t next = (m->at + m->length + STEP - 1) / STEP * STEP;

	if (which == EVENTS)
		__atomic_store_n(word(r, READ), (uint32_t)(next % m->size), __ATOMIC_RELEASE);
}

static uint32_t count(const struct core_record *r, enum stream which)
{
	int value = 0;

	if (sem_getvalue(semaphore(r, which == EVENTS ? WAITING : ASKED), &value) != 0 || value <= 0)
		return 0;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return (uint32_t)value - (which == EVENTS && closed(r) ? 1 : 0);
}

static void take(const struct core_record *r, enum stream which) { sem_trywait(semaphore(r, which == EVENTS ? WAITING : ASKED)); }

const struct memory coroipc = { write_request, peek, reclaim, count, take };

void coroipc_ask(const struct shim *o)
{
	if (o->record.kind == CORE_KIND_COROIPC)
		sem_post(semaphore(&o->record, WORK));
}

/*
 * This is for each time that events were taken, and for each wait: when the daemon sets its word at the moment in which the
 * last one is taken, both have just missed each other.
 */
void coroipc_hint(const struct shim *o)
{
	if (o->record.kind == CORE_KIND_COROIPC && __atomic_load_n(word(&o->record, FLOW), __ATOMIC_SEQ_CST) != 0)
		coroipc_ask(o);
}
