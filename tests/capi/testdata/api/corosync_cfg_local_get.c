#include "api_cfg.h"

static void use(HANDLE h)
{
	unsigned int id = 77;

	R(corosync_cfg_local_get(h, &id));
}

static void live(void)
{
	corosync_cfg_handle_t h;
	unsigned int id = 77;

	MUST(open_handle(&h));
	R(corosync_cfg_local_get(h, &id));
	printf("node %u\n", id);
	R(corosync_cfg_finalize(h));
}
