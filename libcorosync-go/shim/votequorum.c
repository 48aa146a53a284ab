/* libvotequorum: votes, expected votes, and the quorum device. */
#include <corosync/votequorum.h>

#include "shim.h"

_Static_assert(sizeof(votequorum_callbacks_t) <= sizeof(((struct shim *)0)->extra), "state fits");

static votequorum_callbacks_t *callbacks_of(struct shim *o) { return (votequorum_callbacks_t *)&o->extra; }

EXPORT cs_error_t votequorum_initialize(votequorum_handle_t *handle, votequorum_callbacks_t *callbacks)
{
	struct shim *o;
	cs_error_t error = shim_open(SHIM_VOTEQUORUM, &o);

	if (error != CS_OK)
		return error;
	if (callbacks != NULL)
		*callbacks_of(o) = *callbacks;
	*handle = o->handle;
	shim_put(o);
	return CS_OK;
}

EXPORT cs_error_t votequorum_finalize(votequorum_handle_t handle)
{
	struct shim *o;
	cs_error_t error = shim_get(handle, SHIM_VOTEQUORUM, &o);

	if (error != CS_OK)
		return error;
	error = shim_finalize(o);
	shim_put(o);
	return error;
}

EXPORT cs_error_t votequorum_fd_get(votequorum_handle_t handle, int *fd) { return shim_fd(handle, SHIM_VOTEQUORUM, fd); }

EXPORT cs_error_t votequorum_context_get(votequorum_handle_t handle, void **context)
{
	return shim_context_get(handle, SHIM_VOTEQUORUM, context);
}

EXPORT cs_error_t votequorum_context_set(votequorum_handle_t handle, void *context)
{
	return shim_context_set(handle, SHIM_VOTEQUORUM, context);
}

EXPORT cs_error_t votequorum_getinfo(votequorum_handle_t handle, unsigned int nodeid, struct votequorum_info *info)
{
	struct core_call call = { .op = OP_VQ_GETINFO };
	cs_error_t error;
	char name[VOTEQUORUM_QDEVICE_MAX_NAME_LEN] = { 0 };

	call.a[0] = nodeid;
	call.out[0] = shim_bytes(name, sizeof(name) - 1);
	error = shim_request(handle, SHIM_VOTEQUORUM, &call);
	if (call.status == 0)
		return error; /* no answer */
	info->node_id = (unsigned int)call.r[0];
	info->node_state = (unsigned int)call.r[1];
	info->node_votes = (unsigned int)call.r[2];
	info->node_expected_votes = (unsigned int)call.r[3];
	info->highest_expected = (unsigned int)call.r[4];
	info->total_votes = (unsigned int)call.r[5];
	info->quorum = (unsigned int)call.r[6];
	info->flags = (unsigned int)call.r[7];
	info->qdevice_votes = (unsigned int)call.r[8];
	memcpy(info->qdevice_name, name, sizeof(name));
	return error;
}

EXPORT cs_error_t votequorum_setexpected(votequorum_handle_t handle, unsigned int expected)
{
	struct core_call call = { .op = OP_VQ_SETEXPECTED };

	call.a[0] = expected;
	return shim_request(handle, SHIM_VOTEQUORUM, &call);
}

EXPORT cs_error_t votequorum_setvotes(votequorum_handle_t handle, unsigned int nodeid, unsigned int votes)
{
	struct core_call call = { .op = OP_VQ_SETVOTES };

	call.a[0] = nodeid;
	call.a[1] = votes;
	return shim_request(handle, SHIM_VOTEQUORUM, &call);
}

EXPORT cs_error_t votequorum_trackstart(votequorum_handle_t handle, uint64_t context, unsigned int flags)
{
	struct core_call call = { .op = OP_VQ_TRACKSTART };

	call.a[0] = context;
	call.a[1] = flags;
	return shim_request(handle, SHIM_VOTEQUORUM, &call);
}

EXPORT cs_error_t votequorum_trackstop(votequorum_handle_t handle)
{
	struct core_call call = { .op = OP_VQ_TRACKSTOP };

	return shim_request(handle, SHIM_VOTEQUORUM, &call);
}

static int bad_name(const char *name)
{
	size_t n = strlen(name);

	return n == 0 || n >= VOTEQUORUM_QDEVICE_MAX_NAME_LEN;
}

static cs_error_t named(votequorum_handle_t handle, struct core_call *call, const char *name)
{
	if (bad_name(name))
		return CS_ERR_INVALID_PARAM;
	call->in[0] = shim_text(name);
	return shim_request(handle, SHIM_VOTEQUORUM, call);
}

EXPORT cs_error_t votequorum_qdevice_register(votequorum_handle_t handle, const char *name)
{
	struct core_call call = { .op = OP_VQ_QDEVICE_REGISTER };

	return named(handle, &call, name);
}

EXPORT cs_error_t votequorum_qdevice_unregister(votequorum_handle_t handle, const char *name)
{
	struct core_call call = { .op = OP_VQ_QDEVICE_UNREGISTER };

	return named(handle, &call, name);
}

EXPORT cs_error_t votequorum_qdevice_update(votequorum_handle_t handle, const char *oldname, const char *newname)
{
	struct core_call call = { .op = OP_VQ_QDEVICE_UPDATE };

	if (bad_name(newname))
		return CS_ERR_INVALID_PARAM;
	call.in[1] = shim_text(newname);
	return named(handle, &call, oldname);
}

EXPORT cs_error_t votequorum_qdevice_poll(votequorum_handle_t handle, const char *name, unsigned int cast_vote,
	votequorum_ring_id_t ring_id)
{
	struct core_call call = { .op = OP_VQ_QDEVICE_POLL };

	call.a[0] = cast_vote;
	call.a[1] = ring_id.nodeid;
	call.a[2] = ring_id.seq;
	return named(handle, &call, name);
}

EXPORT cs_error_t votequorum_qdevice_master_wins(votequorum_handle_t handle, const char *name, unsigned int allow)
{
	struct core_call call = { .op = OP_VQ_QDEVICE_MASTER_WINS };

	call.a[0] = allow;
	return named(handle, &call, name);
}

static cs_error_t deliver(struct shim *o, struct core_event *e)
{
	votequorum_callbacks_t *c = callbacks_of(o);
	votequorum_ring_id_t ring;

	switch (e->id) {
	case EV_VQ_QUORUM:
		if (c->votequorum_quorum_notify_fn != NULL)
			c->votequorum_quorum_notify_fn(o->handle, e->w[0], (uint32_t)e->w[1], (uint32_t)e->n[0], (votequorum_node_t *)e->data);
		return CS_OK;
	case EV_VQ_NODELIST:
		memset(&ring, 0, sizeof(ring));
		ring.nodeid = (uint32_t)e->w[1];
		ring.seq = e->w[2];
		if (c->votequorum_nodelist_notify_fn != NULL)
			c->votequorum_nodelist_notify_fn(o->handle, e->w[0], ring, (uint32_t)e->n[0], (uint32_t *)e->data);
		return CS_OK;
	case EV_VQ_EXPECTED:
		if (c->votequorum_expectedvotes_notify_fn != NULL)
			c->votequorum_expectedvotes_notify_fn(o->handle, e->w[0], (uint32_t)e->w[1]);
		return CS_OK;
	}
	return CS_ERR_LIBRARY;
}

EXPORT cs_error_t votequorum_dispatch(votequorum_handle_t handle, cs_dispatch_flags_t flags)
{
	if (flags < CS_DISPATCH_ONE || flags > CS_DISPATCH_ONE_NONBLOCKING)
		return CS_ERR_INVALID_PARAM;
	return shim_dispatch(handle, SHIM_VOTEQUORUM, flags, deliver);
}
