#include "api_votequorum.h"

static void use(HANDLE h) { R(votequorum_trackstart(h, 5, CS_TRACK_CHANGES)); }

static void live(void)
{
	votequorum_handle_t h;
	unsigned int flags;

	for (flags = 0; flags < 8; flags++) {
		printf("-- flags %u\n", flags);
		MUST(open_handle(&h));
		R(votequorum_trackstart(h, 1000 + flags, flags));
		events(h, flags & 3 ? 2 : 0);
		R(votequorum_trackstart(h, 2000 + flags, flags));
		events(h, flags & 3 ? 2 : 0);
		R(votequorum_finalize(h));
	}
	MUST(open_handle(&h));
	R(votequorum_trackstart(h, UINT64_MAX, CS_TRACK_CURRENT));
	events(h, 2);
	R(votequorum_trackstart(h, 0, 8));
	R(votequorum_finalize(h));
}
