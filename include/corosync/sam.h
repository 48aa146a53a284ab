/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Supervision of a process by its own parent: when it ends, or no longer says
 * that it is well, it is started again or the whole ends. Link with -lsam.
 *
 * There is one instance per process, so no function has a handle. The functions
 * are for one thread, with the exception of sam_hc_send, sam_data_store,
 * sam_data_restore and sam_data_getsize, which any thread may call.
 */
#ifndef COROSYNC_SAM_H_DEFINED
#define COROSYNC_SAM_H_DEFINED

#include <corosync/corotypes.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What happens to a process that failed. One of the first two, and others OR-ed. */
typedef enum {
	SAM_RECOVERY_POLICY_QUIT = 1,		/**< the parent ends too, with the same status */
	SAM_RECOVERY_POLICY_RESTART = 2,	/**< it is started again behind sam_register */
	SAM_RECOVERY_POLICY_QUORUM = 0x08,	/**< to lose quorum is to fail; sam_start waits for quorum */
	SAM_RECOVERY_POLICY_QUORUM_QUIT = SAM_RECOVERY_POLICY_QUORUM | SAM_RECOVERY_POLICY_QUIT,
	SAM_RECOVERY_POLICY_QUORUM_RESTART = SAM_RECOVERY_POLICY_QUORUM | SAM_RECOVERY_POLICY_RESTART,
	SAM_RECOVERY_POLICY_CMAP = 0x10,	/**< the state is shown in cmap, under resources.process.PID. */
	SAM_RECOVERY_POLICY_CONFDB = 0x10,	/**< the name of that in the 1.x series */
} sam_recovery_policy_t;

/** Called at intervals by the library, in a thread with a small stack; not 0 means not well. */
typedef int (*sam_hc_callback_t)(void);

/**
 * Prepares supervision. It is the first call, best early in main.
 *
 * @param time_interval Milliseconds within which sam_hc_send has to be called; 0
 *   watches only whether the process ends.
 * @param recovery_policy What happens to a process that failed.
 * @retval CS_ERR_BAD_HANDLE It was called before.
 * @retval CS_ERR_INVALID_PARAM There is no such policy.
 * @retval CS_ERR_LIBRARY With the policies QUORUM and CMAP: there is no daemon.
 *   What quorum_initialize and cmap_initialize give is passed on likewise.
 */
cs_error_t sam_initialize(
	int time_interval,
	sam_recovery_policy_t recovery_policy);

/**
 * Ends supervision in the supervised process; nothing can be started again.
 *
 * @retval CS_ERR_BAD_HANDLE sam_initialize was not called.
 */
cs_error_t sam_finalize(void);

/**
 * Begins checking: from now on the interval holds. With the policy QUORUM it
 * waits until there is quorum.
 *
 * @retval CS_ERR_BAD_HANDLE The process is not registered, or checking goes on.
 * @retval CS_ERR_LIBRARY The parent does not answer.
 */
cs_error_t sam_start(void);

/**
 * Ends checking, until the next sam_start.
 *
 * @retval CS_ERR_BAD_HANDLE Checking has not begun.
 * @retval CS_ERR_LIBRARY The parent does not answer.
 */
cs_error_t sam_stop(void);

/**
 * Chooses the signal that comes an interval before SIGKILL.
 *
 * @param warn_signal Its number; SIGTERM if never chosen, SIGKILL for no warning.
 * @retval CS_ERR_BAD_HANDLE sam_initialize was not called, or sam_finalize was.
 * @retval CS_ERR_LIBRARY The parent does not answer.
 */
cs_error_t sam_warn_signal_set(int warn_signal);

/**
 * Forks. The caller becomes the supervising parent, and does not return unless
 * that fails; the child returns, and again each time it is started anew. The
 * process should have one thread at this point.
 *
 * @param instance_id Takes 1 in the first child, 2 in the second and so on; may
 *   be NULL.
 * @retval CS_ERR_BAD_HANDLE sam_initialize was not called, or this is the second call.
 * @retval CS_ERR_LIBRARY A pipe or a process could not be made; errno says more.
 */
cs_error_t sam_register(
	unsigned int *instance_id);

/**
 * Says that the process is well.
 *
 * @retval CS_ERR_BAD_HANDLE Checking has not begun.
 * @retval CS_ERR_LIBRARY The parent is gone.
 */
cs_error_t sam_hc_send(void);

/**
 * Lets the library ask the process instead of waiting for sam_hc_send.
 *
 * @param cb Called in a thread of its own, once per interval; NULL goes back to
 *   sam_hc_send.
 * @retval CS_ERR_BAD_HANDLE The process is not registered, or checking has begun.
 * @retval CS_ERR_INVALID_PARAM The interval of sam_initialize is 0, or cb is NULL
 *   and none was registered before.
 * @retval CS_ERR_LIBRARY A pipe or a thread could not be made.
 */
cs_error_t sam_hc_callback_register(sam_hc_callback_t cb);

/**
 * Tells how much data is stored.
 *
 * @param size Takes the number of bytes, 0 for nothing.
 * @retval CS_ERR_INVALID_PARAM size is NULL.
 * @retval CS_ERR_BAD_HANDLE sam_initialize was not called, or sam_finalize was.
 */
cs_error_t sam_data_getsize(size_t *size);

/**
 * Copies the stored data.
 *
 * @param data Takes the data.
 * @param size Room in data, in bytes.
 * @retval CS_ERR_INVALID_PARAM data is NULL, or size is less than what is stored.
 * @retval CS_ERR_BAD_HANDLE sam_initialize was not called, or sam_finalize was.
 */
cs_error_t sam_data_restore(
	void *data,
	size_t size);

/**
 * Stores data with the parent; the next instance of the process finds it.
 *
 * @param data The data; NULL forgets what is stored.
 * @param size Its length in bytes.
 * @retval CS_ERR_NO_MEMORY There is no memory for it, here or in the parent.
 * @retval CS_ERR_BAD_HANDLE sam_initialize was not called, or sam_finalize was.
 * @retval CS_ERR_LIBRARY The parent does not answer.
 */
cs_error_t sam_data_store(
	const void *data,
	size_t size);

/**
 * Makes the parent treat the process as failed, without the warning signal. It
 * shows as state "failed" in cmap.
 *
 * @retval CS_ERR_INVALID_PARAM The policy is without SAM_RECOVERY_POLICY_CMAP.
 * @retval CS_ERR_BAD_HANDLE The process is not registered, or sam_finalize was called.
 * @retval CS_ERR_LIBRARY The parent does not answer.
 */
cs_error_t sam_mark_failed(void);

#ifdef __cplusplus
}
#endif

#endif /* COROSYNC_SAM_H_DEFINED */
