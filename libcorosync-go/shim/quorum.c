/* libquorum: whether this partition is quorate, and who is in it. */
#include <corosync/quorum.h>

#include "shim.h"

union model {
	quorum_model_data_t any;
	quorum_model_v0_data_t v0;
	quorum_model_v1_data_t v1;
};

_Static_assert(sizeof(union model) <= sizeof(((struct shim *)0)->extra), "state fits");

static union model *model_of(struct shim *o) { return (union model *)&o->extra; }

EXPORT cs_error_t quorum_model_initialize(quorum_handle_t *handle, quorum_model_t model, quorum_model_data_t *data,
	uint32_t *type, void *context)
{
	struct core_call call = { .op = model == QUORUM_MODEL_V0 ? OP_QUORUM_GETTYPE : OP_QUORUM_MODEL_GETTYPE };
	struct shim *o;
	cs_error_t error;

	if (model != QUORUM_MODEL_V0 && model != QUORUM_MODEL_V1)
		return CS_ERR_INVALID_PARAM;
	error = shim_open(SHIM_QUORUM, &o);
	if (error != CS_OK)
		return error;
	call.a[0] = model;
	error = shim_call(o, &call);
	if (error != CS_OK) {
		shim_finalize(o);
		shim_put(o);
		return error;
	}
	if (type != NULL)
		*type = (uint32_t)call.r[0];
	if (data != NULL && model == QUORUM_MODEL_V0)
		model_of(o)->v0 = *(quorum_model_v0_data_t *)data;
	if (data != NULL && model == QUORUM_MODEL_V1)
		model_of(o)->v1 = *(quorum_model_v1_data_t *)data;
	model_of(o)->any.model = model;
	o->context = context;
	*handle = o->handle;
	shim_put(o);
	return CS_OK;
}

EXPORT cs_error_t quorum_initialize(quorum_handle_t *handle, quorum_callbacks_t *callbacks, uint32_t *type)
{
	quorum_model_v0_data_t data = { .model = QUORUM_MODEL_V0 };

	if (callbacks != NULL)
		data.quorum_notify_fn = callbacks->quorum_notify_fn;
	return quorum_model_initialize(handle, QUORUM_MODEL_V0, (quorum_model_data_t *)&data, type, NULL);
}

EXPORT cs_error_t quorum_finalize(quorum_handle_t handle)
{
	struct shim *o;
	cs_error_t error = shim_get(handle, SHIM_QUORUM, &o);

	if (error != CS_OK)
		return error;
	error = shim_finalize(o);
	shim_put(o);
	return error;
}

EXPORT cs_error_t quorum_fd_get(quorum_handle_t handle, int *fd) { return shim_fd(handle, SHIM_QUORUM, fd); }

EXPORT cs_error_t quorum_context_get(quorum_handle_t handle, const void **context)
{
	return shim_context_get(handle, SHIM_QUORUM, (void **)context);
}

EXPORT cs_error_t quorum_context_set(quorum_handle_t handle, const void *context)
{
	return shim_context_set(handle, SHIM_QUORUM, context);
}

EXPORT cs_error_t quorum_getquorate(quorum_handle_t handle, int *quorate)
{
	struct core_call call = { .op = OP_QUORUM_GETQUORATE };
	cs_error_t error = shim_request(handle, SHIM_QUORUM, &call);

	if (call.status != 0)
		*quorate = (int)call.r[0];
	return error;
}

EXPORT cs_error_t quorum_trackstart(quorum_handle_t handle, unsigned int flags)
{
	struct core_call call = { .op = OP_QUORUM_TRACKSTART };

	call.a[0] = flags;
	return shim_request(handle, SHIM_QUORUM, &call);
}

EXPORT cs_error_t quorum_trackstop(quorum_handle_t handle)
{
	struct core_call call = { .op = OP_QUORUM_TRACKSTOP };

	return shim_request(handle, SHIM_QUORUM, &call);
}

static struct quorum_ring_id ring_of(const struct core_event *e)
{
	struct quorum_ring_id ring;

	memset(&ring, 0, sizeof(ring));
	ring.nodeid = (uint32_t)e->w[1];
	ring.seq = e->w[2];
	return ring;
}

static cs_error_t deliver(struct shim *o, struct core_event *e)
{
	union model *m = model_of(o);
	uint32_t *list = (uint32_t *)e->data;

	if (m->any.model == QUORUM_MODEL_V0) {
		if (e->id != EV_QUORUM_V0)
			return CS_ERR_LIBRARY;
		if (m->v0.quorum_notify_fn != NULL)
			m->v0.quorum_notify_fn(o->handle, (uint32_t)e->w[0], e->w[1], (uint32_t)e->n[0], list);
		return CS_OK;
	}
	switch (e->id) {
	case EV_QUORUM_V1:
		if (m->v1.quorum_notify_fn != NULL)
			m->v1.quorum_notify_fn(o->handle, (uint32_t)e->w[0], ring_of(e), (uint32_t)e->n[0], list);
		return CS_OK;
	case EV_QUORUM_NODELIST:
		if (m->v1.nodelist_notify_fn != NULL)
			m->v1.nodelist_notify_fn(o->handle, ring_of(e), (uint32_t)e->n[0], list, (uint32_t)e->n[1], list + e->n[0],
				(uint32_t)e->n[2], list + e->n[0] + e->n[1]);
		return CS_OK;
	}
	return CS_ERR_LIBRARY;
}

EXPORT cs_error_t quorum_dispatch(quorum_handle_t handle, cs_dispatch_flags_t flags)
{
	if (flags < CS_DISPATCH_ONE || flags > CS_DISPATCH_ONE_NONBLOCKING)
		return CS_ERR_INVALID_PARAM;
	return shim_dispatch(handle, SHIM_QUORUM, flags, deliver);
}
