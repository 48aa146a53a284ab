#include "api_sam.h"

static void unregistered(void)
{
	R(sam_initialize(0, SAM_RECOVERY_POLICY_QUIT));
	R(sam_finalize());
	R(sam_finalize());
	everything();
}

static void registered(void)
{
	R(sam_initialize(0, SAM_RECOVERY_POLICY_QUIT));
	R(sam_register(&instance));
	R(sam_finalize());
	R(sam_finalize());
	everything();
	exit(3);
}

static void started(void)
{
	R(sam_initialize(5000, SAM_RECOVERY_POLICY_RESTART));
	R(sam_register(&instance));
	R(sam_start());
	R(sam_finalize());
	R(sam_stop());
	exit(4);
}

static void live(void)
{
	R(sam_finalize());
	IN_CHILD(unregistered);
	IN_CHILD(registered);
	IN_CHILD(started);
}
