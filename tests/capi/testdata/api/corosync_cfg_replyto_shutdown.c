#include "api_cfg.h"

static void use(HANDLE h) { R(corosync_cfg_replyto_shutdown(h, COROSYNC_CFG_SHUTDOWN_FLAG_YES)); }

static void live(void)
{
	corosync_cfg_handle_t h;

	MUST(open_handle(&h));
	R(corosync_cfg_replyto_shutdown(h, COROSYNC_CFG_SHUTDOWN_FLAG_YES));
	R(corosync_cfg_replyto_shutdown(h, COROSYNC_CFG_SHUTDOWN_FLAG_NO));
	R(corosync_cfg_replyto_shutdown(h, (corosync_cfg_shutdown_reply_flags_t)7));
	R(corosync_cfg_finalize(h));
}
