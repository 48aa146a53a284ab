#include "api_cpg.h"

static void use(HANDLE h)
{
	R(cpg_iteration_finalize(h ? h ^ 0x5500000000ULL : 0));
}

static void live(void)
{
	cpg_handle_t h = joined("api.itfin");
	cpg_iteration_handle_t it, second;

	MUST(cpg_iteration_initialize(h, CPG_ITERATION_ALL, NULL, &it));
	MUST(cpg_iteration_initialize(h, CPG_ITERATION_ALL, NULL, &second));
	R(cpg_iteration_finalize(it));
	R(cpg_iteration_finalize(it));
	R(cpg_iteration_finalize(second));
	MUST(cpg_iteration_initialize(h, CPG_ITERATION_ALL, NULL, &it));
	R(cpg_finalize(h));
	R(cpg_iteration_finalize(it));
	R(cpg_iteration_finalize(it));
}
