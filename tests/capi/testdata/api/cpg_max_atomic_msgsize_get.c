#include "api_cpg.h"

static void use(HANDLE h)
{
	uint32_t size = 7;

	R(cpg_max_atomic_msgsize_get(h, &size));
}

static void live(void)
{
	cpg_handle_t h;
	uint32_t size = 0;

	MUST(open_handle(&h));
	R(cpg_max_atomic_msgsize_get(h, &size));
	printf("size %u\n", size);
	R(cpg_finalize(h));
}
