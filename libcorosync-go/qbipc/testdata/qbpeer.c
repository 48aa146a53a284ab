/*
 * The C end of the interoperability tests, on the installed libqb.
 *
 *   qbpeer client SERVICE REQUESTS EVENTS   echo REQUESTS messages of all sizes, then ask for EVENTS events
 *   qbpeer bench SERVICE REQUESTS           round trips of 100 bytes, prints nanoseconds each
 *   qbpeer server SERVICE [shm|socket]      echo; id 7 asks for events, id 8 sets flow control to the first body byte
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <qb/qbipcc.h>
#include <qb/qbipcs.h>
#include <qb/qbloop.h>

#define MAX (1024 * 1024)

struct msg {
	struct qb_ipc_response_header h;
	unsigned char body[MAX - sizeof(struct qb_ipc_response_header)];
};

static struct msg out, in;

static void fail(const char *what, long i, long res)
{
	printf("FAIL %s at %ld: %ld\n", what, i, res);
	exit(1);
}

static void set(struct msg *m, int id, size_t body)
{
	memset(&m->h, 0, sizeof(m->h));
	m->h.id = id;
	m->h.size = sizeof(m->h) + body;
}

static int client(const char *service, long requests, long events)
{
	qb_ipcc_connection_t *c = qb_ipcc_connect(service, MAX);
	long i, j;

	if (c == NULL) {
		printf("FAIL connect: %d\n", errno);
		return 1;
	}
	for (i = 0; i < requests; i++) {
		size_t body = i % 100 == 99 ? sizeof(out.body) - i % 7 : (i * 37) % 5000;
		struct iovec v[2] = { { &out, sizeof(out.h) }, { out.body, body } };
		ssize_t n;

		set(&out, 1, body);
		for (j = 0; j < (long)body; j++) {
			out.body[j] = i + j;
		}
		n = qb_ipcc_sendv_recv(c, v, 2, &in, sizeof(in), -1);
		if (n != out.h.size || memcmp(&in, &out, n) != 0) {
			fail("echo", i, n);
		}
	}
	if (events > 0) {
		set(&out, 7, 4);
		memcpy(out.body, &(int){ events }, 4);
		i = qb_ipcc_send(c, &out, out.h.size);
		if (i != out.h.size) {
			fail("send", 0, i);
		}
		for (i = 0; i < events; i++) {
			ssize_t n = qb_ipcc_event_recv(c, &in, sizeof(in), 5000);
			int number = -1;

			memcpy(&number, in.body, 4);
			if (n != (ssize_t)sizeof(in.h) + 4 + i % 500 || number != i) {
				fail("event", i, n);
			}
		}
		i = qb_ipcc_event_recv(c, &in, sizeof(in), 0);
		if (i != -EAGAIN) {
			fail("event left over", 0, i);
		}
	}
	qb_ipcc_disconnect(c);
	printf("OK\n");
	return 0;
}

static int bench(const char *service, long requests)
{
	qb_ipcc_connection_t *c = qb_ipcc_connect(service, MAX);
	struct timespec a, b;
	long i;

	if (c == NULL) {
		printf("FAIL connect: %d\n", errno);
		return 1;
	}
	set(&out, 1, 76);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = 0; i < requests; i++) {
		struct iovec v = { &out, out.h.size };

		if (qb_ipcc_sendv_recv(c, &v, 1, &in, sizeof(in), -1) != 100) {
			fail("echo", i, 0);
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%ld\n", ((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec) / requests);
	qb_ipcc_disconnect(c);
	return 0;
}

static qb_loop_t *loop;
static qb_ipcs_service_t *srv;

static int32_t accept_fn(qb_ipcs_connection_t *c, uid_t uid, gid_t gid) { return 0; }
static void created_fn(qb_ipcs_connection_t *c) { }
static int32_t closed_fn(qb_ipcs_connection_t *c) { return 0; }
static void destroyed_fn(qb_ipcs_connection_t *c) { }

static void open_again(void *data) { qb_ipcs_request_rate_limit(srv, QB_IPCS_RATE_FAST); }

static int32_t message_fn(qb_ipcs_connection_t *c, void *data, size_t size)
{
	struct msg *m = data;
	long i;

	if (m->h.id == 7) {
		int n;

		memcpy(&n, m->body, 4);
		for (i = 0; i < n; i++) {
			set(&out, 5, 4 + i % 500);
			memcpy(out.body, &(int){ i }, 4);
			for (;;) {
				ssize_t res = qb_ipcs_event_send(c, &out, out.h.size);

				if (res >= 0) {
					break;
				}
				if (res != -EAGAIN && res != -ENOBUFS) {
					fail("event_send", i, res);
				}
				usleep(200);
			}
		}
		return 0;
	}
	if (m->h.id == 8) {
		qb_loop_timer_handle t;

		qb_ipcs_request_rate_limit(srv, m->body[0] == 1 ? QB_IPCS_RATE_OFF : QB_IPCS_RATE_OFF_2);
		qb_loop_timer_add(loop, QB_LOOP_HIGH, 100 * 1000000ULL, NULL, open_again, &t);
	}
	qb_ipcs_response_send(c, data, size);
	return 0;
}

static int32_t job_add(enum qb_loop_priority p, void *data, qb_loop_job_dispatch_fn fn)
{
	return qb_loop_job_add(loop, p, data, fn);
}

static int32_t d_add(enum qb_loop_priority p, int32_t fd, int32_t evts, void *data, qb_ipcs_dispatch_fn_t fn)
{
	return qb_loop_poll_add(loop, p, fd, evts, data, fn);
}

static int32_t d_mod(enum qb_loop_priority p, int32_t fd, int32_t evts, void *data, qb_ipcs_dispatch_fn_t fn)
{
	return qb_loop_poll_mod(loop, p, fd, evts, data, fn);
}

static int32_t d_del(int32_t fd) { return qb_loop_poll_del(loop, fd); }

static int server(const char *service, const char *type)
{
	struct qb_ipcs_service_handlers sh = {
		.connection_accept = accept_fn, .connection_created = created_fn, .msg_process = message_fn,
		.connection_closed = closed_fn, .connection_destroyed = destroyed_fn,
	};
	struct qb_ipcs_poll_handlers ph = { .job_add = job_add, .dispatch_add = d_add, .dispatch_mod = d_mod, .dispatch_del = d_del };

	loop = qb_loop_create();
	srv = qb_ipcs_create(service, 0, strcmp(type, "socket") == 0 ? QB_IPC_SOCKET : QB_IPC_SHM, &sh);
	qb_ipcs_poll_handlers_set(srv, &ph);
	if (qb_ipcs_run(srv) != 0) {
		fail("run", 0, errno);
	}
	printf("READY\n");
	fflush(stdout);
	qb_loop_run(loop);
	return 0;
}

int main(int argc, char **argv)
{
	alarm(60);
	if (argc == 5 && strcmp(argv[1], "client") == 0) {
		return client(argv[2], atol(argv[3]), atol(argv[4]));
	}
	if (argc == 4 && strcmp(argv[1], "bench") == 0) {
		return bench(argv[2], atol(argv[3]));
	}
	if (argc >= 3 && strcmp(argv[1], "server") == 0) {
		return server(argv[2], argc > 3 ? argv[3] : "shm");
	}
	return 2;
}
