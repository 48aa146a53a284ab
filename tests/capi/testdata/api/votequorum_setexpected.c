#include "api_votequorum.h"

static void use(HANDLE h) { R(votequorum_setexpected(h, 0)); }

static void live(void)
{
	votequorum_handle_t h;

	MUST(open_handle(&h));
	R(votequorum_trackstart(h, 9, CS_TRACK_CHANGES));
	events(h, 2);
	show_info(h, 0);
	R(votequorum_setexpected(h, 0));
	R(votequorum_setexpected(h, 2));
	R(votequorum_setexpected(h, 10));
	drain(h, 20);
	R(votequorum_setexpected(h, 1));
	events(h, 1);
	show_info(h, 0);
	R(votequorum_finalize(h));
}
