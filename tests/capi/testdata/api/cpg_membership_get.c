#include "api_cpg.h"

static void use(HANDLE h)
{
	struct cpg_name g = group("api.membership");
	struct cpg_address l[CPG_MEMBERS_MAX];
	int n = 7;

	R(cpg_membership_get(h, &g, l, &n));
}

static void live(void)
{
	struct cpg_name g = group("api.membership"), big = {.length = CPG_MAX_NAME_LENGTH + 1};
	struct cpg_address l[CPG_MEMBERS_MAX];
	cpg_handle_t h = joined("api.membership"), idle;
	int n = 7;

	MUST(open_handle(&idle));
	R(cpg_membership_get(idle, &g, l, &n));
	show_list("members", l, (size_t)n, 0);
	printf("\n");
	R(cpg_membership_get(h, &g, NULL, &n));
	R(cpg_membership_get(h, &g, l, NULL));
	R(cpg_membership_get(h, &g, NULL, NULL));
	R(cpg_membership_get(h, &big, l, &n));
	g = group("api.nobody");
	n = 7;
	R(cpg_membership_get(h, &g, l, &n));
	printf("members %d\n", n);
	R(cpg_finalize(h));
	members(idle, "api.membership", 0);
	R(cpg_finalize(idle));
}
