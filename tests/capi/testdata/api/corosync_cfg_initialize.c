#include "api_cfg.h"

static void use(HANDLE h) { (void)h; }

static void live(void)
{
	corosync_cfg_handle_t a, b, c;
	unsigned int id = 77;

	R(corosync_cfg_initialize(&a, &callbacks));
	R(corosync_cfg_initialize(&b, NULL));
	R(corosync_cfg_initialize(&c, &(corosync_cfg_callbacks_t){.corosync_cfg_shutdown_callback = NULL}));
	printf("handles differ: %d\n", a != b && b != c && a != c && a && b && c);
	R(corosync_cfg_local_get(b, &id));
	printf("node %u\n", id);
	R(corosync_cfg_finalize(a));
	R(corosync_cfg_finalize(b));
	R(corosync_cfg_finalize(c));
}
