/* A program for the setter of one type: SET, TYPE, A, B, and OTHER, the setter of another type. */
#include "api_cmap.h"

#define STR2(x) #x
#define STR(x) STR2(x)
#define KEY "api." STR(SET)

static void use(HANDLE h) { R(SET(h, KEY, A)); }

static void live(void)
{
	cmap_handle_t h;

	MUST(open_handle(&h));
	R(SET(h, KEY, A));
	show_key(h, KEY);
	R(SET(h, KEY, B));
	show_key(h, KEY);
	printf("-- a key of another type\n");
	R(OTHER(h, KEY, 1));
	show_key(h, KEY);
	R(SET(h, KEY, A));
	show_key(h, KEY);
	R(cmap_delete(h, KEY));
	printf("-- errors\n");
	R(SET(h, NULL, A));
	R(SET(h, "x", A));
	R(SET(h, "no such*name", A));
	R(SET(h, long_name(256), A));
	R(SET(h, "runtime.api", A));
	R(cmap_delete(h, "runtime.api"));
	R(SET(h, "runtime.config.totem.token", A));
	R(cmap_finalize(h));
}
