#include "api_votequorum.h"

static void use(HANDLE h) { R(votequorum_trackstop(h)); }

static void live(void)
{
	votequorum_handle_t h;

	MUST(open_handle(&h));
	R(votequorum_trackstop(h));
	R(votequorum_trackstart(h, 1, CS_TRACK_CHANGES));
	R(votequorum_trackstop(h));
	R(votequorum_trackstop(h));
	events(h, 2);
	R(votequorum_trackstart(h, 1, CS_TRACK_CURRENT));
	R(votequorum_trackstop(h));
	R(votequorum_finalize(h));
}
