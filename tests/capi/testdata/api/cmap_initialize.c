#include "api_cmap.h"

static void use(HANDLE h) { (void)h; }

static void live(void)
{
	cmap_handle_t a, b;
	const void *ctx = &a;

	R(cmap_initialize(&a));
	R(cmap_initialize(&b));
	printf("handles differ: %d, none is 0: %d\n", a != b, a && b);
	R(cmap_context_get(a, &ctx));
	printf("context is NULL: %d\n", ctx == NULL);
	R(cmap_finalize(a));
	show_key(b, "totem.version");
	R(cmap_finalize(b));
}
