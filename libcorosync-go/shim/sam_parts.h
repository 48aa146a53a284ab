/* The parts of libsam among themselves. */
#ifndef COROSYNC_GO_SAM_PARTS_H
#define COROSYNC_GO_SAM_PARTS_H

#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

#include <corosync/cmap.h>
#include <corosync/corotypes.h>
#include <corosync/quorum.h>
#include <corosync/sam.h>

#define EXPORT __attribute__((visibility("default")))

enum stage { FRESH, READY, REGISTERED, STARTED, ENDED };

enum command { CMD_START = 1, CMD_STOP, CMD_ALIVE, CMD_STORE, CMD_STORE_MORE, CMD_SIGNAL, CMD_FAILED };

struct frame {
	uint32_t command;
	uint32_t length; /* of the bytes that follow */
	uint64_t value;
};

#define FRAME_BYTES (PIPE_BUF - sizeof(struct frame))

struct supervision {
	pthread_mutex_t lock; /* of the conversation with the parent, and of the data */
	enum stage stage;
	int interval; /* ms */
	int policy;
	unsigned int instance;
	int signal; /* the warning */

	/* Child. */
	int child;
	int to_parent, from_parent;

	/* Data that survives; in the child a copy of what the parent has. */
	void *data;
	size_t data_size, data_room;

	/* The thread that asks the callback. */
	sam_hc_callback_t callback;
	int thread;
	int to_thread, thread_input;

	/* Parent. */
	int warned;
	quorum_handle_t quorum;
	int quorum_fd;
	int quorate;
	cmap_handle_t cmap;
	char prefix[64];
};

extern struct supervision sam;

static inline int with_quorum(void) { return (sam.policy & SAM_RECOVERY_POLICY_QUORUM) != 0; }
static inline int with_cmap(void) { return (sam.policy & SAM_RECOVERY_POLICY_CMAP) != 0; }
static inline int recovery(int policy) { return policy & ~(SAM_RECOVERY_POLICY_QUORUM | SAM_RECOVERY_POLICY_CMAP); }

/* put writes all of it, 0 or -1; take reads n bytes: 1, or 0 at the end, or -1. */
int put(int fd, const void *bytes, size_t n);
int take(int fd, void *bytes, size_t n);

/* forget drops the stored data. */
void forget(void);

/* enter_quorum connects and learns how it is now. */
cs_error_t enter_quorum(void);

#endif
