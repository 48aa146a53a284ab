#include "api_cpg.h"

static void use(HANDLE h)
{
	cpg_iteration_handle_t it = 7;

	R(cpg_iteration_initialize(h, CPG_ITERATION_ALL, NULL, &it));
}

static void show(cpg_iteration_handle_t it)
{
	struct cpg_iteration_description_t d;
	int rc;

	while ((rc = cpg_iteration_next(it, &d)) == CS_OK) {
		printf("  next:");
		show_name(&d.group);
		printf(" node %u pid %s\n", d.nodeid, who(d.pid));
	}
	report("end", rc);
	R(cpg_iteration_finalize(it));
}

static void live(void)
{
	cpg_handle_t h = joined("api.iteration"), other = joined("api.iteration.2");
	struct cpg_name g = group("api.iteration"), none = group("api.nobody"), big = {.length = CPG_MAX_NAME_LENGTH + 1};
	cpg_iteration_handle_t it = 7;

	R(cpg_iteration_initialize(h, CPG_ITERATION_ALL, NULL, NULL));
	R(cpg_iteration_initialize(h, CPG_ITERATION_ONE_GROUP, NULL, &it));
	R(cpg_iteration_initialize(h, CPG_ITERATION_ALL, &g, &it));
	R(cpg_iteration_initialize(h, CPG_ITERATION_NAME_ONLY, &g, &it));
	R(cpg_iteration_initialize(h, CPG_ITERATION_ONE_GROUP, &big, &it));
	R(cpg_iteration_initialize(h, (cpg_iteration_type_t)0, NULL, &it));
	R(cpg_iteration_initialize(h, (cpg_iteration_type_t)4, NULL, &it));
	printf("-- names\n");
	R(cpg_iteration_initialize(h, CPG_ITERATION_NAME_ONLY, NULL, &it));
	show(it);
	printf("-- one group\n");
	R(cpg_iteration_initialize(h, CPG_ITERATION_ONE_GROUP, &g, &it));
	show(it);
	R(cpg_iteration_initialize(h, CPG_ITERATION_ONE_GROUP, &none, &it));
	show(it);
	printf("-- all\n");
	R(cpg_iteration_initialize(h, CPG_ITERATION_ALL, NULL, &it));
	R(cpg_finalize(other)); /* it is a snapshot */
	show(it);
	R(cpg_finalize(h));
}
