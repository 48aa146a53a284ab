/*
 * Loads the Go core, once per process, at the first call that needs it. A Go runtime does not survive fork, so a child
 * that has inherited a loaded core loads another copy, from a memfd: the dynamic linker knows libraries by inode.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "process.h"

#define CORE_NAME "libcorosync-go.so"
#define LOADER_STACK (256 * 1024)

static struct process *process;
static pid_t process_pid; /* looked at only where the kernel cannot wipe the page */
static int wiped;
static uint32_t generations; /* cores loaded by this process and its ancestors */

static void lock(int *word)
{
	int seen = 0;

	if (__atomic_compare_exchange_n(word, &seen, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(word, 2, __ATOMIC_ACQUIRE) != 0)
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

static void unlock(int *word)
{
	if (__atomic_exchange_n(word, 0, __ATOMIC_RELEASE) == 2)
		syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

struct process *process_get(void)
{
	struct process *p = __atomic_load_n(&process, __ATOMIC_ACQUIRE);
	struct process *none = NULL;

	if (p == NULL) {
		size_t size = (size_t)sysconf(_SC_PAGESIZE);

		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return NULL;
		wiped = madvise(p, size, MADV_WIPEONFORK) == 0;
		process_pid = getpid();
		if (!__atomic_compare_exchange_n(&process, &none, p, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			munmap(p, size);
			p = none;
		}
	}
	if (!wiped && process_pid != getpid()) {
		memset(p, 0, sizeof(*p));
		process_pid = getpid();
	}
	return p;
}

void process_lock(struct process *p) { lock(&p->lock); }
void process_unlock(struct process *p) { unlock(&p->lock); }

/*
 * The kernel's call and not pthread_sigmask, which would leave the signals of glibc's own (cancellation, setuid in
 * threads) open to run on a small stack. The synchronous ones stay open: a fault in here is to look like one anywhere.
 */
#define BIT(s) (1ULL << ((s) - 1))

core_mask core_enter(void)
{
	static const uint64_t all = ~(BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGTRAP) | BIT(SIGSYS));
	core_mask old = { 0 };

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old.mask, sizeof(all));
	return old;
}

void core_leave(core_mask mask)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask.mask, NULL, sizeof(mask.mask));
}

/* core_path finds the core beside this library. What dladdr says may be relative to a directory long left. */
static int core_path(char *path, size_t size)
{
	Dl_info info;
	const char *slash;
	char line[4352];
	FILE *maps;

	if (dladdr((void *)core_path, &info) == 0 || info.dli_fname == NULL)
		return -1;
	if (info.dli_fname[0] == '/' && access(info.dli_fname, F_OK) == 0) {
		slash = strrchr(info.dli_fname, '/');
		return snprintf(path, size, "%.*s/" CORE_NAME, (int)(slash - info.dli_fname), info.dli_fname) < (int)size ? 0 : -1;
	}
	maps = fopen("/proc/self/maps", "re");
	if (maps == NULL)
		return -1;
	while (fgets(line, sizeof(line), maps) != NULL) {
		uintptr_t from, to;
		char *name = strchr(line, '/');

		if (name == NULL || sscanf(line, "%lx-%lx", &from, &to) != 2)
			continue;
		if ((uintptr_t)core_path < from || (uintptr_t)core_path >= to)
			continue;
		fclose(maps);
		slash = strrchr(name, '/');
		return snprintf(path, size, "%.*s/" CORE_NAME, (int)(slash - name), name) < (int)size ? 0 : -1;
	}
	fclose(maps);
	return -1;
}

/* copy_open loads a copy of the file that the dynamic linker has not seen. */
static void *copy_open(const char *path)
{
	int from = fd_above(open(path, O_RDONLY | O_CLOEXEC));
	int to = fd_above(memfd_create("libcorosync-go", MFD_CLOEXEC));
	void *library = NULL;
	struct stat st;
	char name[4096];
	size_t n;
	uint32_t i;

	if (from < 0 || to < 0 || fstat(from, &st) != 0)
		goto out;
	for (off_t left = st.st_size; left > 0;) {
		ssize_t sent = sendfile(to, from, NULL, (size_t)left);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			goto out;
		left -= sent;
	}
	/* It knows them by name as well: each generation of children needs a name of its own for the same number. */
	n = (size_t)snprintf(name, sizeof(name), "/proc/self/fd/");
	for (i = 0; i < generations && n + 16 < sizeof(name); i++)
		n += (size_t)snprintf(name + n, sizeof(name) - n, "./");
	snprintf(name + n, sizeof(name) - n, "%d", to);
	library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
out:
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return library;
}

/*
 * A runtime that gets no memory ends the process. So where there is a limit (RLIMIT_AS, or RLIMIT_MEMLOCK after
 * mlockall) it is asked for beforehand, and the caller gets the error.
 */
#define ROOM (96UL * 1024 * 1024)

static int room(void)
{
	void *p = mmap(NULL, ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return 0;
	munmap(p, ROOM);
	return 1;
}

static cs_error_t load(struct process *p)
{
	static const char *const names[] = { "csgo_open", "csgo_step", "csgo_abort", "csgo_adopt", "csgo_request",
		"csgo_reply", "csgo_events", "csgo_shutdown", "csgo_close" };
	char path[4352];
	void *library, **function = (void **)&p->core;
	int (*abi)(void);
	size_t i;

	if (!room())
		return CS_ERR_NO_MEMORY;
	if (core_path(path, sizeof(path)) != 0)
		return CS_ERR_LIBRARY;
	/* Counted before: a child that is forked meanwhile finds half of it, of which nothing will come. */
	library = generations++ == 0 ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : copy_open(path);
	if (library == NULL)
		return CS_ERR_LIBRARY;
	abi = (int (*)(void))dlsym(library, "csgo_abi");
	if (abi == NULL || abi() != CORE_ABI) /* this also waits until the runtime is up */
		return CS_ERR_VERSION;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((function[i] = dlsym(library, names[i])) == NULL)
			return CS_ERR_VERSION;
	return CS_OK;
}

/* Who loads. */
enum { NOBODY, HELPER, CALLER };

#define HELPER_S 1 /* how long a helper gets to begin */

/* help loads in a thread of its own, if the dynamic linker can be had, whose lock dladdr takes and gives back. */
static void *help(void *argument)
{
	struct process *p = argument;
	int nobody = NOBODY;
	Dl_info info;

	dladdr((void *)core_path, &info);
	if (!__atomic_compare_exchange_n(&p->loader, &nobody, HELPER, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return NULL;
	syscall(SYS_futex, &p->loader, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	return (void *)(uintptr_t)load(p);
}

/* helped waits until the helper has begun. 0: it may not any more. */
static int helped(struct process *p)
{
	struct timespec until;
	int nobody = NOBODY;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += HELPER_S;
	while (__atomic_load_n(&p->loader, __ATOMIC_ACQUIRE) == NOBODY)
		if (syscall(SYS_futex, &p->loader, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, NOBODY, &until, NULL, FUTEX_BITSET_MATCH_ANY) != 0 &&
		    errno == ETIMEDOUT)
			break;
	return !__atomic_compare_exchange_n(&p->loader, &nobody, CALLER, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/*
 * The threads of the runtime inherit from who loads it: with everything blocked they never take a signal from the program. The
 * mask must be pthread_sigmask's, since glibc's own signals have to reach them (setuid in threads). And who loads waits
 * a millisecond with signals blocked. So a thread of its own does,
 *
 * where there are other threads, which would get the signals of this one meanwhile;
 *
 * and in a real-time program, whose scheduling they are not to inherit. One that may not become real-time again must not
 * step down meanwhile.
 *
 * But not where this one is in the dynamic linker itself, in a constructor of a library: then no other can load.
 */
static cs_error_t load_quietly(struct process *p)
{
	struct sched_param none = { 0 };
	int policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK, rc = -1;
	int real_time = policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE;
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	cs_error_t error;
	void *result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (p->loader != CALLER && (real_time || !__libc_single_threaded)) {
		p->loader = NOBODY;
		pthread_attr_init(&attr);
		if (real_time) {
			pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
			pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
			pthread_attr_setschedparam(&attr, &none);
		}
		pthread_attr_setstacksize(&attr, LOADER_STACK);
		rc = pthread_create(&thread, &attr, help, p);
		pthread_attr_destroy(&attr);
	}
	if (rc == 0) {
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		if (helped(p)) {
			pthread_join(thread, &result);
			return (cs_error_t)(uintptr_t)result;
		}
		pthread_detach(thread);
		pthread_sigmask(SIG_SETMASK, &all, NULL);
	}
	error = load(p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

struct process *core_get(cs_error_t *error)
{
	struct process *p = process_get();
	int state;

	*error = CS_ERR_NO_MEMORY;
	if (p == NULL)
		return NULL;
	*error = CS_OK;
	if (__atomic_load_n(&p->generation, __ATOMIC_ACQUIRE) != 0)
		return p;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	lock(&p->loading);
	if (p->generation == 0) {
		*error = load_quietly(p);
		if (*error == CS_OK)
			__atomic_store_n(&p->generation, generations, __ATOMIC_RELEASE);
	}
	unlock(&p->loading);
	pthread_setcancelstate(state, NULL);
	return *error == CS_OK ? p : NULL;
}
