/* libcmap: the key map of the daemon. */
#include <stdlib.h>

#include <corosync/cmap.h>

#include "shim.h"

/*
 * No value is longer. Daemons of 3.1 fill an answer up to the room that is asked for: one that is too long for a message
 * they never send, and the program would wait for ever.
 */
#define VALUE_MOST (CORE_MAX_MESSAGE - 40)

static struct iovec key_of(const char *name) { return shim_text(name); }

static cs_error_t check_key(const char *name)
{
	if (name == NULL)
		return CS_ERR_INVALID_PARAM;
	return strlen(name) >= CS_MAX_NAME_LENGTH ? CS_ERR_NAME_TOO_LONG : CS_OK;
}

EXPORT cs_error_t cmap_initialize(cmap_handle_t *handle)
{
	struct shim *o;
	cs_error_t error = shim_open(SHIM_CMAP, &o);

	if (error != CS_OK)
		return error;
	*handle = o->handle;
	shim_put(o);
	return CS_OK;
}

/* As in 3.1 the handle stays usable, for the default map, when the daemon does not know the map. */
EXPORT cs_error_t cmap_initialize_map(cmap_handle_t *handle, cmap_map_t map)
{
	struct core_call call = { .op = OP_CMAP_SET_MAP };
	cs_error_t error = cmap_initialize(handle);

	if (error != CS_OK)
		return error;
	call.a[0] = (uint64_t)map;
	return shim_request(*handle, SHIM_CMAP, &call);
}

EXPORT cs_error_t cmap_finalize(cmap_handle_t handle)
{
	struct shim *o;
	cs_error_t error = shim_get(handle, SHIM_CMAP, &o);

	if (error != CS_OK)
		return error;
	shim_each_finalize(SHIM_CMAP_TRACK, 0, handle);
	error = shim_finalize(o);
	shim_put(o);
	return error;
}

EXPORT cs_error_t cmap_fd_get(cmap_handle_t handle, int *fd) { return shim_fd(handle, SHIM_CMAP, fd); }

EXPORT cs_error_t cmap_context_get(cmap_handle_t handle, const void **context)
{
	return shim_context_get(handle, SHIM_CMAP, (void **)context);
}

EXPORT cs_error_t cmap_context_set(cmap_handle_t handle, const void *context)
{
	return shim_context_set(handle, SHIM_CMAP, context);
}

/*
 * --- trackers: extra.words[0] is the connection's handle, words[1] the daemon's; the object's own handle is the mark
 * that the daemon sends back
 */

struct tracker {
	uint64_t connection;
	uint64_t daemon;
	cmap_notify_fn_t notify;
	void *user;
};

static struct tracker *tracker_of(struct shim *o) { return (struct tracker *)&o->extra; }

static void put(void *o) { shim_put(o); }

static cs_error_t deliver(struct shim *o, struct core_event *e)
{
	struct cmap_notify_value new_value, old_value;
	struct tracker *t;
	struct shim *track;

	if (e->id != EV_CMAP_NOTIFY)
		return CS_ERR_LIBRARY;
	if (shim_get(e->w[0], SHIM_CMAP_TRACK, &track) != CS_OK)
		return CS_OK; /* deleted in the meantime */
	t = tracker_of(track);
	new_value.type = (cmap_value_types_t)e->w[2];
	new_value.len = e->n[0];
	new_value.data = e->data; /* of a value that is not there too: 3.1 gives no NULL */
	old_value.type = (cmap_value_types_t)e->w[3];
	old_value.len = e->n[1];
	old_value.data = e->data + e->n[0];
	pthread_cleanup_push(put, track);
	t->notify(o->handle, t->daemon, (int32_t)e->w[1], e->name, new_value, old_value, t->user);
	pthread_cleanup_pop(1);
	return CS_OK;
}

EXPORT cs_error_t cmap_dispatch(cmap_handle_t handle, cs_dispatch_flags_t flags)
{
	return shim_dispatch(handle, SHIM_CMAP, flags, deliver);
}

EXPORT cs_error_t cmap_track_add(cmap_handle_t handle, const char *key_name, int32_t track_type, cmap_notify_fn_t notify,
	void *user_data, cmap_track_handle_t *track_handle)
{
	struct core_call call = { .op = OP_CMAP_TRACK_ADD };
	struct shim *o, *track;
	cs_error_t error;

	if (track_handle == NULL || notify == NULL)
		return CS_ERR_INVALID_PARAM;
	error = shim_get(handle, SHIM_CMAP, &o);
	if (error != CS_OK)
		return error;
	shim_put(o);
	if (key_name != NULL && strlen(key_name) >= CS_MAX_NAME_LENGTH)
		return CS_ERR_NAME_TOO_LONG;
	error = shim_new(SHIM_CMAP_TRACK, &track);
	if (error != CS_OK)
		return error;
	/* Known before the request: a notification may overtake the reply. */
	*tracker_of(track) = (struct tracker){ handle, 0, notify, user_data };
	call.in[0] = key_of(key_name);
	call.a[0] = (uint32_t)track_type;
	call.a[1] = track->handle;
	error = shim_request(handle, SHIM_CMAP, &call);
	if (error == CS_OK)
		*track_handle = tracker_of(track)->daemon = call.r[0];
	else
		shim_finalize(track);
	shim_put(track);
	return error;
}

EXPORT cs_error_t cmap_track_delete(cmap_handle_t handle, cmap_track_handle_t track_handle)
{
	struct core_call call = { .op = OP_CMAP_TRACK_DELETE };
	struct shim *track;
	cs_error_t error;

	call.a[0] = track_handle;
	error = shim_request(handle, SHIM_CMAP, &call);
	if (error != CS_OK)
		return error;
	error = shim_get(call.r[0], SHIM_CMAP_TRACK, &track);
	if (error != CS_OK)
		return error;
	shim_finalize(track);
	shim_put(track);
	return CS_OK;
}

/* --- values --- */

EXPORT cs_error_t cmap_set(cmap_handle_t handle, const char *key_name, const void *value, size_t length, cmap_value_types_t type)
{
	struct core_call call = { .op = OP_CMAP_SET };
	cs_error_t error;

	if (value == NULL)
		return CS_ERR_INVALID_PARAM;
	error = check_key(key_name);
	if (error != CS_OK)
		return error;
	call.in[0] = key_of(key_name);
	call.in[1] = shim_bytes(value, length);
	call.a[0] = type;
	return shim_request(handle, SHIM_CMAP, &call);
}

EXPORT cs_error_t cmap_get(cmap_handle_t handle, const char *key_name, void *value, size_t *length, cmap_value_types_t *type)
{
	struct core_call call = { .op = OP_CMAP_GET };
	cs_error_t error = check_key(key_name);

	if (error != CS_OK)
		return error;
	if (value != NULL && length == NULL)
		return CS_ERR_INVALID_PARAM;
	call.in[0] = key_of(key_name);
	if (value != NULL) {
		call.a[0] = *length < VALUE_MOST ? *length : VALUE_MOST;
		call.out[0] = shim_bytes(value, *length);
	}
	error = shim_request(handle, SHIM_CMAP, &call);
	if (error != CS_OK)
		return error;
	/* Without room only the length is asked for; else the daemon says so where there is too little, and sends all of it. */
	if (value != NULL && *length != 0 && (call.r[0] > *length || call.r[0] != call.out[0].iov_len))
		return CS_ERR_LIBRARY;
	if (type != NULL)
		*type = (cmap_value_types_t)call.r[1];
	if (length != NULL)
		*length = call.r[0];
	return CS_OK;
}

/* get_exactly gets a value of one type and size. */
static cs_error_t get_exactly(cmap_handle_t handle, const char *key_name, void *value, size_t size, cmap_value_types_t type)
{
	char room[16] = { 0 };
	size_t length = sizeof(room);
	cmap_value_types_t found;
	cs_error_t error = cmap_get(handle, key_name, room, &length, &found);

	if (error != CS_OK)
		return error;
	if (found != type)
		return CS_ERR_INVALID_PARAM;
	memcpy(value, room, size);
	return CS_OK;
}

#define TYPED(name, ctype, constant)                                                                 \
	EXPORT cs_error_t cmap_set_##name(cmap_handle_t handle, const char *key_name, ctype value)   \
	{                                                                                            \
		return cmap_set(handle, key_name, &value, sizeof(value), CMAP_VALUETYPE_##constant); \
	}                                                                                            \
	EXPORT cs_error_t cmap_get_##name(cmap_handle_t handle, const char *key_name, ctype *value)  \
	{                                                                                            \
		return get_exactly(handle, key_name, value, sizeof(*value), CMAP_VALUETYPE_##constant); \
	}

TYPED(int8, int8_t, INT8)
TYPED(uint8, uint8_t, UINT8)
TYPED(int16, int16_t, INT16)
TYPED(uint16, uint16_t, UINT16)
TYPED(int32, int32_t, INT32)
TYPED(uint32, uint32_t, UINT32)
TYPED(int64, int64_t, INT64)
TYPED(uint64, uint64_t, UINT64)
TYPED(float, float, FLOAT)
TYPED(double, double, DOUBLE)

EXPORT cs_error_t cmap_set_string(cmap_handle_t handle, const char *key_name, const char *value)
{
	if (value == NULL)
		return CS_ERR_INVALID_PARAM;
	return cmap_set(handle, key_name, value, strlen(value), CMAP_VALUETYPE_STRING);
}

EXPORT cs_error_t cmap_get_string(cmap_handle_t handle, const char *key_name, char **text)
{
	cmap_value_types_t type;
	size_t length, room;
	cs_error_t error = cmap_get(handle, key_name, NULL, &length, &type);

	if (error != CS_OK)
		return error;
	if (type != CMAP_VALUETYPE_STRING)
		return CS_ERR_INVALID_PARAM;
	room = length;
	*text = room < SIZE_MAX ? calloc(1, room + 1) : NULL; /* the value ends with a NUL, and if it does not, the text does */
	if (*text == NULL)
		return CS_ERR_NO_MEMORY;
	error = cmap_get(handle, key_name, *text, &length, &type);
	if (error != CS_OK)
		free(*text);
	return error;
}

EXPORT cs_error_t cmap_delete(cmap_handle_t handle, const char *key_name)
{
	struct core_call call = { .op = OP_CMAP_DELETE };
	cs_error_t error = check_key(key_name);

	if (error != CS_OK)
		return error;
	call.in[0] = key_of(key_name);
	return shim_request(handle, SHIM_CMAP, &call);
}

static cs_error_t adjust(cmap_handle_t handle, const char *key_name, int32_t step)
{
	struct core_call call = { .op = OP_CMAP_ADJUST };
	cs_error_t error = check_key(key_name);

	if (error != CS_OK)
		return error;
	call.in[0] = key_of(key_name);
	call.a[0] = (uint32_t)step;
	return shim_request(handle, SHIM_CMAP, &call);
}

EXPORT cs_error_t cmap_inc(cmap_handle_t handle, const char *key_name) { return adjust(handle, key_name, 1); }
EXPORT cs_error_t cmap_dec(cmap_handle_t handle, const char *key_name) { return adjust(handle, key_name, -1); }

/* --- iteration: handles are the daemon's --- */

EXPORT cs_error_t cmap_iter_init(cmap_handle_t handle, const char *prefix, cmap_iter_handle_t *iteration)
{
	struct core_call call = { .op = OP_CMAP_ITER_INIT };
	struct shim *o;
	cs_error_t error;

	if (iteration == NULL)
		return CS_ERR_INVALID_PARAM;
	error = shim_get(handle, SHIM_CMAP, &o);
	if (error != CS_OK)
		return error;
	shim_put(o);
	if (prefix != NULL && strlen(prefix) >= CS_MAX_NAME_LENGTH)
		return CS_ERR_NAME_TOO_LONG;
	call.in[0] = key_of(prefix);
	error = shim_request(handle, SHIM_CMAP, &call);
	if (error == CS_OK)
		*iteration = call.r[0];
	return error;
}

EXPORT cs_error_t cmap_iter_next(cmap_handle_t handle, cmap_iter_handle_t iteration, char key_name[], size_t *length,
	cmap_value_types_t *type)
{
	struct core_call call = { .op = OP_CMAP_ITER_NEXT };
	char name[CMAP_KEYNAME_MAXLEN + 1] = { 0 };
	cs_error_t error;

	if (key_name == NULL)
		return CS_ERR_INVALID_PARAM;
	call.a[0] = iteration;
	call.out[0] = shim_bytes(name, CMAP_KEYNAME_MAXLEN);
	error = shim_request(handle, SHIM_CMAP, &call);
	if (error != CS_OK)
		return error;
	memcpy(key_name, name, strlen(name) + 1);
	if (length != NULL)
		*length = call.r[0];
	if (type != NULL)
		*type = (cmap_value_types_t)call.r[1];
	return CS_OK;
}

EXPORT cs_error_t cmap_iter_finalize(cmap_handle_t handle, cmap_iter_handle_t iteration)
{
	struct core_call call = { .op = OP_CMAP_ITER_FINALIZE };

	call.a[0] = iteration;
	return shim_request(handle, SHIM_CMAP, &call);
}
