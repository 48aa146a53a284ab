/* libcpg: process groups with ordered messages. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sys/uio.h>

#include <corosync/cpg.h>

#include "shim.h"

#define MAX_MESSAGE (1024 * 1024)        /* of the connection, headers included */
#define MAX_ATOMIC (MAX_MESSAGE - 1024)  /* what travels in one piece */
#define LENGTH_MOST UINT32_MAX           /* that a piece can tell of the whole */

/* Types of the pieces of a longer message. */
enum { PIECE_FIRST = 1, PIECE_CONTINUED = 2, PIECE_LAST = 3 };

#define PIECE_RETRIES 100
#define PIECE_PAUSE_NS 10000000L /* 10 ms */
#define BUSY_PAUSE_NS 1000000L

/* A message of several pieces, while it is incomplete. */
struct assembly {
	struct assembly *next;
	uint32_t nodeid, pid;
	size_t have, room;
	char *message;
};

struct group_state {
	cpg_model_v1_data_t model;
	struct assembly *assemblies;
};

_Static_assert(sizeof(struct group_state) <= sizeof(((struct shim *)0)->extra), "state fits");

static struct group_state *state_of(struct shim *o) { return (struct group_state *)&o->extra; }

static void forget(struct group_state *g, uint32_t nodeid, uint32_t pid)
{
	struct assembly **link = &g->assemblies, *a;

	while ((a = *link) != NULL) {
		if (a->nodeid == nodeid && a->pid == pid) {
			*link = a->next;
			free(a->message);
			free(a);
			return;
		}
		link = &a->next;
	}
}

static void release(struct shim *o)
{
	struct group_state *g = state_of(o);

	while (g->assemblies != NULL)
		forget(g, g->assemblies->nodeid, g->assemblies->pid);
}

EXPORT cs_error_t cpg_model_initialize(cpg_handle_t *handle, cpg_model_t model, cpg_model_data_t *model_data, void *context)
{
	cpg_model_v1_data_t *data = (cpg_model_v1_data_t *)model_data;
	struct shim *o;
	cs_error_t error;

	if (model != CPG_MODEL_V1)
		return CS_ERR_INVALID_PARAM;
	error = shim_open(SHIM_CPG, &o);
	if (error != CS_OK)
		return error;
	if (data != NULL && (data->flags & ~CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF) != 0) {
		shim_finalize(o);
		shim_put(o);
		return CS_ERR_INVALID_PARAM;
	}
	if (data != NULL)
		state_of(o)->model = *data;
	state_of(o)->model.model = model;
	o->context = context;
	o->release = release;
	*handle = o->handle;
	shim_put(o);
	return CS_OK;
}

EXPORT cs_error_t cpg_initialize(cpg_handle_t *handle, cpg_callbacks_t *callbacks)
{
	cpg_model_v1_data_t data = { .model = CPG_MODEL_V1 };

	if (callbacks != NULL) {
		data.cpg_deliver_fn = callbacks->cpg_deliver_fn;
		data.cpg_confchg_fn = callbacks->cpg_confchg_fn;
	}
	return cpg_model_initialize(handle, CPG_MODEL_V1, (cpg_model_data_t *)&data, NULL);
}

EXPORT cs_error_t cpg_finalize(cpg_handle_t handle)
{
	struct core_call call = { .op = OP_CPG_FINALIZE };
	struct shim *o;
	cs_error_t error, twice;

	error = shim_get(handle, SHIM_CPG, &o);
	if (error != CS_OK)
		return error;
	error = shim_call_raw(o, &call);
	shim_each_finalize(SHIM_CPG_ITERATION, 0, handle);
	twice = shim_finalize(o);
	shim_put(o);
	return twice != CS_OK ? twice : error;
}

EXPORT cs_error_t cpg_fd_get(cpg_handle_t handle, int *fd) { return shim_fd(handle, SHIM_CPG, fd); }

EXPORT cs_error_t cpg_context_get(cpg_handle_t handle, void **context)
{
	return shim_context_get(handle, SHIM_CPG, context);
}

EXPORT cs_error_t cpg_context_set(cpg_handle_t handle, void *context)
{
	return shim_context_set(handle, SHIM_CPG, context);
}

EXPORT cs_error_t cpg_max_atomic_msgsize_get(cpg_handle_t handle, uint32_t *size)
{
	struct shim *o;
	cs_error_t error = shim_get(handle, SHIM_CPG, &o);

	if (error != CS_OK)
		return error;
	*size = MAX_ATOMIC;
	shim_put(o);
	return CS_OK;
}

EXPORT cs_error_t cpg_flow_control_state_get(cpg_handle_t handle, cpg_flow_control_state_t *state)
{
	struct shim *o;
	cs_error_t error = shim_get(handle, SHIM_CPG, &o);

	if (error != CS_OK)
		return error;
	*state = CPG_FLOW_CONTROL_DISABLED;
	shim_put(o);
	return CS_OK;
}

/* whole delivers a message whose last piece has come. */
static void whole(struct shim *o, struct core_event *e, struct assembly *a)
{
	struct group_state *g = state_of(o);
	struct assembly **link = &g->assemblies;

	while (*link != NULL && *link != a)
		link = &(*link)->next;
	if (*link == a)
		*link = a->next;
	if (g->model.cpg_deliver_fn != NULL)
		g->model.cpg_deliver_fn(o->handle, (struct cpg_name *)&e->name_length, a->nodeid, a->pid, a->message, a->have);
	free(a->message);
	free(a);
}

/*
 * A first piece discards what its sender left unfinished. Pieces without a first one, and what exceeds the announced
 * length, are dropped.
 */
static cs_error_t piece(struct shim *o, struct core_event *e)
{
	struct group_state *g = state_of(o);
	uint32_t nodeid = (uint32_t)e->w[0], pid = (uint32_t)e->w[1];
	size_t total = (size_t)e->w[2], n = (size_t)e->n[0];
	struct assembly *a;

	if (e->w[3] == PIECE_FIRST) {
		forget(g, nodeid, pid);
		a = calloc(1, sizeof(*a));
		if (a == NULL || (a->message = malloc(total + 1)) == NULL) { /* and a NUL, see core.h */
			free(a);
			return CS_ERR_NO_MEMORY;
		}
		a->nodeid = nodeid;
		a->pid = pid;
		a->room = total;
		a->next = g->assemblies;
		g->assemblies = a;
	}
	for (a = g->assemblies; a != NULL && (a->nodeid != nodeid || a->pid != pid); a = a->next)
		;
	if (a == NULL)
		return CS_OK;
	if (n > a->room - a->have) {
		forget(g, nodeid, pid);
		return CS_OK;
	}
	memcpy(a->message + a->have, e->data, n);
	a->have += n;
	if (e->w[3] == PIECE_LAST)
		whole(o, e, a);
	return CS_OK;
}

static cs_error_t deliver(struct shim *o, struct core_event *e)
{
	struct group_state *g = state_of(o);
	struct cpg_name *group = (struct cpg_name *)&e->name_length;
	struct cpg_address *list = (struct cpg_address *)e->data;
	struct cpg_ring_id ring;
	uint64_t i;

	switch (e->id) {
	case EV_CPG_DELIVER:
		if (g->model.cpg_deliver_fn != NULL)
			g->model.cpg_deliver_fn(o->handle, group, (uint32_t)e->w[0], (uint32_t)e->w[1], e->data, e->n[0]);
		return CS_OK;
	case EV_CPG_PARTIAL:
		return piece(o, e);
	case EV_CPG_CONFCHG:
		for (i = 0; i < e->n[1]; i++)
			forget(g, list[e->n[0] + i].nodeid, list[e->n[0] + i].pid);
		if (g->model.cpg_confchg_fn != NULL)
			g->model.cpg_confchg_fn(o->handle, group, list, e->n[0], list + e->n[0], e->n[1], list + e->n[0] + e->n[1], e->n[2]);
		return CS_OK;
	case EV_CPG_TOTEM:
		memset(&ring, 0, sizeof(ring));
		ring.nodeid = (uint32_t)e->w[0];
		ring.seq = e->w[1];
		if (g->model.cpg_totem_confchg_fn != NULL)
			g->model.cpg_totem_confchg_fn(o->handle, ring, (uint32_t)e->n[0], (uint32_t *)e->data);
		return CS_OK;
	}
	return CS_ERR_LIBRARY;
}

EXPORT cs_error_t cpg_dispatch(cpg_handle_t handle, cs_dispatch_flags_t flags)
{
	return shim_dispatch(handle, SHIM_CPG, flags, deliver);
}

static void pause_ns(long ns)
{
	struct timespec t = { 0, ns };

	nanosleep(&t, NULL);
}

/* while_busy repeats a request that the daemon could not take just now. */
static cs_error_t while_busy(cpg_handle_t handle, struct core_call *call)
{
	struct core_call again = *call;
	cs_error_t error;

	while ((error = shim_request(handle, SHIM_CPG, call)) == CS_ERR_BUSY && call->status == CS_ERR_BUSY) {
		pause_ns(BUSY_PAUSE_NS);
		*call = again;
	}
	return error;
}

EXPORT cs_error_t cpg_join(cpg_handle_t handle, const struct cpg_name *group)
{
	struct core_call call = { .op = OP_CPG_JOIN };
	struct shim *o;
	cs_error_t error;

	if (group->length > CPG_MAX_NAME_LENGTH)
		return CS_ERR_NAME_TOO_LONG;
	error = shim_get(handle, SHIM_CPG, &o);
	if (error != CS_OK)
		return error;
	call.in[0] = shim_bytes(group->value, group->length);
	call.a[0] = (uint32_t)getpid();
	call.a[1] = state_of(o)->model.flags;
	shim_put(o);
	return while_busy(handle, &call);
}

EXPORT cs_error_t cpg_leave(cpg_handle_t handle, const struct cpg_name *group)
{
	struct core_call call = { .op = OP_CPG_LEAVE };

	if (group->length > CPG_MAX_NAME_LENGTH)
		return CS_ERR_NAME_TOO_LONG;
	call.in[0] = shim_bytes(group->value, group->length);
	call.a[0] = (uint32_t)getpid();
	return while_busy(handle, &call);
}

/* pieces sends a long message. No piece spans two parts of it, and the first refusal that stays ends it. */
static cs_error_t pieces(struct shim *o, cpg_guarantee_t guarantee, size_t total, const struct iovec *iov, unsigned int n)
{
	struct core_call call;
	size_t sent = 0, at = 0;
	cs_error_t error;
	unsigned int i = 0;
	int tries = 0;

	while (i < n && sent < total) {
		size_t length = iov[i].iov_len - at;

		if (length > MAX_ATOMIC)
			length = MAX_ATOMIC;
		if (length == 0) {
			i++;
			at = 0;
			continue;
		}
		memset(&call, 0, sizeof(call));
		call.op = OP_CPG_PARTIAL;
		call.a[0] = guarantee;
		call.a[1] = total;
		call.a[2] = sent == 0 ? PIECE_FIRST : sent + length == total ? PIECE_LAST : PIECE_CONTINUED;
		call.in[0] = shim_bytes((char *)iov[i].iov_base + at, length);
		error = shim_call_raw(o, &call);
		if (error == CS_OK && o->record.answered && call.status == CS_ERR_TRY_AGAIN)
			error = CS_ERR_TRY_AGAIN; /* the answer says what a flow control word says elsewhere */
		if (error == CS_ERR_TRY_AGAIN && tries++ < PIECE_RETRIES) {
			pause_ns(PIECE_PAUSE_NS);
			continue;
		}
		if (error != CS_OK)
			return error;
		if (call.status != CS_OK)
			return (cs_error_t)call.status;
		tries = 0;
		sent += length;
		at += length;
	}
	return CS_OK;
}

static void put(void *o) { shim_put(o); }

EXPORT cs_error_t cpg_mcast_joined(cpg_handle_t handle, cpg_guarantee_t guarantee, const struct iovec *iov, unsigned int n)
{
	struct core_call call;
	struct shim *o;
	cs_error_t error;
	size_t total = 0;
	unsigned int i;

	error = shim_get(handle, SHIM_CPG, &o);
	if (error != CS_OK)
		return error;
	for (i = 0; i < n && iov[i].iov_len <= LENGTH_MOST - total; i++)
		total += iov[i].iov_len;
	if (i < n) {
		shim_put(o);
		return CS_ERR_TOO_BIG;
	}
	pthread_cleanup_push(put, o);
	if (total > MAX_ATOMIC) {
		error = pieces(o, guarantee, total, iov, n);
	} else {
		call.op = OP_CPG_MCAST;
		call.a[0] = guarantee;
		call.iov = iov;
		call.iovcnt = n;
		error = shim_send(o, &call);
	}
	pthread_cleanup_pop(1);
	return error;
}

EXPORT cs_error_t cpg_membership_get(cpg_handle_t handle, struct cpg_name *group, struct cpg_address *list, int *entries)
{
	struct core_call call = { .op = OP_CPG_MEMBERSHIP };
	cs_error_t error;

	if (group->length > CPG_MAX_NAME_LENGTH)
		return CS_ERR_NAME_TOO_LONG;
	if (list == NULL || entries == NULL)
		return CS_ERR_INVALID_PARAM;
	call.in[0] = shim_bytes(group->value, group->length);
	call.out[0] = shim_bytes(list, CPG_MEMBERS_MAX * sizeof(*list));
	error = shim_request(handle, SHIM_CPG, &call);
	if (call.status != 0)
		*entries = (int)call.r[0];
	return error;
}

EXPORT cs_error_t cpg_local_get(cpg_handle_t handle, unsigned int *nodeid)
{
	struct core_call call = { .op = OP_CPG_LOCAL_GET };
	cs_error_t error = shim_request(handle, SHIM_CPG, &call);

	if (call.status != 0)
		*nodeid = (unsigned int)call.r[0];
	return error;
}

/* --- iteration: extra.words[0] is the connection's handle, words[1] the daemon's --- */

EXPORT cs_error_t cpg_iteration_initialize(cpg_handle_t handle, cpg_iteration_type_t type, const struct cpg_name *group,
	cpg_iteration_handle_t *iteration)
{
	struct core_call call = { .op = OP_CPG_ITER_INIT };
	struct shim *it;
	cs_error_t error;

	if (group != NULL && group->length > CPG_MAX_NAME_LENGTH)
		return CS_ERR_NAME_TOO_LONG;
	if (iteration == NULL || (type == CPG_ITERATION_ONE_GROUP) != (group != NULL))
		return CS_ERR_INVALID_PARAM;
	if (type != CPG_ITERATION_NAME_ONLY && type != CPG_ITERATION_ONE_GROUP && type != CPG_ITERATION_ALL)
		return CS_ERR_INVALID_PARAM;
	if (group != NULL)
		call.in[0] = shim_bytes(group->value, group->length);
	call.a[0] = type;
	error = shim_request(handle, SHIM_CPG, &call);
	if (error != CS_OK)
		return error;
	error = shim_new(SHIM_CPG_ITERATION, &it);
	if (error != CS_OK)
		return error;
	it->extra.words[0] = handle;
	it->extra.words[1] = call.r[0];
	*iteration = it->handle;
	shim_put(it);
	return CS_OK;
}

EXPORT cs_error_t cpg_iteration_next(cpg_iteration_handle_t iteration, struct cpg_iteration_description_t *description)
{
	struct core_call call = { .op = OP_CPG_ITER_NEXT };
	struct shim *it;
	cs_error_t error;
	uint64_t handle;
	char name[CPG_MAX_NAME_LENGTH] = { 0 };

	if (description == NULL)
		return CS_ERR_INVALID_PARAM;
	error = shim_get(iteration, SHIM_CPG_ITERATION, &it);
	if (error != CS_OK)
		return error;
	handle = it->extra.words[0];
	call.a[0] = it->extra.words[1];
	shim_put(it);
	call.out[0] = shim_bytes(name, sizeof(name));
	error = shim_request(handle, SHIM_CPG, &call);
	if (error != CS_OK)
		return error;
	memcpy(description->group.value, name, sizeof(name));
	description->group.length = (uint32_t)call.out[0].iov_len;
	description->nodeid = (uint32_t)call.r[0];
	description->pid = (uint32_t)call.r[1];
	return CS_OK;
}

EXPORT cs_error_t cpg_iteration_finalize(cpg_iteration_handle_t iteration)
{
	struct core_call call = { .op = OP_CPG_ITER_FINALIZE };
	struct shim *it;
	cs_error_t error = shim_get(iteration, SHIM_CPG_ITERATION, &it);

	if (error != CS_OK)
		return error;
	call.a[0] = it->extra.words[1];
	error = shim_request(it->extra.words[0], SHIM_CPG, &call);
	if (error == CS_OK || call.status != 0)
		shim_finalize(it);
	shim_put(it);
	return error;
}

/*
 * --- buffers for messages: ordinary memory. The shared mapping of 3.1 saves no copy over a multicast, and later
 * daemons refuse it.
 */

EXPORT cs_error_t cpg_zcb_alloc(cpg_handle_t handle, size_t size, void **buffer)
{
	struct shim *o;
	cs_error_t error = shim_get(handle, SHIM_CPG, &o);

	if (error != CS_OK)
		return error;
	*buffer = calloc(1, size != 0 ? size : 1); /* a new file is all zeros too */
	shim_put(o);
	return *buffer != NULL ? CS_OK : CS_ERR_NO_MEMORY;
}

EXPORT cs_error_t cpg_zcb_free(cpg_handle_t handle, void *buffer)
{
	struct shim *o;
	cs_error_t error = shim_get(handle, SHIM_CPG, &o);

	if (error != CS_OK)
		return error;
	free(buffer);
	shim_put(o);
	return CS_OK;
}

EXPORT cs_error_t cpg_zcb_mcast_joined(cpg_handle_t handle, cpg_guarantee_t guarantee, void *message, size_t length)
{
	struct iovec iov = { message, length };
	struct shim *o;
	cs_error_t error = shim_get(handle, SHIM_CPG, &o);

	if (error != CS_OK)
		return error;
	shim_put(o);
	if (length > MAX_MESSAGE)
		return CS_ERR_TOO_BIG;
	return cpg_mcast_joined(handle, guarantee, &iov, 1);
}
