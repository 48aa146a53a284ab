#include "api_quorum.h"

static void use(HANDLE h) { R(quorum_finalize(h)); }

static void closing(quorum_handle_t h, uint32_t quorate, uint64_t seq, uint32_t n, uint32_t *l)
{
	on_v0(h, quorate, seq, n, l);
	R(quorum_finalize(h));
	R(quorum_finalize(h));
}

static void live(void)
{
	static const cs_dispatch_flags_t ways[] = {CS_DISPATCH_ONE, CS_DISPATCH_ALL, CS_DISPATCH_BLOCKING, CS_DISPATCH_ONE_NONBLOCKING};
	quorum_callbacks_t c = {.quorum_notify_fn = closing};
	quorum_handle_t h;
	size_t i;
	int fd;

	MUST(open_handle(&h));
	R(quorum_finalize(h));
	R(quorum_finalize(h));
	for (i = 0; i < 4; i++) {
		printf("-- in a callback, dispatch %d\n", (int)ways[i]);
		MUST(quorum_initialize(&h, &c, NULL));
		MUST(quorum_trackstart(h, CS_TRACK_CURRENT));
		MUST(quorum_trackstart(h, CS_TRACK_CURRENT));
		MUST(quorum_fd_get(h, &fd));
		while (!(readable(fd, 1000) & POLLIN))
			;
		R(quorum_dispatch(h, ways[i]));
		R(quorum_finalize(h));
	}
}
