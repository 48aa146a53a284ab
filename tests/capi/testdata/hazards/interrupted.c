/* Threads that are cancelled where they do not wait, and that end after they have left a callback by longjmp. */
#include "member.h"

#include <dlfcn.h>

static cmap_handle_t cmap;

static void on_key(cmap_handle_t h, cmap_track_handle_t t, int32_t event, const char *key, struct cmap_notify_value n,
	struct cmap_notify_value o, void *user)
{
	(void)h; (void)t; (void)event; (void)key; (void)n; (void)o; (void)user;
}

static void *opens(void *arg)
{
	cmap_handle_t h;

	pthread_cancel(pthread_self());
	cmap_initialize(&h);
	return arg;
}

static void *tracks(void *arg)
{
	cmap_track_handle_t t;

	pthread_cancel(pthread_self());
	cmap_track_add(cmap, "interrupted.", CMAP_TRACK_ADD | CMAP_TRACK_PREFIX, on_key, NULL, &t);
	pthread_testcancel(); /* the answer may have been quick */
	return arg;
}

static void *dispatches(void *arg)
{
	pthread_cancel(pthread_self());
	cpg_dispatch(cpg, CS_DISPATCH_ONE);
	return arg;
}

static volatile int sent;

static void *floods(void *arg)
{
	struct iovec v = { "x", 1 };

	for (;;) {
		cpg_mcast_joined(cpg, CPG_TYPE_AGREED, &v, 1);
		sent = 1;
	}
	return arg;
}

/* cancelled runs a thread that is cancelled in the library. */
static void cancelled(void *(*f)(void *))
{
	pthread_t thread;
	void *result;

	CHECK(pthread_create(&thread, NULL, f, NULL) == 0);
	CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
}

static int descriptors(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Nothing is lost, kept or left locked. */
static void mode_cancel(void)
{
	cmap_track_handle_t track;
	cmap_handle_t other;
	pthread_t thread;
	void *result;
	int i, fd, fds;

	join(on_message);
	OK(cpg_fd_get(cpg, &fd));
	OK(cmap_initialize(&cmap));
	fds = descriptors();
	for (i = 0; i < 20; i++) {
		cancelled(opens);
		OK(cmap_initialize(&other));
		OK(cmap_finalize(other));
		cancelled(tracks);
		OK(cmap_track_add(cmap, "interrupted", CMAP_TRACK_ADD, on_key, NULL, &track));
		OK(cmap_track_delete(cmap, track));
		got = 0;
		say("x");
		readable(fd);
		cancelled(dispatches);
		CHECK(got == 0);
		while (got == 0) {
			readable(fd);
			OK(cpg_dispatch(cpg, CS_DISPATCH_ALL));
		}
		CHECK(got == 1 && quiet(fd));
	}
	CHECK(descriptors() == fds);
	/* And one that never waits, nor makes a call that ends threads. */
	CHECK(pthread_create(&thread, NULL, floods, NULL) == 0);
	while (!sent)
		sched_yield();
	CHECK(pthread_cancel(thread) == 0);
	CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
	turn();
}

static jmp_buf away;

static void jumps(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t pid, void *m, size_t n)
{
	(void)h; (void)g; (void)node; (void)pid; (void)m; (void)n;
	longjmp(away, 1);
}

/* deep uses the stack where the library did. */
static __attribute__((noinline)) void deep(void)
{
	volatile char much[20000];

	memset((void *)much, 0x5a, sizeof(much));
}

static void *leaves(void *exits)
{
	if (setjmp(away) == 0)
		cpg_dispatch(cpg, CS_DISPATCH_ONE);
	deep();
	if (exits == NULL)
		pthread_exit(&away);
	pthread_cancel(pthread_self());
	pthread_testcancel();
	return NULL;
}

/* A thread that has jumped out of a callback ends like any other: nothing in it leads to where the library was. */
static void mode_jump(void)
{
	pthread_t thread;
	void *result;
	long i;

	join(jumps);
	for (i = 0; i < 10; i++) {
		say("x");
		CHECK(pthread_create(&thread, NULL, leaves, (void *)(i % 2)) == 0);
		CHECK(pthread_join(thread, &result) == 0 && result == (i % 2 == 0 ? (void *)&away : PTHREAD_CANCELED));
	}
}

static void *waits(void *arg)
{
	pause();
	return arg;
}

/* A library is loaded that makes the first call in its constructor; in a program with threads another thread is to load the core. */
static void mode_plug(char **argv)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, waits, NULL) == 0);
	if (dlopen(argv[2], RTLD_NOW) == NULL)
		DIE("%s", dlerror());
	join(on_message);
	turn();
}

static const struct mode modes[] = {
	{ "cancel", mode_cancel, NULL, 0 },
	{ "jump", mode_jump, NULL, 0 },
	{ "plug", NULL, mode_plug, 1 },
};

int main(int argc, char **argv) { return play(modes, sizeof(modes) / sizeof(modes[0]), argc, argv); }
