/* Messages that C writes and reads itself: see direct.h. What the offsets mean is said in package ipcmsg. */
#include <errno.h>
#include <string.h>

#include <corosync/corotypes.h>
#include <corosync/cpg.h>

#include "direct.h"
#include "qbring.h"

_Static_assert(DIRECT_ASK == QBRING_ASK, "one word for it");

/* Levels of flow control up to which a message is held back: mcast, and everything else. */
enum { LIMIT_ORDINARY = 1, LIMIT_BULK = 2 };

enum { CPG_MCAST = 2, CPG_CONFCHG = 4, CPG_DELIVER = 5, CMAP_GET = 2 };

#define REPLY_HEAD 24
#define MCAST_HEAD 40
#define CPG_EVENT_HEAD 184 /* of deliver and confchg */
#define WIRE_ADDRESS 24
#define GET_REQUEST 288
#define GET_REPLY_HEAD 40
#define KEY_ROOM 256
#define NAME_ROOM 128 /* of a group, in its C type */

static void set32(unsigned char *b, size_t at, uint32_t v) { memcpy(b + at, &v, sizeof(v)); }

static uint32_t get32(const unsigned char *b, size_t at)
{
	uint32_t v;

	memcpy(&v, b + at, sizeof(v));
	return v;
}

int direct_request(const struct core_record *r, const struct core_call *call)
{
	unsigned char b[GET_REQUEST] = { 0 };
	uint64_t total = 0, i;
	uint16_t key;
	int rc;

	if (r->kind != CORE_KIND_QB_SHM)
		return DIRECT_ASK;
	if (call->op == OP_CPG_MCAST) {
		for (i = 0; i < call->iovcnt; i++) {
			if (call->iov[i].iov_len > r->max_message)
				return DIRECT_ASK;
			total += call->iov[i].iov_len;
		}
		if (total > r->max_message)
			return DIRECT_ASK;
		set32(b, 0, CPG_MCAST);
		set32(b, 8, (uint32_t)total + MCAST_HEAD);
		set32(b, 24, (uint32_t)call->a[0]);
		set32(b, 32, (uint32_t)total);
		return qbring_write(r, LIMIT_BULK, b, MCAST_HEAD, call->iov, call->iovcnt);
	}
	if (call->op == OP_CMAP_GET && call->in[0].iov_len < KEY_ROOM) {
		key = (uint16_t)call->in[0].iov_len;
		set32(b, 0, CMAP_GET);
		set32(b, 8, GET_REQUEST);
		memcpy(b + 16, &key, sizeof(key));
		memcpy(b + 24, call->in[0].iov_base, key);
		memcpy(b + 280, &call->a[0], sizeof(call->a[0]));
		rc = qbring_write(r, LIMIT_ORDINARY, b, GET_REQUEST, NULL, 0);
		return rc == EAGAIN ? DIRECT_ASK : rc; /* the core knows how to wait for a daemon that is just making room */
	}
	return DIRECT_ASK;
}

int direct_reply(const struct core_record *r, struct core_call *call)
{
	unsigned char head[GET_REPLY_HEAD];
	struct qbring_chunk c;
	uint64_t length;

	if (r->kind != CORE_KIND_QB_SHM || call == NULL || call->op != OP_CMAP_GET)
		return DIRECT_ASK;
	if (qbring_peek(r, QBRING_REPLY, &c) != 0 || c.length < sizeof(head))
		return DIRECT_ASK;
	qbring_copy(&c, 0, head, sizeof(head));
	memcpy(&length, head + 24, sizeof(length));
	if (get32(head, 16) != CS_OK || (c.length > sizeof(head) && length > c.length - sizeof(head)))
		return DIRECT_ASK;
	if (call->out[0].iov_base != NULL) {
		uint64_t n = c.length > sizeof(head) ? length : 0;

		qbring_copy(&c, sizeof(head), call->out[0].iov_base, (uint32_t)(n < call->out[0].iov_len ? n : call->out[0].iov_len));
		call->out[0].iov_len = n;
	}
	call->r[0] = length;
	call->r[1] = head[32];
	call->status = CS_OK;
	qbring_reclaim(&c);
	return 0;
}

/* begin writes the part of an event that every kind has, if the room allows its n bytes of data. */
static struct core_event *begin(void *room, uint64_t left, uint32_t id, const unsigned char *head, uint64_t n, uint64_t *need)
{
	struct core_event *e = room;
	uint32_t name = get32(head, 24);

	*need = (sizeof(*e) + n + 15) & ~(uint64_t)15;
	if (*need > left)
		return NULL;
	memset(e, 0, offsetof(struct core_event, name));
	e->id = id;
	e->size = (uint32_t)*need;
	e->name_length = name;
	memcpy(e->name, head + 32, name);
	memset(e->name + name, 0, NAME_ROOM + 1 - name);
	return e;
}

/* deliver_event makes the event of a message. 0 if there was room for it, else what it needs; or DIRECT_ASK. */
static int64_t deliver_event(const struct qbring_chunk *c, const unsigned char *head, void *room, uint64_t left)
{
	uint32_t n = get32(head, 160);
	struct core_event *e;
	uint64_t need;

	if (n > c->length - CPG_EVENT_HEAD)
		return DIRECT_ASK;
	e = begin(room, left, EV_CPG_DELIVER, head, n, &need);
	if (e == NULL)
		return (int64_t)need;
	e->w[0] = get32(head, 168);
	e->w[1] = get32(head, 176);
	e->n[0] = n;
	qbring_copy(c, CPG_EVENT_HEAD, e->data, n);
	return 0;
}

static int64_t confchg_event(const struct qbring_chunk *c, const unsigned char *head, void *room, uint64_t left)
{
	uint64_t members = get32(head, 160), joined = get32(head, 168), gone = get32(head, 176);
	uint64_t n = members + joined + gone, i, need;
	unsigned char address[WIRE_ADDRESS];
	struct cpg_address *list;
	struct core_event *e;

	if (n > (c->length - CPG_EVENT_HEAD) / WIRE_ADDRESS)
		return DIRECT_ASK;
	e = begin(room, left, EV_CPG_CONFCHG, head, n * sizeof(*list), &need);
	if (e == NULL)
		return (int64_t)need;
	e->n[0] = members;
	e->n[1] = gone;
	e->n[2] = joined;
	list = (struct cpg_address *)e->data; /* in the order of the message: members, left, joined */
	for (i = 0; i < n; i++) {
		qbring_copy(c, (uint32_t)(CPG_EVENT_HEAD + i * WIRE_ADDRESS), address, sizeof(address));
		list[i].nodeid = get32(address, 0);
		list[i].pid = get32(address, 8);
		list[i].reason = get32(address, 16);
	}
	return 0;
}

static int64_t cpg_event(const struct qbring_chunk *c, void *room, uint64_t left)
{
	unsigned char head[CPG_EVENT_HEAD];

	if (c->length < sizeof(head))
		return DIRECT_ASK;
	qbring_copy(c, 0, head, sizeof(head));
	if (get32(head, 24) > NAME_ROOM)
		return DIRECT_ASK;
	switch (get32(head, 0)) {
	case CPG_DELIVER:
		return deliver_event(c, head, room, left);
	case CPG_CONFCHG:
		return confchg_event(c, head, room, left);
	}
	return DIRECT_ASK;
}

int direct_events(const struct core_record *r, void *room, uint64_t size, uint64_t most, struct core_batch *batch)
{
	struct qbring_chunk c;
	uint32_t waiting;
	int64_t rc;

	batch->used = batch->count = batch->need = 0;
	if (r->kind != CORE_KIND_QB_SHM || r->service != CORE_CPG)
		return DIRECT_ASK;
	waiting = qbring_count(r, QBRING_EVENT);
	if (waiting == 0)
		return EAGAIN;
	for (; batch->count < most && batch->count < waiting; batch->count++) {
		char *at = (char *)room + batch->used;

		rc = qbring_peek(r, QBRING_EVENT, &c);
		if (rc == 0)
			rc = cpg_event(&c, at, size - batch->used);
		if (rc > 0) {
			batch->need = (uint64_t)rc;
			return 0;
		}
		if (rc != 0)
			return batch->count > 0 ? 0 : DIRECT_ASK;
		qbring_take(r, QBRING_EVENT);
		qbring_reclaim(&c);
		batch->used += ((struct core_event *)at)->size;
	}
	return 0;
}
