/* votequorum programs. */
#include <corosync/votequorum.h>
#define HANDLE votequorum_handle_t
#include "api.h"

static UNUSED int notified;
static UNUSED votequorum_ring_id_t ring_seen;

static UNUSED void on_quorum(votequorum_handle_t h UNUSED, uint64_t context, uint32_t quorate, uint32_t n, votequorum_node_t l[])
{
	uint32_t i;

	notified++;
	printf("  quorum: context %" PRIu64 ", quorate %u, nodes", context, quorate);
	for (i = 0; i < n; i++)
		printf(" %u state %u", l[i].nodeid, l[i].state);
	printf("\n");
}

static UNUSED void on_expected(votequorum_handle_t h UNUSED, uint64_t context, uint32_t expected)
{
	notified++;
	printf("  expected votes: context %" PRIu64 ", %u\n", context, expected);
}

static UNUSED void on_nodelist(votequorum_handle_t h UNUSED, uint64_t context, votequorum_ring_id_t r, uint32_t n, uint32_t l[])
{
	uint32_t i;

	notified++;
	ring_seen = r;
	printf("  nodelist: context %" PRIu64 ", ring of %u, sequence %s, nodes", context, r.nodeid, r.seq ? "set" : "0");
	for (i = 0; i < n; i++)
		printf(" %u", l[i]);
	printf("\n");
}

static UNUSED votequorum_callbacks_t callbacks = {
	.votequorum_quorum_notify_fn = on_quorum,
	.votequorum_expectedvotes_notify_fn = on_expected,
	.votequorum_nodelist_notify_fn = on_nodelist,
};

static cs_error_t open_handle(HANDLE *h) { return votequorum_initialize(h, &callbacks); }
static cs_error_t close_handle(HANDLE h) { return votequorum_finalize(h); }
static cs_error_t fd_of(HANDLE h, int *fd) { return votequorum_fd_get(h, fd); }

static UNUSED void show_info(votequorum_handle_t h, unsigned int node)
{
	struct votequorum_info i;
	int rc;

	memset(&i, 0x55, sizeof i);
	rc = votequorum_getinfo(h, node, &i);
	printf("  node %u: %s", node, name_of(rc));
	if (rc == CS_OK)
		printf(", id %u state %u votes %u expects %u, highest %u total %u quorum %u flags %u, device votes %u name \"%s\"", i.node_id,
		       i.node_state, i.node_votes, i.node_expected_votes, i.highest_expected, i.total_votes, i.quorum, i.flags,
		       i.qdevice_votes, i.qdevice_name);
	printf("\n");
}

/* events waits for n events, and looks whether there are more. */
static UNUSED void events(votequorum_handle_t h, int n)
{
	int fd, before = notified;

	MUST(votequorum_fd_get(h, &fd));
	while (notified < before + n && readable(fd, 15000) & POLLIN)
		MUST(votequorum_dispatch(h, CS_DISPATCH_ONE));
	while (readable(fd, 20) & POLLIN)
		MUST(votequorum_dispatch(h, CS_DISPATCH_ONE));
}

/* drain handles what comes within ms of the last event. */
static UNUSED void drain(votequorum_handle_t h, int ms)
{
	int fd;

	MUST(votequorum_fd_get(h, &fd));
	while (readable(fd, ms) & POLLIN)
		if (votequorum_dispatch(h, CS_DISPATCH_ALL) != CS_OK)
			return;
}

static UNUSED char *name_of_length(size_t n)
{
	static char buf[1024];

	memset(buf, 'd', n);
	buf[n] = 0;
	return buf;
}
