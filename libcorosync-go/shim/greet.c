/*
 * The first words of libqb's protocol, while the core is not there to say them: see libcorosync-go/qbipc/handshake.go.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "process.h"

/* Where this file is, sockets have paths: left to the core. */
#define FILESYSTEM_SOCKETS "/etc/libqb/force-filesystem-sockets"

/* Every field is filled up to eight bytes, by name: what a compiler pads may hold anything of the stack. */
struct request {
	int32_t id, id_pad;
	int32_t size, size_pad;
	uint32_t max_message, max_message_pad;
};

static const char *const names[] = {
	[CORE_CPG] = "cpg", [CORE_CMAP] = "cmap", [CORE_QUORUM] = "quorum", [CORE_VOTEQUORUM] = "votequorum", [CORE_CFG] = "cfg",
};

int fd_above(int fd)
{
	int up;

	if (fd < 0 || fd > 2)
		return fd;
	up = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return up;
}

static int greet(const char *name)
{
	struct request request = { .id = -1, .size = sizeof(request), .max_message = CORE_MAX_MESSAGE };
	struct sockaddr_un addr = { .sun_family = AF_UNIX }; /* abstract: a NUL, the name, and NULs to the end */
	int on = 1, fd = fd_above(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

	if (fd < 0)
		return -1;
	memcpy(addr.sun_path + 1, name, strlen(name));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0 ||
	    send(fd, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request)) {
		close(fd);
		return -1;
	}
	return fd;
}

int qb_greet(enum shim_kind kind)
{
	int state, fd = -1;

	if ((size_t)kind >= sizeof(names) / sizeof(names[0]) || names[kind] == NULL)
		return -1;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (access(FILESYSTEM_SOCKETS, F_OK) != 0)
		fd = greet(names[kind]);
	pthread_setcancelstate(state, NULL);
	return fd;
}
