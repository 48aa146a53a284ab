#include "api_cpg.h"

static void use(HANDLE h)
{
	R(cpg_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(cpg_dispatch(h, CS_DISPATCH_ALL));
}

static cpg_handle_t threads_handle;
static int counted;
static int result[3];

static void count(cpg_handle_t h UNUSED, const struct cpg_name *g UNUSED, uint32_t node UNUSED, uint32_t pid UNUSED, void *msg UNUSED,
		  size_t len UNUSED)
{
	__atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST);
}

static int stop;

/* Threads do not wait in dispatch: the C library never wakes them when another finalizes the handle. */
static void *worker(void *arg)
{
	int *rc = arg;

	do {
		*rc = cpg_dispatch(threads_handle, CS_DISPATCH_ONE_NONBLOCKING);
		if (*rc == CS_ERR_TRY_AGAIN)
			nap(1);
	} while (*rc == CS_OK || (*rc == CS_ERR_TRY_AGAIN && !__atomic_load_n(&stop, __ATOMIC_SEQ_CST)));
	return NULL;
}

/* Threads in one dispatch; each event is handled once. */
static void start(pthread_t *t, int number)
{
	cpg_callbacks_t c = {.cpg_deliver_fn = count};
	struct cpg_name g = group("api.threads");
	pthread_attr_t attr;
	int i;

	counted = stop = 0;
	MUST(cpg_initialize(&threads_handle, &c));
	MUST(cpg_join(threads_handle, &g));
	MUST(cpg_dispatch(threads_handle, CS_DISPATCH_ONE));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 4 << 20);
	for (i = 0; i < number; i++)
		pthread_create(&t[i], &attr, worker, &result[i]);
	for (i = 0; i < 200; i++)
		MUST(send_text(threads_handle, "of many"));
	for (i = 0; i < 5000 && __atomic_load_n(&counted, __ATOMIC_SEQ_CST) < 200; i++)
		nap(1);
}

/* One thread, which has the handle taken away. */
static void one(void)
{
	pthread_t t;

	start(&t, 1);
	printf("1 thread: %d events\n", counted);
	R(cpg_finalize(threads_handle));
	pthread_join(t, NULL);
	printf("thread: %s\n", name_of(result[0]));
	R(cpg_finalize(threads_handle));
}

static void several(int number)
{
	pthread_t t[3];
	int i;

	start(t, number);
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < number; i++) {
		pthread_join(t[i], NULL);
		if (result[i] != CS_ERR_TRY_AGAIN)
			printf("thread %d of %d: %s\n", i, number, name_of(result[i]));
	}
	if (counted != 200)
		printf("%d threads: %d events\n", number, counted);
	MUST(cpg_finalize(threads_handle));
}

/* Programs have put a NUL behind a message: the buffer of the C library is larger. */
static void terminated(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t pid, void *msg, size_t len)
{
	((char *)msg)[len] = '\0';
	on_deliver(h, g, node, pid, msg, len);
}

static void ends(void)
{
	cpg_callbacks_t c = {.cpg_deliver_fn = terminated};
	struct cpg_name g = group("api.ends");
	int before = delivered, i;
	char text[33] = "0123456789abcdef0123456789abcdef";
	cpg_handle_t h;

	MUST(cpg_initialize(&h, &c));
	MUST(cpg_join(h, &g));
	for (i = 32; i > 0; i--) {
		text[i] = '\0';
		MUST(send_text(h, text));
	}
	nap(200); /* all are there, or the next loop finds them */
	while (delivered < before + 32)
		MUST(cpg_dispatch(h, CS_DISPATCH_ALL));
	MUST(cpg_finalize(h));
}

static int more;

/* A callback sends the next message, and dispatches in the dispatch. */
static void again(cpg_handle_t h, const struct cpg_name *g, uint32_t node, uint32_t pid, void *msg, size_t len)
{
	on_deliver(h, g, node, pid, msg, len);
	if (more-- > 0) {
		R(send_text(h, "next"));
		if (more == 1)
			R(cpg_dispatch(h, CS_DISPATCH_ONE));
	}
}

static void live(void)
{
	cpg_handle_t h = joined("api.dispatch");
	cpg_callbacks_t c = {.cpg_deliver_fn = again};
	struct cpg_name g = group("api.nested");
	int fd, i;

	MUST(cpg_fd_get(h, &fd));
	printf("-- nothing queued\n");
	R(cpg_dispatch(h, CS_DISPATCH_ALL));
	R(cpg_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	printf("-- one at a time\n");
	for (i = 0; i < 3; i++)
		MUST(send_text(h, i == 0 ? "first" : i == 1 ? "second" : "third"));
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	while (!(readable(fd, 5000) & POLLIN))
		;
	R(cpg_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	R(cpg_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	printf("-- all\n");
	for (i = 0; i < 3; i++)
		MUST(send_text(h, "all"));
	nap(200); /* all three are there, or the next loop finds them */
	while (delivered < 6)
		MUST(cpg_dispatch(h, CS_DISPATCH_ALL));
	R(cpg_dispatch(h, CS_DISPATCH_ALL));
	printf("-- from a callback\n");
	MUST(cpg_finalize(h));
	MUST(cpg_initialize(&h, &c));
	MUST(cpg_join(h, &g));
	MUST(cpg_dispatch(h, CS_DISPATCH_ONE));
	more = 4;
	MUST(send_text(h, "start"));
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	R(cpg_finalize(h));
	printf("-- a NUL behind each\n");
	ends();
	printf("-- threads\n");
	one();
	/*
	 * The ring of the C library has one reader: of several threads one may find half a chunk (CS_ERR_MESSAGE_ERROR), and
	 * a message be lost. So this is asked of ours only, which say nothing when all is well.
	 */
	if (getenv("LD_LIBRARY_PATH") != NULL)
		several(3);
}
