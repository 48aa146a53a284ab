#include "api_sam.h"

static void before(void)
{
	R(sam_warn_signal_set(SIGUSR1));
	R(sam_initialize(300, SAM_RECOVERY_POLICY_RESTART));
	R(sam_warn_signal_set(SIGUSR1));
	signal(SIGUSR1, on_signal);
	R(sam_register(&instance));
	printf("instance %u\n", instance);
	if (instance == 1) {
		R(sam_start());
		while (1)
			pause();
	}
	exit(2);
}

static void after(void)
{
	R(sam_initialize(300, SAM_RECOVERY_POLICY_RESTART));
	signal(SIGUSR2, on_signal);
	R(sam_register(&instance));
	printf("instance %u\n", instance);
	R(sam_warn_signal_set(SIGUSR2));
	if (instance == 1) {
		R(sam_start());
		R(sam_warn_signal_set(SIGUSR2));
		while (1)
			pause();
	}
	R(sam_finalize());
	R(sam_warn_signal_set(SIGUSR2));
	exit(3);
}

static void deadly(void)
{
	R(sam_initialize(300, SAM_RECOVERY_POLICY_QUIT));
	R(sam_warn_signal_set(SIGKILL));
	R(sam_register(&instance));
	R(sam_start());
	while (1)
		pause();
}

static void live(void)
{
	IN_CHILD(before);
	IN_CHILD(after);
	IN_CHILD(deadly);
}
