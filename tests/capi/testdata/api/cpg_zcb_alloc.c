/* Without a daemon 3.1 fails to tell it of the buffer; our buffers are memory of the process, as in later releases. */
#define NO_DEAD
#include "api_cpg.h"

static void use(HANDLE h)
{
	void *p;

	R(cpg_zcb_alloc(h, 1000, &p));
}

static void live(void)
{
	void *p = NULL, *q = NULL;
	cpg_handle_t h;

	MUST(open_handle(&h));
	R(cpg_zcb_alloc(h, 1, &p));
	memset(p, 'z', 1);
	R(cpg_zcb_alloc(h, 1000000, &q));
	memset(q, 'z', 1000000);
	printf("two buffers: %d\n", p != q);
	R(cpg_zcb_free(h, p));
	R(cpg_zcb_free(h, q));
	R(cpg_finalize(h));
}
