/* Requests and replies that C writes and reads itself: see direct.h. What the offsets mean is said in package ipcmsg. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "direct.h"
#include "memory.h"

/* Levels of flow control up to which a message is held back: multicasts and their pieces, and everything else. */
enum { LIMIT_ORDINARY = 1, LIMIT_BULK = 2 };

/* A daemon answers a request before it takes it off the ring: so long, this often, one is waited for that just makes room. */
#define ROOM_PAUSE_NS 50000L
#define ROOM_TRIES 20

/* The longest names, without their NUL. */
enum { KEY_MOST = 255, DEVICE_MOST = 254, REASON_MOST = 255 };

#define REPLY_HEAD 24
#define GET_REPLY_HEAD 40
#define NODE_STATUS 4200 /* of version 1 */
#define NODES_MAX 384
#define ADDRESS 16 /* of either family */
#define LINKS_MAX 16
#define LINK_NAME 128
#define LINK_STATUS 512

/* Rows of a table by operation. */
#define ROW(op) (((((op) >> 8) - 1) & 3) << 6 | ((op) & 63))

/* --- requests --- */

/* How a field is written or read, and from where. */
enum how {
	NOTHING,
	BYTE, WORD, LONG,       /* a[from], 1, 4 and 8 bytes */
	TRUTH,                  /* a[from] != 0, 4 bytes */
	TAIL_WORD, TAIL_LONG,   /* the length of the tail */
	GROUP,                  /* in[from], as mar_cpg_name_t */
	KEY,                    /* in[from], as mar_name_t */
	DEVICE,                 /* in[from], as char[255] */
	REASON,                 /* in[from], as cs_name_t whose length counts the NUL */
};

/* What follows the fixed part. */
enum tail { NO_TAIL, FIRST_IN, SECOND_IN, VECTOR };

#define PARTS_MAX 4
#define VALUES_MAX 9

struct form {
	uint16_t wire, size; /* number of the request, bytes of its fixed part; size 0: none */
	uint8_t tail, bulk;
	struct { uint16_t at; uint8_t how, from; } parts[PARTS_MAX];
};

static const struct form forms[] = {
	[ROW(OP_CPG_JOIN)] = { 0, 168, .parts = { { 16, GROUP, 0 }, { 152, WORD, 0 }, { 160, WORD, 1 } } },
	[ROW(OP_CPG_LEAVE)] = { 1, 160, .parts = { { 16, GROUP, 0 }, { 152, WORD, 0 } } },
	[ROW(OP_CPG_MCAST)] = { 2, 40, VECTOR, 1, { { 24, WORD, 0 }, { 32, TAIL_WORD, 0 } } },
	[ROW(OP_CPG_MEMBERSHIP)] = { 3, 152, .parts = { { 16, GROUP, 0 } } },
	[ROW(OP_CPG_LOCAL_GET)] = { 4, 16 },
	[ROW(OP_CPG_ITER_INIT)] = { 5, 160, .parts = { { 16, GROUP, 0 }, { 152, WORD, 0 } } },
	[ROW(OP_CPG_ITER_NEXT)] = { 6, 24, .parts = { { 16, LONG, 0 } } },
	[ROW(OP_CPG_ITER_FINALIZE)] = { 7, 24, .parts = { { 16, LONG, 0 } } },
	[ROW(OP_CPG_FINALIZE)] = { 8, 16 },
	[ROW(OP_CPG_PARTIAL)] = { 12, 56, FIRST_IN, 1, { { 24, WORD, 0 }, { 32, WORD, 1 }, { 40, TAIL_WORD, 0 }, { 48, WORD, 2 } } },

	[ROW(OP_CMAP_SET)] = { 0, 296, SECOND_IN, 0, { { 16, KEY, 0 }, { 280, TAIL_LONG, 0 }, { 288, BYTE, 0 } } },
	[ROW(OP_CMAP_DELETE)] = { 1, 280, .parts = { { 16, KEY, 0 } } },
	[ROW(OP_CMAP_GET)] = { 2, 288, .parts = { { 16, KEY, 0 }, { 280, LONG, 0 } } },
	[ROW(OP_CMAP_ADJUST)] = { 3, 288, .parts = { { 16, KEY, 0 }, { 280, WORD, 0 } } },
	[ROW(OP_CMAP_ITER_INIT)] = { 4, 280, .parts = { { 16, KEY, 0 } } },
	[ROW(OP_CMAP_ITER_NEXT)] = { 5, 24, .parts = { { 16, LONG, 0 } } },
	[ROW(OP_CMAP_ITER_FINALIZE)] = { 6, 24, .parts = { { 16, LONG, 0 } } },
	[ROW(OP_CMAP_TRACK_ADD)] = { 7, 296, .parts = { { 16, KEY, 0 }, { 280, WORD, 0 }, { 288, LONG, 1 } } },
	[ROW(OP_CMAP_TRACK_DELETE)] = { 8, 24, .parts = { { 16, LONG, 0 } } },
	[ROW(OP_CMAP_SET_MAP)] = { 9, 24, .parts = { { 16, WORD, 0 } } },

	[ROW(OP_QUORUM_GETQUORATE)] = { 0, 16 },
	[ROW(OP_QUORUM_TRACKSTART)] = { 1, 24, .parts = { { 16, WORD, 0 } } },
	[ROW(OP_QUORUM_TRACKSTOP)] = { 2, 16 },
	[ROW(OP_QUORUM_GETTYPE)] = { 3, 16 },
	[ROW(OP_QUORUM_MODEL_GETTYPE)] = { 4, 24, .parts = { { 16, WORD, 0 } } },

	[ROW(OP_VQ_GETINFO)] = { 0, 24, .parts = { { 16, WORD, 0 } } },
	[ROW(OP_VQ_SETEXPECTED)] = { 1, 24, .parts = { { 16, WORD, 0 } } },
	[ROW(OP_VQ_SETVOTES)] = { 2, 24, .parts = { { 20, WORD, 0 }, { 16, WORD, 1 } } },
	[ROW(OP_VQ_TRACKSTART)] = { 3, 32, .parts = { { 16, LONG, 0 }, { 24, WORD, 1 } } },
	[ROW(OP_VQ_TRACKSTOP)] = { 4, 16 },
	[ROW(OP_VQ_QDEVICE_REGISTER)] = { 5, 272, .parts = { { 16, DEVICE, 0 } } },
	[ROW(OP_VQ_QDEVICE_UNREGISTER)] = { 6, 272, .parts = { { 16, DEVICE, 0 } } },
	[ROW(OP_VQ_QDEVICE_UPDATE)] = { 7, 528, .parts = { { 16, DEVICE, 0 }, { 271, DEVICE, 1 } } },
	[ROW(OP_VQ_QDEVICE_POLL)] = { 8, 296, .parts = { { 16, DEVICE, 0 }, { 272, TRUTH, 0 }, { 280, WORD, 1 }, { 288, LONG, 2 } } },
	[ROW(OP_VQ_QDEVICE_MASTER_WINS)] = { 9, 280, .parts = { { 16, DEVICE, 0 }, { 272, TRUTH, 0 } } },

	[ROW(OP_CFG_RING_STATUS)] = { 0, 16 },
	[ROW(OP_CFG_KILL_NODE)] = { 2, 288, .parts = { { 16, WORD, 0 }, { 24, REASON, 0 } } },
	[ROW(OP_CFG_TRY_SHUTDOWN)] = { 3, 24, .parts = { { 16, WORD, 0 } } },
	[ROW(OP_CFG_REPLY_SHUTDOWN)] = { 4, 24, .parts = { { 16, WORD, 0 } } },
	[ROW(OP_CFG_GET_NODE_ADDRS)] = { 5, 24, .parts = { { 16, WORD, 0 } } },
	[ROW(OP_CFG_LOCAL_GET)] = { 6, 16 },
	[ROW(OP_CFG_RELOAD)] = { 7, 16 },
	[ROW(OP_CFG_REOPEN_LOGS)] = { 8, 16 },
	[ROW(OP_CFG_NODE_STATUS)] = { 9, 32, .parts = { { 16, WORD, 0 }, { 24, WORD, 1 } } },
	[ROW(OP_CFG_TRACKSTART)] = { 10, 24, .parts = { { 16, BYTE, 0 } } },
	[ROW(OP_CFG_TRACKSTOP)] = { 11, 16 },
};

#define FORM_MAX 528 /* the longest of them */

/* form_of finds the form of an operation, or NULL. */
static const struct form *form_of(uint32_t op)
{
	const struct form *f = &forms[ROW(op)];

	return ROW(op) < sizeof(forms) / sizeof(forms[0]) && f->size != 0 ? f : NULL;
}

/* text copies a name into a field that is zeroed, as far as `most`, and returns its length. */
static uint16_t text(unsigned char *field, size_t most, const struct iovec *in)
{
	size_t n = in->iov_len < most ? in->iov_len : most;

	if (n > 0)
		memcpy(field, in->iov_base, n);
	return (uint16_t)n;
}

/* fill writes the fixed part of a request whose tail has so many bytes. */
static void fill(unsigned char *b, const struct form *f, const struct core_call *call, uint64_t tail)
{
	int i;

	memset(b, 0, f->size);
	set32(b, 0, f->wire);
	set32(b, 8, (uint32_t)(f->size + tail));
	for (i = 0; i < PARTS_MAX && f->parts[i].how != NOTHING; i++) {
		size_t at = f->parts[i].at;
		uint64_t a = call->a[f->parts[i].from];
		const struct iovec *in = &call->in[f->parts[i].from & 1];

		switch (f->parts[i].how) {
		case BYTE: b[at] = (unsigned char)a; break;
		case WORD: set32(b, at, (uint32_t)a); break;
		case LONG: set64(b, at, a); break;
		case TRUTH: set32(b, at, a != 0); break;
		case TAIL_WORD: set32(b, at, (uint32_t)tail); break;
		case TAIL_LONG: set64(b, at, tail); break;
		case GROUP: set32(b, at, text(b + at + 8, GROUP_MOST, in)); break;
		case KEY: set16(b, at, text(b + at + 8, KEY_MOST, in)); break;
		case DEVICE: text(b + at, DEVICE_MOST, in); break;
		case REASON: set16(b, at, (uint16_t)(text(b + at + 2, REASON_MOST, in) + 1)); break;
		}
	}
}

void direct_pause(long ns)
{
	const struct timespec t = { 0, ns };

	syscall(SYS_ppoll, NULL, 0L, &t, NULL, 8L);
}

int direct_request(const struct core_record *r, const struct core_call *call)
{
	const struct memory *memory = memory_of(r);
	const struct form *f = form_of(call->op);
	unsigned char b[FORM_MAX];
	const struct iovec *iov = NULL;
	uint64_t count = 0, total, i;
	int32_t limit;
	int rc, tries;

	if (memory == NULL || f == NULL)
		return DIRECT_ASK;
	switch (f->tail) {
	case FIRST_IN: iov = &call->in[0]; count = 1; break;
	case SECOND_IN: iov = &call->in[1]; count = 1; break;
	case VECTOR: iov = call->iov; count = call->iovcnt; break;
	}
	total = f->size;
	for (i = 0; i < count && total <= r->max_message && iov[i].iov_len <= r->max_message - total; i++)
		total += iov[i].iov_len;
	if (i < count || total > r->max_message)
		return DIRECT_ASK;
	fill(b, f, call, total - f->size);
	limit = f->bulk ? LIMIT_BULK : LIMIT_ORDINARY;
	rc = memory->write(r, limit, total, b, f->size, iov, count);
	/* Multicasts are told at once that there is no room, as in 3.1: their callers have their own way to wait. */
	for (tries = 0; rc == ENOBUFS && call->op != OP_CPG_MCAST && tries < ROOM_TRIES && memory->count(r, REQUESTS) == 0; tries++) {
		direct_pause(ROOM_PAUSE_NS);
		rc = memory->write(r, limit, total, b, f->size, iov, count);
	}
	return rc == ENOBUFS ? EAGAIN : rc;
}

/* --- replies --- */

/*
 * What a reply has beside its status, which is all that those without a row have. What is wrong or too short is the
 * core's, untouched.
 */
struct answer {
	uint16_t size;   /* of the whole, or of the part before a list or a value */
	uint8_t ok_only; /* the rest counts without error only */
	int (*rest)(const struct message *c, struct core_call *call); /* 0 or DIRECT_ASK; may be NULL */
	struct { uint16_t at; uint8_t how; } words[VALUES_MAX]; /* for r[] */
};

/* out_text gives the caller a name of so many bytes of the message. */
static void out_text(struct core_call *call, const void *from, size_t n)
{
	struct iovec *out = &call->out[0];

	if (out->iov_base != NULL)
		memcpy(out->iov_base, from, n < out->iov_len ? n : out->iov_len);
	out->iov_len = n;
}

/* out_bytes is out_text from the ring. */
static void out_bytes(const struct message *c, uint32_t at, struct core_call *call, uint64_t n)
{
	struct iovec *out = &call->out[0];

	if (out->iov_base != NULL)
		message_copy(c, at, out->iov_base, (uint32_t)(n < out->iov_len ? n : out->iov_len));
	out->iov_len = n;
}

/* out_name is out_text of a field of `size` bytes, up to its first NUL. */
static void out_name(const struct message *c, uint32_t at, size_t size, struct core_call *call)
{
	char field[KEY_ROOM];

	message_copy(c, at, field, (uint32_t)size);
	out_text(call, field, strnlen(field, size));
}

static int members(const struct message *c, struct core_call *call)
{
	struct cpg_address *list = call->out[0].iov_base;
	uint64_t room = call->out[0].iov_len / sizeof(*list);

	if (call->r[0] > NODES_MAX)
		return DIRECT_ASK;
	if (call->r[0] > room)
		call->r[0] = room;
	message_addresses(c, 32, list, call->r[0]);
	return 0;
}

static int group(const struct message *c, struct core_call *call)
{
	unsigned char field[8 + GROUP_MOST];

	message_copy(c, 24, field, sizeof(field));
	if (get32(field, 0) > GROUP_MOST)
		return DIRECT_ASK;
	out_text(call, field + 8, get32(field, 0));
	return 0;
}

static int value(const struct message *c, struct core_call *call)
{
	uint64_t n = call->status == CS_OK && c->length > GET_REPLY_HEAD ? call->r[0] : 0;

	if (n > c->length - GET_REPLY_HEAD)
		return DIRECT_ASK;
	out_bytes(c, GET_REPLY_HEAD, call, n);
	return 0;
}

static int key(const struct message *c, struct core_call *call)
{
	uint16_t n;

	message_copy(c, 24, &n, sizeof(n));
	out_name(c, 32, n < KEY_ROOM ? n : KEY_ROOM, call);
	return 0;
}

static int device(const struct message *c, struct core_call *call)
{
	out_name(c, 60, DEVICE_MOST + 1, call);
	return 0;
}

/* rings gives the texts of the links one after the other, each with its NUL. */
static int rings(const struct message *c, struct core_call *call)
{
	struct iovec *out = &call->out[0];
	uint64_t i, used = 0;

	if (call->r[0] > LINKS_MAX)
		return DIRECT_ASK;
	for (i = 0; i < 2 * call->r[0]; i++) {
		uint32_t size = i % 2 == 0 ? LINK_NAME : LINK_STATUS;
		uint32_t at = (uint32_t)(i % 2 == 0 ? 32 + i / 2 * LINK_NAME : 32 + LINKS_MAX * LINK_NAME + i / 2 * LINK_STATUS);
		char field[LINK_STATUS + 1];
		uint64_t n;

		message_copy(c, at, field, size);
		field[size] = '\0';
		n = strlen(field) + 1;
		if (out->iov_base != NULL && used < out->iov_len)
			memcpy((char *)out->iov_base + used, field, n < out->iov_len - used ? n : out->iov_len - used);
		used += n;
	}
	out->iov_len = used;
	return 0;
}

static int structure(const struct message *c, struct core_call *call)
{
	out_bytes(c, REPLY_HEAD, call, NODE_STATUS - REPLY_HEAD);
	return 0;
}

static int addresses(const struct message *c, struct core_call *call)
{
	uint64_t n = call->r[0], room = call->out[0].iov_len / ADDRESS, i;
	uint32_t bytes = call->r[1] == AF_INET ? 4 : ADDRESS;
	char *to = call->out[0].iov_base;

	if (n > (c->length - 32) / ADDRESS)
		return DIRECT_ASK;
	call->r[1] = n > 0 && bytes == ADDRESS ? AF_INET6 : AF_INET;
	for (i = 0; i < n && i < room; i++) {
		memset(to + i * ADDRESS, 0, ADDRESS);
		message_copy(c, (uint32_t)(32 + i * ADDRESS), to + i * ADDRESS, bytes);
	}
	return 0;
}

static const struct answer answers[] = {
	[ROW(OP_CPG_MEMBERSHIP)] = { 9248, 0, members, { { 24, WORD } } },
	[ROW(OP_CPG_LOCAL_GET)] = { 32, 0, NULL, { { 24, WORD } } },
	[ROW(OP_CPG_ITER_INIT)] = { 32, 0, NULL, { { 24, LONG } } },
	[ROW(OP_CPG_ITER_NEXT)] = { 168, 1, group, { { 160, WORD }, { 164, WORD } } },
	[ROW(OP_CMAP_GET)] = { GET_REPLY_HEAD, 0, value, { { 24, LONG }, { 32, BYTE } } },
	[ROW(OP_CMAP_ITER_INIT)] = { 32, 0, NULL, { { 24, LONG } } },
	[ROW(OP_CMAP_ITER_NEXT)] = { 304, 1, key, { { 288, LONG }, { 296, BYTE } } },
	[ROW(OP_CMAP_TRACK_ADD)] = { 32, 0, NULL, { { 24, LONG } } },
	[ROW(OP_CMAP_TRACK_DELETE)] = { 32, 0, NULL, { { 24, LONG } } },
	[ROW(OP_QUORUM_GETQUORATE)] = { 32, 0, NULL, { { 24, WORD } } },
	[ROW(OP_QUORUM_GETTYPE)] = { 32, 0, NULL, { { 24, WORD } } },
	[ROW(OP_QUORUM_MODEL_GETTYPE)] = { 32, 0, NULL, { { 24, WORD } } },
	[ROW(OP_VQ_GETINFO)] = { 320, 0, device, { { 24, WORD }, { 28, WORD }, { 32, WORD }, { 36, WORD }, { 40, WORD }, { 44, WORD },
		{ 48, WORD }, { 52, WORD }, { 56, WORD } } },
	[ROW(OP_CFG_RING_STATUS)] = { 10272, 0, rings, { { 24, WORD } } },
	[ROW(OP_CFG_NODE_STATUS)] = { NODE_STATUS, 1, structure, { { 24, WORD } } },
	[ROW(OP_CFG_GET_NODE_ADDRS)] = { 32, 1, addresses, { { 28, WORD }, { 24, WORD } } },
	[ROW(OP_CFG_LOCAL_GET)] = { 32, 0, NULL, { { 24, WORD } } },
};

/* values reads what a reply has beside its status. */
static int values(const struct answer *a, const struct message *c, struct core_call *call)
{
	int i;

	if (c->length < a->size)
		return call->status != CS_OK ? 0 : DIRECT_ASK; /* refused before the service has seen it, or broken */
	if (a->ok_only && call->status != CS_OK)
		return 0;
	for (i = 0; i < VALUES_MAX && a->words[i].at != 0; i++) {
		unsigned char field[8];

		switch (a->words[i].how) {
		case BYTE: message_copy(c, a->words[i].at, field, 1); call->r[i] = field[0]; break;
		case WORD: message_copy(c, a->words[i].at, field, 4); call->r[i] = get32(field, 0); break;
		case LONG: message_copy(c, a->words[i].at, field, 8); call->r[i] = get64(field, 0); break;
		}
	}
	return a->rest != NULL ? a->rest(c, call) : 0;
}

int direct_reply(const struct core_record *r, struct core_call *call)
{
	const struct memory *memory = memory_of(r);
	const struct answer *a = NULL;
	unsigned char head[REPLY_HEAD];
	struct message c;

	if (memory == NULL || memory->peek(r, REPLIES, &c) != 0)
		return DIRECT_ASK;
	if (call != NULL) {
		if (form_of(call->op) == NULL || c.length < sizeof(head))
			return DIRECT_ASK;
		message_copy(&c, 0, head, sizeof(head));
		call->status = get32(head, 16);
		if (ROW(call->op) < sizeof(answers) / sizeof(answers[0]))
			a = &answers[ROW(call->op)];
		if (a != NULL && a->size != 0 && values(a, &c, call) != 0)
			return DIRECT_ASK;
	}
	memory->reclaim(r, REPLIES, &c);
	return 0;
}
