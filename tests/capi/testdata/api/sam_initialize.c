#include "api_sam.h"

static void policies(void)
{
	R(sam_initialize(1000, (sam_recovery_policy_t)0));
	R(sam_initialize(1000, (sam_recovery_policy_t)3));
	R(sam_initialize(1000, (sam_recovery_policy_t)4));
	R(sam_initialize(1000, SAM_RECOVERY_POLICY_QUORUM));
	R(sam_initialize(1000, SAM_RECOVERY_POLICY_CMAP));
	R(sam_initialize(1000, (sam_recovery_policy_t)0x20));
}

static void quit(void)
{
	R(sam_initialize(0, SAM_RECOVERY_POLICY_QUIT));
	R(sam_initialize(0, SAM_RECOVERY_POLICY_QUIT));
}

static void restart(void)
{
	R(sam_initialize(-5, SAM_RECOVERY_POLICY_RESTART));
	R(sam_initialize(100, SAM_RECOVERY_POLICY_QUIT));
	R(sam_finalize());
	R(sam_initialize(100, SAM_RECOVERY_POLICY_QUIT));
}

static void with_quorum(void) { R(sam_initialize(100, SAM_RECOVERY_POLICY_QUORUM_QUIT)); }
static void with_cmap(void) { R(sam_initialize(100, SAM_RECOVERY_POLICY_RESTART | SAM_RECOVERY_POLICY_CMAP)); }
static void with_both(void) { R(sam_initialize(100, SAM_RECOVERY_POLICY_QUORUM_RESTART | SAM_RECOVERY_POLICY_CMAP)); }

static void live(void)
{
	everything();
	IN_CHILD(policies);
	IN_CHILD(quit);
	IN_CHILD(restart);
	IN_CHILD(with_quorum);
	IN_CHILD(with_cmap);
	IN_CHILD(with_both);
}
