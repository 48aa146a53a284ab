/* libcfg: links, shutdown, reload. */
#include <stdlib.h>

#include <netinet/in.h>

#include <corosync/cfg.h>

#include "shim.h"

#define LINKS_MAX 16
#define RING_TEXT (LINKS_MAX * (128 + 1 + 512 + 1)) /* each field full, and a NUL behind */
#define ADDRESS_BYTES 16

static corosync_cfg_callbacks_t *callbacks_of(struct shim *o) { return (corosync_cfg_callbacks_t *)&o->extra; }

EXPORT cs_error_t corosync_cfg_initialize(corosync_cfg_handle_t *handle, const corosync_cfg_callbacks_t *callbacks)
{
	struct shim *o;
	cs_error_t error = shim_open(SHIM_CFG, &o);

	if (error != CS_OK)
		return error;
	if (callbacks != NULL)
		*callbacks_of(o) = *callbacks;
	*handle = o->handle;
	shim_put(o);
	return CS_OK;
}

EXPORT cs_error_t corosync_cfg_finalize(corosync_cfg_handle_t handle)
{
	struct shim *o;
	cs_error_t error = shim_get(handle, SHIM_CFG, &o);

	if (error != CS_OK)
		return error;
	error = shim_finalize(o);
	shim_put(o);
	return error;
}

EXPORT cs_error_t corosync_cfg_fd_get(corosync_cfg_handle_t handle, int32_t *fd) { return shim_fd(handle, SHIM_CFG, fd); }

static cs_error_t deliver(struct shim *o, struct core_event *e)
{
	if (e->id != EV_CFG_SHUTDOWN)
		return CS_ERR_LIBRARY;
	if (callbacks_of(o)->corosync_cfg_shutdown_callback != NULL)
		callbacks_of(o)->corosync_cfg_shutdown_callback(o->handle, (corosync_cfg_shutdown_flags_t)e->w[0]);
	return CS_OK;
}

EXPORT cs_error_t corosync_cfg_dispatch(corosync_cfg_handle_t handle, cs_dispatch_flags_t flags)
{
	return shim_dispatch(handle, SHIM_CFG, flags, deliver);
}

static void free_list(char **list, unsigned int n)
{
	while (list != NULL && n > 0)
		free(list[--n]);
	free(list);
}

EXPORT cs_error_t corosync_cfg_ring_status_get(corosync_cfg_handle_t handle, char ***names, char ***status, unsigned int *count)
{
	struct core_call call = { .op = OP_CFG_RING_STATUS };
	cs_error_t error;
	char *text = calloc(1, RING_TEXT), *at = text, **name, **state;
	unsigned int i, n;

	if (text == NULL)
		return CS_ERR_NO_MEMORY;
	call.out[0] = shim_bytes(text, RING_TEXT);
	error = shim_request(handle, SHIM_CFG, &call);
	if (error != CS_OK) { /* the daemon's too: 3.1 does not look at it, and takes for links what it has on the stack */
		free(text);
		return error;
	}
	n = (unsigned int)call.r[0];
	name = calloc(n + 1, sizeof(*name));
	state = calloc(n + 1, sizeof(*state));
	for (i = 0; i < n && name != NULL && state != NULL; i++) {
		name[i] = strdup(at);
		at += strlen(at) + 1;
		state[i] = strdup(at);
		at += strlen(at) + 1;
		if (name[i] == NULL || state[i] == NULL)
			break;
	}
	free(text);
	if (name == NULL || state == NULL || i < n) {
		free_list(name, name != NULL ? n : 0);
		free_list(state, state != NULL ? n : 0);
		return CS_ERR_NO_MEMORY;
	}
	*count = n;
	*names = name;
	*status = state;
	return CS_OK;
}

EXPORT cs_error_t corosync_cfg_node_status_get(corosync_cfg_handle_t handle, unsigned int nodeid,
	corosync_cfg_node_status_version_t version, void *node_status)
{
	struct core_call call = { .op = OP_CFG_NODE_STATUS };
	struct corosync_cfg_node_status_v1 v1;
	cs_error_t error;
	int i;

	if (node_status == NULL || version != CFG_NODE_STATUS_V1)
		return CS_ERR_INVALID_PARAM;
	call.a[0] = nodeid;
	call.a[1] = version;
	call.out[0] = shim_bytes(&v1, sizeof(v1));
	error = shim_request(handle, SHIM_CFG, &call);
	if (error != CS_OK)
		return error;
	if (call.r[0] != version)
		return CS_ERR_NOT_SUPPORTED;
	for (i = 0; i < CFG_MAX_LINKS; i++) {
		v1.link_status[i].src_ipaddr[CFG_MAX_HOST_LEN - 1] = '\0';
		v1.link_status[i].dst_ipaddr[CFG_MAX_HOST_LEN - 1] = '\0';
	}
	memcpy(node_status, &v1, sizeof(v1));
	return CS_OK;
}

EXPORT cs_error_t corosync_cfg_trackstart(corosync_cfg_handle_t handle, uint8_t flags)
{
	struct core_call call = { .op = OP_CFG_TRACKSTART };

	call.a[0] = flags;
	return shim_request(handle, SHIM_CFG, &call);
}

EXPORT cs_error_t corosync_cfg_trackstop(corosync_cfg_handle_t handle)
{
	struct core_call call = { .op = OP_CFG_TRACKSTOP };

	return shim_request(handle, SHIM_CFG, &call);
}

EXPORT cs_error_t corosync_cfg_kill_node(corosync_cfg_handle_t handle, unsigned int nodeid, const char *reason)
{
	struct core_call call = { .op = OP_CFG_KILL_NODE };

	if (strlen(reason) >= CS_MAX_NAME_LENGTH)
		return CS_ERR_NAME_TOO_LONG;
	call.a[0] = nodeid;
	call.in[0] = shim_text(reason);
	return shim_request(handle, SHIM_CFG, &call);
}

EXPORT cs_error_t corosync_cfg_try_shutdown(corosync_cfg_handle_t handle, corosync_cfg_shutdown_flags_t flags)
{
	struct core_call call = { .op = OP_CFG_TRY_SHUTDOWN };

	call.a[0] = flags;
	return shim_request(handle, SHIM_CFG, &call);
}

/* The daemon's own answer is not looked at: there may be nothing to reply to. */
EXPORT cs_error_t corosync_cfg_replyto_shutdown(corosync_cfg_handle_t handle, corosync_cfg_shutdown_reply_flags_t reply)
{
	struct core_call call = { .op = OP_CFG_REPLY_SHUTDOWN };
	cs_error_t error;

	call.a[0] = reply;
	error = shim_request(handle, SHIM_CFG, &call);
	return call.status != 0 ? CS_OK : error;
}

EXPORT cs_error_t corosync_cfg_get_node_addrs(corosync_cfg_handle_t handle, unsigned int nodeid, size_t max_addrs, int *num_addrs,
	corosync_cfg_node_address_t *addrs)
{
	struct core_call call = { .op = OP_CFG_GET_NODE_ADDRS };
	unsigned char raw[LINKS_MAX][ADDRESS_BYTES];
	static const unsigned char none[ADDRESS_BYTES];
	cs_error_t error;
	size_t i;

	call.a[0] = nodeid;
	call.out[0] = shim_bytes(raw, sizeof(raw));
	error = shim_request(handle, SHIM_CFG, &call);
	if (call.status == 0)
		return error;
	if (call.r[0] > LINKS_MAX)
		call.r[0] = LINKS_MAX;
	for (i = 0; i < max_addrs && i < call.r[0]; i++) {
		int unused = memcmp(raw[i], none, sizeof(none)) == 0;

		if (call.r[1] == AF_INET6) {
			struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addrs[i].address;

			addrs[i].address_length = sizeof(*in6);
			in6->sin6_family = unused ? 0 : AF_INET6;
			memcpy(&in6->sin6_addr, raw[i], sizeof(in6->sin6_addr));
		} else {
			struct sockaddr_in *in = (struct sockaddr_in *)addrs[i].address;

			addrs[i].address_length = sizeof(*in);
			in->sin_family = unused ? 0 : AF_INET;
			memcpy(&in->sin_addr, raw[i], sizeof(in->sin_addr));
		}
	}
	*num_addrs = (int)call.r[0];
	return error;
}

EXPORT cs_error_t corosync_cfg_local_get(corosync_cfg_handle_t handle, unsigned int *nodeid)
{
	struct core_call call = { .op = OP_CFG_LOCAL_GET };
	cs_error_t error = shim_request(handle, SHIM_CFG, &call);

	if (call.status != 0)
		*nodeid = (unsigned int)call.r[0];
	return error;
}

EXPORT cs_error_t corosync_cfg_reload_config(corosync_cfg_handle_t handle)
{
	struct core_call call = { .op = OP_CFG_RELOAD };

	return shim_request(handle, SHIM_CFG, &call);
}

EXPORT cs_error_t corosync_cfg_reopen_log_files(corosync_cfg_handle_t handle)
{
	struct core_call call = { .op = OP_CFG_REOPEN_LOGS };

	return shim_request(handle, SHIM_CFG, &call);
}
