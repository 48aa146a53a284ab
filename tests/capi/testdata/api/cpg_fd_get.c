#include "api_cpg.h"

static void use(HANDLE h)
{
	int fd;

	R(cpg_fd_get(h, &fd));
}

static void live(void)
{
	cpg_handle_t h = joined("api.fd"), idle;
	int fd, other, again;

	MUST(open_handle(&idle));
	R(cpg_fd_get(h, &fd));
	R(cpg_fd_get(h, &again));
	R(cpg_fd_get(idle, &other));
	printf("same descriptor: %d, another handle has another: %d\n", fd == again, fd != other);
	show_fd(fd);
	printf("peers are the same: %d\n", daemon_of(fd) == daemon_of(other));

	/* Readable as long as something is queued, and no longer. */
	show_poll("nothing queued", fd, 0);
	R(send_text(h, "one"));
	show_poll("a message on its way", fd, 5000);
	R(send_text(h, "two"));
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	show_poll("another", fd, 5000);
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	show_poll("nothing", fd, 0);
	R(send_text(h, "three"));
	R(send_text(h, "four"));
	while (delivered < 4) {
		if (!(readable(fd, 5000) & POLLIN))
			break;
		MUST(cpg_dispatch(h, CS_DISPATCH_ALL));
		if (delivered == 3)
			nap(5);
	}
	show_poll("nothing", fd, 0);
	R(cpg_finalize(h));
	printf("closed with the handle: %d\n", fcntl(fd, F_GETFD) == -1 && errno == EBADF);
	R(cpg_finalize(idle));
}
