#include "api_sam.h"

static void without_cmap(void)
{
	R(sam_mark_failed());
	R(sam_initialize(0, SAM_RECOVERY_POLICY_RESTART));
	R(sam_mark_failed());
	R(sam_register(&instance));
	R(sam_mark_failed());
	exit(2);
}

static void restart(void)
{
	R(sam_initialize(0, SAM_RECOVERY_POLICY_RESTART | SAM_RECOVERY_POLICY_CMAP));
	R(sam_mark_failed());
	signal(SIGTERM, on_signal);
	R(sam_register(&instance));
	printf("instance %u\n", instance);
	if (instance == 1) {
		R(sam_start());
		sam_mark_failed(); /* the end may come before it returns */
		while (1)
			pause();
	}
	if (instance == 2) {
		/* Not started: that does not protect from it. */
		sam_mark_failed();
		while (1)
			pause();
	}
	R(sam_finalize());
	R(sam_mark_failed());
	exit(3);
}

static void live(void)
{
	IN_CHILD(without_cmap);
	IN_CHILD(restart);
}
