/*
 * A load for closed process groups, and what comes back of it.
 *
 *   cpgload flood   BYTES SECONDS   one thread sends as fast as it may, one counts
 *   cpgload latency BYTES SECONDS   one message in flight; "call" is the sending call alone
 *   cpgload request BYTES SECONDS   one request after the other, and its reply
 *
 * The first quarter of a second is not counted. Prints "name=value" lines.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <corosync/corotypes.h>
#include <corosync/cpg.h>

#define WARMUP_NS 250000000ull
#define DRAIN_NS 20000000000ull
#define MAX_SAMPLES (8u << 20)

static cpg_handle_t handle;
static unsigned int self;
static uint32_t pid;
static atomic_ulong own, other;
static atomic_int joined;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void deliver(cpg_handle_t h, const struct cpg_name *group, uint32_t node, uint32_t from,
	void *msg, size_t len)
{
	if (node == self && from == pid)
		atomic_fetch_add_explicit(&own, 1, memory_order_relaxed);
	else
		atomic_fetch_add_explicit(&other, 1, memory_order_relaxed);
}

static void confchg(cpg_handle_t h, const struct cpg_name *group,
	const struct cpg_address *members, size_t n_members,
	const struct cpg_address *left, size_t n_left,
	const struct cpg_address *in, size_t n_in)
{
	for (size_t i = 0; i < n_in; i++)
		if (in[i].nodeid == self && in[i].pid == pid)
			atomic_store(&joined, 1);
}

static void die(const char *what, cs_error_t err)
{
	fprintf(stderr, "cpgload: %s: error %d\n", what, (int)err);
	exit(1);
}

static void *reader(void *arg)
{
	cpg_dispatch(handle, CS_DISPATCH_BLOCKING);
	return NULL;
}

static void flood(struct iovec *iov, uint64_t length)
{
	pthread_t thread;
	cs_error_t err;
	unsigned long sent = 0, again = 0, first = 0, first_other = 0;
	uint64_t start, end, begun = 0, t;

	pthread_create(&thread, NULL, reader, NULL);
	while (!atomic_load(&joined))
		usleep(1000);
	start = now() + WARMUP_NS;
	end = start + length;
	for (;;) {
		err = cpg_mcast_joined(handle, CPG_TYPE_AGREED, iov, 1);
		if (err == CS_OK)
			sent++;
		else if (err == CS_ERR_TRY_AGAIN)
			again++;
		else
			die("cpg_mcast_joined", err);
		t = now();
		if (!begun && t >= start) {
			begun = t;
			first = atomic_load(&own);
			first_other = atomic_load(&other);
		}
		if (t >= end)
			break;
	}
	first = atomic_load(&own) - first;
	first_other = atomic_load(&other) - first_other;
	printf("seconds=%.6f\nown=%lu\nother=%lu\nagain=%lu\n", (double)(t - begun) / 1e9, first, first_other, again);
	for (t = now(); atomic_load(&own) < sent && now() - t < DRAIN_NS;)
		usleep(1000);
	printf("sent=%lu\nreceived=%lu\n", sent, atomic_load(&own));
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t called; /* when the sending call was over */

/* message is the time from sending one to its delivery. */
static void message(struct iovec *iov)
{
	unsigned long before = atomic_load(&own);
	cs_error_t err;

	while ((err = cpg_mcast_joined(handle, CPG_TYPE_AGREED, iov, 1)) == CS_ERR_TRY_AGAIN)
		;
	if (err != CS_OK)
		die("cpg_mcast_joined", err);
	called = now();
	while (atomic_load(&own) == before)
		if ((err = cpg_dispatch(handle, CS_DISPATCH_ONE)) != CS_OK)
			die("cpg_dispatch", err);
}

static void request(struct iovec *iov)
{
	cs_error_t err = cpg_local_get(handle, &self);

	(void)iov;
	if (err != CS_OK)
		die("cpg_local_get", err);
	called = now();
}

static void latency(struct iovec *iov, uint64_t length, void (*once)(struct iovec *))
{
	uint32_t *sample = malloc(sizeof *sample * MAX_SAMPLES), *call = malloc(sizeof *call * MAX_SAMPLES);
	unsigned long n = 0;
	uint64_t start, t;
	cs_error_t err;

	if (!sample || !call)
		exit(1);
	while (!atomic_load(&joined))
		if ((err = cpg_dispatch(handle, CS_DISPATCH_ONE)) != CS_OK)
			die("cpg_dispatch", err);
	start = now() + WARMUP_NS;
	do {
		uint64_t sent = now();

		once(iov);
		t = now();
		if (sent >= start && n < MAX_SAMPLES) {
			call[n] = (uint32_t)(called - sent);
			sample[n++] = (uint32_t)(t - sent);
		}
	} while (t < start + length);
	if (!n)
		exit(1);
	qsort(sample, n, sizeof *sample, by_value);
	qsort(call, n, sizeof *call, by_value);
	printf("samples=%lu\np50=%.3f\np90=%.3f\np99=%.3f\nmax=%.3f\ncall=%.3f\n", n,
		sample[n / 2] / 1e3, sample[n * 9 / 10] / 1e3, sample[n * 99 / 100] / 1e3, sample[n - 1] / 1e3, call[n / 2] / 1e3);
}

int main(int argc, char **argv)
{
	cpg_callbacks_t callbacks = { .cpg_deliver_fn = deliver, .cpg_confchg_fn = confchg };
	struct cpg_name group = { .length = 7, .value = "cpgload" };
	struct iovec iov;
	uint64_t length;
	cs_error_t err;

	if (argc != 4) {
		fprintf(stderr, "usage: cpgload flood|latency|request BYTES SECONDS\n");
		return 2;
	}
	iov.iov_len = strtoul(argv[2], NULL, 10);
	iov.iov_base = calloc(1, iov.iov_len + 1);
	length = (uint64_t)(atof(argv[3]) * 1e9);
	pid = (uint32_t)getpid();
	if ((err = cpg_initialize(&handle, &callbacks)) != CS_OK)
		die("cpg_initialize", err);
	if ((err = cpg_local_get(handle, &self)) != CS_OK)
		die("cpg_local_get", err);
	while ((err = cpg_join(handle, &group)) == CS_ERR_TRY_AGAIN)
		usleep(1000);
	if (err != CS_OK)
		die("cpg_join", err);
	if (!strcmp(argv[1], "flood"))
		flood(&iov, length);
	else
		latency(&iov, length, strcmp(argv[1], "request") ? message : request);
	fflush(stdout);
	_exit(0); /* the daemon sees us go; the reading thread may sleep in the library */
}
