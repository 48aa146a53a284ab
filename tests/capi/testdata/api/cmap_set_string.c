#include "api_cmap.h"

static void use(HANDLE h) { R(cmap_set_string(h, "api.set_string", "text")); }

static void live(void)
{
	cmap_handle_t h;
	char *s = NULL;

	MUST(open_handle(&h));
	R(cmap_set_string(h, "api.set_string", "text"));
	show_key(h, "api.set_string");
	R(cmap_set_string(h, "api.set_string", ""));
	show_key(h, "api.set_string");
	R(cmap_set_string(h, "api.set_string", long_name(2000)));
	R(cmap_get_string(h, "api.set_string", &s));
	printf("the same: %d\n", s && strcmp(s, long_name(2000)) == 0);
	free(s);
	R(cmap_set_uint32(h, "api.set_string", 1));
	R(cmap_set_string(h, "api.set_string", "again"));
	show_key(h, "api.set_string");
	R(cmap_delete(h, "api.set_string"));
	printf("-- errors\n");
	R(cmap_set_string(h, "api.set_string", NULL));
	R(cmap_set_string(h, NULL, "text"));
	R(cmap_set_string(h, NULL, NULL));
	R(cmap_set_string(h, "x", "text"));
	R(cmap_set_string(h, "runtime.config.totem.token", "text"));
	R(cmap_finalize(h));
}
