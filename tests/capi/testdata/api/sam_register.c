#include "api_sam.h"

static void quit(void)
{
	R(sam_initialize(0, SAM_RECOVERY_POLICY_QUIT));
	R(sam_register(&instance));
	printf("instance %u\n", instance);
	R(sam_register(&instance));
	exit(5);
}

/* An instance that ends after sam_start is followed by the next. */
static void restart(void)
{
	R(sam_initialize(0, SAM_RECOVERY_POLICY_RESTART));
	R(sam_register(&instance));
	printf("instance %u\n", instance);
	if (instance < 3)
		R(sam_start());
	exit(6 + (int)instance);
}

static void killed(void)
{
	R(sam_initialize(0, SAM_RECOVERY_POLICY_RESTART));
	R(sam_register(&instance));
	printf("instance %u\n", instance);
	if (instance == 1) {
		R(sam_start());
		kill(getpid(), SIGKILL);
	}
}

static void without_place(void)
{
	R(sam_initialize(0, SAM_RECOVERY_POLICY_QUIT));
	R(sam_register(NULL));
	R(sam_start());
	exit(7);
}

static void no_descriptors(void)
{
	struct rlimit r = {.rlim_cur = 3, .rlim_max = 3};

	R(sam_initialize(0, SAM_RECOVERY_POLICY_QUIT));
	setrlimit(RLIMIT_NOFILE, &r);
	R(sam_register(&instance));
	exit(8);
}

static void with_cmap(void)
{
	R(sam_initialize(0, SAM_RECOVERY_POLICY_RESTART | SAM_RECOVERY_POLICY_CMAP));
	R(sam_register(&instance));
	printf("instance %u\n", instance);
	if (instance < 2)
		R(sam_start());
	exit(0);
}

static void live(void)
{
	R(sam_register(&instance));
	IN_CHILD(quit);
	IN_CHILD(restart);
	IN_CHILD(killed);
	IN_CHILD(without_place);
	IN_CHILD(no_descriptors);
	IN_CHILD(with_cmap);
}
