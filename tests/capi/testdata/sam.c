/*
 * Scenes of supervision for sam_test.go: one per run, named by the argument. What is printed must not depend on the
 * library. Output goes out in single writes, because the process forks.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <corosync/cmap.h>
#include <corosync/corotypes.h>
#include <corosync/sam.h>

#define INTERVAL 400 /* ms */

/* What instances and their parent share. */
static struct {
	volatile int64_t alive, warned, now;
	volatile int asked, signal;
	volatile int count;
} *shared;

static void say(const char *format, ...)
{
	char line[1000];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line) - 1, format, ap);
	va_end(ap);
	line[n++] = '\n';
	if (write(1, line, n) != n)
		_exit(99);
}

#define SHOW(call) say("%s: %d", #call, (int)(call))
#define MUST(call) do { cs_error_t e_ = (call); if (e_ != CS_OK) { say("%s: %d", #call, (int)e_); _exit(98); } } while (0)

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap(int ms)
{
	int64_t end = now() + ms;

	while (now() < end)
		usleep(2000);
}

static unsigned int begin(int interval, int policy)
{
	unsigned int instance = 0;

	MUST(sam_initialize(interval, policy));
	MUST(sam_register(&instance));
	say("instance %u", instance);
	return instance;
}

static void all(const char *when)
{
	static char data[16];
	size_t size = 77;

	say("-- %s", when);
	SHOW(sam_data_getsize(NULL));
	SHOW(sam_data_getsize(&size));
	say("size %zu", size);
	SHOW(sam_data_restore(NULL, 0));
	SHOW(sam_data_restore(data, sizeof(data)));
	SHOW(sam_data_store(NULL, 0));
	SHOW(sam_data_store(data, sizeof(data)));
	SHOW(sam_data_getsize(&size));
	say("size %zu", size);
	SHOW(sam_data_restore(data, 15));
	SHOW(sam_warn_signal_set(SIGTERM));
	SHOW(sam_mark_failed());
}

static int well(void) { return 0; }

static int errors(void)
{
	unsigned int instance = 0;

	all("fresh");
	SHOW(sam_register(&instance));
	SHOW(sam_start());
	SHOW(sam_stop());
	SHOW(sam_hc_send());
	SHOW(sam_hc_callback_register(well));
	SHOW(sam_finalize());
	SHOW(sam_initialize(0, 0));
	SHOW(sam_initialize(0, 3));
	SHOW(sam_initialize(0, 4));
	SHOW(sam_initialize(0, 8));
	SHOW(sam_initialize(0, 0x10));
	SHOW(sam_initialize(0, 0x21));
	SHOW(sam_initialize(0, 1));
	SHOW(sam_initialize(0, 1));
	all("initialized");
	SHOW(sam_start());
	SHOW(sam_stop());
	SHOW(sam_hc_send());
	SHOW(sam_hc_callback_register(well));
	SHOW(sam_register(&instance));
	say("instance %u", instance);
	all("registered");
	SHOW(sam_register(NULL));
	SHOW(sam_initialize(0, 1));
	SHOW(sam_stop());
	SHOW(sam_hc_send());
	SHOW(sam_hc_callback_register(well));
	SHOW(sam_start());
	all("started");
	SHOW(sam_register(NULL));
	SHOW(sam_start());
	SHOW(sam_hc_send());
	SHOW(sam_hc_callback_register(well));
	SHOW(sam_stop());
	SHOW(sam_stop());
	SHOW(sam_start());
	SHOW(sam_finalize());
	all("finalized");
	SHOW(sam_register(NULL));
	SHOW(sam_start());
	SHOW(sam_stop());
	SHOW(sam_hc_send());
	SHOW(sam_hc_callback_register(well));
	SHOW(sam_finalize());
	SHOW(sam_initialize(0, 1));
	return 6;
}

static int ended(void)
{
	SHOW(sam_initialize(0, 2));
	SHOW(sam_finalize());
	SHOW(sam_finalize());
	SHOW(sam_register(NULL));
	return 4;
}

/* Without a daemon. */
static int nodaemon(void)
{
	SHOW(sam_initialize(0, SAM_RECOVERY_POLICY_QUORUM_QUIT));
	SHOW(sam_initialize(0, SAM_RECOVERY_POLICY_QUORUM | SAM_RECOVERY_POLICY_QUIT | SAM_RECOVERY_POLICY_CMAP));
	SHOW(sam_initialize(0, SAM_RECOVERY_POLICY_RESTART | SAM_RECOVERY_POLICY_CMAP));
	SHOW(sam_register(NULL));
	return 0;
}

static int quit_unstarted(void)
{
	begin(0, SAM_RECOVERY_POLICY_QUIT);
	return 7;
}

static int quit_started(void)
{
	begin(0, SAM_RECOVERY_POLICY_QUIT);
	MUST(sam_start());
	return 3;
}

static int quit_killed(void)
{
	begin(0, SAM_RECOVERY_POLICY_QUIT);
	MUST(sam_start());
	raise(SIGKILL);
	return 1;
}

static int restart(void)
{
	unsigned int i = begin(0, SAM_RECOVERY_POLICY_RESTART);
	pid_t parent = getppid();

	if (i == 1)
		shared->count = parent;
	say("the same parent: %d", shared->count == parent);
	if (i < 3)
		MUST(sam_start());
	if (i == 2)
		raise(SIGKILL);
	return 10 + i; /* the third one was not started */
}

static void warned(int sig)
{
	shared->warned = now();
	shared->signal = sig;
}

static void timing(const char *what, int64_t ms)
{
	/* A busy machine is late, nothing is early. */
	if (ms >= INTERVAL - 2 && ms < 20 * INTERVAL)
		say("%s after an interval", what);
	else
		say("%s after %lld ms", what, (long long)ms);
}

static int late(int sig, int set_before, int set_in_child)
{
	unsigned int i;

	MUST(sam_initialize(INTERVAL, SAM_RECOVERY_POLICY_RESTART));
	if (set_before)
		SHOW(sam_warn_signal_set(set_before));
	MUST(sam_register(&i));
	if (i == 1) {
		signal(sig, warned);
		if (set_in_child)
			SHOW(sam_warn_signal_set(set_in_child));
		MUST(sam_start());
		for (int k = 0; k < 4; k++) {
			nap(INTERVAL / 4);
			shared->alive = now();
			MUST(sam_hc_send());
		}
		for (;;)
			shared->now = now();
	}
	say("signal %d", shared->signal);
	/* From the last sign of life on: when the handler ran says little on a busy machine. */
	timing("warned", shared->warned - shared->alive);
	timing("killed", now() - shared->alive - INTERVAL);
	return 0;
}

static int late_term(void) { return late(SIGTERM, 0, 0); }
static int late_usr1(void) { return late(SIGUSR1, SIGUSR1, 0); }
static int late_usr2(void) { return late(SIGUSR2, SIGUSR1, SIGUSR2); }

static int stopped(void)
{
	unsigned int i = begin(INTERVAL, SAM_RECOVERY_POLICY_RESTART);

	if (i == 2) {
		say("signal %d", shared->signal);
		return 2;
	}
	signal(SIGTERM, warned);
	nap(2 * INTERVAL); /* not started: nothing happens */
	MUST(sam_start());
	MUST(sam_stop());
	nap(3 * INTERVAL);
	say("alive, signal %d", shared->signal);
	MUST(sam_start());
	nap(100 * INTERVAL);
	return 1;
}

static void store_and_look(const char *data, size_t size)
{
	static char back[200000];
	size_t n = 0;

	SHOW(sam_data_store(data, size));
	SHOW(sam_data_getsize(&n));
	memset(back, 0x55, sizeof(back));
	SHOW(sam_data_restore(back, sizeof(back)));
	say("size %zu same %d", n, n == 0 || memcmp(back, data, n) == 0);
	if (n > 0)
		SHOW(sam_data_restore(back, n - 1));
}

static int data(void)
{
	static char big[150000], back[200000];
	unsigned int i;
	size_t n = 0;

	for (size_t k = 0; k < sizeof(big); k++)
		big[k] = (char)(k * 7 + k / 256);
	MUST(sam_initialize(0, SAM_RECOVERY_POLICY_RESTART));
	store_and_look("before", 7);
	MUST(sam_register(&i));
	say("instance %u", i);
	SHOW(sam_data_getsize(&n));
	SHOW(sam_data_restore(back, sizeof(back)));
	say("size %zu begins %.6s", n, n > 0 && back[0] >= 'a' ? back : "-");
	if (i == 3)
		say("same %d", memcmp(back, big, sizeof(big)) == 0);
	MUST(sam_start());
	switch (i) {
	case 1:
		store_and_look("first", 6);
		store_and_look("second one", 11);
		store_and_look("third", 6);
		return 1;
	case 2:
		store_and_look(big, 4080);
		store_and_look(big, 4081);
		store_and_look(big, 8160);
		store_and_look(big, sizeof(big));
		return 1;
	case 3:
		store_and_look("x", 0);
		store_and_look("y", 1);
		store_and_look(NULL, 5);
		return 1;
	}
	SHOW(sam_stop());
	return 5;
}

/* Signs of life from another thread while much is stored: ours only, the C library mixes them up. */
static volatile int enough;

static void *alive(void *unused)
{
	while (!enough)
		if (sam_hc_send() != CS_OK)
			_exit(97);
	return unused;
}

static int both(void)
{
	static char big[100000], back[100000];
	unsigned int i = begin(10000, SAM_RECOVERY_POLICY_RESTART);
	pthread_t t[2];
	size_t n = 0;

	for (size_t k = 0; k < sizeof(big); k++)
		big[k] = (char)(k * 3 + k / 256);
	if (i == 2) {
		SHOW(sam_data_getsize(&n));
		SHOW(sam_data_restore(back, sizeof(back)));
		say("size %zu same %d", n, memcmp(back, big, sizeof(big)) == 0);
		return 8;
	}
	MUST(sam_start());
	for (int k = 0; k < 2; k++)
		pthread_create(&t[k], NULL, alive, NULL);
	for (int k = 0; k < 50; k++) {
		MUST(sam_data_store(big, (size_t)k * 1000 + 1));
		MUST(sam_warn_signal_set(SIGTERM));
	}
	MUST(sam_data_store(big, sizeof(big)));
	enough = 1;
	for (int k = 0; k < 2; k++)
		pthread_join(t[k], NULL);
	return 1;
}

static int ask(void)
{
	shared->asked++;
	return shared->asked >= 3;
}

static int callback(void)
{
	unsigned int i = begin(INTERVAL, SAM_RECOVERY_POLICY_RESTART);

	if (i == 2) {
		say("asked %d times", shared->asked);
		return 2;
	}
	SHOW(sam_hc_callback_register(NULL));
	SHOW(sam_hc_callback_register(well));
	SHOW(sam_hc_callback_register(ask));
	MUST(sam_start());
	SHOW(sam_hc_callback_register(NULL));
	nap(INTERVAL);
	MUST(sam_stop());
	nap(2 * INTERVAL); /* nobody asks */
	SHOW(sam_hc_callback_register(NULL));
	shared->asked = 0;
	SHOW(sam_hc_callback_register(ask));
	MUST(sam_start());
	nap(100 * INTERVAL);
	return 1;
}

static int orphan(void)
{
	pid_t parent;

	begin(0, SAM_RECOVERY_POLICY_RESTART);
	parent = getppid();
	signal(SIGPIPE, SIG_IGN);
	MUST(sam_start());
	kill(parent, SIGKILL);
	while (getppid() == parent)
		usleep(1000);
	SHOW(sam_hc_send());
	SHOW(sam_warn_signal_set(SIGUSR1));
	SHOW(sam_data_store("x", 2));
	SHOW(sam_stop());
	SHOW(sam_finalize());
	SHOW(sam_hc_send());
	return 0;
}

/* Policies with a daemon. */

static void keys(const char *when)
{
	cmap_handle_t h;
	cmap_iter_handle_t it;
	char prefix[64], name[CMAP_KEYNAME_MAXLEN + 1], *text;
	cmap_value_types_t type;
	uint64_t number;
	size_t n;

	say("-- %s", when);
	snprintf(prefix, sizeof(prefix), "resources.process.%d.", (int)getppid());
	MUST(cmap_initialize(&h));
	MUST(cmap_iter_init(h, prefix, &it));
	while (cmap_iter_next(h, it, name, &n, &type) == CS_OK) {
		const char *key = name + strlen(prefix);

		/* The C daemon steps out of the prefix when others make keys meanwhile. */
		if (strncmp(name, prefix, strlen(prefix)) != 0)
			continue;
		if (type == CMAP_VALUETYPE_STRING && cmap_get_string(h, name, &text) == CS_OK) {
			say("%s = %s", key, text);
			free(text);
		} else if (type == CMAP_VALUETYPE_UINT64 && cmap_get_uint64(h, name, &number) == CS_OK) {
			if (strcmp(key, "last_updated") == 0)
				say("%s is %s", key, (int64_t)(cs_timestamp_get() - number) >= 0 &&
					cs_timestamp_get() - number < 60 * CS_TIME_NS_IN_SEC ? "recent" : "wrong");
			else
				say("%s = %llu", key, (unsigned long long)number);
		} else {
			say("%s of type %d", key, (int)type);
		}
	}
	cmap_iter_finalize(h, it);
	cmap_finalize(h);
}

static int in_cmap(int policy, int last)
{
	unsigned int i = begin(5000, policy | SAM_RECOVERY_POLICY_CMAP);

	keys("registered");
	SHOW(sam_start());
	keys("started");
	MUST(sam_hc_send());
	MUST(sam_stop());
	keys("stopped");
	if (i == 1)
		SHOW(sam_data_store("kept", 5));
	MUST(sam_start());
	if (i < 2 && policy == SAM_RECOVERY_POLICY_RESTART)
		return 1;
	switch (last) {
	case 0:
		MUST(sam_stop());
		SHOW(sam_finalize());
		return 11;
	case 1:
		return 12;
	}
	MUST(sam_mark_failed());
	pause();
	return 1;
}

static int cmap_restart(void) { return in_cmap(SAM_RECOVERY_POLICY_RESTART, 0); }
static int cmap_quit(void) { return in_cmap(SAM_RECOVERY_POLICY_QUIT, 0); }
static int cmap_fails(void) { return in_cmap(SAM_RECOVERY_POLICY_QUIT, 1); }
static int cmap_marked(void) { return in_cmap(SAM_RECOVERY_POLICY_RESTART, 2); }

static int marked_unstarted(void)
{
	begin(0, SAM_RECOVERY_POLICY_QUIT | SAM_RECOVERY_POLICY_CMAP);
	say("fails");
	MUST(sam_mark_failed());
	pause();
	return 1;
}

static volatile sig_atomic_t quorum_lost;

static void lost(int sig)
{
	(void)sig;
	quorum_lost = 1;
	say("quorum lost");
}

/* The test gives and takes quorum; see sam_test.go. */
static int in_quorum(int policy)
{
	unsigned int i = begin(600, policy);

	signal(SIGTERM, lost);
	SHOW(sam_start());
	if (policy & SAM_RECOVERY_POLICY_CMAP)
		keys("quorate");
	if (i == 2 && (policy & SAM_RECOVERY_POLICY_CMAP)) {
		/* The C library has answered sam_start twice, so its sam_stop would not wait for the parent. */
		MUST(sam_mark_failed());
		pause();
	}
	if (i == 2) {
		SHOW(sam_stop());
		return 9;
	}
	/* Signs of life until the warning, wherever that comes; then it is silent. */
	for (int k = 0; k < 300 && !quorum_lost; k++) {
		if (sam_hc_send() != CS_OK)
			break;
		usleep(100000);
	}
	pause();
	pause();
	return 1;
}

static int quorum_restart(void) { return in_quorum(SAM_RECOVERY_POLICY_QUORUM_RESTART); }
static int quorum_quit(void) { return in_quorum(SAM_RECOVERY_POLICY_QUORUM_QUIT); }
static int quorum_cmap(void) { return in_quorum(SAM_RECOVERY_POLICY_QUORUM_RESTART | SAM_RECOVERY_POLICY_CMAP); }

/* Killed while it waits for quorum. */
static int quorum_impatient(void)
{
	unsigned int i = begin(0, SAM_RECOVERY_POLICY_QUORUM_RESTART);

	if (i == 2)
		return 13;
	alarm(1);
	SHOW(sam_start());
	return 1;
}

static const struct {
	const char *name;
	int (*run)(void);
} scenes[] = {
	{ "errors", errors }, { "ended", ended }, { "nodaemon", nodaemon }, { "quit-unstarted", quit_unstarted },
	{ "quit-started", quit_started }, { "quit-killed", quit_killed }, { "restart", restart }, { "late-term", late_term },
	{ "late-usr1", late_usr1 }, { "late-usr2", late_usr2 }, { "stopped", stopped }, { "data", data }, { "both", both },
	{ "callback", callback }, { "orphan", orphan }, { "cmap-restart", cmap_restart }, { "cmap-quit", cmap_quit },
	{ "cmap-fails", cmap_fails }, { "cmap-marked", cmap_marked }, { "marked-unstarted", marked_unstarted },
	{ "quorum-restart", quorum_restart }, { "quorum-quit", quorum_quit }, { "quorum-cmap", quorum_cmap },
	{ "quorum-impatient", quorum_impatient },
};

int main(int argc, char *argv[])
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; argc == 2 && i < sizeof(scenes) / sizeof(scenes[0]); i++)
		if (strcmp(argv[1], scenes[i].name) == 0)
			return scenes[i].run();
	return 100;
}
