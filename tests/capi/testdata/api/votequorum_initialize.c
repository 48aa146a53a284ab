#include "api_votequorum.h"

static void use(HANDLE h) { (void)h; }

static void live(void)
{
	votequorum_handle_t a, b, c;
	void *ctx = &a;

	R(votequorum_initialize(&a, &callbacks));
	R(votequorum_initialize(&b, NULL));
	R(votequorum_initialize(&c, &(votequorum_callbacks_t){.votequorum_quorum_notify_fn = NULL}));
	printf("handles differ: %d\n", a != b && b != c && a != c && a && b && c);
	R(votequorum_context_get(a, &ctx));
	printf("context is NULL: %d\n", ctx == NULL);
	R(votequorum_trackstart(b, 1, CS_TRACK_CURRENT));
	R(votequorum_trackstart(c, 1, CS_TRACK_CURRENT));
	R(votequorum_dispatch(b, CS_DISPATCH_ONE));
	R(votequorum_dispatch(c, CS_DISPATCH_ONE));
	R(votequorum_finalize(a));
	R(votequorum_finalize(b));
	R(votequorum_finalize(c));
}
