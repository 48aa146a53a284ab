/* quorum programs. */
#include <corosync/quorum.h>
#define HANDLE quorum_handle_t
#include "api.h"

static UNUSED int notified;

static UNUSED void show_nodes(const char *what, uint32_t n, const uint32_t *l)
{
	uint32_t i;

	printf(" %s %u:", what, n);
	for (i = 0; i < n; i++)
		printf(" %u", l[i]);
}

static UNUSED void on_v0(quorum_handle_t h UNUSED, uint32_t quorate, uint64_t seq, uint32_t n, uint32_t *l)
{
	notified++;
	printf("  quorum: quorate %u, sequence %s,", quorate, seq ? "set" : "0");
	show_nodes("view", n, l);
	printf("\n");
}

static UNUSED void on_v1(quorum_handle_t h UNUSED, uint32_t quorate, struct quorum_ring_id r, uint32_t n, const uint32_t *l)
{
	notified++;
	printf("  quorum: quorate %u, ring of %u, sequence %s,", quorate, r.nodeid, r.seq ? "set" : "0");
	show_nodes("members", n, l);
	printf("\n");
}

static UNUSED void on_nodelist(quorum_handle_t h UNUSED, struct quorum_ring_id r, uint32_t n, const uint32_t *l, uint32_t jn,
			       const uint32_t *j, uint32_t ln, const uint32_t *left)
{
	notified++;
	printf("  nodelist: ring of %u, sequence %s,", r.nodeid, r.seq ? "set" : "0");
	show_nodes("members", n, l);
	show_nodes("joined", jn, j);
	show_nodes("left", ln, left);
	printf("\n");
}

static UNUSED quorum_callbacks_t callbacks = {.quorum_notify_fn = on_v0};
static UNUSED quorum_model_v0_data_t model_v0 = {.model = QUORUM_MODEL_V0, .quorum_notify_fn = on_v0};
static UNUSED quorum_model_v1_data_t model_v1 = {.model = QUORUM_MODEL_V1, .quorum_notify_fn = on_v1, .nodelist_notify_fn = on_nodelist};

static cs_error_t open_handle(HANDLE *h)
{
	uint32_t type;

	return quorum_initialize(h, &callbacks, &type);
}
static cs_error_t close_handle(HANDLE h) { return quorum_finalize(h); }
static cs_error_t fd_of(HANDLE h, int *fd) { return quorum_fd_get(h, fd); }
