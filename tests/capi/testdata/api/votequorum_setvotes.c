#include "api_votequorum.h"

static void use(HANDLE h) { R(votequorum_setvotes(h, 77, 1)); }

static void live(void)
{
	votequorum_handle_t h;

	MUST(open_handle(&h));
	R(votequorum_trackstart(h, 9, CS_TRACK_CHANGES));
	events(h, 2);
	R(votequorum_setvotes(h, 77, 1));
	R(votequorum_setvotes(h, 0, 1));
	events(h, 2);
	R(votequorum_setvotes(h, 1, 0));
	R(votequorum_setvotes(h, 1, 3));
	events(h, 2);
	show_info(h, 1);
	R(votequorum_setvotes(h, 1, 1));
	drain(h, 20);
	show_info(h, 1);
	R(votequorum_finalize(h));
}
