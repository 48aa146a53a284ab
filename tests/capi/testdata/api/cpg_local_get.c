#include "api_cpg.h"

static void use(HANDLE h)
{
	unsigned int id = 7;

	R(cpg_local_get(h, &id));
}

static void live(void)
{
	unsigned int id = 7;
	cpg_handle_t h;

	MUST(open_handle(&h));
	R(cpg_local_get(h, &id));
	printf("node %u\n", id);
	R(cpg_finalize(h));
}
