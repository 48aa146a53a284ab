#include "api_votequorum.h"

static void use(HANDLE h)
{
	int fd;

	R(votequorum_fd_get(h, &fd));
}

static void live(void)
{
	votequorum_handle_t h;
	int fd, again;

	MUST(open_handle(&h));
	R(votequorum_fd_get(h, &fd));
	R(votequorum_fd_get(h, &again));
	printf("same descriptor: %d\n", fd == again);
	show_fd(fd);
	show_poll("nothing queued", fd, 0);
	R(votequorum_trackstart(h, 1, CS_TRACK_CURRENT));
	show_poll("some", fd, 5000);
	events(h, 2);
	show_poll("nothing", fd, 0);
	R(votequorum_finalize(h));
	printf("closed with the handle: %d\n", fcntl(fd, F_GETFD) == -1 && errno == EBADF);
}
