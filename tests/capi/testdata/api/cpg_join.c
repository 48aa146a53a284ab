#include "api_cpg.h"

static void use(HANDLE h)
{
	struct cpg_name g = group("api.join.use");

	R(cpg_join(h, &g));
}

static void live(void)
{
	struct cpg_name g = group("api.join"), other = group("api.join.other"), big = {.length = CPG_MAX_NAME_LENGTH}, empty = {.length = 0};
	struct cpg_name bytes = {.length = 5, .value = {'a', 0, 'b', (char)0xff, 0}}, shorter = {.length = 4, .value = {'a', 0, 'b', (char)0xff, 0}};
	struct cpg_address l[CPG_MEMBERS_MAX];
	cpg_handle_t a, b, c;
	int n;

	MUST(open_handle(&a));
	MUST(open_handle(&b));
	MUST(open_handle(&c));
	big.length++;
	R(cpg_join(a, &big));
	big.length = UINT32_MAX;
	R(cpg_join(a, &big));
	R(cpg_join(a, &g));
	R(cpg_dispatch(a, CS_DISPATCH_ONE));
	printf("-- again, and elsewhere\n");
	R(cpg_join(a, &g));
	R(cpg_join(a, &other));
	R(cpg_join(b, &g));
	R(cpg_dispatch(b, CS_DISPATCH_ONE_NONBLOCKING));
	R(cpg_join(c, &other));
	R(cpg_dispatch(c, CS_DISPATCH_ONE));
	R(cpg_finalize(a));
	R(cpg_finalize(b));
	R(cpg_finalize(c));
	printf("-- names\n");
	memset(big.value, 'n', sizeof big.value);
	big.length = CPG_MAX_NAME_LENGTH;
	a = b = c = 0;
	MUST(open_handle(&a));
	R(cpg_join(a, &big));
	R(cpg_dispatch(a, CS_DISPATCH_ONE));
	MUST(open_handle(&b));
	R(cpg_join(b, &empty));
	R(cpg_dispatch(b, CS_DISPATCH_ONE));
	MUST(open_handle(&c));
	R(cpg_join(c, &bytes));
	R(cpg_dispatch(c, CS_DISPATCH_ONE));
	R(cpg_membership_get(c, &bytes, l, &n));
	printf("members %d\n", n);
	R(cpg_membership_get(c, &shorter, l, &n));
	printf("members %d\n", n);
	big.length--;
	R(cpg_membership_get(c, &big, l, &n));
	printf("members %d\n", n);
	R(cpg_finalize(a));
	R(cpg_finalize(b));
	R(cpg_finalize(c));
}
