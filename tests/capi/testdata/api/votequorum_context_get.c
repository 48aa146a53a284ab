#include "api_votequorum.h"

static void use(HANDLE h)
{
	void *ctx = &h;

	R(votequorum_context_set(h, &ctx));
	R(votequorum_context_get(h, &ctx));
}

static void live(void)
{
	void *ctx = &ctx;
	votequorum_handle_t h, other;

	MUST(open_handle(&h));
	MUST(open_handle(&other));
	R(votequorum_context_get(h, &ctx));
	printf("NULL at first: %d\n", ctx == NULL);
	R(votequorum_context_set(h, &h));
	R(votequorum_context_set(other, &other));
	R(votequorum_context_get(h, &ctx));
	printf("what was set: %d\n", ctx == &h);
	R(votequorum_context_set(h, NULL));
	R(votequorum_context_get(h, &ctx));
	printf("NULL again: %d\n", ctx == NULL);
	R(votequorum_finalize(h));
	R(votequorum_finalize(other));
}
