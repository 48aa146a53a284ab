#include "api_cmap.h"

static void use(HANDLE h)
{
	int fd;

	R(cmap_fd_get(h, &fd));
}

static void live(void)
{
	cmap_track_handle_t t;
	cmap_handle_t h;
	int fd, again;

	MUST(open_handle(&h));
	R(cmap_fd_get(h, &fd));
	R(cmap_fd_get(h, &again));
	printf("same descriptor: %d\n", fd == again);
	show_fd(fd);
	show_poll("nothing queued", fd, 0);
	MUST(cmap_track_add(h, "api.fd", CMAP_TRACK_ADD | CMAP_TRACK_MODIFY | CMAP_TRACK_DELETE, on_notify, NULL, &t));
	R(cmap_set_uint32(h, "api.fd", 1));
	show_poll("one", fd, 5000);
	R(cmap_set_uint32(h, "api.fd", 2));
	R(cmap_dispatch(h, CS_DISPATCH_ONE));
	show_poll("another", fd, 5000);
	R(cmap_dispatch(h, CS_DISPATCH_ONE));
	show_poll("nothing", fd, 0);
	R(cmap_delete(h, "api.fd"));
	show_poll("another", fd, 5000);
	R(cmap_finalize(h));
	printf("closed with the handle: %d\n", fcntl(fd, F_GETFD) == -1 && errno == EBADF);
}
