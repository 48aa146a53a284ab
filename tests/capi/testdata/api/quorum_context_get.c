#include "api_quorum.h"

static void use(HANDLE h)
{
	const void *ctx = &h;

	R(quorum_context_set(h, &ctx));
	R(quorum_context_get(h, &ctx));
}

static void live(void)
{
	const void *ctx = &ctx;
	quorum_handle_t h, other;

	MUST(open_handle(&h));
	MUST(open_handle(&other));
	R(quorum_context_get(h, &ctx));
	printf("NULL at first: %d\n", ctx == NULL);
	R(quorum_context_set(h, &h));
	R(quorum_context_set(other, &other));
	R(quorum_context_get(h, &ctx));
	printf("what was set: %d\n", ctx == &h);
	R(quorum_context_set(h, NULL));
	R(quorum_context_get(h, &ctx));
	printf("NULL again: %d\n", ctx == NULL);
	R(quorum_finalize(h));
	R(quorum_finalize(other));
}
