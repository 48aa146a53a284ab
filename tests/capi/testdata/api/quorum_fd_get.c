#include "api_quorum.h"

static void use(HANDLE h)
{
	int fd;

	R(quorum_fd_get(h, &fd));
}

static void live(void)
{
	quorum_handle_t h;
	int fd, again;

	MUST(open_handle(&h));
	R(quorum_fd_get(h, &fd));
	R(quorum_fd_get(h, &again));
	printf("same descriptor: %d\n", fd == again);
	show_fd(fd);
	show_poll("nothing queued", fd, 0);
	R(quorum_trackstart(h, CS_TRACK_CURRENT));
	show_poll("one", fd, 5000);
	R(quorum_dispatch(h, CS_DISPATCH_ONE));
	show_poll("nothing", fd, 0);
	R(quorum_finalize(h));
	printf("closed with the handle: %d\n", fcntl(fd, F_GETFD) == -1 && errno == EBADF);
}
