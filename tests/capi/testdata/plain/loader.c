/*
 * What everybody would write first instead of libcorosync-go/shim/loader.c: the core is linked, so the dynamic linker
 * loads it with the program; nothing is done about signals, scheduling, memory, cancellation or fork. For tests only.
 */
#include <pthread.h>

#include "process.h"

int csgo_abi(void);
int csgo_open(struct core_record *);
int csgo_step(struct core_record *);
void csgo_abort(struct core_record *);
int csgo_adopt(struct core_record *);
int csgo_request(struct core_record *, struct core_call *);
int csgo_reply(struct core_record *, struct core_call *, int);
int csgo_events(struct core_record *, void *, uint64_t, uint64_t, struct core_batch *);
void csgo_shutdown(struct core_record *);
void csgo_close(struct core_record *);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static struct process process = { .generation = 1, .core = { csgo_open, csgo_step, csgo_abort, csgo_adopt, csgo_request,
	csgo_reply, csgo_events, csgo_shutdown, csgo_close } };

struct process *process_get(void) { return &process; }

void process_lock(struct process *p)
{
	(void)p;
	pthread_mutex_lock(&mutex);
}

void process_unlock(struct process *p)
{
	(void)p;
	pthread_mutex_unlock(&mutex);
}

struct process *core_get(cs_error_t *error)
{
	*error = csgo_abi() == CORE_ABI ? CS_OK : CS_ERR_VERSION;
	return *error == CS_OK ? &process : NULL;
}

core_mask core_enter(void) { return (core_mask){ 0 }; }
void core_leave(core_mask mask) { (void)mask; }
