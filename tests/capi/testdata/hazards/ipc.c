/* What a connection is made of, and what becomes of it when something is in its way; one scene per mode (argv[1]). */
#include "common.h"

static cpg_handle_t cpg;
static struct cpg_name group = { 3, "ipc" };
static int got;

static void on_message(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t pid, void *m, size_t n)
{
	(void)h; (void)g; (void)node; (void)pid; (void)m; (void)n;
	got++;
}

static void on_confchg(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *m, size_t nm,
	const struct cpg_address *l, size_t nl, const struct cpg_address *j, size_t nj)
{
	(void)h; (void)g; (void)m; (void)nm; (void)l; (void)nl; (void)j; (void)nj;
}

static cs_error_t try_open(void)
{
	cpg_callbacks_t cb = { on_message, on_confchg };

	return cpg_initialize(&cpg, &cb);
}

/* mapped counts the mappings of files with such a name. */
static int mapped(const char *part)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[4352];
	int n = 0;

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, part) != NULL;
	fclose(f);
	return n;
}

static int descriptors(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* left counts files in /dev/shm of those that a client makes. */
static int left(void)
{
	DIR *d = opendir("/dev/shm");
	struct dirent *e;
	int n = 0;

	CHECK(d != NULL);
	while ((e = readdir(d)) != NULL)
		n += strstr(e->d_name, "_buffer-") != NULL;
	closedir(d);
	return n;
}

static pid_t the_daemon(void)
{
	struct ucred c = { 0 };
	socklen_t len = sizeof(c);
	int fd;

	OK(cpg_fd_get(cpg, &fd));
	CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) == 0 && c.pid > 1);
	return c.pid;
}

/* The connection is of the protocol that COROSYNC_IPC names, and what it was made of goes when it goes. */
static void mode_protocol(void)
{
	const char *wanted = getenv("COROSYNC_IPC");
	int coroipc = wanted != NULL && strcmp(wanted, "coroipc") == 0;
	int before = descriptors(), files = left();

	OK(try_open());
	CHECK((mapped("/control_buffer-") > 0) == coroipc);
	CHECK((mapped("/qb-") > 0) == !coroipc);
	CHECK(left() == files);
	OK(cpg_finalize(cpg));
	CHECK(mapped("/control_buffer-") == 0 && mapped("_buffer-") == 0 && mapped("/qb-") == 0);
	setenv("COROSYNC_IPC", "doors", 1);
	IS(try_open(), CS_ERR_LIBRARY);
	setenv("COROSYNC_IPC", "", 1);
	OK(try_open());
	CHECK(mapped("/qb-") > 0);
	OK(cpg_finalize(cpg));
	CHECK(descriptors() <= before + 2); /* the runtime may keep an epoll and an eventfd */
}

/* Nobody listens for either protocol. */
static void mode_nobody(void)
{
	int fds, files = left();

	IS(try_open(), CS_ERR_LIBRARY);
	CHECK(left() == files && mapped("_buffer-") == 0);
	fds = descriptors();
	IS(try_open(), CS_ERR_LIBRARY);
	CHECK(descriptors() == fds);
}

/* Somebody listens for coroipc only. */
static void mode_fallback(void)
{
	unsigned int node = 0;

	OK(try_open());
	CHECK(mapped("/control_buffer-") > 0 && mapped("/qb-") == 0);
	OK(cpg_local_get(cpg, &node));
	CHECK(node == 77);
	OK(cpg_finalize(cpg));
}

/* There is no room for shared memory: says so, keeps nothing, and works when there is. */
static void mode_full(void)
{
	cs_error_t e;
	int i, n = 0;

	for (i = 0; i < 50; i++) {
		e = try_open();
		if (i == 0)
			printf("%s\n", cs_strerror(e));
		if (i == 1)
			n = descriptors();
	}
	CHECK(descriptors() == n && left() == 0 && mapped("_buffer-") == 0);
}

/* A limit of the size of files holds for those that a client makes: an error, and not SIGXFSZ. */
static void mode_file_size(void)
{
	struct rlimit limit = { 4096, RLIM_INFINITY };
	int files = left();

	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	if (strcmp(getenv("COROSYNC_IPC"), "coroipc") == 0) {
		IS(try_open(), CS_ERR_LIBRARY);
		CHECK(left() == files && mapped("_buffer-") == 0);
		limit.rlim_cur = RLIM_INFINITY;
		CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	}
	OK(try_open());
	OK(cpg_finalize(cpg));
}

static volatile int started;

static void *asks(void *arg)
{
	unsigned int node;

	(void)arg;
	started = 1;
	cpg_local_get(cpg, &node);
	return NULL;
}

static void *opens(void *arg)
{
	cmap_handle_t h;

	(void)arg;
	started = 1;
	cmap_initialize(&h);
	return NULL;
}

static void *sends(void *arg)
{
	static char much[8000]; /* over qb, its ring is full before the socket is */
	struct iovec v = { much, sizeof(much) };

	(void)arg;
	started = 1;
	while (cpg_mcast_joined(cpg, CPG_TYPE_AGREED, &v, 1) == CS_OK)
		pthread_testcancel();
	for (;;)
		pause();
}

/* cancel_in cancels a thread that waits for the daemon by then, or else gets there. */
static void cancel_in(void *(*f)(void *))
{
	pthread_t thread;
	void *result;

	started = 0;
	CHECK(pthread_create(&thread, NULL, f, NULL) == 0);
	while (!started)
		usleep(1000);
	usleep(50000);
	CHECK(pthread_cancel(thread) == 0);
	CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
}

/* Threads are cancelled that wait for a daemon which does not answer; afterwards everybody gets the right answers. */
static void mode_cancelled(void)
{
	struct cpg_address members[CPG_MEMBERS_MAX];
	struct iovec v = { "x", 1 };
	unsigned int node = 0, same;
	int round, n, files = left(), fds, before;
	cs_error_t e;
	pid_t daemon;

	OK(try_open());
	daemon = the_daemon();
	OK(cpg_join(cpg, &group));
	OK(cpg_local_get(cpg, &node));
	fds = descriptors();
	for (round = 0; round < 5; round++) {
		CHECK(kill(daemon, SIGSTOP) == 0);
		cancel_in(round % 2 == 0 ? asks : sends);
		cancel_in(opens);
		CHECK(kill(daemon, SIGCONT) == 0);
		same = 0;
		OK(cpg_local_get(cpg, &same));
		CHECK(same == node && node != 0);
		n = 0;
		OK(cpg_membership_get(cpg, &group, members, &n));
		CHECK(n == 1 && members[0].nodeid == node && members[0].pid == (uint32_t)getpid());
		before = got;
		while ((e = cpg_mcast_joined(cpg, CPG_TYPE_AGREED, &v, 1)) == CS_ERR_TRY_AGAIN) {
			OK(cpg_dispatch(cpg, CS_DISPATCH_ALL));
			usleep(1000);
		}
		OK(e);
		while (got == before)
			OK(cpg_dispatch(cpg, CS_DISPATCH_ONE));
		CHECK(left() == files && descriptors() == fds);
	}
	OK(cpg_finalize(cpg));
}

/* Who sends messages in pieces and reads nothing is held up, before the daemon has 512 MB for him and gives him up. */
static void mode_unread(void)
{
	static char data[3 * 1024 * 1024];
	struct iovec v = { data, sizeof(data) };
	uint64_t end;
	int n = 0;
	cs_error_t e;

	OK(try_open());
	OK(cpg_join(cpg, &group));
	OK(cpg_dispatch(cpg, CS_DISPATCH_ONE));
	/* Unhindered, a part of the time is enough for more. One message passes now and then. */
	for (end = now_ns() + 2000000000u; now_ns() < end && n < 100;) {
		e = cpg_mcast_joined(cpg, CPG_TYPE_AGREED, &v, 1);
		if (e == CS_OK)
			n++;
		else if (e != CS_ERR_TRY_AGAIN)
			DIE("%d after %d messages", e, n);
	}
	if (n >= 100)
		DIE("%d messages and no end", n);
	while (got < n)
		OK(cpg_dispatch(cpg, CS_DISPATCH_ONE));
	while ((e = cpg_mcast_joined(cpg, CPG_TYPE_AGREED, &v, 1)) == CS_ERR_TRY_AGAIN)
		OK(cpg_dispatch(cpg, CS_DISPATCH_ALL));
	OK(e);
	while (got < n + 1)
		OK(cpg_dispatch(cpg, CS_DISPATCH_ONE));
	OK(cpg_finalize(cpg));
}

/* A parent and its child use the connection in turn, large messages and small, so often that every buffer wraps. */
static void mode_turns(void)
{
	static char data[100000];
	int to[2], from[2], i, round;
	char token = 't';
	pid_t pid;

	OK(try_open());
	OK(cpg_join(cpg, &group));
	OK(cpg_dispatch(cpg, CS_DISPATCH_ONE));
	CHECK(pipe(to) == 0 && pipe(from) == 0);
	pid = fork();
	for (round = 0; round < 30; round++) {
		if (pid == 0)
			CHECK(read(to[0], &token, 1) == 1);
		for (i = 0; i < 10; i++) {
			struct iovec v = { data, (size_t)(1 + (i * 37 + round) % 97 * 1000) };
			unsigned int node;
			cs_error_t e;

			got = 0;
			while ((e = cpg_mcast_joined(cpg, CPG_TYPE_AGREED, &v, 1)) == CS_ERR_TRY_AGAIN)
				usleep(100);
			OK(e);
			while (got == 0)
				OK(cpg_dispatch(cpg, CS_DISPATCH_ONE));
			OK(cpg_local_get(cpg, &node));
		}
		if (pid == 0) {
			CHECK(write(from[1], &token, 1) == 1);
		} else {
			CHECK(write(to[1], &token, 1) == 1);
			CHECK(read(from[0], &token, 1) == 1);
		}
	}
	if (pid == 0)
		_exit(0);
	child_ok(pid);
	OK(cpg_finalize(cpg));
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*play)(void); } modes[] = {
		{ "protocol", mode_protocol }, { "full", mode_full }, { "cancelled", mode_cancelled }, { "turns", mode_turns },
		{ "unread", mode_unread }, { "file-size", mode_file_size },
		{ "nobody", mode_nobody }, { "fallback", mode_fallback },
	};
	size_t i;

	alarm(50);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (argc == 2 && strcmp(modes[i].name, argv[1]) == 0) {
			modes[i].play();
			return 0;
		}
	DIE("no such scene");
}
