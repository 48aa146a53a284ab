/* What the programs of hazards share: one member of a group, and what is told of threads. Each mode is one hazard (argv[1]). */
#include "common.h"

static cpg_handle_t cpg;
static struct cpg_name group;
static volatile int got, confchgs;

static void on_message(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t pid, void *m, size_t n)
{
	(void)h; (void)g; (void)node; (void)pid; (void)m; (void)n;
	got++;
}

static void on_confchg(cpg_handle_t h, const struct cpg_name *g, const struct cpg_address *m, size_t nm,
	const struct cpg_address *l, size_t nl, const struct cpg_address *j, size_t nj)
{
	(void)h; (void)g; (void)m; (void)nm; (void)l; (void)nl; (void)j; (void)nj;
	confchgs++;
}

static void join(cpg_deliver_fn_t deliver)
{
	cpg_callbacks_t cb = { deliver, on_confchg };

	group.length = (uint32_t)snprintf(group.value, sizeof(group.value), "hazard.%d", (int)getpid());
	OK(cpg_initialize(&cpg, &cb));
	JOIN(cpg, &group); /* again too while the leave of the handle before is on its way, as the daemon says, and C's does */
	confchgs = 0;
	while (confchgs == 0)
		OK(cpg_dispatch(cpg, CS_DISPATCH_ONE));
}

static void say(const char *text)
{
	struct iovec iov = { (void *)text, strlen(text) };
	cs_error_t e;

	while ((e = cpg_mcast_joined(cpg, CPG_TYPE_AGREED, &iov, 1)) == CS_ERR_TRY_AGAIN)
		usleep(1000);
	OK(e);
}

static void turn(void)
{
	int before = got;
	unsigned int node;

	say("x");
	while (got == before)
		OK(cpg_dispatch(cpg, CS_DISPATCH_ONE));
	OK(cpg_local_get(cpg, &node));
}

/* each_thread calls f for every thread but the caller. */
__attribute__((unused)) static int each_thread(void (*f)(int tid))
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	int n = 0, me = (int)syscall(SYS_gettid);

	CHECK(d != NULL);
	while ((e = readdir(d)) != NULL) {
		int tid = atoi(e->d_name);

		if (tid == 0 || tid == me)
			continue;
		n++;
		if (f != NULL)
			f(tid);
	}
	closedir(d);
	return n;
}

__attribute__((unused)) static long status_of(int tid, const char *field, int base)
{
	char path[64], line[256];
	FILE *f;
	long v = -1;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	f = fopen(path, "re");
	if (f == NULL)
		return -1; /* just ended */
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, field, strlen(field)) == 0)
			v = (long)strtoull(line + strlen(field), NULL, base);
	fclose(f);
	return v;
}

__attribute__((unused)) static long kb(const char *field)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");
	long v = -1;

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, field, strlen(field)) == 0)
			v = atol(line + strlen(field));
	fclose(f);
	return v;
}

struct mode {
	const char *name;
	void (*plain)(void);
	void (*args)(char **); /* instead, with n arguments from argv[2] on */
	int n;
};

static int play(const struct mode *modes, size_t n, int argc, char **argv)
{
	size_t i;

	alarm(50);
	for (i = 0; i < n; i++) {
		if (argc < 2 || strcmp(modes[i].name, argv[1]) != 0)
			continue;
		CHECK(argc == 2 + modes[i].n);
		if (modes[i].plain != NULL)
			modes[i].plain();
		else
			modes[i].args(argv);
		return 0;
	}
	DIE("no such hazard");
}
