#include "api_cpg.h"

static void use(HANDLE h)
{
	struct cpg_name g = group("api.leave.use");

	R(cpg_leave(h, &g));
}

static void live(void)
{
	struct cpg_name g = group("api.leave"), other = group("api.leave.other"), big = {.length = CPG_MAX_NAME_LENGTH + 1};
	struct cpg_address l[CPG_MEMBERS_MAX];
	cpg_handle_t h, fresh, idle;
	int n;

	MUST(open_handle(&idle));
	R(cpg_leave(idle, &g));
	R(cpg_leave(idle, &big));
	h = joined("api.leave");
	R(cpg_leave(idle, &g));
	R(cpg_leave(h, &g));
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	R(cpg_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	printf("-- after it\n");
	R(cpg_leave(h, &g));
	R(cpg_membership_get(h, &g, l, &n));
	printf("members %d\n", n);
	R(cpg_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(cpg_finalize(h));
	MUST(open_handle(&fresh));
	R(cpg_join(fresh, &g));
	R(cpg_dispatch(fresh, CS_DISPATCH_ONE));
	R(cpg_finalize(fresh));
	printf("-- another group than the one that was joined\n");
	h = joined("api.leave");
	R(cpg_leave(h, &other));
	R(cpg_finalize(h));
	R(cpg_finalize(idle));
}
