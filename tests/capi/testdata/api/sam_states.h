/* A program for STATE, one of sam_start, sam_stop and sam_hc_send, in each state. */
#include "api_sam.h"

static void states(void)
{
	R(STATE());
	R(sam_initialize(10000, SAM_RECOVERY_POLICY_QUIT));
	R(STATE());
	R(sam_register(&instance));
	R(STATE());
	R(sam_stop());
	R(sam_start());
	R(STATE());
	R(STATE());
	R(sam_stop());
	R(STATE());
	R(sam_finalize());
	R(STATE());
	exit(1 + 1);
}

/* Without a word in time the process is ended, and with RESTART begun anew. */
static void late(void)
{
	R(sam_initialize(1000, SAM_RECOVERY_POLICY_RESTART));
	signal(SIGTERM, on_signal);
	R(sam_register(&instance));
	printf("instance %u\n", instance);
	if (instance == 1) {
		R(sam_start());
		while (1)
			pause();
	}
	R(sam_start());
	for (int i = 0; i < 10; i++) {
		nap(200);
		if (sam_hc_send() != CS_OK)
			printf("hc_send failed\n");
	}
	R(sam_stop());
	nap(2200);
	printf("stopped, and not ended\n");
	exit(3);
}

static void with_quorum(void)
{
	R(sam_initialize(0, SAM_RECOVERY_POLICY_QUORUM_QUIT));
	R(sam_register(&instance));
	R(sam_start());
	R(sam_hc_send());
	R(sam_stop());
	exit(4);
}

static void live(void)
{
	IN_CHILD(states);
	IN_CHILD(late);
	IN_CHILD(with_quorum);
}
