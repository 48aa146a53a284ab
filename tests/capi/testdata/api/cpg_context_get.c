#include "api_cpg.h"

static void use(HANDLE h)
{
	void *ctx = &h;

	R(cpg_context_set(h, &ctx));
	R(cpg_context_get(h, &ctx));
}

static void *seen;

static void looking(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *m, size_t mn, const struct cpg_address *l, size_t ln,
		    const struct cpg_address *j, size_t jn)
{
	on_confchg(h, g, m, mn, l, ln, j, jn);
	R(cpg_context_get(h, &seen));
	R(cpg_context_set(h, &changed));
}

static void live(void)
{
	cpg_callbacks_t c = {.cpg_confchg_fn = looking};
	struct cpg_name g = group("api.context");
	cpg_handle_t h, other;
	void *ctx = &h;

	MUST(cpg_initialize(&h, &c));
	MUST(open_handle(&other));
	R(cpg_context_get(h, &ctx));
	printf("NULL at first: %d\n", ctx == NULL);
	R(cpg_context_set(h, &g));
	R(cpg_context_set(other, &c));
	R(cpg_context_get(h, &ctx));
	printf("what was set: %d\n", ctx == &g);
	R(cpg_join(h, &g));
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	printf("seen in the callback: %d\n", seen == &g);
	R(cpg_context_get(h, &ctx));
	printf("set in the callback: %d\n", ctx == &changed);
	R(cpg_context_set(h, NULL));
	R(cpg_context_get(h, &ctx));
	printf("NULL again: %d\n", ctx == NULL);
	R(cpg_finalize(h));
	R(cpg_finalize(other));
}
