#include "api_cfg.h"

static void use(HANDLE h)
{
	R(corosync_cfg_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(corosync_cfg_dispatch(h, CS_DISPATCH_ALL));
}

static corosync_cfg_handle_t asker;

static void *ask(void *rc)
{
	*(int *)rc = corosync_cfg_try_shutdown(asker, COROSYNC_CFG_SHUTDOWN_FLAG_REQUEST);
	return NULL;
}

static void live(void)
{
	corosync_cfg_handle_t h;
	pthread_t t;
	int fd, rc, i;

	MUST(open_handle(&h));
	MUST(open_handle(&asker));
	MUST(fd_of(h, &fd));
	R(corosync_cfg_dispatch(h, CS_DISPATCH_ALL));
	R(corosync_cfg_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	MUST(corosync_cfg_trackstart(h, 0));
	for (i = 0; i < 3; i++) {
		pthread_create(&t, NULL, ask, &rc);
		show_poll("asked", fd, 5000);
		R(corosync_cfg_dispatch(h, i == 0 ? CS_DISPATCH_ONE : i == 1 ? CS_DISPATCH_ALL : CS_DISPATCH_ONE_NONBLOCKING));
		pthread_join(t, NULL);
		report("who asked", rc);
	}
	R(corosync_cfg_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(corosync_cfg_finalize(h));
	R(corosync_cfg_finalize(asker));
}
