#include "api_cfg.h"

static void use(HANDLE h) { R(corosync_cfg_reopen_log_files(h)); }

static void live(void)
{
	static const char log[] = "/var/log/corosync/corosync.log";
	corosync_cfg_handle_t h;

	MUST(open_handle(&h));
	R(corosync_cfg_reopen_log_files(h));
	rename(log, "/var/log/corosync/corosync.log.1");
	R(corosync_cfg_reopen_log_files(h));
	printf("the file is there: %d\n", access(log, F_OK) == 0);
	R(corosync_cfg_finalize(h));
}
