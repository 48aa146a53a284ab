/*
 * What the client libraries cost a program, but for the messages of cpgload.c.
 *
 *   libload get SECONDS     requests for a key, one after the other
 *   libload first           the first call of the process
 *   libload idle            a client of everything that has nothing to do: what it occupies, read by itself
 *
 * Prints "name=value" lines; times in microseconds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <corosync/corotypes.h>
#include <corosync/cfg.h>
#include <corosync/cmap.h>
#include <corosync/cpg.h>
#include <corosync/quorum.h>

#define WARMUP_NS 250000000ull
#define MAX_SAMPLES (4u << 20)
#define SETTLE_US 300000 /* what starts late is to be counted too */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void check(const char *what, cs_error_t err)
{
	if (err == CS_OK)
		return;
	fprintf(stderr, "libload: %s: error %d\n", what, (int)err);
	exit(1);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void get(uint64_t length)
{
	uint32_t *sample = malloc(sizeof *sample * MAX_SAMPLES), value;
	cmap_handle_t handle;
	unsigned long n = 0;
	uint64_t start, t;

	if (sample == NULL)
		exit(1);
	check("cmap_initialize", cmap_initialize(&handle));
	start = now() + WARMUP_NS;
	do {
		uint64_t sent = now();

		check("cmap_get_uint32", cmap_get_uint32(handle, "totem.version", &value));
		t = now();
		if (sent >= start && n < MAX_SAMPLES)
			sample[n++] = (uint32_t)(t - sent);
	} while (t < start + length);
	if (n == 0)
		exit(1);
	qsort(sample, n, sizeof *sample, by_value);
	printf("samples=%lu\np50=%.3f\np99=%.3f\n", n, sample[n / 2] / 1e3, sample[n * 99 / 100] / 1e3);
}

static void first(void)
{
	cpg_callbacks_t callbacks = { 0 };
	cpg_handle_t handle;
	uint64_t start = now();

	check("cpg_initialize", cpg_initialize(&handle, &callbacks));
	printf("first=%.3f\n", (double)(now() - start) / 1e3);
}

static void idle(void)
{
	cpg_callbacks_t callbacks = { 0 };
	quorum_callbacks_t quorum_callbacks = { 0 };
	struct cpg_name group = { .length = 4, .value = "idle" };
	corosync_cfg_handle_t cfg;
	quorum_handle_t quorum;
	cmap_handle_t cmap;
	cpg_handle_t cpg;
	uint32_t value, type;
	cs_error_t err;
	char line[256];
	int quorate;
	FILE *f;

	check("cpg_initialize", cpg_initialize(&cpg, &callbacks));
	check("cmap_initialize", cmap_initialize(&cmap));
	check("quorum_initialize", quorum_initialize(&quorum, &quorum_callbacks, &type));
	check("corosync_cfg_initialize", corosync_cfg_initialize(&cfg, NULL));
	while ((err = cpg_join(cpg, &group)) == CS_ERR_TRY_AGAIN)
		usleep(1000);
	check("cpg_join", err);
	check("cpg_dispatch", cpg_dispatch(cpg, CS_DISPATCH_ONE));
	check("quorum_getquorate", quorum_getquorate(quorum, &quorate));
	check("cmap_get_uint32", cmap_get_uint32(cmap, "totem.version", &value));
	usleep(SETTLE_US);
	f = fopen("/proc/self/status", "r");
	if (f == NULL)
		exit(1);
	while (fgets(line, sizeof line, f) != NULL) {
		unsigned long v;

		if (sscanf(line, "VmRSS: %lu", &v) == 1)
			printf("rss=%lu\n", v);
		else if (sscanf(line, "RssAnon: %lu", &v) == 1)
			printf("anon=%lu\n", v);
		else if (sscanf(line, "Threads: %lu", &v) == 1)
			printf("threads=%lu\n", v);
	}
	fclose(f);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "get") == 0)
		get((uint64_t)(atof(argv[2]) * 1e9));
	else if (argc == 2 && strcmp(argv[1], "first") == 0)
		first();
	else if (argc == 2 && strcmp(argv[1], "idle") == 0)
		idle();
	else {
		fprintf(stderr, "usage: libload get SECONDS | first | idle\n");
		return 2;
	}
	return 0;
}
