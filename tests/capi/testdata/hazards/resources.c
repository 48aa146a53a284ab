/* Scheduling, locked memory, limits, users and privileges of a program: the threads of a library are its threads. */
#include "member.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

static void ordinary(int tid)
{
	int policy = sched_getscheduler(tid) & ~SCHED_RESET_ON_FORK;

	if (policy != SCHED_OTHER && errno != ESRCH)
		DIE("thread %d has policy %d", tid, policy);
}

/* A program that becomes real-time before its first call, and one that is started so. */
static void mode_realtime(void)
{
	struct sched_param rr = { .sched_priority = 10 };
	int i, again = sched_getscheduler(0) == SCHED_RR;

	if (sched_setscheduler(0, SCHED_RR, &rr) != 0) {
		printf("skip: SCHED_RR: %s\n", strerror(errno));
		return;
	}
	join(on_message);
	for (i = 0; i < 2000; i++)
		turn();
	CHECK(each_thread(ordinary) > 0);
	CHECK(sched_getscheduler(0) == SCHED_RR);
	{
		pid_t pid = fork();

		if (pid == 0) {
			for (i = 0; i < 200; i++)
				turn();
			each_thread(ordinary);
			_exit(sched_getscheduler(0) != SCHED_RR);
		}
		child_ok(pid);
	}
	if (!again) {
		execl("/proc/self/exe", "resources", "realtime", NULL);
		DIE("exec: %s", strerror(errno));
	}
}

/* What locked memory costs: argv[2] kB resident and argv[3] kB of the account at most. */
static void cost(const char *when, long rss, long lck, char **argv)
{
	rss = kb("VmRSS:") - rss;
	lck = kb("VmLck:") - lck;
	if (getenv("SHOW") != NULL)
		fprintf(stderr, "%s: resident +%ld kB, locked +%ld kB\n", when, rss, lck);
	if (rss > atol(argv[2]) || lck > atol(argv[3]))
		DIE("%s: resident +%ld kB, locked +%ld kB", when, rss, lck);
}

#define LOCK_ROOM (256UL << 20)

static void mode_lock_first(char **argv)
{
	long rss, lck;
	void *space;
	int i;

	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
		printf("skip: mlockall: %s\n", strerror(errno));
		return;
	}
	/* What happens without room is asked by "limits". */
	space = mmap(NULL, LOCK_ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (space == MAP_FAILED) {
		printf("skip: RLIMIT_MEMLOCK leaves no room to lock a runtime\n");
		return;
	}
	munmap(space, LOCK_ROOM);
	rss = kb("VmRSS:");
	lck = kb("VmLck:");
	join(on_message);
	for (i = 0; i < 2000; i++)
		turn();
	cost("locked first", rss, lck, argv);
}

static void mode_lock_later(char **argv)
{
	long rss, lck;
	int i;

	rss = kb("VmRSS:");
	lck = kb("VmSize:");
	join(on_message);
	turn();
	lck = kb("VmLck:");
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
		printf("skip: mlockall: %s\n", strerror(errno));
		return;
	}
	for (i = 0; i < 2000; i++)
		turn();
	cost("locked later", rss, lck, argv);
}

/* With a limit that leaves no room the caller gets an error and lives; with one that does, it works. */
static void mode_limited(char **argv)
{
	cpg_handle_t h;
	cs_error_t e;
	int i;

	if (strcmp(argv[2], "memlock") == 0) {
		struct { uint32_t version; int pid; } head = { 0x20080522, 0 };
		struct { uint32_t effective, permitted, inheritable; } data[2];
		struct rlimit limit = { (rlim_t)atol(argv[3]) << 20, (rlim_t)atol(argv[3]) << 20 };

		/* Root without the capability is limited like anybody, and still welcome to the daemon. */
		CHECK(syscall(SYS_capget, &head, data) == 0);
		data[0].effective &= ~(1u << 14);
		data[0].permitted &= ~(1u << 14);
		CHECK(syscall(SYS_capset, &head, data) == 0);
		CHECK(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
		if (mlockall(atol(argv[3]) < 32 ? MCL_FUTURE : MCL_CURRENT | MCL_FUTURE) != 0)
			DIE("mlockall: %s", strerror(errno));
	}
	e = cpg_initialize(&h, NULL);
	if (e != CS_ERR_NO_MEMORY)
		OK(e);
	if (e == CS_OK) {
		OK(cpg_finalize(h));
		join(on_message);
		for (i = 0; i < 2000; i++)
			turn();
	}
	if (getenv("SHOW") != NULL)
		fprintf(stderr, "%s MB of %s: %d\n", argv[3], argv[2], e);
}

/* Limits in MB: of the least no program could live on less, of the largest a runtime finds room for itself. */
static void mode_limits(char **argv)
{
	struct rlimit had, set;
	char text[16];
	long mb;
	pid_t pid;

	CHECK(getrlimit(RLIMIT_MEMLOCK, &had) == 0);
	for (mb = strcmp(argv[2], "as") == 0 ? 24 : 8; mb <= 200; mb += 8) {
		if (strcmp(argv[2], "memlock") == 0 && had.rlim_max < (rlim_t)mb << 20)
			return; /* less than that is all that may be had here */
		pid = fork();
		if (pid == 0) {
			if (strcmp(argv[2], "as") == 0) {
				set.rlim_cur = set.rlim_max = (rlim_t)mb << 20;
				CHECK(setrlimit(RLIMIT_AS, &set) == 0);
			}
			snprintf(text, sizeof(text), "%ld", mb);
			execl("/proc/self/exe", "resources", "limited", argv[2], text, NULL);
			DIE("exec: %s", strerror(errno));
		}
		child_ok(pid);
	}
}

/* A soft limit of open files below the hard one stays where the program, or who started it, has it. */
static void mode_open_files(void)
{
	struct rlimit got;
	corosync_cfg_handle_t handle;

	CHECK(getrlimit(RLIMIT_NOFILE, &got) == 0);
	CHECK(got.rlim_max > 256);
	if (getenv("LIMITED") == NULL) {
		got.rlim_cur = 256;
		CHECK(setrlimit(RLIMIT_NOFILE, &got) == 0 && setenv("LIMITED", "1", 1) == 0);
		execl("/proc/self/exe", "resources", "open-files", NULL);
		DIE("exec: %s", strerror(errno));
	}
	OK(corosync_cfg_initialize(&handle, NULL));
	CHECK(getrlimit(RLIMIT_NOFILE, &got) == 0);
	if (got.rlim_cur != 256)
		DIE("limit of open files %lu of %lu", (unsigned long)got.rlim_cur, (unsigned long)got.rlim_max);
}

static void nobody(int tid)
{
	long uid = status_of(tid, "Uid:", 10), gid = status_of(tid, "Gid:", 10);

	if (uid >= 0 && (uid != 65534 || gid != 65534))
		DIE("thread %d has uid %ld gid %ld", tid, uid, gid);
}

static void mode_setuid(void)
{
	int i;

	join(on_message);
	turn();
	CHECK(each_thread(NULL) > 0);
	if (setgid(65534) != 0 || setuid(65534) != 0) {
		printf("skip: setuid: %s\n", strerror(errno));
		return;
	}
	each_thread(nobody);
	for (i = 0; i < 200; i++)
		turn();
}

/* --- what a process gives up, it gives up whole --- */

#define CAP_DROPPED 25 /* to set the clock: not needed here */

static void confined(int tid)
{
	long caps = status_of(tid, "CapPrm:", 16), bare = status_of(tid, "NoNewPrivs:", 10), filter = status_of(tid, "Seccomp:", 10);

	if (caps < 0)
		return; /* just ended */
	if ((caps >> CAP_DROPPED & 1) != 0)
		DIE("thread %d has capabilities %lx", tid, caps);
	if (bare != 1 || filter != 2)
		DIE("thread %d: no new privileges %ld, filter %ld", tid, bare, filter);
}

/* Capabilities, filters of system calls and the like are each thread's own: who has one thread gives them up in that. */
static void mode_privileges(void)
{
	struct sock_filter yes = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog filter = { 1, &yes };
	struct { uint32_t version; int pid; } head = { 0x20080522, 0 };
	struct { uint32_t effective, permitted, inheritable; } data[2];
	int i;

	CHECK(syscall(SYS_capget, &head, data) == 0);
	data[0].effective &= ~(1u << CAP_DROPPED);
	data[0].permitted &= ~(1u << CAP_DROPPED);
	CHECK(syscall(SYS_capset, &head, data) == 0);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
	join(on_message);
	for (i = 0; i < 200; i++)
		turn();
	CHECK(each_thread(confined) > 0);
}

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/* systemd's MemoryDenyWriteExecute, in the kernel's own form. */
static void mode_no_new_code(void)
{
	pid_t pid;

	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0) {
		printf("skip: PR_SET_MDWE: %s\n", strerror(errno));
		return;
	}
	join(on_message);
	turn();
	pid = fork();
	if (pid == 0) {
		turn();
		_exit(0);
	}
	child_ok(pid);
}

static const struct mode modes[] = {
	{ "realtime", mode_realtime, NULL, 0 },
	{ "lock-first", NULL, mode_lock_first, 2 },
	{ "lock-later", NULL, mode_lock_later, 2 },
	{ "limits", NULL, mode_limits, 1 },
	{ "limited", NULL, mode_limited, 2 },
	{ "open-files", mode_open_files, NULL, 0 },
	{ "setuid", mode_setuid, NULL, 0 },
	{ "privileges", mode_privileges, NULL, 0 },
	{ "no-new-code", mode_no_new_code, NULL, 0 },
};

int main(int argc, char **argv) { return play(modes, sizeof(modes) / sizeof(modes[0]), argc, argv); }
