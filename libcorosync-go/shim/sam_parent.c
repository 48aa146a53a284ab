/* libsam, the parent's side: it watches the child, and speaks with the daemon. See sam.c. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>

#include "sam_parts.h"

/* What is in cmap, below resources.process.PID. */
static const char state_stopped[] = "stopped", state_running[] = "running", state_failed[] = "failed",
	state_waiting[] = "waiting for quorum";

/*
 * answer is the parent's side. A child that died meanwhile must not take its parent along: the signal of the broken
 * pipe is held back and taken away.
 */
static void answer(int fd, cs_error_t error)
{
	int32_t a = (int32_t)error;
	sigset_t pipe_only, old, pending;
	int was_pending;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
	if (put(fd, &a, sizeof(a)) != 0 && errno == EPIPE && !was_pending) {
		struct timespec now = { 0, 0 };

		while (sigtimedwait(&pipe_only, NULL, &now) == -1 && errno == EINTR)
			;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* cmap, in the parent. */

static void key_name(char name[CMAP_KEYNAME_MAXLEN + 1], const char *key)
{
	snprintf(name, CMAP_KEYNAME_MAXLEN + 1, "%s%s", sam.prefix, key);
}

static cs_error_t show(const char *key, const char *text)
{
	char name[CMAP_KEYNAME_MAXLEN + 1];

	key_name(name, key);
	return cmap_set_string(sam.cmap, name, text);
}

static cs_error_t show_number(const char *key, uint64_t value)
{
	char name[CMAP_KEYNAME_MAXLEN + 1];

	key_name(name, key);
	return cmap_set_uint64(sam.cmap, name, value);
}

static cs_error_t show_state(const char *state) { return with_cmap() ? show("state", state) : CS_OK; }

static void hide(void)
{
	cmap_iter_handle_t it;
	char name[CMAP_KEYNAME_MAXLEN + 1];

	if (cmap_iter_init(sam.cmap, sam.prefix, &it) != CS_OK)
		return;
	while (cmap_iter_next(sam.cmap, it, name, NULL, NULL) == CS_OK)
		cmap_delete(sam.cmap, name);
	cmap_iter_finalize(sam.cmap, it);
}

static cs_error_t enter_cmap(void)
{
	cs_error_t error = cmap_initialize(&sam.cmap);

	if (error != CS_OK)
		return error;
	snprintf(sam.prefix, sizeof(sam.prefix), "resources.process.%d.", (int)getpid());
	error = show("recovery", recovery(sam.policy) == SAM_RECOVERY_POLICY_QUIT ? "quit" : "restart");
	if (error == CS_OK)
		error = show_number("poll_period", (uint64_t)(int64_t)sam.interval);
	if (error != CS_OK) {
		hide();
		cmap_finalize(sam.cmap);
	}
	return error;
}

/* Quorum, in the parent. */

static void quorum_changed(quorum_handle_t handle, uint32_t quorate, uint64_t ring, uint32_t n, uint32_t *members)
{
	(void)handle, (void)ring, (void)n, (void)members;
	sam.quorate = quorate != 0;
}

cs_error_t enter_quorum(void)
{
	quorum_callbacks_t callbacks = { .quorum_notify_fn = quorum_changed };
	uint32_t type;
	cs_error_t error = quorum_initialize(&sam.quorum, &callbacks, &type);

	if (error != CS_OK)
		return error;
	error = quorum_trackstart(sam.quorum, CS_TRACK_CHANGES);
	if (error == CS_OK)
		error = quorum_fd_get(sam.quorum, &sam.quorum_fd);
	if (error == CS_OK)
		error = quorum_dispatch(sam.quorum, CS_DISPATCH_ONE); /* how it is now */
	if (error != CS_OK)
		quorum_finalize(sam.quorum);
	return error;
}

enum outcome { GO_ON, RECOVER, QUIT, BROKEN };

struct watch {
	pid_t child;
	int in, out;
	int started;
	int64_t since; /* when it last showed life, ms */
	/* Data on its way. */
	char *incoming;
	uint64_t incoming_size, incoming_done;
	int no_memory;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* punish warns the child, and kills it the next time. */
static enum outcome punish(struct watch *w)
{
	if (!sam.warned) {
		kill(w->child, sam.signal);
		sam.warned = 1;
		return GO_ON;
	}
	kill(w->child, SIGKILL);
	return RECOVER;
}

/* await_quorum returns CS_ERR_INTERRUPT if the child ends while it waits. */
static cs_error_t await_quorum(struct watch *w)
{
	cs_error_t error = show_state(state_waiting);

	if (error == CS_OK)
		error = quorum_dispatch(sam.quorum, CS_DISPATCH_ALL);
	while (error == CS_OK && !sam.quorate) {
		struct pollfd p[2] = { { .fd = w->in }, { .fd = sam.quorum_fd, .events = POLLIN } };

		if (poll(p, 2, -1) == -1) {
			if (errno != EINTR)
				error = CS_ERR_LIBRARY;
			continue;
		}
		if (p[0].revents & (POLLERR | POLLHUP | POLLNVAL))
			return CS_ERR_INTERRUPT;
		if (p[1].revents != 0)
			error = quorum_dispatch(sam.quorum, CS_DISPATCH_ONE);
	}
	return error;
}

static void start(struct watch *w)
{
	cs_error_t error = CS_OK;

	if (w->started)
		return;
	if (with_quorum())
		error = await_quorum(w);
	if (error == CS_ERR_INTERRUPT) {
		w->started = 1; /* its end is a failure */
		return;
	}
	if (error == CS_OK)
		error = show_state(state_running);
	if (error != CS_OK)
		show_state(state_stopped);
	if (with_quorum() || with_cmap())
		answer(w->out, error);
	w->started = error == CS_OK;
}

static void stop(struct watch *w)
{
	cs_error_t error;

	if (!w->started)
		return;
	error = show_state(state_stopped);
	if (with_cmap())
		answer(w->out, error);
	if (error == CS_OK)
		w->started = 0;
}

/* store_done takes over what came in. */
static void store_done(struct watch *w)
{
	cs_error_t error = w->no_memory ? CS_ERR_NO_MEMORY : CS_OK;

	if (error == CS_OK) {
		forget();
		sam.data = w->incoming;
		sam.data_size = sam.data_room = (size_t)w->incoming_size;
		w->incoming = NULL;
	}
	answer(w->out, error);
}

static void store_begin(struct watch *w, uint64_t size)
{
	free(w->incoming);
	w->incoming = size > 0 && size <= SSIZE_MAX ? malloc((size_t)size) : NULL;
	w->incoming_size = size;
	w->incoming_done = 0;
	w->no_memory = size > 0 && w->incoming == NULL;
	if (size == 0)
		store_done(w);
}

static void store_more(struct watch *w, const char *bytes, uint32_t n)
{
	if (n > w->incoming_size - w->incoming_done)
		n = (uint32_t)(w->incoming_size - w->incoming_done);
	if (w->incoming != NULL)
		memcpy(w->incoming + w->incoming_done, bytes, n);
	w->incoming_done += n;
	if (w->incoming_done == w->incoming_size)
		store_done(w);
}

/* failed is sam_mark_failed: no warning, and no other instance. */
static enum outcome failed(struct watch *w)
{
	w->started = 1;
	sam.warned = 1;
	sam.policy = (sam.policy & ~SAM_RECOVERY_POLICY_RESTART) | SAM_RECOVERY_POLICY_QUIT;
	return punish(w);
}

/* obey reads one frame of the child and does what it says. */
static enum outcome obey(struct watch *w)
{
	struct frame f;
	char bytes[FRAME_BYTES];
	int got = take(w->in, &f, sizeof(f));

	if (got == 1 && f.length > 0)
		got = f.length <= sizeof(bytes) ? take(w->in, bytes, f.length) : -1;
	if (got == -1)
		return BROKEN;
	if (got == 0)
		return w->started ? RECOVER : QUIT;
	w->since = now_ms();
	if (with_cmap() && f.command != CMD_STORE_MORE)
		show_number("last_updated", cs_timestamp_get());
	switch (f.command) {
	case CMD_START:
		start(w);
		w->since = now_ms(); /* waiting for quorum is no silence */
		break;
	case CMD_STOP:
		stop(w);
		break;
	case CMD_STORE:
		store_begin(w, f.value);
		break;
	case CMD_STORE_MORE:
		store_more(w, bytes, f.length);
		break;
	case CMD_SIGNAL:
		sam.signal = (int)(int64_t)f.value;
		answer(w->out, CS_OK);
		break;
	case CMD_FAILED:
		return failed(w);
	}
	return GO_ON;
}

/* quorum_event looks what became of quorum; a daemon that is gone is none. */
static enum outcome quorum_event(struct watch *w, int *fd)
{
	cs_error_t error = quorum_dispatch(sam.quorum, CS_DISPATCH_ALL);
	int lost = error != CS_OK && error != CS_ERR_TRY_AGAIN;

	w->since = now_ms();
	if (w->started && (lost || !sam.quorate))
		return punish(w);
	if (lost)
		*fd = -1; /* it would be readable for ever */
	return GO_ON;
}

/* watch_child stays with a child until it has to be buried. */
static enum outcome watch_child(struct watch *w)
{
	struct pollfd p[2] = { { .fd = w->in, .events = POLLIN }, { .fd = -1, .events = POLLIN } };
	enum outcome what = GO_ON;

	if (with_quorum())
		p[1].fd = sam.quorum_fd;
	while (what == GO_ON) {
		int timeout = -1, n;

		if (w->started && sam.interval > 0) {
			int64_t left = w->since + sam.interval - now_ms();

			timeout = left > 0 ? (int)left : 0;
		}
		if (w->started && with_quorum())
			p[1].fd = sam.quorum_fd;
		n = poll(p, 2, timeout);
		if (n == -1) {
			if (errno != EINTR)
				what = BROKEN;
		} else if (n == 0) {
			/* Time is measured in whole milliseconds; poll may be early by a part of one. */
			if (now_ms() - w->since >= sam.interval) {
				what = punish(w);
				w->since = now_ms();
			}
		} else {
			if (p[0].revents != 0)
				what = obey(w);
			if (what == GO_ON && p[1].revents != 0)
				what = quorum_event(w, &p[1].fd);
		}
	}
	free(w->incoming);
	return what;
}

/* bury waits for the end of the child, and does not return if that is the end of all. */
static void bury(pid_t child, enum outcome what)
{
	int status = 0;

	while (waitpid(child, &status, 0) == -1 && errno == EINTR)
		;
	if (what == RECOVER && recovery(sam.policy) != SAM_RECOVERY_POLICY_QUIT)
		return;
	if (with_quorum())
		quorum_finalize(sam.quorum);
	if (with_cmap()) {
		if (what == RECOVER)
			show_state(state_failed);
		else
			hide();
	}
	exit(WEXITSTATUS(status));
}

/* become makes this process the supervised child. */
static void become_child(int to_parent, int from_parent, unsigned int *instance_id)
{
	sam.to_parent = to_parent;
	sam.from_parent = from_parent;
	sam.child = 1;
	sam.stage = REGISTERED;
	pthread_mutex_init(&sam.lock, NULL);
	if (instance_id != NULL)
		*instance_id = sam.instance;
}

EXPORT cs_error_t sam_register(unsigned int *instance_id)
{
	cs_error_t error;

	if (sam.stage != READY)
		return CS_ERR_BAD_HANDLE;
	if (with_cmap()) {
		error = enter_cmap();
		if (error != CS_OK)
			return error;
	}
	for (;;) {
		int up[2], down[2]; /* from the child, to the child */
		struct watch w = { 0 };
		enum outcome what;

		if (pipe(up) != 0)
			return CS_ERR_LIBRARY;
		if (pipe(down) != 0) {
			close(up[0]);
			close(up[1]);
			return CS_ERR_LIBRARY;
		}
		error = show_state(state_stopped);
		sam.warned = 0;
		sam.instance++;
		w.child = error == CS_OK ? fork() : -1;
		if (w.child == 0) {
			close(up[0]);
			close(down[1]);
			become_child(up[1], down[0], instance_id);
			return CS_OK;
		}
		close(up[1]);
		close(down[0]);
		if (w.child == -1) {
			sam.instance--;
			close(up[0]);
			close(down[1]);
			return error != CS_OK ? error : CS_ERR_LIBRARY;
		}
		w.in = up[0];
		w.out = down[1];
		w.since = now_ms();
		what = watch_child(&w);
		close(up[0]);
		close(down[1]);
		if (what == BROKEN)
			return CS_ERR_LIBRARY;
		bury(w.child, what);
	}
}
