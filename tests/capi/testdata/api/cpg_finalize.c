#define HAS_CHILD
static void child(void);
#include "api_cpg.h"

static void use(HANDLE h) { R(cpg_finalize(h)); }

/* A callback that finalizes its own handle ends the dispatch around it. */
static void closing(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t pid, void *msg, size_t len)
{
	on_deliver(h, g, node, pid, msg, len);
	R(cpg_finalize(h));
	R(cpg_finalize(h));
}

static cpg_handle_t with_closing(void)
{
	cpg_callbacks_t c = {.cpg_deliver_fn = closing, .cpg_confchg_fn = on_confchg};
	struct cpg_name g = group("api.finalize");
	cpg_handle_t h;

	MUST(cpg_initialize(&h, &c));
	MUST(cpg_join(h, &g));
	MUST(cpg_dispatch(h, CS_DISPATCH_ONE));
	MUST(send_text(h, "one"));
	MUST(send_text(h, "two"));
	return h;
}

static void child(void)
{
	cpg_handle_t h = joined("api.finalize.3");

	R(cpg_finalize(h));
	joined("api.finalize.3");
}

static void live(void)
{
	cpg_handle_t h = joined("api.finalize"), watch = joined("api.finalize.2");
	int fd, before;

	R(cpg_finalize(h));
	R(cpg_finalize(h));
	members(watch, "api.finalize", 0);

	printf("-- in a callback, dispatch of one\n");
	h = with_closing();
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	R(cpg_finalize(h));
	printf("-- in a callback, dispatch of all\n");
	h = with_closing();
	MUST(cpg_fd_get(h, &fd));
	while (!(readable(fd, 1000) & POLLIN))
		;
	R(cpg_dispatch(h, CS_DISPATCH_ALL));
	R(cpg_finalize(h));
	printf("-- in a callback, endless dispatch\n");
	h = with_closing();
	R(cpg_dispatch(h, CS_DISPATCH_BLOCKING));
	R(cpg_finalize(h));

	printf("-- members see that a process closed its handle, or ended\n");
	before = changed;
	h = joined("api.finalize.3");
	run_child();
	while (changed < before + 5)
		MUST(cpg_dispatch(h, CS_DISPATCH_ONE));
	R(cpg_finalize(h));
	R(cpg_finalize(watch));
}
