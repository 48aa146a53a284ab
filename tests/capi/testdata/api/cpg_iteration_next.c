#include "api_cpg.h"

static void use(HANDLE h)
{
	struct cpg_iteration_description_t d;

	/* What it is given here is no iteration, whatever else it is. */
	R(cpg_iteration_next(h ? h ^ 0x5500000000ULL : 0, &d));
}

static void live(void)
{
	cpg_handle_t h = joined("api.next");
	struct cpg_name g = group("api.next");
	struct cpg_iteration_description_t d;
	cpg_iteration_handle_t it, second;

	MUST(cpg_iteration_initialize(h, CPG_ITERATION_ONE_GROUP, &g, &it));
	MUST(cpg_iteration_initialize(h, CPG_ITERATION_ONE_GROUP, &g, &second));
	R(cpg_iteration_next(it, NULL));
	R(cpg_iteration_next(it, &d));
	printf("node %u pid %s\n", d.nodeid, who(d.pid));
	R(cpg_iteration_next(it, &d));
	printf("-- behind the end\n");
	R(cpg_iteration_next(it, &d));
	R(cpg_iteration_next(it, &d));
	printf("-- another, and after the end of one\n");
	R(cpg_iteration_finalize(it));
	R(cpg_iteration_next(it, &d));
	R(cpg_iteration_next(second, &d));
	printf("node %u pid %s\n", d.nodeid, who(d.pid));
	printf("-- the connection of it is closed\n");
	R(cpg_finalize(h));
	R(cpg_iteration_next(second, &d));
	R(cpg_iteration_finalize(second));
}
