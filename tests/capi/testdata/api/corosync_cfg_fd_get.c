#include "api_cfg.h"

static void use(HANDLE h)
{
	int32_t fd;

	R(corosync_cfg_fd_get(h, &fd));
}

static void live(void)
{
	corosync_cfg_handle_t h;
	int32_t fd, again;

	MUST(open_handle(&h));
	R(corosync_cfg_fd_get(h, &fd));
	R(corosync_cfg_fd_get(h, &again));
	printf("same descriptor: %d\n", fd == again);
	show_fd(fd);
	show_poll("nothing queued", fd, 0);
	R(corosync_cfg_finalize(h));
	printf("closed with the handle: %d\n", fcntl(fd, F_GETFD) == -1 && errno == EBADF);
}
