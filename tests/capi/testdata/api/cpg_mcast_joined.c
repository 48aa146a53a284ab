#include "api_cpg.h"

static void use(HANDLE h)
{
	struct iovec v = {.iov_base = "use", .iov_len = 3};

	R(cpg_mcast_joined(h, CPG_TYPE_AGREED, &v, 1));
}

static int intact = 1, answers;
static size_t length;

static void check(cpg_handle_t h UNUSED, const struct cpg_name *g UNUSED, uint32_t node UNUSED, uint32_t pid UNUSED, void *msg, size_t len)
{
	const unsigned char *p = msg;
	size_t i;

	answers++;
	length = len;
	for (i = 0; i < len; i++)
		if (p[i] != (unsigned char)(i * 31 + i / 256))
			intact = 0;
}

/* A message of a length comes back whole. */
static void whole(cpg_handle_t h, size_t len)
{
	unsigned char *p = malloc(len + 1);
	struct iovec v[3];
	size_t i;
	int rc, before = answers;

	for (i = 0; i < len; i++)
		p[i] = (unsigned char)(i * 31 + i / 256);
	v[0] = (struct iovec){.iov_base = p, .iov_len = len / 3};
	v[1] = (struct iovec){.iov_base = p + len / 3, .iov_len = 0};
	v[2] = (struct iovec){.iov_base = p + len / 3, .iov_len = len - len / 3};
	intact = 1;
	while ((rc = cpg_mcast_joined(h, CPG_TYPE_AGREED, v, 3)) == CS_ERR_TRY_AGAIN)
		nap(1);
	while (rc == CS_OK && answers == before)
		if (cpg_dispatch(h, CS_DISPATCH_ONE) != CS_OK)
			break;
	printf("%zu bytes: %s, came back: %zu, intact %d\n", len, name_of(rc), length, intact);
	free(p);
}

/*
 * The daemon is stopped, so the queue gets full. Over coroipc it answers each message, so it is not stopped: there the queue
 * gets full as nobody reads what comes, and the daemon lets a message pass now and then.
 */
static void full(void)
{
	cpg_callbacks_t c = {.cpg_deliver_fn = check};
	struct cpg_name g = group("api.full");
	char text[4000];
	struct iovec v = {.iov_base = text, .iov_len = sizeof text};
	cpg_handle_t h;
	const char *ipc = getenv("COROSYNC_IPC");
	int answered = ipc != NULL && strcmp(ipc, "coroipc") == 0;
	int fd, n = 0, rc, last = CS_OK;

	memset(text, 'f', sizeof text);
	MUST(cpg_initialize(&h, &c));
	MUST(cpg_join(h, &g));
	MUST(cpg_dispatch(h, CS_DISPATCH_ONE));
	MUST(cpg_fd_get(h, &fd));
	if (daemon_of(fd) <= 0) { /* over sockets */
		printf("full: nobody knows who the daemon is\n");
		MUST(cpg_finalize(h));
		return;
	}
	if (!answered)
		kill(daemon_of(fd), SIGSTOP);
	while (((rc = cpg_mcast_joined(h, CPG_TYPE_AGREED, &v, 1)) == CS_OK || (answered && last == CS_OK)) && n < 100000) {
		if (rc == CS_OK)
			n++;
		last = rc;
	}
	printf("full: %s, it held more than 100: %d\n", name_of(rc), n > 100);
	while ((rc = cpg_mcast_joined(h, CPG_TYPE_AGREED, &v, 1)) == CS_OK && answered)
		n++;
	printf("full: %s\n", name_of(rc));
	kill(daemon_of(fd), SIGCONT);
	answers = 0;
	while (answers < n)
		if (cpg_dispatch(h, CS_DISPATCH_ONE) != CS_OK)
			break;
	printf("all came: %d\n", answers == n);
	while ((rc = cpg_mcast_joined(h, CPG_TYPE_AGREED, &v, 1)) == CS_ERR_TRY_AGAIN)
		nap(1);
	report("then", rc);
	while (answers == n)
		if (cpg_dispatch(h, CS_DISPATCH_ONE) != CS_OK)
			break;
	nap(20);
	R(cpg_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(cpg_finalize(h));
}

static void live(void)
{
	cpg_callbacks_t c = {.cpg_deliver_fn = check};
	struct cpg_name g = group("api.mcast");
	struct iovec v[2] = {{.iov_base = "one ", .iov_len = 4}, {.iov_base = "message", .iov_len = 7}};
	cpg_handle_t h, idle;
	int i;

	MUST(open_handle(&idle));
	printf("-- without a group\n");
	R(cpg_mcast_joined(idle, CPG_TYPE_AGREED, v, 2));
	nap(50);
	R(cpg_dispatch(idle, CS_DISPATCH_ONE_NONBLOCKING));
	printf("-- every guarantee\n");
	h = joined("api.guarantee");
	for (i = CPG_TYPE_UNORDERED; i <= CPG_TYPE_SAFE; i++) {
		R(cpg_mcast_joined(h, (cpg_guarantee_t)i, v, 2));
		R(cpg_dispatch(h, CS_DISPATCH_ONE));
	}
	R(cpg_mcast_joined(h, (cpg_guarantee_t)99, v, 2));
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	printf("-- nothing in it\n");
	R(cpg_mcast_joined(h, CPG_TYPE_AGREED, v, 0));
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	R(cpg_mcast_joined(h, CPG_TYPE_AGREED, NULL, 0));
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	R(cpg_finalize(h));
	R(cpg_finalize(idle));
	printf("-- lengths\n");
	MUST(cpg_initialize(&h, &c));
	MUST(cpg_join(h, &g));
	MUST(cpg_dispatch(h, CS_DISPATCH_ONE));
	whole(h, 1);
	whole(h, 1000);
	whole(h, 1500);
	whole(h, 65536);
	whole(h, 1047551);
	whole(h, 1047552);
	whole(h, 1047553);
	whole(h, 2 * 1047552);
	whole(h, 5 * 1000 * 1000);
	R(cpg_finalize(h));
	printf("-- a full queue\n");
	full();
}
