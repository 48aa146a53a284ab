#include "api_cmap.h"

static void use(HANDLE h) { R(cmap_delete(h, "api.delete.use")); }

static void live(void)
{
	cmap_handle_t h;

	MUST(open_handle(&h));
	MUST(cmap_set_uint32(h, "api.delete", 1));
	R(cmap_delete(h, "api.delete"));
	R(cmap_delete(h, "api.delete"));
	show_key(h, "api.delete");
	R(cmap_delete(h, NULL));
	R(cmap_delete(h, ""));
	R(cmap_delete(h, "x"));
	R(cmap_delete(h, "with space"));
	R(cmap_delete(h, long_name(255)));
	R(cmap_delete(h, long_name(256)));
	R(cmap_delete(h, "runtime.config.totem.token"));
	R(cmap_delete(h, "internal_configuration.service.0.name"));
	R(cmap_finalize(h));
}
