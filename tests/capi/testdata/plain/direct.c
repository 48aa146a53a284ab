/* Instead of what libcorosync-go/shim/direct.h is about: every message is the core's. For tests only. */
#include <time.h>

#include "direct.h"

int direct_request(const struct core_record *r, const struct core_call *call)
{
	(void)r; (void)call;
	return DIRECT_ASK;
}

int direct_reply(const struct core_record *r, struct core_call *call)
{
	(void)r; (void)call;
	return DIRECT_ASK;
}

int direct_events(const struct core_record *r, void *room, uint64_t size, uint64_t most, struct core_batch *batch)
{
	(void)r; (void)room; (void)size; (void)most; (void)batch;
	return DIRECT_ASK;
}

void direct_pause(long ns)
{
	struct timespec t = { 0, ns };

	nanosleep(&t, NULL);
}
