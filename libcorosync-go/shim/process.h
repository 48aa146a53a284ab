/* The parts of libcorosync_common among themselves: what is one per process. */
#ifndef COROSYNC_GO_PROCESS_H
#define COROSYNC_GO_PROCESS_H

#include "shim.h"

/*
 * State of the process, in a page that a forked child sees zeroed: it finds no core and every lock free, whatever the
 * parent's threads were doing.
 */
struct process {
	int lock;            /* futex: 0 free, 1 held, 2 held and wanted */
	int loading;         /* the same, for the loader */
	int loader;          /* who that is, see loader.c */
	uint32_t generation; /* 0: no core yet */
	struct core_functions core;
};

/* process_get returns the state, or NULL if there is no memory. */
struct process *process_get(void);
void process_lock(struct process *p);
void process_unlock(struct process *p);

/* core_get returns the process with its core loaded, or NULL with the error. */
struct process *core_get(cs_error_t *error);

/*
 * qb_greet says hello in libqb's protocol, and returns the socket, or -1: then the core does, and knows why it fails. A
 * daemon takes its time to set up a connection (maps three rings), and so does the core to load: with this, at once. And the
 * daemon, which it lets run, does not run while the core is beneath its client, see direct.h.
 */
int qb_greet(enum shim_kind kind);

/* fd_above moves a new descriptor away from 0, 1 and 2, which belong to the program. */
int fd_above(int fd);

/*
 * A call into the core is made between these: no signal handler of the program may run on the core's small stacks. It is
 * short, and over shared memory it wakes nobody, as another thread may get the signals meanwhile: see direct.h.
 */
typedef struct { uint64_t mask; } core_mask;
core_mask core_enter(void);
void core_leave(core_mask mask);

/*
 * coroipc_ask has the daemon look at a connection whose request is written. It lets the daemon run, so the core does not.
 * coroipc_hint asks for events that wait in the daemon for room. Neither does anything in other protocols.
 */
void coroipc_ask(const struct shim *o);
void coroipc_hint(const struct shim *o);

#endif
