#include "api_cmap.h"

static void use(HANDLE h) { R(cmap_iter_finalize(h, 12345)); }

static void live(void)
{
	cmap_iter_handle_t it, second;
	cmap_handle_t h, other;

	MUST(open_handle(&h));
	MUST(open_handle(&other));
	MUST(cmap_iter_init(h, "totem.", &it));
	MUST(cmap_iter_init(h, "totem.", &second));
	R(cmap_iter_finalize(other, it));
	R(cmap_iter_finalize(h, it));
	R(cmap_iter_finalize(h, it));
	R(cmap_iter_finalize(h, second));
	R(cmap_iter_finalize(h, 0));
	R(cmap_finalize(h));
	R(cmap_iter_finalize(h, second));
	R(cmap_finalize(other));
}
