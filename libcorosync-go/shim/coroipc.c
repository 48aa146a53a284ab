/* What of coroipc, the protocol of corosync 1.x, is done in C. */
#include <semaphore.h>

#include "process.h"

/* Of the control buffer. */
#define FLOW 8  /* uint32_t: events wait in the daemon for room */
#define WORK 16 /* sem_t: the daemon is to look */

void coroipc_ask(const struct shim *o)
{
	if (o->record.kind == CORE_KIND_COROIPC)
		sem_post((sem_t *)((char *)o->record.maps[0].addr + WORK));
}

/*
 * This is for each time that events were taken, and for each wait: when the daemon sets its word at the moment in which the
 * last one is taken, both have just missed each other.
 */
void coroipc_hint(const struct shim *o)
{
	const char *control = o->record.maps[0].addr;

	if (o->record.kind == CORE_KIND_COROIPC && __atomic_load_n((const uint32_t *)(control + FLOW), __ATOMIC_SEQ_CST) != 0)
		coroipc_ask(o);
}
