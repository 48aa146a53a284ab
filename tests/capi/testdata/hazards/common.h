/* What the host programs share. Each prints nothing and exits 0 if all is well; otherwise it says what is not. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <corosync/cfg.h>
#include <corosync/cmap.h>
#include <corosync/cpg.h>
#include <corosync/quorum.h>
#include <corosync/votequorum.h>

static int complain = 2; /* where to */

#define DIE(...)                                                  \
	do {                                                      \
		dprintf(complain, "%s:%d: ", __FILE__, __LINE__); \
		dprintf(complain, __VA_ARGS__);                   \
		dprintf(complain, "\n");                          \
		_exit(1);                                         \
	} while (0)

#define CHECK(x) do { if (!(x)) DIE("%s (errno %s)", #x, strerror(errno)); } while (0)
#define OK(call) do { cs_error_t e_ = (call); if (e_ != CS_OK) DIE("%s: %d", #call, e_); } while (0)
/* The node is young: it may be in a synchronisation. */
#define JOIN(handle, group) do { cs_error_t j_; \
	while ((j_ = cpg_join(handle, group)) == CS_ERR_TRY_AGAIN) usleep(1000); \
	if (j_ != CS_OK) DIE("cpg_join: %d", j_); } while (0)
#define IS(call, want) do { cs_error_t e_ = (call); if (e_ != (want)) DIE("%s: %d, want %d", #call, e_, (want)); } while (0)

__attribute__((unused)) static void child_ok(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		CHECK(errno == EINTR);
	if (WIFSIGNALED(status))
		DIE("child died of signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		DIE("child failed");
}

__attribute__((unused)) static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

__attribute__((unused)) static void readable(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	int n;

	while ((n = poll(&p, 1, 20000)) < 0)
		CHECK(errno == EINTR);
	if (n == 0)
		DIE("nothing to read for 20 s");
}

__attribute__((unused)) static int quiet(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, 0) == 0;
}
