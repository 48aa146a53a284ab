#define ENDS_DAEMON
#define LIVE_REUSE 0
#include "api_cfg.h"

static void use(HANDLE h) { R(corosync_cfg_try_shutdown(h, COROSYNC_CFG_SHUTDOWN_FLAG_REQUEST)); }

static corosync_cfg_handle_t asker;

struct question {
	corosync_cfg_shutdown_flags_t flags;
	int rc;
};

static void *ask(void *arg)
{
	struct question *q = arg;

	q->rc = corosync_cfg_try_shutdown(asker, q->flags);
	return NULL;
}

static void silent(corosync_cfg_handle_t h UNUSED, corosync_cfg_shutdown_flags_t flags)
{
	printf("  shutdown: flags %d, no answer\n", (int)flags);
}

static void live(void)
{
	corosync_cfg_callbacks_t c = {.corosync_cfg_shutdown_callback = silent};
	struct question q = {.flags = COROSYNC_CFG_SHUTDOWN_FLAG_REQUEST};
	corosync_cfg_handle_t h, mute;
	pthread_t t;
	int fd;

	MUST(open_handle(&h));
	MUST(open_handle(&asker));
	MUST(corosync_cfg_initialize(&mute, &c));
	MUST(fd_of(h, &fd));
	printf("-- no\n");
	MUST(corosync_cfg_trackstart(h, 0));
	pthread_create(&t, NULL, ask, &q);
	R(corosync_cfg_dispatch(h, CS_DISPATCH_ONE));
	pthread_join(t, NULL);
	report("who asked", q.rc);
	printf("-- no answer, and another question meanwhile\n");
	MUST(corosync_cfg_trackstop(h));
	MUST(corosync_cfg_trackstart(mute, 0));
	pthread_create(&t, NULL, ask, &q);
	R(corosync_cfg_dispatch(mute, CS_DISPATCH_ONE));
	R(corosync_cfg_try_shutdown(h, COROSYNC_CFG_SHUTDOWN_FLAG_REQUEST));
	pthread_join(t, NULL);
	report("who asked", q.rc);
	printf("-- whatever they say\n");
	q.flags = COROSYNC_CFG_SHUTDOWN_FLAG_REGARDLESS;
	MUST(corosync_cfg_trackstop(mute));
	MUST(corosync_cfg_trackstart(h, 0));
	pthread_create(&t, NULL, ask, &q);
	R(corosync_cfg_dispatch(h, CS_DISPATCH_ONE));
	pthread_join(t, NULL);
	report("who asked", q.rc);
	while (!(readable(fd, 10000) & POLLHUP))
		;
	R(corosync_cfg_try_shutdown(h, COROSYNC_CFG_SHUTDOWN_FLAG_IMMEDIATE));
	R(corosync_cfg_finalize(h));
	R(corosync_cfg_finalize(mute));
	R(corosync_cfg_finalize(asker));
}
