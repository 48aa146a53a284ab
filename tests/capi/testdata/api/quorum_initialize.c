#include "api_quorum.h"

static void use(HANDLE h) { (void)h; }

static void live(void)
{
	uint32_t type = 77;
	quorum_handle_t a, b, c;
	const void *ctx = &a;

	R(quorum_initialize(&a, &callbacks, &type));
	printf("type %u\n", type);
	R(quorum_initialize(&b, NULL, NULL));
	R(quorum_initialize(&c, &(quorum_callbacks_t){.quorum_notify_fn = NULL}, &type));
	printf("handles differ: %d\n", a != b && b != c && a != c && a && b && c);
	R(quorum_context_get(a, &ctx));
	printf("context is NULL: %d\n", ctx == NULL);
	/* Without callbacks events are dropped, and counted as dispatched. */
	R(quorum_trackstart(b, CS_TRACK_CURRENT));
	R(quorum_dispatch(b, CS_DISPATCH_ONE));
	R(quorum_dispatch(b, CS_DISPATCH_ONE_NONBLOCKING));
	R(quorum_trackstart(c, CS_TRACK_CURRENT));
	R(quorum_dispatch(c, CS_DISPATCH_ONE));
	R(quorum_dispatch(c, CS_DISPATCH_ONE_NONBLOCKING));
	R(quorum_finalize(a));
	R(quorum_finalize(b));
	R(quorum_finalize(c));
}
