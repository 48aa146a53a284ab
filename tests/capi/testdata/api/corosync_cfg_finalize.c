#include "api_cfg.h"

static void use(HANDLE h) { R(corosync_cfg_finalize(h)); }

static corosync_cfg_handle_t asker;

static void closing(corosync_cfg_handle_t h, corosync_cfg_shutdown_flags_t flags)
{
	on_shutdown(h, flags);
	R(corosync_cfg_finalize(h));
	R(corosync_cfg_finalize(h));
}

static void *ask(void *rc)
{
	*(int *)rc = corosync_cfg_try_shutdown(asker, COROSYNC_CFG_SHUTDOWN_FLAG_REQUEST);
	return NULL;
}

static void live(void)
{
	static const cs_dispatch_flags_t ways[] = {CS_DISPATCH_ONE, CS_DISPATCH_BLOCKING};
	corosync_cfg_callbacks_t c = {.corosync_cfg_shutdown_callback = closing};
	corosync_cfg_handle_t h;
	pthread_t t;
	size_t i;
	int rc;

	MUST(open_handle(&h));
	R(corosync_cfg_finalize(h));
	R(corosync_cfg_finalize(h));
	MUST(open_handle(&asker));
	for (i = 0; i < 2; i++) {
		printf("-- in a callback, dispatch %d\n", (int)ways[i]);
		MUST(corosync_cfg_initialize(&h, &c));
		MUST(corosync_cfg_trackstart(h, 0));
		pthread_create(&t, NULL, ask, &rc);
		R(corosync_cfg_dispatch(h, ways[i]));
		R(corosync_cfg_finalize(h));
		pthread_join(t, NULL);
		report("who asked", rc);
	}
	R(corosync_cfg_finalize(asker));
}
