/*
 * What the programs of this directory share. Each tests one function of the
 * libraries and says on standard output which calls it made and what they gave.
 * Nothing of that may differ from run to run: pids are shown as "self" or
 * "other", sequence numbers and handles not at all.
 *
 * A program is written as
 *
 *	#include "api_cpg.h"			the library
 *	static void use(HANDLE h) { ... }	calls on a handle that may be bad or dead
 *	static void live(void) { ... }		everything else, with a daemon
 *
 * and is run as
 *
 *	live	use() on handles that are none, then live()
 *	none	there is no daemon
 *	start	repeat initialize while a daemon starts
 *	dead	use() on a handle whose daemon ends, and is there again
 *	emfile	no descriptor is free
 *	child	as a second process of live; needs HAS_CHILD and child()
 */
#ifndef API_H
#define API_H

/* compiled with -D_GNU_SOURCE */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <corosync/corotypes.h>

#define UNUSED __attribute__((unused))

static UNUSED const char *name_of(int rc)
{
	static const char *const names[] = {
		"0", "OK", "LIBRARY", "VERSION", "INIT", "TIMEOUT", "TRY_AGAIN", "INVALID_PARAM", "NO_MEMORY", "BAD_HANDLE",
		"BUSY", "ACCESS", "NOT_EXIST", "NAME_TOO_LONG", "EXIST", "NO_SPACE", "INTERRUPT", "NAME_NOT_FOUND", "NO_RESOURCES",
		"NOT_SUPPORTED", "BAD_OPERATION", "FAILED_OPERATION", "MESSAGE_ERROR", "QUEUE_FULL", "QUEUE_NOT_AVAILABLE",
		"BAD_FLAGS", "TOO_BIG", "NO_SECTIONS", "CONTEXT_NOT_FOUND", "29", "TOO_MANY_GROUPS",
	};
	static char other[32];

	if (rc >= 0 && rc < (int)(sizeof names / sizeof *names))
		return names[rc];
	snprintf(other, sizeof other, "%d", rc);
	return other;
}

/* R makes a call and says what it gave. */
#define R(call) report(#call, (call))
static UNUSED int report(const char *what, int rc)
{
	printf("%s: %s\n", what, name_of(rc));
	return rc;
}

static UNUSED const char *who(uint32_t pid)
{
	return pid == 0 ? "none" : pid == (uint32_t)getpid() ? "self" : "other";
}

/* must ends the program when the ground for a test cannot be laid. */
static UNUSED void must(const char *what, int rc)
{
	if (rc != CS_OK) {
		printf("%s: %s, the program ends here\n", what, name_of(rc));
		exit(99);
	}
}
#define MUST(call) must(#call, (call))

static UNUSED void nap(int ms) { usleep((useconds_t)ms * 1000); }

/* readable says what poll says of a descriptor within ms milliseconds. */
static UNUSED int readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (poll(&p, 1, ms) < 0)
		return -1;
	return p.revents;
}

static UNUSED void show_poll(const char *what, int fd, int ms)
{
	int ev = readable(fd, ms);

	printf("%s:%s%s%s%s\n", what, ev == 0 ? " nothing" : "", ev & POLLIN ? " in" : "", ev & POLLHUP ? " hup" : "",
	       ev & ~(POLLIN | POLLHUP) ? " other" : "");
}

/* show_fd says what programs rely on of a descriptor. */
static UNUSED void show_fd(int fd)
{
	struct ucred c = {0};
	socklen_t len = sizeof c;
	int fl = fcntl(fd, F_GETFL), fdfl = fcntl(fd, F_GETFD), type = 0;

	printf("descriptor: above 2 %d, close-on-exec %d, nonblocking %d\n", fd > 2, fdfl >= 0 && (fdfl & FD_CLOEXEC) != 0,
	       fl >= 0 && (fl & O_NONBLOCK) != 0);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) == 0)
		printf("peer: pid %s, uid %d, gid %d\n", who((uint32_t)c.pid), (int)c.uid, (int)c.gid);
	len = sizeof type;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0)
		printf("socket: %s\n", type == SOCK_STREAM ? "stream" : "other");
}

/* daemon_of is the pid of the daemon at the other end. */
static UNUSED pid_t daemon_of(int fd)
{
	struct ucred c = {0};
	socklen_t len = sizeof c;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len) == 0 ? c.pid : 0;
}

/* A line for the test that runs the program; it does something, and the program waits for the effect. */
static UNUSED void tell(const char *what)
{
	const char *dir = getenv("API_SIGNS");
	char path[512];
	int fd;

	printf("-- %s\n", what);
	if (!dir)
		return;
	snprintf(path, sizeof path, "%s/%s.%s", dir, program_invocation_short_name, what);
	fd = open(path, O_CREAT | O_WRONLY, 0666);
	if (fd >= 0)
		close(fd);
}

/* A line from the test. */
static UNUSED int told(const char *what)
{
	const char *dir = getenv("API_SIGNS");
	char path[512];

	snprintf(path, sizeof path, "%s/%s", dir ? dir : ".", what);
	return access(path, F_OK) == 0;
}

static void live(void);
#ifndef NO_HANDLES
static void use(HANDLE h);
static cs_error_t open_handle(HANDLE *h);
static cs_error_t close_handle(HANDLE h);
static cs_error_t fd_of(HANDLE h, int *fd);
#endif

/* Programs that end the daemon, or need it whole, define this. */
#ifndef LIVE_REUSE
#define LIVE_REUSE 1
#endif

#ifdef NO_HANDLES
static void mode_live(void) { live(); }
#else
static void mode_live(void)
{
	HANDLE h;

	printf("-- handle 0\n");
	use(0);
	printf("-- a handle that was never made\n");
	use(0x1234567800000000ULL);
	use(0x12345678ffffffffULL);
	MUST(open_handle(&h));
	printf("-- the place of a handle with another check\n");
	use(h ^ 0x100000000ULL);
	R(close_handle(h));
	printf("-- a handle that was finalized\n");
	use(h);
	printf("-- live\n");
	live();
}
#endif

#ifndef NO_HANDLES
static void mode_none(void)
{
	HANDLE h = 0;

	R(open_handle(&h));
	use(h);
}

static void mode_start(void)
{
	HANDLE h;
	int last = -1, rc = 0;

	/* The first call loads what there is to load, while there is no daemon for certain. */
	last = open_handle(&h);
	report("open_handle", last);
	tell("ready");
	while (rc != CS_OK) {
		h = 0;
		rc = open_handle(&h);
		/* TRY_AGAIN may come in between, for a moment that is easily missed. */
		if (rc != last && rc != CS_ERR_TRY_AGAIN)
			report("open_handle", rc);
		last = rc;
		nap(2);
	}
	R(close_handle(h));
}

static void mode_dead(void)
{
	HANDLE h, fresh;
	int fd, rc;

	MUST(open_handle(&h));
	MUST(fd_of(h, &fd));
	tell("ready");
	/* Over sockets the descriptor does not show it, and the test says so. */
	while (!(readable(fd, 100) & POLLHUP) && !told("killed"))
		;
	show_poll("the daemon is gone", fd, 0);
	use(h);
	printf("-- without it\n");
	R(open_handle(&fresh));
	tell("gone");
	do {
		nap(5);
		rc = open_handle(&fresh);
	} while (rc == CS_ERR_LIBRARY || rc == CS_ERR_TRY_AGAIN);
	report("open_handle with the next daemon", rc);
	printf("-- the old handle\n");
	use(h);
	R(close_handle(h));
	R(close_handle(h));
	printf("-- the new handle\n");
	if (LIVE_REUSE)
		use(fresh);
	R(close_handle(fresh));
}

static void mode_emfile(void)
{
	struct rlimit r = {.rlim_cur = 3, .rlim_max = 4096};
	HANDLE h = 0;
	int fd;

	/* What a first call loads is loaded before descriptors run out. */
	MUST(open_handle(&h));
	R(close_handle(h));
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		printf("setrlimit: %s\n", strerror(errno));
	R(open_handle(&h));
	r.rlim_cur = 4096;
	setrlimit(RLIMIT_NOFILE, &r);
	/* Nothing is left over of it. */
	fd = open("/dev/null", O_RDONLY);
	printf("descriptors leaked: %d\n", fd > 16);
	R(open_handle(&h));
	R(close_handle(h));
}

#endif

static UNUSED void run_child(void)
{
	pid_t pid;
	int status = 0;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execl("/proc/self/exe", program_invocation_short_name, "child", NULL);
		_exit(9);
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("child: signal %d\n", WTERMSIG(status));
	else
		printf("child: status %d\n", WEXITSTATUS(status));
}

/* The libraries in use, for the test to look at. */
static void note_maps(void)
{
	const char *to = getenv("API_MAPS");
	char line[1024];
	FILE *in, *out;

	if (!to || !(in = fopen("/proc/self/maps", "r")))
		return;
	if ((out = fopen(to, "a"))) {
		while (fgets(line, sizeof line, in))
			if (strstr(line, "/lib"))
				fputs(line, out);
		fclose(out);
	}
	fclose(in);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "live";

	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(40);
	note_maps();
	if (strcmp(mode, "live") == 0)
		mode_live();
#ifndef NO_HANDLES
	else if (strcmp(mode, "none") == 0)
		mode_none();
	else if (strcmp(mode, "start") == 0)
		mode_start();
	else if (strcmp(mode, "dead") == 0)
		mode_dead();
	else if (strcmp(mode, "emfile") == 0)
		mode_emfile();
#endif
#ifdef HAS_CHILD
	else if (strcmp(mode, "child") == 0)
		child();
#endif
	else
		return 2;
	printf("-- end\n");
	return 0;
}

#endif
