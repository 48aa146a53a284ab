#include "api_cpg.h"

static void use(HANDLE h)
{
	cpg_flow_control_state_t s = (cpg_flow_control_state_t)7;

	R(cpg_flow_control_state_get(h, &s));
}

static void live(void)
{
	cpg_flow_control_state_t s = (cpg_flow_control_state_t)7;
	cpg_handle_t h;

	MUST(open_handle(&h));
	R(cpg_flow_control_state_get(h, &s));
	printf("state %d\n", (int)s);
	R(cpg_finalize(h));
}
