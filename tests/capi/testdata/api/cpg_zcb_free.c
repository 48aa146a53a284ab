/* Without a daemon 3.1 fails to tell it of the buffer; our buffers are memory of the process, as in later releases. */
#define NO_DEAD
#include "api_cpg.h"

static cpg_handle_t own;
static void *buffer;

static void use(HANDLE h)
{
	/* The buffer is of a handle that lives, except where the daemon is gone. */
	if (!own) {
		MUST(open_handle(&own));
		MUST(cpg_zcb_alloc(own, 100, &buffer));
	}
	R(cpg_zcb_free(h, buffer));
}

static void live(void)
{
	void *p;
	cpg_handle_t h;
	int i;

	MUST(open_handle(&h));
	for (i = 0; i < 3; i++) {
		R(cpg_zcb_alloc(h, 5000, &p));
		memset(p, 'z', 5000);
		R(cpg_zcb_free(h, p));
	}
	R(cpg_finalize(h));
}
