/* cpg programs: callbacks that say what came. */
#include <corosync/cpg.h>
#define HANDLE cpg_handle_t
#include "api.h"

static UNUSED int delivered, changed;

static UNUSED void show_name(const struct cpg_name *n)
{
	printf(" group %.*s/%u", (int)strnlen(n->value, n->length < 128 ? n->length : 128), n->value, n->length);
}

static UNUSED void show_list(const char *what, const struct cpg_address *l, size_t n, int reasons)
{
	size_t i;

	printf(" %s %zu", what, n);
	for (i = 0; i < n; i++) {
		printf(" node %u pid %s", l[i].nodeid, who(l[i].pid));
		if (reasons)
			printf(" reason %u", l[i].reason);
	}
}

static UNUSED void on_deliver(cpg_handle_t h UNUSED, const struct cpg_name *g, uint32_t node, uint32_t pid, void *msg, size_t len)
{
	delivered++;
	printf("  deliver:");
	show_name(g);
	printf(" node %u pid %s length %zu: %.*s\n", node, who(pid), len, len < 40 ? (int)len : 8, (const char *)msg);
}

static UNUSED void on_confchg(cpg_handle_t h UNUSED, const struct cpg_name *g, const struct cpg_address *m, size_t mn,
			      const struct cpg_address *l, size_t ln, const struct cpg_address *j, size_t jn)
{
	changed++;
	printf("  confchg:");
	show_name(g);
	show_list("members", m, mn, 0);
	show_list("left", l, ln, 1);
	show_list("joined", j, jn, 1);
	printf("\n");
}

static UNUSED void on_totem(cpg_handle_t h UNUSED, struct cpg_ring_id r, uint32_t n, const uint32_t *m)
{
	uint32_t i;

	printf("  totem: ring of %u, sequence %s, members", r.nodeid, r.seq ? "set" : "0");
	for (i = 0; i < n; i++)
		printf(" %u", m[i]);
	printf("\n");
}

static UNUSED cpg_callbacks_t callbacks = {.cpg_deliver_fn = on_deliver, .cpg_confchg_fn = on_confchg};
static UNUSED cpg_model_v1_data_t model_v1 = {.model = CPG_MODEL_V1, .cpg_deliver_fn = on_deliver, .cpg_confchg_fn = on_confchg,
					       .cpg_totem_confchg_fn = on_totem, .flags = 0};

static UNUSED struct cpg_name group(const char *s)
{
	struct cpg_name n = {.length = (uint32_t)strlen(s)};

	memcpy(n.value, s, n.length);
	return n;
}

static cs_error_t open_handle(HANDLE *h) { return cpg_initialize(h, &callbacks); }
static cs_error_t close_handle(HANDLE h) { return cpg_finalize(h); }
static cs_error_t fd_of(HANDLE h, int *fd) { return cpg_fd_get(h, fd); }

/*
 * While the leave of the process's last handle from that group is on its way, a join is told to try again. How long that
 * takes is no property of the library.
 */
static UNUSED cs_error_t join_again(cpg_handle_t h, const struct cpg_name *g)
{
	cs_error_t rc;
	int i;

	for (i = 0; (rc = cpg_join(h, g)) == CS_ERR_TRY_AGAIN && i < 1000; i++)
		nap(5);
	return rc;
}
#define cpg_join(handle, name) join_again(handle, name)

/* joined opens a handle that is in the group and has seen itself join. */
static UNUSED cpg_handle_t joined(const char *name)
{
	struct cpg_name g = group(name);
	cpg_handle_t h;
	int before = changed;

	MUST(open_handle(&h));
	MUST(cpg_join(h, &g));
	while (changed == before)
		MUST(cpg_dispatch(h, CS_DISPATCH_ONE));
	return h;
}

static UNUSED int send_text(cpg_handle_t h, const char *s)
{
	struct iovec v = {.iov_base = (void *)s, .iov_len = strlen(s)};
	int rc;

	while ((rc = cpg_mcast_joined(h, CPG_TYPE_AGREED, &v, 1)) == CS_ERR_TRY_AGAIN)
		nap(1);
	return rc;
}

/* members waits until a group has so many members: who closes a handle does not wait until all know. */
static UNUSED void members(cpg_handle_t h, const char *name, int wanted)
{
	struct cpg_name g = group(name);
	struct cpg_address l[CPG_MEMBERS_MAX];
	int n = -1, i, rc = 0;

	for (i = 0; i < 1000; i++) {
		rc = cpg_membership_get(h, &g, l, &n);
		if (rc != CS_OK || n == wanted)
			break;
		nap(5);
	}
	printf("%s: %s, members %d\n", name, name_of(rc), n);
}
