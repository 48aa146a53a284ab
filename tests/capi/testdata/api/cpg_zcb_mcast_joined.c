/* Without a daemon 3.1 fails to tell it of the buffer; our buffers are memory of the process, as in later releases. */
#define NO_DEAD
#include "api_cpg.h"

static cpg_handle_t own;
static char *buffer;

static void use(HANDLE h)
{
	if (!own) {
		MUST(open_handle(&own));
		MUST(cpg_zcb_alloc(own, 100, (void **)&buffer));
	}
	R(cpg_zcb_mcast_joined(h, CPG_TYPE_AGREED, buffer, 100));
}

static void live(void)
{
	cpg_handle_t h = joined("api.zcb");
	char *p = NULL;
	int i;

	R(cpg_zcb_alloc(h, 1000000, (void **)&p));
	memset(p, 'z', 1000000);
	for (i = 0; i < 3; i++) {
		memcpy(p, i == 0 ? "first" : i == 1 ? "again" : "third", 5);
		R(cpg_zcb_mcast_joined(h, CPG_TYPE_AGREED, p, 5));
		R(cpg_dispatch(h, CS_DISPATCH_ONE));
	}
	R(cpg_zcb_mcast_joined(h, CPG_TYPE_AGREED, p, 900000));
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	R(cpg_zcb_mcast_joined(h, CPG_TYPE_AGREED, p, (1 << 20) + 1));
	R(cpg_zcb_free(h, p));
	R(cpg_finalize(h));
}
