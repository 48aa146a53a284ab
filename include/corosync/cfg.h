/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Administration of the daemon: shutdown, reload, state of the links, addresses.
 * Link with -lcfg. Rules for handles, threads, callbacks and a lost daemon:
 * corosync/corotypes.h.
 */
#ifndef COROSYNC_CFG_H_DEFINED
#define COROSYNC_CFG_H_DEFINED

#include <netinet/in.h>
#include <corosync/corotypes.h>

typedef uint64_t corosync_cfg_handle_t;

/** How to shut the daemon of this node down. */
typedef enum {
	COROSYNC_CFG_SHUTDOWN_FLAG_REQUEST = 0,		/**< if no tracking process objects */
	COROSYNC_CFG_SHUTDOWN_FLAG_REGARDLESS = 1,	/**< ask them, and do it whatever they answer */
	COROSYNC_CFG_SHUTDOWN_FLAG_IMMEDIATE = 2,	/**< without asking them */
} corosync_cfg_shutdown_flags_t;

/** An answer to the shutdown callback. */
typedef enum {
	COROSYNC_CFG_SHUTDOWN_FLAG_NO = 0,
	COROSYNC_CFG_SHUTDOWN_FLAG_YES = 1,
} corosync_cfg_shutdown_reply_flags_t;

/**
 * Somebody asks for a shutdown; the process answers with
 * corosync_cfg_replyto_shutdown, in the callback or later.
 *
 * @param flags COROSYNC_CFG_SHUTDOWN_FLAG_REQUEST or
 *   COROSYNC_CFG_SHUTDOWN_FLAG_REGARDLESS.
 */
typedef void (*corosync_cfg_shutdown_callback_t)(
	corosync_cfg_handle_t cfg_handle,
	corosync_cfg_shutdown_flags_t flags);

typedef struct {
	corosync_cfg_shutdown_callback_t corosync_cfg_shutdown_callback;
} corosync_cfg_callbacks_t;

/**
 * An address of a node: a struct sockaddr_in or sockaddr_in6, of which family
 * and address are set, and no port.
 */
typedef struct {
	int address_length;	/**< bytes used of address */
	char address[sizeof(struct sockaddr_in6)];
} corosync_cfg_node_address_t;

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Connects.
 *
 * @param cfg_handle Takes the new handle.
 * @param cfg_callbacks Copied; NULL for none.
 * @retval CS_ERR_LIBRARY There is no daemon, or no descriptor is free.
 * @retval CS_ERR_ACCESS The daemon does not admit this user and group.
 * @retval CS_ERR_TRY_AGAIN The daemon is not ready yet.
 */
cs_error_t corosync_cfg_initialize(
	corosync_cfg_handle_t *cfg_handle,
	const corosync_cfg_callbacks_t *cfg_callbacks);

/**
 * Tells the descriptor to poll for reading; it is readable as long as events are
 * queued. The library owns it: do not read, write or close it.
 *
 * @param selection_fd Takes the descriptor.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t corosync_cfg_fd_get(
	corosync_cfg_handle_t cfg_handle,
	int32_t *selection_fd);

/**
 * Makes the callbacks for queued events.
 *
 * @param dispatch_flags How many, and whether to wait (cs_dispatch_flags_t).
 * @retval CS_ERR_TRY_AGAIN With CS_DISPATCH_ONE_NONBLOCKING: nothing is queued.
 * @retval CS_ERR_BAD_HANDLE There is no such handle, or a callback has finalized it.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t corosync_cfg_dispatch(
	corosync_cfg_handle_t cfg_handle,
	cs_dispatch_flags_t dispatch_flags);

/**
 * Closes the connection.
 *
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 */
cs_error_t corosync_cfg_finalize(
	corosync_cfg_handle_t cfg_handle);

/**
 * Describes the links of this node in words, as corosync-cfgtool -sb shows them.
 *
 * @param interface_names Takes an array of strings: addresses or names. The
 *   caller frees each string, and the array, with free().
 * @param status Takes an array of strings as long: what is to say of that link.
 *   The caller frees them likewise.
 * @param interface_count Takes the length of both, at most CFG_MAX_LINKS.
 * @retval CS_ERR_NO_MEMORY There is no memory for the answer.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t corosync_cfg_ring_status_get(
	corosync_cfg_handle_t cfg_handle,
	char ***interface_names,
	char ***status,
	unsigned int *interface_count);

/** Which structure corosync_cfg_node_status_get fills. Since 3.1.1. */
typedef enum {
	CFG_NODE_STATUS_V1 = 1,
} corosync_cfg_node_status_version_t;

/** Room for an address as text, in bytes. */
#define CFG_MAX_HOST_LEN 256
/** Links between two nodes at most. */
#define CFG_MAX_LINKS 8

/** A link to another node as seen from here. */
struct corosync_knet_link_status_v1 {
	uint8_t enabled;	/**< configured, and not switched off */
	uint8_t connected;	/**< the other end answers */
	uint8_t dynconnected;	/**< the other end's address was learnt from its packets */
	unsigned int mtu;	/**< bytes of payload that fit a packet, as found by probing */
	char src_ipaddr[CFG_MAX_HOST_LEN];
	char dst_ipaddr[CFG_MAX_HOST_LEN];
};

struct corosync_cfg_node_status_v1 {
	corosync_cfg_node_status_version_t version;	/**< CFG_NODE_STATUS_V1 */
	unsigned int nodeid;
	uint8_t reachable;	/**< by one link at least */
	uint8_t remote;
	uint8_t external;
	uint8_t onwire_min;	/**< versions of the link protocol that node speaks, */
	uint8_t onwire_max;	/**< from and to, */
	uint8_t onwire_ver;	/**< and the one in use */
	struct corosync_knet_link_status_v1 link_status[CFG_MAX_LINKS];
};

/**
 * Describes the links to a node in numbers. Since 3.1.1.
 *
 * @param nodeid The node; 0 is none, not this node.
 * @param version CFG_NODE_STATUS_V1.
 * @param node_status Takes a struct corosync_cfg_node_status_v1.
 * @retval CS_ERR_INVALID_PARAM There is no such version, or node_status is NULL.
 * @retval CS_ERR_FAILED_OPERATION There is no such node.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t corosync_cfg_node_status_get(
	corosync_cfg_handle_t cfg_handle,
	unsigned int nodeid,
	corosync_cfg_node_status_version_t version,
	void *node_status);

/**
 * Makes the daemon of a node end at once.
 *
 * @param nodeid The node.
 * @param reason Text for that node's log, at most 255 bytes; not NULL.
 * @retval CS_ERR_NOT_EXIST It is not a member.
 * @retval CS_ERR_NAME_TOO_LONG reason is too long.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t corosync_cfg_kill_node(
	corosync_cfg_handle_t cfg_handle,
	unsigned int nodeid,
	const char *reason);

/**
 * Asks to be asked before a shutdown. Doing so twice is no error. Since 3.1.1.
 *
 * @param track_flags 0.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t corosync_cfg_trackstart(
	corosync_cfg_handle_t cfg_handle,
	uint8_t track_flags);

/**
 * Ends that. Since 3.1.1.
 *
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t corosync_cfg_trackstop(
	corosync_cfg_handle_t cfg_handle);

/**
 * Shuts the daemon of this node down. The answer comes when all that track have
 * answered, or their time is over (cmap key cfg.shutdown_timeout in
 * milliseconds, 5000 if not set). A caller that tracks is asked too, and has to
 * dispatch in another thread to answer.
 *
 * @param flags Whom to ask.
 * @retval CS_ERR_BUSY One of them has said no, or nothing.
 * @retval CS_ERR_EXIST A shutdown is being decided already.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t corosync_cfg_try_shutdown(
	corosync_cfg_handle_t cfg_handle,
	corosync_cfg_shutdown_flags_t flags);

/**
 * Answers the shutdown callback. When nothing was asked it does nothing.
 *
 * @param flags COROSYNC_CFG_SHUTDOWN_FLAG_YES or COROSYNC_CFG_SHUTDOWN_FLAG_NO.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t corosync_cfg_replyto_shutdown(
	corosync_cfg_handle_t cfg_handle,
	corosync_cfg_shutdown_reply_flags_t flags);

/**
 * Tells the addresses of a node, one for each link.
 *
 * @param nodeid The node; 0 is this node.
 * @param max_addrs Room in addrs.
 * @param num_addrs Takes the number of addresses.
 * @param addrs Takes the addresses.
 * @retval CS_ERR_NOT_EXIST There is no such node.
 * @retval CS_ERR_INVALID_PARAM A pointer is NULL, or max_addrs too small.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t corosync_cfg_get_node_addrs(
	corosync_cfg_handle_t cfg_handle,
	unsigned int nodeid,
	size_t max_addrs,
	int *num_addrs,
	corosync_cfg_node_address_t *addrs);

/**
 * Tells the id of this node.
 *
 * @param local_nodeid Takes the id.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t corosync_cfg_local_get(
	corosync_cfg_handle_t handle,
	unsigned int *local_nodeid);

/**
 * Makes every node read its corosync.conf anew. The answer is that of this node.
 *
 * @retval CS_ERR_INVALID_PARAM The configuration of this node is not valid; the
 *   old one stays.
 * @retval CS_ERR_TRY_AGAIN The membership is changing.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY The connection is lost.
 */
cs_error_t corosync_cfg_reload_config(
	corosync_cfg_handle_t handle);

/**
 * Makes the daemon of this node close its log files and open them again.
 *
 * @retval CS_ERR_NOT_SUPPORTED The daemon cannot do that.
 * @retval CS_ERR_BAD_HANDLE There is no such handle.
 * @retval CS_ERR_LIBRARY A file could not be opened, or the connection is lost.
 */
cs_error_t corosync_cfg_reopen_log_files(
	corosync_cfg_handle_t handle);

#ifdef __cplusplus
}
#endif

#endif /* COROSYNC_CFG_H_DEFINED */
