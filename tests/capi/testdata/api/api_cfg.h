/* cfg programs. */
#include <corosync/cfg.h>
#define HANDLE corosync_cfg_handle_t
#include "api.h"
#include <arpa/inet.h>

static UNUSED int asked;
static UNUSED corosync_cfg_shutdown_reply_flags_t answer = COROSYNC_CFG_SHUTDOWN_FLAG_NO;

static UNUSED void on_shutdown(corosync_cfg_handle_t h, corosync_cfg_shutdown_flags_t flags)
{
	asked++;
	printf("  shutdown: flags %d\n", (int)flags);
	R(corosync_cfg_replyto_shutdown(h, answer));
}

static UNUSED corosync_cfg_callbacks_t callbacks = {.corosync_cfg_shutdown_callback = on_shutdown};

static cs_error_t open_handle(HANDLE *h) { return corosync_cfg_initialize(h, &callbacks); }
static cs_error_t close_handle(HANDLE h) { return corosync_cfg_finalize(h); }
static cs_error_t fd_of(HANDLE h, int *fd)
{
	int32_t f;
	cs_error_t rc = corosync_cfg_fd_get(h, &f);

	*fd = f;
	return rc;
}
