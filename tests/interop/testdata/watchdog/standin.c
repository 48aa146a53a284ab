/*
 * A watchdog that bites nobody, for programs that arm one: preloaded, it answers for the device that STANDIN_DEVICE names,
 * and for all other ways to end a machine. What the program does with them, and what it says to syslog, becomes lines in
 * the file STANDIN_LOG:
 *
 *	pid open | timeout SECONDS | feed | disable | disarm | close | sysrq | reboot HOW | say TEXT
 *
 * The device has no timer: whether it would have bitten is told by the times of the lines, in seconds of CLOCK_MONOTONIC.
 * reboot(2) and /proc/sysrq-trigger are refused with EPERM and never reach the kernel.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int device_fd = -1; /* of this process; a child inherits it */

/* One line is one write to a file opened for appending, so those of several processes do not mix. */
__attribute__((format(printf, 1, 2))) static void note(const char *fmt, ...)
{
	char text[1024], line[1100];
	struct timespec now;
	va_list ap;
	const char *path = getenv("STANDIN_LOG");
	static char kept[256]; /* a program may write its title over its environment */

	if (path != NULL && kept[0] == '\0')
		snprintf(kept, sizeof(kept), "%s", path);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text[strcspn(text, "\n")] = '\0';
	clock_gettime(CLOCK_MONOTONIC, &now);
	int n = snprintf(line, sizeof(line), "%lld.%03ld %d %s\n", (long long)now.tv_sec, now.tv_nsec / 1000000, getpid(), text);
	int fd = syscall(SYS_openat, AT_FDCWD, kept, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd >= 0) {
		syscall(SYS_write, fd, line, (size_t)n);
		syscall(SYS_close, fd);
	}
}

static char device[256];

__attribute__((constructor)) static void begin(void)
{
	int saved = errno;
	const char *path = getenv("STANDIN_DEVICE");

	snprintf(device, sizeof(device), "%s", path != NULL ? path : "");
	note("begin");
	errno = saved;
}

static int is_device(const char *path)
{
	return device[0] != '\0' && strcmp(path, device) == 0;
}

/* The device that is really there, and the kernel's own switches, are refused whoever asks. */
static int refused(const char *path)
{
	return strncmp(path, "/dev/watchdog", 13) == 0 || strcmp(path, "/proc/sysrq-trigger") == 0;
}

static int open_any(const char *path, int flags, mode_t mode)
{
	if (is_device(path)) {
		int fd = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_WRONLY);
		if (fd >= 0) {
			device_fd = fd;
			note("open");
		}
		return fd;
	}
	if (refused(path)) {
		note("refused %s", path);
		errno = EPERM;
		return -1;
	}
	return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode = 0;

	va_start(ap, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return open_any(path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

FILE *fopen(const char *path, const char *how)
{
	static FILE *(*next)(const char *, const char *);

	if (refused(path) || (strcmp(path, "/proc/sys/kernel/sysrq") == 0 && strpbrk(how, "wa+") != NULL)) {
		if (strcmp(path, "/proc/sysrq-trigger") == 0)
			note("sysrq");
		errno = EPERM;
		return NULL;
	}
	if (next == NULL)
		next = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, "fopen");
	return next(path, how);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;

	va_start(ap, request);
	void *arg = va_arg(ap, void *);
	va_end(ap);
	if (fd < 0 || fd != device_fd)
		return syscall(SYS_ioctl, fd, request, arg);
	switch (request) {
	case WDIOC_SETTIMEOUT:
		note("timeout %d", *(int *)arg);
		return 0;
	case WDIOC_SETOPTIONS:
		if (*(int *)arg & WDIOS_DISABLECARD)
			note("disable");
		return 0;
	case WDIOC_KEEPALIVE:
		note("feed");
		return 0;
	}
	errno = ENOTTY;
	return -1;
}

ssize_t write(int fd, const void *data, size_t len)
{
	if (fd >= 0 && fd == device_fd) {
		note(memchr(data, 'V', len) != NULL ? "disarm" : "feed");
		return (ssize_t)len;
	}
	return syscall(SYS_write, fd, data, len);
}

int close(int fd)
{
	if (fd >= 0 && fd == device_fd) {
		device_fd = -1;
		note("close");
	}
	return syscall(SYS_close, fd);
}

int reboot(int how)
{
	note("reboot %#x", (unsigned)how);
	errno = EPERM;
	return -1;
}

static void say(const char *fmt, va_list ap)
{
	char text[900];

	vsnprintf(text, sizeof(text), fmt, ap);
	note("say %s", text);
}

void syslog(int priority, const char *fmt, ...)
{
	va_list ap;

	(void)priority;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void __syslog_chk(int priority, int flag, const char *fmt, ...)
{
	va_list ap;

	(void)priority;
	(void)flag;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}
