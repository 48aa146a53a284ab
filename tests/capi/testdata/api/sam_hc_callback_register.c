#include "api_sam.h"

static int calls;

static int well(void)
{
	__atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int ill(void) { return __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) > 2; }

static void states(void)
{
	R(sam_hc_callback_register(well));
	R(sam_initialize(1000, SAM_RECOVERY_POLICY_QUIT));
	R(sam_hc_callback_register(well));
	R(sam_register(&instance));
	R(sam_hc_callback_register(NULL));
	R(sam_hc_callback_register(well));
	R(sam_start());
	R(sam_hc_callback_register(well));
	/* Once per interval. */
	for (int i = 0; i < 300 && __atomic_load_n(&calls, __ATOMIC_SEQ_CST) < 2; i++)
		nap(50);
	printf("asked twice: %d\n", __atomic_load_n(&calls, __ATOMIC_SEQ_CST) >= 2);
	R(sam_stop());
	R(sam_hc_callback_register(NULL));
	exit(3);
}

static void without_interval(void)
{
	R(sam_initialize(0, SAM_RECOVERY_POLICY_QUIT));
	R(sam_register(&instance));
	R(sam_hc_callback_register(well));
	exit(4);
}

static void failing(void)
{
	R(sam_initialize(300, SAM_RECOVERY_POLICY_RESTART));
	signal(SIGTERM, on_signal);
	R(sam_register(&instance));
	printf("instance %u\n", instance);
	if (instance == 1) {
		R(sam_hc_callback_register(ill));
		R(sam_start());
		while (1)
			pause();
	}
	exit(5);
}

static void live(void)
{
	IN_CHILD(states);
	IN_CHILD(without_interval);
	IN_CHILD(failing);
}
