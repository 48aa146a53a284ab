/*
 * The fork gate: for each library initialize, fork, use the handle in the child, in a grandchild and in the parent, and
 * fresh handles in each; and the same where nothing was called before the fork, and where other threads are in
 * the library at that moment, or load it; and in a callback, from which the child returns. argv[1] is the library.
 */
#include "common.h"

static int got, confchgs;
static char last[64];

static void on_message(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t pid, void *m, size_t n)
{
	(void)h; (void)g; (void)node; (void)pid;
	got++;
	snprintf(last, sizeof(last), "%.*s", (int)n, (char *)m);
}

static void on_confchg(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *m, size_t nm,
	const struct cpg_address *l, size_t nl, const struct cpg_address *j, size_t nj)
{
	(void)h; (void)g; (void)m; (void)nm; (void)l; (void)nl; (void)j; (void)nj;
	confchgs++;
}

static void on_key(cmap_handle_t h, cmap_track_handle_t t, int32_t event, const char *key, struct cmap_notify_value n,
	struct cmap_notify_value o, void *user)
{
	(void)h; (void)t; (void)event; (void)key; (void)n; (void)o;
	CHECK(user == &got);
	got++;
}

static void on_quorum(quorum_handle_t h, uint32_t quorate, uint64_t seq, uint32_t n, uint32_t *list)
{
	(void)h; (void)quorate; (void)seq; (void)n; (void)list;
	got++;
}

static void on_votes(votequorum_handle_t h, uint64_t context, uint32_t quorate, uint32_t n, votequorum_node_t list[])
{
	(void)h; (void)quorate; (void)n; (void)list;
	CHECK(context == 77);
	got++;
}

static cpg_handle_t cpg;
static cmap_handle_t cmap;
static quorum_handle_t quorum;
static votequorum_handle_t votequorum;
static corosync_cfg_handle_t cfg;
static struct cpg_name group;

static void cpg_open(void)
{
	cpg_callbacks_t cb = { on_message, on_confchg };

	group.length = (uint32_t)snprintf(group.value, sizeof(group.value), "fork.%d", (int)getpid());
	OK(cpg_initialize(&cpg, &cb));
	JOIN(cpg, &group);
	confchgs = 0;
	while (confchgs == 0)
		OK(cpg_dispatch(cpg, CS_DISPATCH_ONE));
}

static void cpg_use(void)
{
	char text[32];
	struct iovec iov = { text, (size_t)snprintf(text, sizeof(text), "from %d", (int)getpid()) };
	unsigned int node;
	int fd, before = got;

	OK(cpg_local_get(cpg, &node));
	CHECK(node == 1);
	OK(cpg_mcast_joined(cpg, CPG_TYPE_AGREED, &iov, 1));
	OK(cpg_fd_get(cpg, &fd));
	readable(fd);
	OK(cpg_dispatch(cpg, CS_DISPATCH_ONE));
	CHECK(got == before + 1);
	CHECK(strcmp(last, text) == 0);
	CHECK(quiet(fd));
	IS(cpg_dispatch(cpg, CS_DISPATCH_ONE_NONBLOCKING), CS_ERR_TRY_AGAIN);
}

static void cpg_close(void) { OK(cpg_finalize(cpg)); }

static void cmap_open(void)
{
	cmap_track_handle_t track;

	OK(cmap_initialize(&cmap));
	OK(cmap_track_add(cmap, "fork.", CMAP_TRACK_ADD | CMAP_TRACK_MODIFY | CMAP_TRACK_PREFIX, on_key, &got, &track));
}

static void cmap_use(void)
{
	char key[64], name[CMAP_KEYNAME_MAXLEN + 1];
	cmap_iter_handle_t it;
	static uint32_t value;
	uint32_t back;
	int fd, before = got;

	snprintf(key, sizeof(key), "fork.%d", (int)getpid());
	value++;
	OK(cmap_set_uint32(cmap, key, value));
	OK(cmap_get_uint32(cmap, key, &back));
	CHECK(back == value);
	OK(cmap_fd_get(cmap, &fd));
	readable(fd);
	OK(cmap_dispatch(cmap, CS_DISPATCH_ALL));
	CHECK(got > before);
	OK(cmap_iter_init(cmap, key, &it));
	OK(cmap_iter_next(cmap, it, name, NULL, NULL));
	CHECK(strcmp(name, key) == 0);
	OK(cmap_iter_finalize(cmap, it));
}

static void cmap_close(void) { OK(cmap_finalize(cmap)); }

static void quorum_open(void)
{
	quorum_callbacks_t cb = { on_quorum };
	uint32_t type;

	OK(quorum_initialize(&quorum, &cb, &type));
	CHECK(type == QUORUM_SET);
}

static void quorum_use(void)
{
	int quorate, before = got;

	OK(quorum_getquorate(quorum, &quorate));
	CHECK(quorate == 1);
	OK(quorum_trackstart(quorum, CS_TRACK_CURRENT));
	OK(quorum_dispatch(quorum, CS_DISPATCH_ONE));
	CHECK(got == before + 1);
}

static void quorum_close(void) { OK(quorum_finalize(quorum)); }

static void votequorum_open(void)
{
	votequorum_callbacks_t cb = { .votequorum_quorum_notify_fn = on_votes };

	OK(votequorum_initialize(&votequorum, &cb));
}

static void votequorum_use(void)
{
	struct votequorum_info info;
	int before = got;

	OK(votequorum_getinfo(votequorum, 0, &info));
	CHECK(info.node_id == 1 && info.total_votes == 1);
	OK(votequorum_trackstart(votequorum, 77, CS_TRACK_CURRENT));
	while (got == before)
		OK(votequorum_dispatch(votequorum, CS_DISPATCH_ONE));
}

static void votequorum_close(void) { OK(votequorum_finalize(votequorum)); }

static void cfg_open(void) { OK(corosync_cfg_initialize(&cfg, NULL)); }

static void cfg_use(void)
{
	unsigned int node;
	int n;
	corosync_cfg_node_address_t address[8];

	OK(corosync_cfg_local_get(cfg, &node));
	CHECK(node == 1);
	OK(corosync_cfg_get_node_addrs(cfg, 1, 8, &n, address));
	CHECK(n == 1);
	OK(corosync_cfg_dispatch(cfg, CS_DISPATCH_ALL));
}

static void cfg_close(void) { OK(corosync_cfg_finalize(cfg)); }

static const struct { const char *name; void (*open)(void), (*use)(void), (*close)(void); } libraries[] = {
	{ "cpg", cpg_open, cpg_use, cpg_close },
	{ "cmap", cmap_open, cmap_use, cmap_close },
	{ "quorum", quorum_open, quorum_use, quorum_close },
	{ "votequorum", votequorum_open, votequorum_use, votequorum_close },
	{ "cfg", cfg_open, cfg_use, cfg_close },
};

static void fresh(size_t i)
{
	libraries[i].open();
	libraries[i].use();
	libraries[i].close();
}

/* A program that daemonizes before its first call: each generation has the library from the one before, unused. */
static void before(size_t i)
{
	int generation;
	pid_t pid;

	for (generation = 0; generation < 3; generation++) {
		pid = fork();
		CHECK(pid >= 0);
		if (pid != 0) {
			child_ok(pid);
			fresh(i);
			return;
		}
		alarm(30);
	}
	fresh(i);
	_exit(0);
}

static volatile int stop, rounds;

static void *busy(void *argument)
{
	cmap_handle_t h;
	char *name;

	(void)argument;
	OK(cmap_initialize(&h));
	while (!stop) {
		OK(cmap_get_string(h, "totem.cluster_name", &name));
		free(name);
		__atomic_fetch_add(&rounds, 1, __ATOMIC_RELAXED);
	}
	OK(cmap_finalize(h));
	return NULL;
}

/* A program that forks while others of its threads are in the library. */
static void amid(size_t i)
{
	pthread_t thread[3];
	int t, n;

	libraries[i].open();
	for (t = 0; t < 3; t++)
		CHECK(pthread_create(&thread[t], NULL, busy, NULL) == 0);
	for (n = 0; n < 30; n++) {
		int seen = rounds;
		pid_t pid;

		while (rounds < seen + 20)
			sched_yield();
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			alarm(30);
			libraries[i].use();
			fresh(i);
			_exit(0);
		}
		child_ok(pid);
	}
	stop = 1;
	for (t = 0; t < 3; t++)
		pthread_join(thread[t], NULL);
	libraries[i].use();
	libraries[i].close();
}

static void *opens(void *argument)
{
	rounds = 1;
	libraries[*(size_t *)argument].open();
	return NULL;
}

/* A program that forks while another of its threads makes the first call: what is loaded by then is of no use to the child. */
static void loading(size_t i)
{
	struct timespec pause = { 0, 50000 };
	pthread_t thread;
	pid_t pid[10];
	int n;

	CHECK(pthread_create(&thread, NULL, opens, &i) == 0);
	while (!rounds)
		;
	for (n = 0; n < 10; n++) {
		pid[n] = fork();
		CHECK(pid[n] >= 0);
		if (pid[n] == 0) {
			alarm(20);
			fresh(i);
			_exit(0);
		}
		nanosleep(&pause, NULL);
	}
	for (n = 0; n < 10; n++)
		child_ok(pid[n]);
	pthread_join(thread, NULL);
	libraries[i].use();
	libraries[i].close();
}

#define RETURNS 200 /* children that come back from a callback */

static volatile int in_child, returned;

static void on_message_fork(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t process, void *m, size_t n)
{
	pid_t pid = fork();

	(void)h; (void)g; (void)node; (void)process; (void)m; (void)n;
	CHECK(pid >= 0);
	if (pid == 0) {
		alarm(20);
		in_child = 1;
		return;
	}
	child_ok(pid);
	returned++;
}

/* dispatch_until takes events until so many children have come back; a child goes no further than to its first call. */
static void dispatch_until(int count)
{
	cs_error_t error;
	unsigned int node;

	while (returned < count) {
		error = cpg_dispatch(cpg, CS_DISPATCH_ONE_NONBLOCKING);
		CHECK(error == CS_OK || error == CS_ERR_TRY_AGAIN);
		if (in_child) {
			OK(cpg_local_get(cpg, &node));
			_exit(0);
		}
	}
}

static void *dispatch_all(void *unused)
{
	dispatch_until(RETURNS);
	return unused;
}

/* returning: children forked in a callback come back from it, while another thread takes events by the same handle. */
static void returning(void)
{
	cpg_callbacks_t cb = { on_message_fork, on_confchg };
	struct iovec iov = { "x", 2 };
	pthread_t thread;
	int i;

	group.length = (uint32_t)snprintf(group.value, sizeof(group.value), "returning.%d", (int)getpid());
	OK(cpg_initialize(&cpg, &cb));
	JOIN(cpg, &group);
	CHECK(pthread_create(&thread, NULL, dispatch_all, NULL) == 0);
	for (i = 1; i <= RETURNS; i++) {
		OK(cpg_mcast_joined(cpg, CPG_TYPE_AGREED, &iov, 1));
		dispatch_until(i);
	}
	pthread_join(thread, NULL);
	OK(cpg_finalize(cpg));
}

/* argv[2]: when it forks. */
int main(int argc, char **argv)
{
	size_t i;
	int round, generation;
	pid_t pid;

	CHECK(argc == 3);
	alarm(40);
	for (i = 0; strcmp(libraries[i].name, argv[1]) != 0; i++)
		CHECK(i + 1 < sizeof(libraries) / sizeof(libraries[0]));
	if (strcmp(argv[2], "before") == 0) {
		before(i);
		return 0;
	}
	if (strcmp(argv[2], "amid") == 0) {
		amid(i);
		return 0;
	}
	if (strcmp(argv[2], "returning") == 0) {
		returning();
		return 0;
	}
	if (strcmp(argv[2], "loading") == 0) {
		for (round = 0; round < 10; round++) {
			pid = fork();
			CHECK(pid >= 0);
			if (pid == 0) {
				loading(i);
				_exit(0);
			}
			child_ok(pid);
		}
		return 0;
	}
	CHECK(strcmp(argv[2], "after") == 0);
	libraries[i].open();
	libraries[i].use();
	for (round = 0; round < 2; round++) {
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			/* Child, grandchild and on, each uses the inherited handle, then one of its own. */
			for (generation = 0;; generation++) {
				alarm(30);
				libraries[i].use();
				libraries[i].use();
				if (generation == 3)
					break;
				pid = fork();
				CHECK(pid >= 0);
				if (pid != 0) {
					child_ok(pid);
					libraries[i].use(); /* again, after the child did */
					break;
				}
			}
			libraries[i].open();
			libraries[i].use();
			libraries[i].close();
			_exit(0);
		}
		child_ok(pid);
		libraries[i].use();
	}
	libraries[i].close();
	libraries[i].open();
	libraries[i].use();
	libraries[i].close();
	return 0;
}
