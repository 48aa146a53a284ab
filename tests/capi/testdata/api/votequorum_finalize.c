#include "api_votequorum.h"

static void use(HANDLE h) { R(votequorum_finalize(h)); }

static void closing(votequorum_handle_t h, uint64_t context, votequorum_ring_id_t r, uint32_t n, uint32_t l[])
{
	on_nodelist(h, context, r, n, l);
	R(votequorum_finalize(h));
	R(votequorum_finalize(h));
}

static void live(void)
{
	static const cs_dispatch_flags_t ways[] = {CS_DISPATCH_ONE, CS_DISPATCH_ALL, CS_DISPATCH_BLOCKING, CS_DISPATCH_ONE_NONBLOCKING};
	votequorum_callbacks_t c = {.votequorum_nodelist_notify_fn = closing};
	votequorum_handle_t h;
	size_t i;
	int rc;

	MUST(open_handle(&h));
	R(votequorum_finalize(h));
	R(votequorum_finalize(h));
	for (i = 0; i < 4; i++) {
		printf("-- in a callback, dispatch %d\n", (int)ways[i]);
		MUST(votequorum_initialize(&h, &c));
		MUST(votequorum_trackstart(h, 3, CS_TRACK_CURRENT));
		MUST(votequorum_trackstart(h, 3, CS_TRACK_CURRENT));
		/* The event that finalizes is not the first one of them. */
		do
			rc = votequorum_dispatch(h, ways[i]);
		while (rc == CS_OK || rc == CS_ERR_TRY_AGAIN);
		report("dispatch", rc);
		R(votequorum_finalize(h));
	}
}
