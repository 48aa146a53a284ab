/*
 * What dlm_controld needs of the kernel's dlm and has no file for, preloaded to it: a configfs and three devices. Beneath it
 * /sys/kernel is a tmpfs of the test, and everything that is written there is an ordinary file.
 *
 *	mkdir, rmdir below /sys/kernel/config/dlm    the attributes of a directory come and go with it, as in configfs
 *	stat of /dev/misc/dlm*                       a misc device with the minor that the test's /proc/misc says
 *	open of /dev/misc/dlm_plock                  a connection to the program that plays the kernel, STANDIN_PLOCK
 *	open of another /dev/misc/dlm*               a device that says nothing
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define CLUSTER "/sys/kernel/config/dlm/cluster"
#define DEVICES "/dev/misc/"

static const struct device {
	const char *name;
	unsigned minor;
} devices[] = {{"dlm-control", 57}, {"dlm-monitor", 56}, {"dlm_plock", 55}};

static const struct device *device_of(const char *path)
{
	if (strncmp(path, DEVICES, strlen(DEVICES)) != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (strcmp(path + strlen(DEVICES), devices[i].name) == 0)
			return &devices[i];
	return NULL;
}

/* What a directory of configfs is born with. A name that ends in a slash is a directory. */
static const char *const of_cluster[] = {"spaces/", "comms/", "cluster_name", "recover_callbacks", "protocol", "mark", "log_debug", "tcp_port", NULL};
static const char *const of_comm[] = {"nodeid", "addr", "mark", "local", NULL};
static const char *const of_space[] = {"nodes/", NULL};
static const char *const of_node[] = {"nodeid", "weight", "release_recover", NULL};

static const char *const *attributes(const char *path)
{
	char part[3][256] = {"", "", ""};

	if (strncmp(path, CLUSTER, strlen(CLUSTER)) != 0)
		return NULL;
	path += strlen(CLUSTER);
	if (*path == '\0')
		return of_cluster;
	if (sscanf(path, "/comms/%255[^/]%255s", part[0], part[1]) == 1)
		return of_comm;
	part[1][0] = '\0';
	switch (sscanf(path, "/spaces/%255[^/]/nodes/%255[^/]%255s", part[0], part[1], part[2])) {
	case 1:
		return strchr(path + strlen("/spaces/"), '/') == NULL ? of_space : NULL;
	case 2:
		return of_node;
	}
	return NULL;
}

int mkdir(const char *path, mode_t mode)
{
	const char *const *a = attributes(path);

	if (syscall(SYS_mkdirat, AT_FDCWD, path, mode) < 0)
		return -1;
	for (; a != NULL && *a != NULL; a++) {
		char name[1024];
		snprintf(name, sizeof(name), "%s/%s", path, *a);
		if (name[strlen(name) - 1] == '/') {
			syscall(SYS_mkdirat, AT_FDCWD, name, 0755);
			continue;
		}
		int fd = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		if (fd >= 0)
			close(fd);
	}
	return 0;
}

/* Is there nothing in a directory that a program has made? */
static int only_attributes(const char *path, const char *const *a)
{
	for (; *a != NULL; a++) {
		char name[1024];
		snprintf(name, sizeof(name), "%s/%s", path, *a);
		if (name[strlen(name) - 1] != '/')
			continue;
		DIR *d = opendir(name);
		struct dirent *e;
		int more = 0;
		while (d != NULL && (e = readdir(d)) != NULL)
			more |= e->d_name[0] != '.';
		if (d != NULL)
			closedir(d);
		if (more)
			return 0;
	}
	return 1;
}

int rmdir(const char *path)
{
	const char *const *a = attributes(path);

	if (a != NULL && !only_attributes(path, a)) {
		errno = ENOTEMPTY;
		return -1;
	}
	for (; a != NULL && *a != NULL; a++) {
		char name[1024];
		snprintf(name, sizeof(name), "%s/%s", path, *a);
		syscall(SYS_unlinkat, AT_FDCWD, name, name[strlen(name) - 1] == '/' ? AT_REMOVEDIR : 0);
	}
	return syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

int stat(const char *path, struct stat *st)
{
	const struct device *d = device_of(path);

	if (d == NULL)
		return fstatat(AT_FDCWD, path, st, 0);
	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFCHR | 0600;
	st->st_nlink = 1;
	st->st_rdev = makedev(10, d->minor);
	return 0;
}

static int open_plock(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	const char *path = getenv("STANDIN_PLOCK");
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	if (fd < 0)
		return -1;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path != NULL ? path : "");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		errno = ENODEV;
		return -1;
	}
	return fd;
}

int open(const char *path, int flags, ...)
{
	const struct device *d = device_of(path);
	va_list ap;
	mode_t mode = 0;

	va_start(ap, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (d != NULL && strcmp(d->name, "dlm_plock") == 0)
		return open_plock();
	if (d != NULL)
		path = "/dev/null";
	return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
