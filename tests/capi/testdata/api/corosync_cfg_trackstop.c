#include "api_cfg.h"

static void use(HANDLE h) { R(corosync_cfg_trackstop(h)); }

static void live(void)
{
	corosync_cfg_handle_t h;

	MUST(open_handle(&h));
	R(corosync_cfg_trackstop(h));
	R(corosync_cfg_trackstart(h, 0));
	R(corosync_cfg_trackstop(h));
	R(corosync_cfg_trackstop(h));
	R(corosync_cfg_finalize(h));
}
