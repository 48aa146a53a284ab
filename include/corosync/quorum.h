/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Whether the part of the cluster that this node is in may act for the whole,
 * and which nodes are in it. Link with -lquorum. Rules for handles, threads,
 * callbacks and a lost daemon: corosync/corotypes.h.
 */
#ifndef COROSYNC_QUORUM_H_DEFINED
#define COROSYNC_QUORUM_H_DEFINED

#include <corosync/corotypes.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Which set of callbacks a connection has. */
typedef enum {
	QUORUM_MODEL_V0 = 0,	/**< quorum_notification_fn_t */
	QUORUM_MODEL_V1 = 1,	/**< two callbacks, with whole ring ids and with who came and went; since 3.1.0 */
} quorum_model_t;

typedef uint64_t quorum_handle_t;

/** Names one membership: the node that formed it, and a number that grows. */
struct quorum_ring_id {
	uint32_t nodeid;
	uint64_t seq;
};

/**
 * V0: the quorum or the membership has changed.
 *
 * @param quorate 1 or 0.
 * @param ring_seq Sequence of the ring id.
 * @param view_list Node ids of the members, in no order that has a meaning.
 */
typedef void (*quorum_notification_fn_t)(
	quorum_handle_t handle,
	uint32_t quorate,
	uint64_t ring_seq,
	uint32_t view_list_entries,
	uint32_t *view_list);

/**
 * V1: the quorum was decided for a membership. It comes after the nodelist
 * callback of the same membership. Without a quorum provider: quorate, a ring
 * id of zeros, no members.
 */
typedef void (*quorum_v1_quorum_notification_fn_t)(
	quorum_handle_t handle,
	uint32_t quorate,
	struct quorum_ring_id ring_id,
	uint32_t member_list_entries, const uint32_t *member_list);

/**
 * V1: the membership has changed; who has joined and left since the one before.
 * Both lists are empty in the notification that trackstart asks for.
 */
typedef void (*quorum_v1_nodelist_notification_fn_t)(
	quorum_handle_t handle,
	struct quorum_ring_id ring_id,
	uint32_t member_list_entries, const uint32_t *member_list,
	uint32_t joined_list_entries, const uint32_t *joined_list,
	uint32_t left_list_entries, const uint32_t *left_list);

typedef struct {
	quorum_notification_fn_t quorum_notify_fn;
} quorum_callbacks_t;

/** What the model structures have in common; model says which one it is. */
typedef struct {
	quorum_model_t model;
} quorum_model_data_t;

typedef struct {
	quorum_model_t model;
	quorum_notification_fn_t quorum_notify_fn;
} quorum_model_v0_data_t;

typedef struct {
	quorum_model_t model;
	quorum_v1_quorum_notification_fn_t quorum_notify_fn;
	quorum_v1_nodelist_notification_fn_t nodelist_notify_fn;
} quorum_model_v1_data_t;

/* Values of quorum_type: there is no provider, or there is one. */
#define QUORUM_FREE 0
#define QUORUM_SET 1

/**
 * Connects with callbacks of model V0.
 *
 * @param handle Takes the new handle.
 * @param callbacks Copied; NULL for none.
 * @param quorum_type Takes QUORUM_FREE or QUORUM_SET; may be NULL.
 * @retval CS_ERR_LIBRARY There is no daemon, or no descriptor is free.
 * @retval CS_ERR_ACCESS The daemon does not admit this user and group.
 * @retval CS_ERR_TRY_AGAIN The daemon is not ready yet.
 */
cs_error_t quorum_initialize(
	quorum_handle_t *handle,
	quorum_callbacks_t *callbacks,
	uint32_t *quorum_type);

/**
 * Connects with callbacks of a model of choice. Since 3.1.0.
 *
 * @param handle Takes the new handle.
 * @param model QUORUM_MODEL_V0 or QUORUM_MODEL_V1.
 * @param model_data The structure of that model, copied; NULL for no callbacks.
 *   Its member model is set by the caller too.
 * @param quorum_type Takes QUORUM_FREE or QUORUM_SET; may be NULL.
 * @param context The first value for quorum_context_get.
 * @retval CS_ERR_INVALID_PARAM There is no such model.
 * @retval CS_ERR_LIBRARY There is no daemon, or no descriptor is free.
 * @retval CS_ERR_ACCESS The daemon does not admit this user and group.
 * @retval CS_ERR_TRY_AGAIN The daemon is not ready yet.
 */
cs_error_t quorum_model_initialize(
	quorum_handle_t *handle,
	quorum_model_t model,
	quorum_model_data_t *model_data,
	uint32_t *quorum_type,
	void *context);

/**
 * Closes the connection.
 *
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t quorum_finalize(
	quorum_handle_t handle);

/**
 * Tells the descriptor to poll for reading; it is readable as long as events are
 * queued. The library owns it: do not read, write or close it.
 *
 * @param fd Takes the descriptor.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t quorum_fd_get(
	quorum_handle_t handle,
	int *fd);

/**
 * Makes the callbacks for queued events.
 *
 * @param dispatch_types How many, and whether to wait (cs_dispatch_flags_t).
 * @retval CS_ERR_INVALID_PARAM dispatch_types has no such value.
 * @retval CS_ERR_TRY_AGAIN With CS_DISPATCH_ONE_NONBLOCKING: nothing is queued.
 * @retval CS_ERR_BAD_HANDLE There is no such handle, or a callback has finalized it.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t quorum_dispatch(
	quorum_handle_t handle,
	cs_dispatch_flags_t dispatch_types);

/**
 * Asks whether this part of the cluster has quorum now.
 *
 * @param quorate Takes 1 or 0; without a provider always 1.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t quorum_getquorate(
	quorum_handle_t handle,
	int *quorate);

/**
 * Begins to track.
 *
 * @param flags CS_TRACK_CURRENT, CS_TRACK_CHANGES, CS_TRACK_CHANGES_ONLY, OR-ed.
 *   With 0 nothing is done.
 * @retval CS_ERR_EXIST Changes are tracked already; the notification of the
 *   present state comes all the same if flags ask for it.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t quorum_trackstart(
	quorum_handle_t handle,
	unsigned int flags);

/**
 * Ends tracking; also without a trackstart before it that is no error. Events
 * that are queued already are still dispatched.
 *
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t quorum_trackstop(
	quorum_handle_t handle);

/**
 * Stores a pointer of the caller's with the handle; the library does not follow it.
 *
 * @param context The pointer, or NULL.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t quorum_context_set(
	quorum_handle_t handle,
	const void *context);

/**
 * Gives that pointer back.
 *
 * @param context Takes the pointer; NULL if none was stored.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t quorum_context_get(
	quorum_handle_t handle,
	const void **context);

#ifdef __cplusplus
}
#endif

#endif /* COROSYNC_QUORUM_H_DEFINED */
