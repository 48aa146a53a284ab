#include "api_cfg.h"

static void use(HANDLE h)
{
	char **names = NULL, **status = NULL;
	unsigned int n = 7;

	R(corosync_cfg_ring_status_get(h, &names, &status, &n));
}

static void live(void)
{
	char **names = NULL, **status = NULL;
	corosync_cfg_handle_t h;
	unsigned int n = 7, i;

	MUST(open_handle(&h));
	R(corosync_cfg_ring_status_get(h, &names, &status, &n));
	printf("links %u\n", n);
	for (i = 0; i < n; i++) {
		printf("%s: %s\n", names[i], status[i]);
		free(names[i]);
		free(status[i]);
	}
	free(names);
	free(status);
	R(corosync_cfg_finalize(h));
}
