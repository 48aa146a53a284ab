/*
 * watcher - follows the quorum service of this node and writes down what it is
 * told, one line per event, for package history.
 *
 *   watcher -o FILE
 *
 * It connects again when the daemon goes away. SIGTERM ends it.
 *
 * Lines, each after a monotonic time in microseconds:
 *   I nodeid                          connected
 *   Q quorate nodeid.seq n,n,...      decision, ring and members
 *   N nodeid.seq members joined left  node list: n,n,... or -
 *   E reason                          end of this connection
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <corosync/cfg.h>
#include <corosync/quorum.h>

static FILE *out;
static volatile sig_atomic_t want_end;

static void on_signal(int s)
{
	(void)s;
	want_end = 1;
}

static void stamp(char kind)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	fprintf(out, "%" PRIu64 " %c", (uint64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000, kind);
}

static void list(const uint32_t *nodes, uint32_t n)
{
	uint32_t i;

	fputs(n == 0 ? " -" : " ", out);
	for (i = 0; i < n; i++)
		fprintf(out, "%s%u", i ? "," : "", nodes[i]);
}

static void on_quorum(quorum_handle_t h, uint32_t quorate, struct quorum_ring_id ring, uint32_t n, const uint32_t *members)
{
	(void)h;
	stamp('Q');
	fprintf(out, " %u %u.%" PRIu64, quorate, ring.nodeid, ring.seq);
	list(members, n);
	fputc('\n', out);
}

static void on_nodelist(quorum_handle_t h, struct quorum_ring_id ring, uint32_t n, const uint32_t *members,
			uint32_t nj, const uint32_t *joined, uint32_t nl, const uint32_t *left)
{
	(void)h;
	stamp('N');
	fprintf(out, " %u.%" PRIu64, ring.nodeid, ring.seq);
	list(members, n);
	list(joined, nj);
	list(left, nl);
	fputc('\n', out);
}

static cs_error_t local(unsigned int *id)
{
	corosync_cfg_handle_t h;
	corosync_cfg_callbacks_t none;
	cs_error_t rc;

	memset(&none, 0, sizeof(none));
	rc = corosync_cfg_initialize(&h, &none);
	if (rc != CS_OK)
		return rc;
	rc = corosync_cfg_local_get(h, id);
	corosync_cfg_finalize(h);
	return rc;
}

/* session is one connection; it returns when that has ended, or could not begin. */
static void session(void)
{
	quorum_model_v1_data_t model;
	quorum_handle_t h;
	struct pollfd pfd;
	unsigned int id;
	uint32_t type;
	cs_error_t rc;

	memset(&model, 0, sizeof(model));
	model.model = QUORUM_MODEL_V1;
	model.quorum_notify_fn = on_quorum;
	model.nodelist_notify_fn = on_nodelist;
	rc = quorum_model_initialize(&h, QUORUM_MODEL_V1, (quorum_model_data_t *)&model, &type, NULL);
	if (rc != CS_OK)
		return;
	if (local(&id) != CS_OK || quorum_fd_get(h, &pfd.fd) != CS_OK ||
	    quorum_trackstart(h, CS_TRACK_CURRENT | CS_TRACK_CHANGES) != CS_OK) {
		quorum_finalize(h);
		return;
	}
	stamp('I');
	fprintf(out, " %u\n", id);
	do {
		pfd.events = POLLIN;
		pfd.revents = 0;
		if (poll(&pfd, 1, -1) < 0 && errno != EINTR) {
			perror("poll");
			exit(1);
		}
		rc = CS_OK;
		if (pfd.revents != 0)
			rc = quorum_dispatch(h, CS_DISPATCH_ALL);
		fflush(out);
	} while (!want_end && (rc == CS_OK || rc == CS_ERR_TRY_AGAIN));
	stamp('E');
	fprintf(out, " %d\n", rc);
	fflush(out);
	quorum_finalize(h);
}

int main(int argc, char **argv)
{
	struct sigaction sa;

	if (argc != 3 || strcmp(argv[1], "-o") != 0) {
		fprintf(stderr, "usage: watcher -o FILE\n");
		return 2;
	}
	out = fopen(argv[2], "a");
	if (out == NULL) {
		perror(argv[2]);
		return 1;
	}
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	while (!want_end) {
		session();
		poll(NULL, 0, 20);
	}
	fclose(out);
	return 0;
}
