/*
 * libsam: a process supervised by its own parent. Everything here is C: sam_register forks in the middle of a program,
 * and what runs on both sides of that must need no runtime. Only the parent talks to the daemon, through libquorum and
 * libcmap like any other program.
 *
 *      sam_register                       parent (never returns)
 *           │ fork                        ┌───────────────────────────┐
 *           ├────────────────────────────▶│ poll: frames │ quorum fd  │
 *           ▼                             └──▲────────┬──────┬────────┘
 *      child: sam_start, sam_hc_send, ... ───┘ frames │      │ warn signal, SIGKILL,
 *             ◀─────────── answers ───────────────────┘      ▼ another fork
 *
 * Frames are written in one piece of at most PIPE_BUF bytes, which the kernel keeps together: sam_hc_send needs no lock,
 * and may come from any thread or signal handler while another thread stores data.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "sam_parts.h"

struct supervision sam = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* usable says that sam_initialize was called, and sam_finalize was not. */
static int usable(void) { return sam.stage == READY || sam.stage == REGISTERED || sam.stage == STARTED; }

/* Pipes. */

static int wait_fd(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, -1) >= 0 || errno == EINTR ? 0 : -1;
}

/* put writes all of it; a program may have made the descriptor non-blocking. */
int put(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k >= 0) {
			p += k;
			n -= (size_t)k;
		} else if (errno == EAGAIN) {
			if (wait_fd(fd, POLLOUT) != 0)
				return -1;
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

/* take reads n bytes: 1, or 0 at the end, or -1. */
int take(int fd, void *bytes, size_t n)
{
	char *p = bytes;

	while (n > 0) {
		ssize_t k = read(fd, p, n);

		if (k > 0) {
			p += k;
			n -= (size_t)k;
		} else if (k == 0) {
			return 0;
		} else if (errno == EAGAIN) {
			if (wait_fd(fd, POLLIN) != 0)
				return -1;
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 1;
}

/* tell sends a frame to the parent. Where that is gone, SIGPIPE ends this process unless it is ignored. */
static cs_error_t tell(enum command command, uint64_t value)
{
	struct frame f = { .command = command, .value = value };

	return put(sam.to_parent, &f, sizeof(f)) == 0 ? CS_OK : CS_ERR_LIBRARY;
}

/* tell_bytes sends one with bytes. */
static cs_error_t tell_bytes(enum command command, const void *bytes, size_t length)
{
	char buf[PIPE_BUF];
	struct frame f = { .command = command, .length = (uint32_t)length };

	memcpy(buf, &f, sizeof(f));
	memcpy(buf + sizeof(f), bytes, length);
	return put(sam.to_parent, buf, sizeof(f) + length) == 0 ? CS_OK : CS_ERR_LIBRARY;
}

/* answer_of reads what the parent says to it. */
static cs_error_t answer_of(cs_error_t sent)
{
	int32_t answer;

	if (sent != CS_OK)
		return sent;
	return take(sam.from_parent, &answer, sizeof(answer)) == 1 ? (cs_error_t)answer : CS_ERR_LIBRARY;
}

EXPORT cs_error_t sam_initialize(int time_interval, sam_recovery_policy_t recovery_policy)
{
	if (sam.stage != FRESH)
		return CS_ERR_BAD_HANDLE;
	switch (recovery((int)recovery_policy)) {
	case SAM_RECOVERY_POLICY_QUIT:
	case SAM_RECOVERY_POLICY_RESTART:
		break;
	default:
		return CS_ERR_INVALID_PARAM;
	}
	if (recovery_policy & SAM_RECOVERY_POLICY_QUORUM) {
		cs_error_t error = enter_quorum();

		if (error != CS_OK)
			return error;
	}
	sam.policy = (int)recovery_policy;
	sam.interval = time_interval;
	sam.signal = SIGTERM;
	sam.stage = READY;
	return CS_OK;
}

EXPORT cs_error_t sam_finalize(void)
{
	if (!usable())
		return CS_ERR_BAD_HANDLE;
	/* If the parent cannot be told, it goes on checking, and so the process is not released. */
	if (sam.stage == STARTED && sam_stop() != CS_OK)
		return CS_OK;
	sam.stage = ENDED;
	free(sam.data);
	sam.data = NULL;
	sam.data_size = sam.data_room = 0;
	return CS_OK;
}

EXPORT cs_error_t sam_start(void)
{
	cs_error_t error;
	char go = 1;

	if (sam.stage != REGISTERED)
		return CS_ERR_BAD_HANDLE;
	pthread_mutex_lock(&sam.lock);
	error = tell(CMD_START, 0);
	if (with_quorum() || with_cmap())
		error = answer_of(error);
	pthread_mutex_unlock(&sam.lock);
	if (error == CS_OK && sam.callback != NULL && put(sam.to_thread, &go, 1) != 0)
		error = CS_ERR_LIBRARY;
	if (error == CS_OK)
		sam.stage = STARTED;
	return error;
}

EXPORT cs_error_t sam_stop(void)
{
	cs_error_t error;
	char halt = 0;

	if (sam.stage != STARTED)
		return CS_ERR_BAD_HANDLE;
	pthread_mutex_lock(&sam.lock);
	error = tell(CMD_STOP, 0);
	if (with_cmap())
		error = answer_of(error);
	pthread_mutex_unlock(&sam.lock);
	if (error == CS_OK && sam.callback != NULL && put(sam.to_thread, &halt, 1) != 0)
		error = CS_ERR_LIBRARY;
	if (error == CS_OK)
		sam.stage = REGISTERED;
	return error;
}

EXPORT cs_error_t sam_hc_send(void)
{
	if (sam.stage != STARTED)
		return CS_ERR_BAD_HANDLE;
	return tell(CMD_ALIVE, 0);
}

EXPORT cs_error_t sam_mark_failed(void)
{
	if (sam.stage != STARTED && sam.stage != REGISTERED)
		return CS_ERR_BAD_HANDLE;
	if (!with_cmap())
		return CS_ERR_INVALID_PARAM;
	return tell(CMD_FAILED, 0);
}

EXPORT cs_error_t sam_warn_signal_set(int warn_signal)
{
	cs_error_t error = CS_OK;

	if (!usable())
		return CS_ERR_BAD_HANDLE;
	pthread_mutex_lock(&sam.lock);
	if (sam.child)
		error = answer_of(tell(CMD_SIGNAL, (uint64_t)(int64_t)warn_signal));
	if (error == CS_OK)
		sam.signal = warn_signal;
	pthread_mutex_unlock(&sam.lock);
	return error;
}

/* Data. */

EXPORT cs_error_t sam_data_getsize(size_t *size)
{
	if (size == NULL)
		return CS_ERR_INVALID_PARAM;
	if (!usable())
		return CS_ERR_BAD_HANDLE;
	pthread_mutex_lock(&sam.lock);
	*size = sam.data_size;
	pthread_mutex_unlock(&sam.lock);
	return CS_OK;
}

EXPORT cs_error_t sam_data_restore(void *data, size_t size)
{
	cs_error_t error = CS_OK;

	if (data == NULL)
		return CS_ERR_INVALID_PARAM;
	if (!usable())
		return CS_ERR_BAD_HANDLE;
	pthread_mutex_lock(&sam.lock);
	if (size < sam.data_size)
		error = CS_ERR_INVALID_PARAM;
	else if (sam.data_size > 0)
		memcpy(data, sam.data, sam.data_size);
	pthread_mutex_unlock(&sam.lock);
	return error;
}

/* room makes sure that size bytes can be kept. */
static cs_error_t room(size_t size)
{
	void *more;

	if (size <= sam.data_room)
		return CS_OK;
	more = realloc(sam.data, size);
	if (more == NULL)
		return CS_ERR_NO_MEMORY;
	sam.data = more;
	sam.data_room = size;
	return CS_OK;
}

static void keep(const void *data, size_t size)
{
	if (size > 0)
		memcpy(sam.data, data, size);
	sam.data_size = size;
}

void forget(void)
{
	free(sam.data);
	sam.data = NULL;
	sam.data_size = sam.data_room = 0;
}

/* store_in_parent sends the data in frames; the parent answers to the last of them. */
static cs_error_t store_in_parent(const char *data, size_t size)
{
	cs_error_t error = tell(CMD_STORE, size);

	for (size_t done = 0; error == CS_OK && done < size;) {
		size_t n = size - done < FRAME_BYTES ? size - done : FRAME_BYTES;

		error = tell_bytes(CMD_STORE_MORE, data + done, n);
		done += n;
	}
	return answer_of(error);
}

EXPORT cs_error_t sam_data_store(const void *data, size_t size)
{
	cs_error_t error;

	if (!usable())
		return CS_ERR_BAD_HANDLE;
	if (data == NULL)
		size = 0;
	pthread_mutex_lock(&sam.lock);
	/* Memory first: what the parent has is not to be less than what is here. */
	error = room(size);
	if (error == CS_OK && sam.child)
		error = store_in_parent(data, size);
	if (error == CS_OK) {
		if (data == NULL)
			forget();
		else
			keep(data, size);
	}
	pthread_mutex_unlock(&sam.lock);
	return error;
}

/* The callback. */

/*
 * ask runs in a thread of the child: a sign of life four times in an interval, and the callback each time that four
 * were given. Once it says no, there are no more.
 */
static void *ask(void *unused)
{
	int running = 0, unwell = 0, given = 0;
	int pause = sam.interval < 0 ? -1 : sam.interval < 4 ? 1 : sam.interval / 4;

	for (;;) {
		struct pollfd p = { .fd = sam.thread_input, .events = POLLIN };
		int n = poll(&p, 1, running && !unwell ? pause : -1);
		char said;

		if (n > 0) {
			if (take(sam.thread_input, &said, 1) != 1)
				return unused;
			running = said;
		} else if (n == 0) {
			sam_hc_callback_t callback = sam.callback;

			if (sam_hc_send() == CS_OK)
				given++;
			if (given >= 4) {
				given = 0;
				if (callback != NULL && callback() != 0)
					unwell = 1;
			}
		}
	}
}

EXPORT cs_error_t sam_hc_callback_register(sam_hc_callback_t cb)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int fds[2], failure;

	if (sam.stage != REGISTERED)
		return CS_ERR_BAD_HANDLE;
	if (sam.interval == 0)
		return CS_ERR_INVALID_PARAM;
	if (sam.thread) {
		sam.callback = cb;
		return CS_OK;
	}
	if (cb == NULL)
		return CS_ERR_INVALID_PARAM;
	if (pipe(fds) != 0)
		return CS_ERR_LIBRARY;
	sam.thread_input = fds[0];
	sam.to_thread = fds[1];
	failure = pthread_attr_init(&attributes);
	if (failure == 0) {
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
		pthread_attr_setstacksize(&attributes, 32768); /* what callbacks have had to make do with */
		failure = pthread_create(&thread, &attributes, ask, NULL);
		pthread_attr_destroy(&attributes);
	}
	if (failure != 0) {
		close(fds[0]);
		close(fds[1]);
		return CS_ERR_LIBRARY;
	}
	sam.thread = 1;
	sam.callback = cb;
	return CS_OK;
}
