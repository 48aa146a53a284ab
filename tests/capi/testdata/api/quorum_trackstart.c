#include "api_quorum.h"

static void use(HANDLE h) { R(quorum_trackstart(h, CS_TRACK_CHANGES)); }

static void live(void)
{
	quorum_handle_t h;
	unsigned int flags;
	int model, fd, n, i;

	for (model = 0; model < 2; model++)
		for (flags = 0; flags < 8; flags++) {
			printf("-- model %d flags %u\n", model, flags);
			MUST(quorum_model_initialize(&h, (quorum_model_t)model,
						     model ? (quorum_model_data_t *)&model_v1 : (quorum_model_data_t *)&model_v0, NULL, NULL));
			MUST(quorum_fd_get(h, &fd));
			R(quorum_trackstart(h, flags));
			n = flags & 3 ? model + 1 : 0;
			for (i = 0; i < n && readable(fd, 15000) & POLLIN; i++)
				R(quorum_dispatch(h, CS_DISPATCH_ONE));
			show_poll("more", fd, 20);
			R(quorum_trackstart(h, flags));
			for (i = 0; i < n && readable(fd, 15000) & POLLIN; i++)
				R(quorum_dispatch(h, CS_DISPATCH_ONE));
			show_poll("more", fd, 20);
			R(quorum_trackstop(h));
			R(quorum_finalize(h));
		}
	MUST(open_handle(&h));
	R(quorum_trackstart(h, 8));
	R(quorum_trackstart(h, 0xffffffff));
	R(quorum_finalize(h));
}
