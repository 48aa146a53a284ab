/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Votes: who has how many, what is expected, and the quorum device. The daemon
 * answers only with "provider: corosync_votequorum" in the quorum section of its
 * configuration. Link with -lvotequorum. Rules for handles, threads, callbacks
 * and a lost daemon: corosync/corotypes.h.
 */
#ifndef COROSYNC_VOTEQUORUM_H_DEFINED
#define COROSYNC_VOTEQUORUM_H_DEFINED

#include <corosync/corotypes.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t votequorum_handle_t;

/* Bits of votequorum_info.flags. */
#define VOTEQUORUM_INFO_TWONODE 1
#define VOTEQUORUM_INFO_QUORATE 2
#define VOTEQUORUM_INFO_WAIT_FOR_ALL 4
#define VOTEQUORUM_INFO_LAST_MAN_STANDING 8
#define VOTEQUORUM_INFO_AUTO_TIE_BREAKER 16
#define VOTEQUORUM_INFO_ALLOW_DOWNSCALE 32
#define VOTEQUORUM_INFO_QDEVICE_REGISTERED 64
#define VOTEQUORUM_INFO_QDEVICE_ALIVE 128
#define VOTEQUORUM_INFO_QDEVICE_CAST_VOTE 256
#define VOTEQUORUM_INFO_QDEVICE_MASTER_WINS 512

/** The node id under which the quorum device stands in lists. */
#define VOTEQUORUM_QDEVICE_NODEID 0
/** Room for a device's name with its NUL, so a name has 1 to 254 bytes. */
#define VOTEQUORUM_QDEVICE_MAX_NAME_LEN 255
/** Milliseconds without a poll after which a device counts as dead, if not configured. */
#define VOTEQUORUM_QDEVICE_DEFAULT_TIMEOUT 10000
/** Milliseconds that a change of the membership waits for the device, if not configured. */
#define VOTEQUORUM_QDEVICE_DEFAULT_SYNC_TIMEOUT 30000

/* States of a node. */
#define VOTEQUORUM_NODESTATE_MEMBER 1
#define VOTEQUORUM_NODESTATE_DEAD 2
#define VOTEQUORUM_NODESTATE_LEAVING 3

/** One node as votequorum_getinfo describes it, and the cluster. */
struct votequorum_info {
	unsigned int node_id;
	unsigned int node_state;		/**< VOTEQUORUM_NODESTATE_... */
	unsigned int node_votes;
	unsigned int node_expected_votes;	/**< what that node expects the whole cluster to have */
	unsigned int highest_expected;		/**< the largest expectation of all members */
	unsigned int total_votes;		/**< of the members, the device included */
	unsigned int quorum;			/**< votes needed to act */
	unsigned int flags;			/**< VOTEQUORUM_INFO_... */
	unsigned int qdevice_votes;		/**< what the device has when it is alive */
	char qdevice_name[VOTEQUORUM_QDEVICE_MAX_NAME_LEN];
};

typedef struct {
	uint32_t nodeid;
	uint32_t state;		/**< VOTEQUORUM_NODESTATE_... */
} votequorum_node_t;

/** Names one membership: the node that formed it, and a number that grows. */
typedef struct {
	uint32_t nodeid;
	uint64_t seq;
} votequorum_ring_id_t;

/**
 * The quorum was decided, or a node's state has changed. context is that of
 * votequorum_trackstart; the list has every node known, and the device under
 * VOTEQUORUM_QDEVICE_NODEID if one is registered.
 */
typedef void (*votequorum_quorum_notification_fn_t)(
	votequorum_handle_t handle,
	uint64_t context,
	uint32_t quorate,
	uint32_t node_list_entries,
	votequorum_node_t node_list[]);

/** The membership has changed; comes before the quorum callback for it. */
typedef void (*votequorum_nodelist_notification_fn_t)(
	votequorum_handle_t handle,
	uint64_t context,
	votequorum_ring_id_t ring_id,
	uint32_t node_list_entries,
	uint32_t node_list[]);

/** The expected votes were changed. */
typedef void (*votequorum_expectedvotes_notification_fn_t)(
	votequorum_handle_t handle,
	uint64_t context,
	uint32_t expected_votes);

typedef struct {
	votequorum_quorum_notification_fn_t votequorum_quorum_notify_fn;
	votequorum_expectedvotes_notification_fn_t votequorum_expectedvotes_notify_fn;
	votequorum_nodelist_notification_fn_t votequorum_nodelist_notify_fn;
} votequorum_callbacks_t;

/**
 * Connects.
 *
 * @param handle Takes the new handle.
 * @param callbacks Copied; NULL for none.
 * @retval CS_ERR_LIBRARY There is no daemon, it has another quorum provider or
 *   none, or no descriptor is free.
 * @retval CS_ERR_ACCESS The daemon does not admit this user and group.
 * @retval CS_ERR_TRY_AGAIN The daemon is not ready yet.
 */
cs_error_t votequorum_initialize(
	votequorum_handle_t *handle,
	votequorum_callbacks_t *callbacks);

/**
 * Closes the connection. A registered quorum device stays registered.
 *
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t votequorum_finalize(
	votequorum_handle_t handle);

/**
 * Makes the callbacks for queued events.
 *
 * @param dispatch_types How many, and whether to wait (cs_dispatch_flags_t).
 * @retval CS_ERR_INVALID_PARAM dispatch_types has no such value.
 * @retval CS_ERR_TRY_AGAIN With CS_DISPATCH_ONE_NONBLOCKING: nothing is queued.
 * @retval CS_ERR_BAD_HANDLE There is no such handle, or a callback has finalized it.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t votequorum_dispatch(
	votequorum_handle_t handle,
	cs_dispatch_flags_t dispatch_types);

/**
 * Tells the descriptor to poll for reading; it is readable as long as events are
 * queued. The library owns it: do not read, write or close it.
 *
 * @param fd Takes the descriptor.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t votequorum_fd_get(
	votequorum_handle_t handle,
	int *fd);

/**
 * Describes a node.
 *
 * @param nodeid The node; 0 is this node.
 * @param info Takes the answer.
 * @retval CS_ERR_NOT_EXIST No such node was ever seen.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t votequorum_getinfo(
	votequorum_handle_t handle,
	unsigned int nodeid,
	struct votequorum_info *info);

/**
 * Changes the expected votes in the whole cluster.
 *
 * @param expected_votes The new number.
 * @retval CS_ERR_INVALID_PARAM Fewer than the members have together, or so many
 *   that a cluster that has quorum would lose it.
 * @retval CS_ERR_NO_RESOURCES The daemon could not send it.
 * @retval CS_ERR_TRY_AGAIN The membership is changing.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t votequorum_setexpected(
	votequorum_handle_t handle,
	unsigned int expected_votes);

/**
 * Changes the votes of a node, in the whole cluster.
 *
 * @param nodeid The node; 0 is the quorum device, not this node.
 * @param votes Its new votes.
 * @retval CS_ERR_NAME_NOT_FOUND No such node is known.
 * @retval CS_ERR_INVALID_PARAM The quorum that would follow is less than half of
 *   all votes, or more than all.
 * @retval CS_ERR_NO_RESOURCES The daemon could not send it.
 * @retval CS_ERR_TRY_AGAIN The membership is changing.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t votequorum_setvotes(
	votequorum_handle_t handle,
	unsigned int nodeid,
	unsigned int votes);

/**
 * Begins to track.
 *
 * @param context Given to each callback.
 * @param flags CS_TRACK_CURRENT, CS_TRACK_CHANGES, CS_TRACK_CHANGES_ONLY, OR-ed.
 *   With 0 nothing is done.
 * @retval CS_ERR_EXIST Changes are tracked already; the notification of the
 *   present state comes all the same if flags ask for it.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t votequorum_trackstart(
	votequorum_handle_t handle,
	uint64_t context,
	unsigned int flags);

/**
 * Ends tracking.
 *
 * @retval CS_ERR_NOT_EXIST Nothing is tracked.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t votequorum_trackstop(
	votequorum_handle_t handle);

/**
 * Gives back the pointer that votequorum_context_set has stored.
 *
 * @param context Takes the pointer; NULL if none was stored.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t votequorum_context_get(
	votequorum_handle_t handle,
	void **context);

/**
 * Stores a pointer of the caller's with the handle; the library does not follow it.
 *
 * @param context The pointer, or NULL.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t votequorum_context_set(
	votequorum_handle_t handle,
	void *context);

/**
 * Registers a quorum device on this node. It counts as dead until it is polled.
 * The answer comes when the whole cluster has taken note.
 *
 * @param name Name of the device, 1 to 254 bytes. Registering the registered
 *   name again is no error.
 * @retval CS_ERR_INVALID_PARAM The name is empty or too long.
 * @retval CS_ERR_ACCESS The configuration excludes a device: it has none, or
 *   options that do not go with one.
 * @retval CS_ERR_EXIST Another name is registered.
 * @retval CS_ERR_TRY_AGAIN A registration is on its way, or cannot be sent now.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t votequorum_qdevice_register(
	votequorum_handle_t handle,
	const char *name);

/**
 * Removes the device of this node.
 *
 * @param name The registered name.
 * @retval CS_ERR_NOT_EXIST No device is registered.
 * @retval CS_ERR_INVALID_PARAM The name is empty, too long, or not the registered one.
 * @retval CS_ERR_TRY_AGAIN It cannot be sent now.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t votequorum_qdevice_unregister(
	votequorum_handle_t handle,
	const char *name);

/**
 * Gives the device another name.
 *
 * @param oldname The registered name.
 * @param newname Its new name, 1 to 254 bytes.
 * @retval CS_ERR_NOT_EXIST No device is registered.
 * @retval CS_ERR_INVALID_PARAM A name is empty or too long, or oldname is not the
 *   registered one.
 * @retval CS_ERR_TRY_AGAIN It cannot be sent now.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t votequorum_qdevice_update(
	votequorum_handle_t handle,
	const char *oldname,
	const char *newname);

/**
 * Says that the device lives, and whether this node has its vote. It is to be
 * called well within quorum.device.timeout; a device that is silent for that
 * long is dead until its next poll.
 *
 * @param name The registered name.
 * @param cast_vote Not 0: this node has the votes of the device.
 * @param ring_id The membership for which that was decided, as told by the
 *   nodelist callback.
 * @retval CS_ERR_MESSAGE_ERROR ring_id is not the present membership: ask the
 *   device anew.
 * @retval CS_ERR_NOT_EXIST No device is registered.
 * @retval CS_ERR_INVALID_PARAM The name is empty, too long, or not the registered one.
 * @retval CS_ERR_ACCESS The configuration excludes a device.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t votequorum_qdevice_poll(
	votequorum_handle_t handle,
	const char *name,
	unsigned int cast_vote,
	votequorum_ring_id_t ring_id);

/**
 * Says whether the node that has the device's vote may act when the device is
 * its only partner.
 *
 * @param name The registered name.
 * @param allow Not 0: it may.
 * @retval CS_ERR_NOT_EXIST No device is registered.
 * @retval CS_ERR_INVALID_PARAM The name is empty, too long, or not the registered one.
 * @retval CS_ERR_ACCESS The configuration excludes a device.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t votequorum_qdevice_master_wins(
	votequorum_handle_t handle,
	const char *name,
	unsigned int allow);

#ifdef __cplusplus
}
#endif

#endif /* COROSYNC_VOTEQUORUM_H_DEFINED */
