#include "api_votequorum.h"

static void use(HANDLE h)
{
	struct votequorum_info i;

	R(votequorum_getinfo(h, 0, &i));
}

static void live(void)
{
	votequorum_handle_t h;

	MUST(open_handle(&h));
	show_info(h, 0);
	show_info(h, 1);
	show_info(h, 2);
	show_info(h, UINT32_MAX);
	R(votequorum_finalize(h));
}
