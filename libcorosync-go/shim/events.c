/* Events that C reads itself: see direct.h. What the offsets mean is said in package ipcmsg. */
#include <errno.h>
#include <string.h>

#include "direct.h"
#include "memory.h"

enum { CPG_CONFCHG = 4, CPG_DELIVER = 5, CPG_PARTIAL = 17, CMAP_NOTIFY = 9 };

#define CPG_EVENT_HEAD 184 /* of deliver and confchg */
#define CPG_PARTIAL_HEAD 200
#define NOTIFY_HEAD 336
#define NOTICE_HEAD 64 /* the longest of the table */

/* begin writes the part of an event that every kind has, if the room allows its n bytes of data and a NUL, see core.h. */
static struct core_event *begin(void *room, uint64_t left, uint32_t id, uint64_t n, uint64_t *need)
{
	struct core_event *e = room;

	*need = (sizeof(*e) + n + 1 + 15) & ~(uint64_t)15;
	if (*need > left)
		return NULL;
	memset(e, 0, offsetof(struct core_event, name));
	e->data[n] = '\0';
	e->id = id;
	e->size = (uint32_t)*need;
	return e;
}

/* name_event gives it a name, filled up to `full` bytes and one more. */
static void name_event(struct core_event *e, const unsigned char *name, uint32_t length, uint32_t full)
{
	e->name_length = length;
	memcpy(e->name, name, length);
	memset(e->name + length, 0, full + 1 - length);
}

/* What a message and a piece of one have where. */
static const struct delivery { uint32_t id, head, length, nodeid, total, type; } whole = { EV_CPG_DELIVER, CPG_EVENT_HEAD, 160, 168, 0, 0 },
	piece = { EV_CPG_PARTIAL, CPG_PARTIAL_HEAD, 168, 176, 160, 192 };

/* deliver_event makes the event of a message. 0 if there was room for it, else what it needs; or DIRECT_ASK. */
static int64_t deliver_event(const struct delivery *k, const struct message *c, const unsigned char *head, void *room, uint64_t left)
{
	uint32_t n = get32(head, k->length);
	struct core_event *e;
	uint64_t need;

	if (n > c->length - k->head)
		return DIRECT_ASK;
	e = begin(room, left, k->id, n, &need);
	if (e == NULL)
		return (int64_t)need;
	name_event(e, head + 32, get32(head, 24), GROUP_MOST);
	e->w[0] = get32(head, k->nodeid);
	e->w[1] = get32(head, k->nodeid + 8); /* the process */
	if (k == &piece) {
		e->w[2] = get32(head, k->total);
		e->w[3] = get32(head, k->type);
	}
	e->n[0] = n;
	message_copy(c, k->head, e->data, n);
	return 0;
}

static int64_t confchg_event(const struct message *c, const unsigned char *head, void *room, uint64_t left)
{
	uint64_t members = get32(head, 160), joined = get32(head, 168), gone = get32(head, 176);
	uint64_t n = members + joined + gone, need;
	struct cpg_address *list;
	struct core_event *e;

	if (n > (c->length - CPG_EVENT_HEAD) / WIRE_ADDRESS)
		return DIRECT_ASK;
	e = begin(room, left, EV_CPG_CONFCHG, n * sizeof(*list), &need);
	if (e == NULL)
		return (int64_t)need;
	name_event(e, head + 32, get32(head, 24), GROUP_MOST);
	e->n[0] = members;
	e->n[1] = gone;
	e->n[2] = joined;
	list = (struct cpg_address *)e->data; /* in the order of the message: members, left, joined */
	message_addresses(c, CPG_EVENT_HEAD, list, n);
	return 0;
}

/*
 * Notices are fields and lists of numbers, which stand in an event as in the message.
 */
enum width { NONE, U32, U64, TRUTH };

struct notice {
	uint32_t service, wire, id;
	uint32_t least; /* bytes of the message without its lists, with what it is filled up with */
	struct { unsigned char at, width; } words[3];
	unsigned char counts[3]; /* where; 0: no such list */
	unsigned char unit, lists; /* bytes of an element, and where the first is */
};

static const struct notice notices[] = {
	{ CORE_CPG, 13, EV_CPG_TOTEM, 48, { { 24, U32 }, { 32, U64 } }, { 40 }, 4, 44 },
	{ CORE_QUORUM, 3, EV_QUORUM_V0, 48, { { 24, TRUTH }, { 32, U64 } }, { 40 }, 4, 44 },
	{ CORE_QUORUM, 6, EV_QUORUM_V1, 56, { { 24, TRUTH }, { 32, U32 }, { 40, U64 } }, { 48 }, 4, 52 },
	{ CORE_QUORUM, 7, EV_QUORUM_NODELIST, 64, { { 0, NONE }, { 24, U32 }, { 32, U64 } }, { 40, 48, 56 }, 4, 60 },
	{ CORE_VOTEQUORUM, 3, EV_VQ_QUORUM, 48, { { 32, U64 }, { 24, TRUTH } }, { 40 }, 8, 48 },
	{ CORE_VOTEQUORUM, 4, EV_VQ_EXPECTED, 40, { { 24, U64 }, { 32, U32 } }, { 0 }, 4, 40 },
	{ CORE_VOTEQUORUM, 5, EV_VQ_NODELIST, 56, { { 24, U64 }, { 32, U32 }, { 40, U64 } }, { 48 }, 4, 56 },
	{ CORE_CFG, 10, EV_CFG_SHUTDOWN, 32, { { 24, U32 } }, { 0 }, 4, 32 },
};

static const struct notice *notice_of(uint32_t service, uint32_t wire)
{
	size_t i;

	for (i = 0; i < sizeof(notices) / sizeof(notices[0]); i++)
		if (notices[i].service == service && notices[i].wire == wire)
			return &notices[i];
	return NULL;
}

static int64_t notice_event(const struct notice *k, const struct message *c, void *room, uint64_t left)
{
	unsigned char head[NOTICE_HEAD];
	uint64_t n = 0, need;
	struct core_event *e;
	int i;

	if (c->length < k->least)
		return DIRECT_ASK;
	message_copy(c, 0, head, k->least);
	for (i = 0; i < 3; i++)
		n += k->counts[i] != 0 ? get32(head, k->counts[i]) : 0;
	if (n > (c->length - k->lists) / k->unit)
		return DIRECT_ASK;
	e = begin(room, left, k->id, n * k->unit, &need);
	if (e == NULL)
		return (int64_t)need;
	for (i = 0; i < 3; i++) {
		size_t at = k->words[i].at;

		switch (k->words[i].width) {
		case U32: e->w[i] = get32(head, at); break;
		case U64: e->w[i] = get64(head, at); break;
		case TRUTH: e->w[i] = get32(head, at) != 0; break;
		}
		e->n[i] = k->counts[i] != 0 ? get32(head, k->counts[i]) : 0;
	}
	message_copy(c, k->lists, e->data, (uint32_t)(n * k->unit));
	return 0;
}

static int64_t notify_event(const struct message *c, void *room, uint64_t left)
{
	unsigned char head[NOTIFY_HEAD];
	uint64_t now, before, need;
	struct core_event *e;
	uint16_t key;

	if (c->length < sizeof(head))
		return DIRECT_ASK;
	message_copy(c, 0, head, sizeof(head));
	now = get64(head, 320);
	before = get64(head, 328);
	if (now > c->length - sizeof(head) || before > c->length - sizeof(head) - now)
		return DIRECT_ASK;
	e = begin(room, left, EV_CMAP_NOTIFY, now + before, &need);
	if (e == NULL)
		return (int64_t)need;
	memcpy(&key, head + 32, sizeof(key));
	name_event(e, head + 40, (uint32_t)strnlen((char *)head + 40, key < KEY_ROOM ? key : KEY_ROOM), KEY_ROOM);
	e->w[0] = get64(head, 24);
	e->w[1] = get32(head, 296);
	e->w[2] = head[304];
	e->w[3] = head[312];
	e->n[0] = now;
	e->n[1] = before;
	message_copy(c, NOTIFY_HEAD, e->data, (uint32_t)(now + before));
	return 0;
}

static int64_t cpg_event(const struct message *c, uint32_t wire, void *room, uint64_t left)
{
	unsigned char head[CPG_PARTIAL_HEAD];
	uint32_t size = wire == CPG_PARTIAL ? CPG_PARTIAL_HEAD : CPG_EVENT_HEAD;

	if (c->length < size)
		return DIRECT_ASK;
	message_copy(c, 0, head, size);
	if (get32(head, 24) > GROUP_MOST)
		return DIRECT_ASK;
	if (wire == CPG_CONFCHG)
		return confchg_event(c, head, room, left);
	return deliver_event(wire == CPG_PARTIAL ? &piece : &whole, c, head, room, left);
}

static int64_t any_event(uint32_t service, const struct message *c, void *room, uint64_t left)
{
	const struct notice *k;
	unsigned char id[4];
	uint32_t wire;

	if (c->length < sizeof(id))
		return DIRECT_ASK;
	message_copy(c, 0, id, sizeof(id));
	wire = get32(id, 0);
	if (service == CORE_CPG && (wire == CPG_DELIVER || wire == CPG_CONFCHG || wire == CPG_PARTIAL))
		return cpg_event(c, wire, room, left);
	if (service == CORE_CMAP && wire == CMAP_NOTIFY)
		return notify_event(c, room, left);
	k = notice_of(service, wire);
	return k != NULL ? notice_event(k, c, room, left) : DIRECT_ASK;
}

int direct_events(const struct core_record *r, void *room, uint64_t size, uint64_t most, struct core_batch *batch)
{
	const struct memory *memory = memory_of(r);
	struct message c;
	uint32_t waiting;
	int64_t rc;

	batch->used = batch->count = batch->need = 0;
	if (memory == NULL)
		return DIRECT_ASK;
	waiting = memory->count(r, EVENTS);
	if (waiting == 0)
		return EAGAIN;
	for (; batch->count < most && batch->count < waiting; batch->count++) {
		char *at = (char *)room + batch->used;

		rc = memory->peek(r, EVENTS, &c);
		if (rc == 0)
			rc = any_event(r->service, &c, at, size - batch->used);
		if (rc > 0) {
			batch->need = (uint64_t)rc;
			return 0;
		}
		if (rc != 0)
			return batch->count > 0 ? 0 : DIRECT_ASK;
		memory->take(r, EVENTS);
		memory->reclaim(r, EVENTS, &c);
		batch->used += ((struct core_event *)at)->size;
	}
	return 0;
}
