#include "api_cmap.h"

static void use(HANDLE h)
{
	const void *ctx = &h;

	R(cmap_context_set(h, &ctx));
	R(cmap_context_get(h, &ctx));
}

static void live(void)
{
	const void *ctx = &ctx;
	cmap_handle_t h, other;

	MUST(open_handle(&h));
	MUST(open_handle(&other));
	R(cmap_context_get(h, &ctx));
	printf("NULL at first: %d\n", ctx == NULL);
	R(cmap_context_set(h, &h));
	R(cmap_context_set(other, &other));
	R(cmap_context_get(h, &ctx));
	printf("what was set: %d\n", ctx == &h);
	R(cmap_context_set(h, NULL));
	R(cmap_context_get(h, &ctx));
	printf("NULL again: %d\n", ctx == NULL);
	R(cmap_finalize(h));
	R(cmap_finalize(other));
}
