#include "api_cfg.h"

static void use(HANDLE h) { R(corosync_cfg_reload_config(h)); }

#define CONF "/etc/corosync/corosync.conf"

static char text[65536];
static size_t length;

static void rewrite(const char *more)
{
	int fd = open(CONF, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, text, length) != (ssize_t)length || write(fd, more, strlen(more)) != (ssize_t)strlen(more))
		printf("%s: %s\n", CONF, strerror(errno));
	close(fd);
}

static void live(void)
{
	corosync_cfg_handle_t h;
	int fd = open(CONF, O_RDONLY);

	length = (size_t)read(fd, text, sizeof text);
	close(fd);
	MUST(open_handle(&h));
	R(corosync_cfg_reload_config(h));
	printf("-- not valid\n");
	rewrite("\ntotem {\n\tversion: 9\n}\n");
	R(corosync_cfg_reload_config(h));
	rewrite("\n}\n");
	R(corosync_cfg_reload_config(h));
	rewrite("\nlogging {\n\tdebug: perhaps\n}\n");
	R(corosync_cfg_reload_config(h));
	printf("-- as it was\n");
	rewrite("");
	R(corosync_cfg_reload_config(h));
	R(corosync_cfg_finalize(h));
}
