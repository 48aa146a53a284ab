/*
 * shared LIBRARY: several threads use one handle. Each gets the answers to its own requests, every event comes once and in
 * order to whoever dispatches, and a handle that is finalized beneath them ends their calls with CS_ERR_BAD_HANDLE. The C
 * libraries of 3.1.7 do not pass: with them a thread gets what another has asked for.
 */
#include "common.h"

#define THREADS 6
#define ROUNDS 300

static int lib_of(const char *name)
{
	static const char *names[] = { "cpg", "cmap", "quorum", "votequorum", "cfg" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return (int)i;
	DIE("no such library: %s", name);
}

enum { CPG, CMAP, QUORUM, VOTEQUORUM, CFG };

static uint64_t handle;
static int fd = -1;
static volatile int done, rounds_done, confchgs;
static volatile unsigned int events, asked;
static unsigned int expected_of[THREADS]; /* per thread: what its next event says */

/* add one to a number that several threads count in */
static void count(volatile unsigned int *n) { __atomic_add_fetch(n, 1, __ATOMIC_SEQ_CST); }

/* An event of a thread carries the thread and a number that grows by one. Callbacks run in one thread at a time. */
static void in_order(unsigned int thread, unsigned int number)
{
	CHECK(thread < THREADS);
	if (number != expected_of[thread])
		DIE("event %u of thread %u, %u was next", number, thread, expected_of[thread]);
	expected_of[thread]++;
	count(&events);
}

static void deliver(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t pid, void *msg, size_t len)
{
	unsigned int m[2];

	(void)g; (void)node; (void)pid;
	CHECK(h == handle && len == sizeof(m));
	memcpy(m, msg, len);
	in_order(m[0], m[1]);
}

static void confchg(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *m, size_t nm,
		    const struct cpg_address *l, size_t nl, const struct cpg_address *j, size_t nj)
{
	(void)h; (void)g; (void)m; (void)nm; (void)l; (void)nl; (void)j; (void)nj;
	confchgs++;
}

static void changed(cmap_handle_t h, cmap_track_handle_t track, int32_t event, const char *key,
		    struct cmap_notify_value now, struct cmap_notify_value before, void *data)
{
	unsigned int thread;
	uint32_t value;

	(void)track; (void)event; (void)before;
	CHECK(h == handle && data == &events && now.type == CMAP_VALUETYPE_UINT32 && now.len == sizeof(value));
	CHECK(sscanf(key, "shared.thread%u", &thread) == 1);
	memcpy(&value, now.data, sizeof(value));
	in_order(thread, value);
}

static void quorum_event(quorum_handle_t h, uint32_t quorate, uint64_t seq, uint32_t n, uint32_t *list)
{
	(void)seq;
	CHECK(h == handle && quorate == 1 && n == 1 && list[0] == 1);
	count(&events);
}

static void votes_event(votequorum_handle_t h, uint64_t context, uint32_t quorate, uint32_t n, votequorum_node_t list[])
{
	CHECK(h == handle && context == 7 && quorate == 1);
	CHECK(n == 1 && list[0].nodeid == 1);
	count(&events);
}

static void open_handle(int lib)
{
	cpg_callbacks_t cpg = { deliver, confchg };
	quorum_callbacks_t quorum = { quorum_event };
	votequorum_callbacks_t votes;
	struct cpg_name group = { .length = 6, .value = "shared" };
	cmap_track_handle_t track;
	uint32_t type;

	memset(&votes, 0, sizeof(votes));
	votes.votequorum_quorum_notify_fn = votes_event;
	switch (lib) {
	case CPG:
		OK(cpg_initialize(&handle, &cpg));
		OK(cpg_fd_get(handle, &fd));
		JOIN(handle, &group);
		while (confchgs == 0) /* until then it has no members */
			OK(cpg_dispatch(handle, CS_DISPATCH_ONE));
		break;
	case CMAP:
		OK(cmap_initialize(&handle));
		OK(cmap_fd_get(handle, &fd));
		cmap_delete(handle, "shared.sum");
		OK(cmap_set_uint32(handle, "shared.sum", 0));
		OK(cmap_track_add(handle, "shared.thread", CMAP_TRACK_ADD | CMAP_TRACK_MODIFY | CMAP_TRACK_PREFIX, changed, (void *)&events, &track));
		break;
	case QUORUM:
		OK(quorum_initialize(&handle, &quorum, &type));
		OK(quorum_fd_get(handle, &fd));
		break;
	case VOTEQUORUM:
		OK(votequorum_initialize(&handle, &votes));
		OK(votequorum_fd_get(handle, &fd));
		break;
	case CFG:
		OK(corosync_cfg_initialize(&handle, NULL));
		OK(corosync_cfg_fd_get(handle, &fd));
		break;
	}
}

/* The requests of one round, on behalf of a thread; the first one that fails is told. */
#define TRY(call) do { cs_error_t e_ = (call); if (e_ != CS_OK) return e_; } while (0)

static cs_error_t cpg_round(unsigned int thread, unsigned int round)
{
	unsigned int m[2] = { thread, round }, node;
	struct iovec v = { m, sizeof(m) };
	struct cpg_address list[CPG_MEMBERS_MAX];
	struct cpg_name group = { .length = 6, .value = "shared" };
	cs_error_t e;
	int n;

	while ((e = cpg_mcast_joined(handle, CPG_TYPE_AGREED, &v, 1)) == CS_ERR_TRY_AGAIN)
		sched_yield();
	TRY(e);
	count(&asked);
	TRY(cpg_local_get(handle, &node));
	CHECK(node == 1);
	TRY(cpg_membership_get(handle, &group, list, &n));
	CHECK(n == 1 && list[0].pid == (uint32_t)getpid());
	return CS_OK;
}

static cs_error_t cmap_round(unsigned int thread, unsigned int round)
{
	char key[CMAP_KEYNAME_MAXLEN + 1], own[64], *text;
	cmap_iter_handle_t iter;
	cmap_value_types_t type;
	uint32_t value;
	size_t len;
	int found = 0;

	snprintf(own, sizeof(own), "shared.thread%u", thread);
	TRY(cmap_set_uint32(handle, own, round));
	count(&asked);
	TRY(cmap_get_uint32(handle, own, &value));
	CHECK(value == round);
	TRY(cmap_inc(handle, "shared.sum"));
	TRY(cmap_get_string(handle, "totem.cluster_name", &text));
	CHECK(strcmp(text, "capi") == 0);
	free(text);
	if (round % 8 != 0)
		return CS_OK;
	TRY(cmap_iter_init(handle, own, &iter));
	while (cmap_iter_next(handle, iter, key, &len, &type) == CS_OK)
		found += strcmp(key, own) == 0 && len == sizeof(value);
	TRY(cmap_iter_finalize(handle, iter));
	CHECK(found == 1);
	return CS_OK;
}

static cs_error_t quorum_round(unsigned int round)
{
	int quorate = 0;

	TRY(quorum_getquorate(handle, &quorate));
	CHECK(quorate == 1);
	if (round % 4 == 0) {
		TRY(quorum_trackstart(handle, CS_TRACK_CURRENT));
		count(&asked);
	}
	return CS_OK;
}

static cs_error_t votequorum_round(unsigned int thread, unsigned int round)
{
	struct votequorum_info info;

	memset(&info, 0, sizeof(info));
	TRY(votequorum_getinfo(handle, thread % 2 == 0 ? 1 : VOTEQUORUM_QDEVICE_NODEID, &info));
	CHECK(info.node_votes == 1 && info.total_votes == 1 && info.quorum == 1);
	{
		cs_error_t e = votequorum_getinfo(handle, 77, &info); /* another's answer would be CS_OK */

		if (e != CS_ERR_NOT_EXIST)
			return e;
	}
	if (round % 4 == 0) {
		TRY(votequorum_trackstart(handle, 7, CS_TRACK_CURRENT));
		count(&asked);
	}
	return CS_OK;
}

static cs_error_t cfg_round(unsigned int thread)
{
	corosync_cfg_node_address_t addrs[CFG_MAX_LINKS];
	char **names, **states;
	unsigned int node = 0, n, i;
	int links = 0;

	if (thread % 2 == 0) {
		TRY(corosync_cfg_local_get(handle, &node));
		CHECK(node == 1);
	} else {
		TRY(corosync_cfg_get_node_addrs(handle, 1, CFG_MAX_LINKS, &links, addrs));
		CHECK(links == 1 && addrs[0].address_length > 0);
	}
	TRY(corosync_cfg_ring_status_get(handle, &names, &states, &n));
	CHECK(n == 1 && strstr(names[0], "127.0.0.1") != NULL);
	for (i = 0; i < n; i++) {
		free(names[i]);
		free(states[i]);
	}
	free(names);
	free(states);
	return CS_OK;
}

static int lib;

static cs_error_t one_round(unsigned int thread, unsigned int round)
{
	switch (lib) {
	case CPG:
		return cpg_round(thread, round);
	case CMAP:
		return cmap_round(thread, round);
	case QUORUM:
		return quorum_round(round);
	case VOTEQUORUM:
		return votequorum_round(thread, round);
	}
	return cfg_round(thread);
}

static cs_error_t dispatch(cs_dispatch_flags_t how)
{
	switch (lib) {
	case CPG:
		return cpg_dispatch(handle, how);
	case CMAP:
		return cmap_dispatch(handle, how);
	case QUORUM:
		return quorum_dispatch(handle, how);
	case VOTEQUORUM:
		return votequorum_dispatch(handle, how);
	}
	return corosync_cfg_dispatch(handle, how);
}

static cs_error_t finalize(void)
{
	switch (lib) {
	case CPG:
		return cpg_finalize(handle);
	case CMAP:
		return cmap_finalize(handle);
	case QUORUM:
		return quorum_finalize(handle);
	case VOTEQUORUM:
		return votequorum_finalize(handle);
	}
	return corosync_cfg_finalize(handle);
}

static void *caller(void *arg)
{
	unsigned int thread = (unsigned int)(uintptr_t)arg, round;

	for (round = 0; round < ROUNDS; round++)
		OK(one_round(thread, round));
	__atomic_add_fetch(&rounds_done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* calls until the handle is gone */
static void *until_gone(void *arg)
{
	unsigned int thread = (unsigned int)(uintptr_t)arg, round;
	cs_error_t e;

	for (round = ROUNDS;; round++) {
		e = one_round(thread, round);
		__atomic_add_fetch(&rounds_done, 1, __ATOMIC_SEQ_CST);
		if (e == CS_OK)
			continue;
		if (e != CS_ERR_BAD_HANDLE && e != CS_ERR_LIBRARY)
			DIE("a call whose handle was finalized: %d", e);
		/* Then the handle is gone for good. */
		IS(one_round(thread, round), CS_ERR_BAD_HANDLE);
		return NULL;
	}
}

static void *dispatcher(void *arg)
{
	struct pollfd p = { fd, POLLIN, 0 };

	(void)arg;
	while (!done)
		if (poll(&p, 1, 10) > 0)
			OK(dispatch(CS_DISPATCH_ALL));
	return NULL;
}

static void *blocked(void *arg)
{
	(void)arg;
	cs_error_t e = dispatch(CS_DISPATCH_BLOCKING);

	CHECK(e == CS_OK || e == CS_ERR_BAD_HANDLE || e == CS_ERR_LIBRARY);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS], other;
	uint64_t end = now_ns() + 40000000000u;
	uintptr_t i;

	CHECK(argc == 2);
	lib = lib_of(argv[1]);
	if (lib == CMAP) { /* the values of an earlier run would be no changes */
		open_handle(lib);
		for (i = 0; i < THREADS; i++) {
			char key[64];

			snprintf(key, sizeof(key), "shared.thread%u", (unsigned int)i);
			cmap_delete(handle, key);
		}
		OK(finalize());
	}
	open_handle(lib);
	CHECK(pthread_create(&other, NULL, dispatcher, NULL) == 0);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, caller, (void *)i) == 0);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	while (events < asked) {
		if (now_ns() > end)
			DIE("%u events of %u have come", events, asked);
		sched_yield();
	}
	done = 1;
	CHECK(pthread_join(other, NULL) == 0);
	if (events != asked)
		DIE("%u events, %u were asked for", events, asked);
	if (lib == CMAP) {
		uint32_t sum;

		OK(cmap_get_uint32(handle, "shared.sum", &sum));
		CHECK(sum == THREADS * ROUNDS);
	}

	/* Finalized while others are in calls, and one waits for events. */
	rounds_done = 0;
	CHECK(pthread_create(&other, NULL, blocked, NULL) == 0);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, until_gone, (void *)i) == 0);
	while (rounds_done < THREADS * 4)
		sched_yield();
	OK(finalize());
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(pthread_join(other, NULL) == 0);
	IS(finalize(), CS_ERR_BAD_HANDLE);
	return 0;
}
