#include "api_cpg.h"

static void use(HANDLE h) { (void)h; }

static void live(void)
{
	cpg_handle_t a, b, c;
	void *ctx = &a;

	R(cpg_initialize(&a, &callbacks));
	R(cpg_initialize(&b, NULL));
	R(cpg_initialize(&c, &(cpg_callbacks_t){.cpg_deliver_fn = NULL}));
	printf("handles differ: %d, none is 0: %d\n", a != b && b != c && a != c, a && b && c);
	R(cpg_context_get(a, &ctx));
	printf("context is NULL: %d\n", ctx == NULL);

	/* Without callbacks events are dropped, and counted as dispatched. */
	struct cpg_name g = group("api.initialize");
	R(cpg_join(b, &g));
	R(cpg_dispatch(b, CS_DISPATCH_ONE));
	R(send_text(b, "unheard"));
	R(cpg_dispatch(b, CS_DISPATCH_ONE));
	R(cpg_dispatch(b, CS_DISPATCH_ONE_NONBLOCKING));
	R(cpg_finalize(a));
	R(cpg_finalize(b));
	R(cpg_finalize(c));
}
