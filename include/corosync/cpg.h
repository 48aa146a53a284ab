/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Closed process groups: processes on any nodes join a group by its name, send
 * to all its members, and see the messages and every change of the membership in
 * one order, which is the same everywhere. Link with -lcpg. Rules for handles,
 * threads, callbacks and a lost daemon: corosync/corotypes.h.
 */
#ifndef COROSYNC_CPG_H_DEFINED
#define COROSYNC_CPG_H_DEFINED

#include <netinet/in.h>
#include <sys/socket.h> /* here since 3.1.8: struct iovec */
#include <corosync/corotypes.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t cpg_handle_t;

typedef uint64_t cpg_iteration_handle_t;

/** Asked-for order of a message. Whatever is asked for, the order is CPG_TYPE_AGREED. */
typedef enum {
	CPG_TYPE_UNORDERED,
	CPG_TYPE_FIFO,
	CPG_TYPE_AGREED,	/**< one order for all members, with the changes of the membership in it */
	CPG_TYPE_SAFE
} cpg_guarantee_t;

typedef enum {
	CPG_FLOW_CONTROL_DISABLED,	/**< sending goes on */
	CPG_FLOW_CONTROL_ENABLED	/**< better wait */
} cpg_flow_control_state_t;

/** Why a process stands in a list of the membership callback. */
typedef enum {
	CPG_REASON_UNDEFINED = 0,
	CPG_REASON_JOIN = 1,		/**< joined: it has called cpg_join */
	CPG_REASON_LEAVE = 2,		/**< left: it has called cpg_leave */
	CPG_REASON_NODEDOWN = 3,	/**< left: its node has gone */
	CPG_REASON_NODEUP = 4,		/**< joined: its node has come, with the process in the group */
	CPG_REASON_PROCDOWN = 5		/**< left: it has ended, or has closed its connection */
} cpg_reason_t;

/** What an iteration goes over. */
typedef enum {
	CPG_ITERATION_NAME_ONLY = 1,	/**< every group once, without its members */
	CPG_ITERATION_ONE_GROUP = 2,	/**< the members of one group */
	CPG_ITERATION_ALL = 3,		/**< the members of all groups */
} cpg_iteration_type_t;

typedef enum {
	CPG_MODEL_V1 = 1,
} cpg_model_t;

/** A process in a group. */
struct cpg_address {
	uint32_t nodeid;
	uint32_t pid;		/**< as the process itself sees it */
	uint32_t reason;	/**< cpg_reason_t; has a meaning for left and joined only */
};

/** Room for the name of a group, in bytes. */
#define CPG_MAX_NAME_LENGTH 128

/** A group's name: the first length bytes of value, any bytes; equal if these are. */
struct cpg_name {
	uint32_t length;
	char value[CPG_MAX_NAME_LENGTH];
};

/** The room that a list of members needs. */
#define CPG_MEMBERS_MAX 128

/** One step of an iteration. nodeid and pid are 0 with CPG_ITERATION_NAME_ONLY. */
struct cpg_iteration_description_t {
	struct cpg_name group;
	uint32_t nodeid;
	uint32_t pid;
};

/** Names one membership of nodes: the node that formed it, and a number that grows. */
struct cpg_ring_id {
	uint32_t nodeid;
	uint64_t seq;
};

/**
 * A message has come, possibly one of the receiver's own.
 *
 * @param msg The message. It may be changed in place until the callback returns,
 *   and has no alignment that could be counted on.
 * @param msg_len Its length in bytes.
 */
typedef void (*cpg_deliver_fn_t)(
	cpg_handle_t handle,
	const struct cpg_name *group_name,
	uint32_t nodeid,
	uint32_t pid,
	void *msg,
	size_t msg_len);

/**
 * The membership of the group has changed. A process that joins sees itself
 * among those who joined, one that leaves sees itself among those who left, and
 * after that nothing more.
 */
typedef void (*cpg_confchg_fn_t)(
	cpg_handle_t handle,
	const struct cpg_name *group_name,
	const struct cpg_address *member_list, size_t member_list_entries,
	const struct cpg_address *left_list, size_t left_list_entries,
	const struct cpg_address *joined_list, size_t joined_list_entries);

/** The membership of nodes has changed; member_list has their ids. */
typedef void (*cpg_totem_confchg_fn_t)(
	cpg_handle_t handle,
	struct cpg_ring_id ring_id,
	uint32_t member_list_entries,
	const uint32_t *member_list);

typedef struct {
	cpg_deliver_fn_t cpg_deliver_fn;
	cpg_confchg_fn_t cpg_confchg_fn;
} cpg_callbacks_t;

/** What model structures begin with; model says which one it is. */
typedef struct {
	cpg_model_t model;
} cpg_model_data_t;

/** Flag of cpg_model_v1_data_t: the totem callback is also made once after the join. */
#define CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF 0x01

typedef struct {
	cpg_model_t model;
	cpg_deliver_fn_t cpg_deliver_fn;
	cpg_confchg_fn_t cpg_confchg_fn;
	cpg_totem_confchg_fn_t cpg_totem_confchg_fn;
	unsigned int flags;	/**< CPG_MODEL_V1_... or 0 */
} cpg_model_v1_data_t;

/**
 * Connects, without a callback for the membership of nodes.
 *
 * @param handle Takes the new handle.
 * @param callbacks Copied; NULL for none.
 * @retval CS_ERR_LIBRARY There is no daemon, or no descriptor is free.
 * @retval CS_ERR_ACCESS The daemon does not admit this user and group.
 * @retval CS_ERR_TRY_AGAIN The daemon is not ready yet.
 */
cs_error_t cpg_initialize(
	cpg_handle_t *handle,
	cpg_callbacks_t *callbacks);

/**
 * Connects.
 *
 * @param handle Takes the new handle.
 * @param model CPG_MODEL_V1.
 * @param model_data A cpg_model_v1_data_t, copied; NULL for no callbacks. Its
 *   member model is set by the caller too.
 * @param context The first value for cpg_context_get.
 * @retval CS_ERR_INVALID_PARAM There is no such model, or no such flag.
 * @retval CS_ERR_LIBRARY There is no daemon, or no descriptor is free.
 * @retval CS_ERR_ACCESS The daemon does not admit this user and group.
 * @retval CS_ERR_TRY_AGAIN The daemon is not ready yet.
 */
cs_error_t cpg_model_initialize(
	cpg_handle_t *handle,
	cpg_model_t model,
	cpg_model_data_t *model_data,
	void *context);

/**
 * Leaves the group, if one was joined, and closes the connection. The handle is
 * gone whatever the result.
 *
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection was lost already.
 */
cs_error_t cpg_finalize(
	cpg_handle_t handle);

/**
 * Tells the descriptor to poll for reading; it is readable as long as events are
 * queued. The library owns it: do not read, write or close it. Its peer
 * credentials are those of the daemon.
 *
 * @param fd Takes the descriptor.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t cpg_fd_get(
	cpg_handle_t handle,
	int *fd);

/**
 * Tells the length of the longest message that is not sent in pieces.
 *
 * @param size Takes the length in bytes.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t cpg_max_atomic_msgsize_get(
	cpg_handle_t handle,
	uint32_t *size);

/**
 * Gives back the pointer of cpg_model_initialize or cpg_context_set.
 *
 * @param context Takes the pointer; NULL if none was stored.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t cpg_context_get(
	cpg_handle_t handle,
	void **context);

/**
 * Stores a pointer of the caller's with the handle; the library does not follow it.
 *
 * @param context The pointer, or NULL.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t cpg_context_set(
	cpg_handle_t handle,
	void *context);

/**
 * Makes the callbacks for queued events.
 *
 * @param dispatch_types How many, and whether to wait (cs_dispatch_flags_t).
 * @retval CS_ERR_TRY_AGAIN With CS_DISPATCH_ONE_NONBLOCKING: nothing is queued.
 * @retval CS_ERR_BAD_HANDLE There is no such handle, or a callback has finalized it.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t cpg_dispatch(
	cpg_handle_t handle,
	cs_dispatch_flags_t dispatch_types);

/**
 * Joins a group; a handle is in one group at most. The membership callback for
 * the join is the first event of the group, and messages follow it.
 *
 * @param group Its name, 0 to CPG_MAX_NAME_LENGTH bytes.
 * @retval CS_ERR_NAME_TOO_LONG The length is above CPG_MAX_NAME_LENGTH.
 * @retval CS_ERR_EXIST The handle has joined already, or this process is in that
 *   group through another handle.
 * @retval CS_ERR_TRY_AGAIN The membership is changing.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t cpg_join(
	cpg_handle_t handle,
	const struct cpg_name *group);

/**
 * Leaves the group. The last event on the handle is the membership callback in
 * which the caller has left. With the C daemon the handle cannot join again:
 * finalize it.
 *
 * @param group The name that was joined.
 * @retval CS_ERR_NOT_EXIST The handle is not in that group.
 * @retval CS_ERR_NAME_TOO_LONG The length is above CPG_MAX_NAME_LENGTH.
 * @retval CS_ERR_TRY_AGAIN The membership is changing.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t cpg_leave(
	cpg_handle_t handle,
	const struct cpg_name *group);

/**
 * Sends a message to the members of the group, the caller among them. It is
 * taken when the call returns, and delivered through cpg_dispatch later. One that
 * is longer than cpg_max_atomic_msgsize_get says is sent in pieces, which the
 * receiving libraries put together; the call then waits for each piece. Without
 * a group joined the message goes nowhere, and that is no error.
 *
 * @param guarantee CPG_TYPE_AGREED.
 * @param iovec Pieces of the message in this process's memory.
 * @param iov_len Number of pieces.
 * @retval CS_ERR_TRY_AGAIN The queue is full, or the membership is changing.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t cpg_mcast_joined(
	cpg_handle_t handle,
	cpg_guarantee_t guarantee,
	const struct iovec *iovec,
	unsigned int iov_len);

/**
 * Lists the members of any group.
 *
 * @param groupName Name of the group; one that nobody is in has no members.
 * @param member_list Takes the members; it has room for CPG_MEMBERS_MAX.
 * @param member_list_entries Takes their number.
 * @retval CS_ERR_INVALID_PARAM One of the last two is NULL.
 * @retval CS_ERR_NAME_TOO_LONG The length is above CPG_MAX_NAME_LENGTH.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t cpg_membership_get(
	cpg_handle_t handle,
	struct cpg_name *groupName,
	struct cpg_address *member_list,
	int *member_list_entries);

/**
 * Tells the id of this node.
 *
 * @param local_nodeid Takes the id.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t cpg_local_get(
	cpg_handle_t handle,
	unsigned int *local_nodeid);

/**
 * Tells whether sending should pause. It never says so in this series: a full
 * queue shows as CS_ERR_TRY_AGAIN of cpg_mcast_joined.
 *
 * @param flow_control_enabled Takes CPG_FLOW_CONTROL_DISABLED.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t cpg_flow_control_state_get(
	cpg_handle_t handle,
	cpg_flow_control_state_t *flow_control_enabled);

/**
 * Allocates a buffer for cpg_zcb_mcast_joined.
 *
 * @param size Its size in bytes.
 * @param buffer Takes its address.
 * @retval CS_ERR_NO_MEMORY There is no memory for it.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost, or the system refused a file or
 *   a mapping.
 */
cs_error_t cpg_zcb_alloc(
	cpg_handle_t handle,
	size_t size,
	void **buffer);

/**
 * Frees such a buffer.
 *
 * @param buffer A pointer from cpg_zcb_alloc on the same handle.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t cpg_zcb_free(
	cpg_handle_t handle,
	void *buffer);

/**
 * Sends what is in such a buffer, as cpg_mcast_joined does. The buffer may be
 * used again when the call returns.
 *
 * @param guarantee CPG_TYPE_AGREED.
 * @param msg A pointer from cpg_zcb_alloc on the same handle.
 * @param msg_len Bytes to send, at most what was allocated.
 * @retval CS_ERR_TOO_BIG More than 1 MiB.
 * @retval CS_ERR_TRY_AGAIN The queue is full, or the membership is changing.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t cpg_zcb_mcast_joined(
	cpg_handle_t handle,
	cpg_guarantee_t guarantee,
	void *msg,
	size_t msg_len);

/**
 * Begins an iteration over groups, of this moment: later changes do not show.
 *
 * @param iteration_type What to go over.
 * @param group The group with CPG_ITERATION_ONE_GROUP, otherwise NULL.
 * @param cpg_iteration_handle Takes the handle of the iteration.
 * @retval CS_ERR_INVALID_PARAM cpg_iteration_handle is NULL, there is no such
 *   type, or group is there with the wrong type or missing with the right one.
 * @retval CS_ERR_NAME_TOO_LONG The length is above CPG_MAX_NAME_LENGTH.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t cpg_iteration_initialize(
	cpg_handle_t handle,
	cpg_iteration_type_t iteration_type,
	const struct cpg_name *group,
	cpg_iteration_handle_t *cpg_iteration_handle);

/**
 * Takes the next step.
 *
 * @param handle The handle of the iteration.
 * @param description Takes what was found.
 * @retval CS_ERR_NO_SECTIONS That was all; the next call begins anew.
 * @retval CS_ERR_INVALID_PARAM description is NULL.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t cpg_iteration_next(
	cpg_iteration_handle_t handle,
	struct cpg_iteration_description_t *description);

/**
 * Ends an iteration. Finalizing the connection ends its iterations too, but does
 * not free their handles here.
 *
 * @param handle The handle of the iteration.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t cpg_iteration_finalize(
	cpg_iteration_handle_t handle);

#ifdef __cplusplus
}
#endif

#endif /* COROSYNC_CPG_H_DEFINED */
