#define ENDS_DAEMON
#define LIVE_REUSE 0
#include "api_cfg.h"

static void use(HANDLE h) { R(corosync_cfg_kill_node(h, 77, "because")); }

static void live(void)
{
	corosync_cfg_handle_t h;
	char text[400];
	int fd;

	MUST(open_handle(&h));
	MUST(fd_of(h, &fd));
	memset(text, 'r', sizeof text);
	text[255] = 0;
	R(corosync_cfg_kill_node(h, 2, "because"));
	R(corosync_cfg_kill_node(h, 0, "because"));
	R(corosync_cfg_kill_node(h, UINT32_MAX, text));
	text[255] = 'r';
	text[256] = 0;
	R(corosync_cfg_kill_node(h, 2, text));
	R(corosync_cfg_kill_node(h, 1, text));
	text[256] = 'r';
	text[399] = 0;
	R(corosync_cfg_kill_node(h, 1, text));
	R(corosync_cfg_kill_node(h, 1, "a test"));
	while (!(readable(fd, 10000) & POLLHUP))
		;
	R(corosync_cfg_kill_node(h, 1, "a test"));
	R(corosync_cfg_finalize(h));
}
