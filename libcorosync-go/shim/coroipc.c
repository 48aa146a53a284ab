/* What of coroipc, the protocol of corosync 1.x, is done in C. */
#include <semaphore.h>

#include "process.h"

/* Of the control buffer. */
#define FLOW 8  /* uint32_t: events wait in the daemon for room */
#define WORK 16 /* sem_t: the daemon is to look */

/*
 * The core gives this hint with each event that it takes. When the daemon sets its word at the moment in which the last
 * one is taken, both have just missed each other; a hint before each wait mends that at once.
 */
void coroipc_hint(const struct shim *o)
{
	char *control = o->record.maps[0].addr;

	if (o->record.kind == CORE_KIND_COROIPC && __atomic_load_n((uint32_t *)(control + FLOW), __ATOMIC_SEQ_CST) != 0)
		sem_post((sem_t *)(control + WORK));
}
