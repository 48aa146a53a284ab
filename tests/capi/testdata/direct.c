/*
 * A client without a library around it: carries out commands with the functions of direct.h, in shared memory whose files
 * the test has made and plays the daemon of. Each mapping ends at a page that nobody may touch.
 *
 *   direct HEADER DATA HEADER DATA HEADER DATA WORDS MAX SOCKET     libqb's rings
 *   direct CONTROL REQUEST RESPONSE DISPATCH MAX SOCKET             the buffers of coroipc
 *
 *   mcast SEED N CUT     a message of N bytes in two parts     -> result
 *   request OP A0 A1 A2 FIRST SECOND     in hexadecimal, a dot before each     -> result
 *   reply OP ROOM        takes a count and reads the reply     -> result status r0 ... r8, length of what there is for out, out
 *   discard              takes a count and throws the reply away     -> result
 *   events SERVICE MOST SIZE     -> result count used need, and a line for each event
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../libcorosync-go/shim/direct.h"

static struct core_record record = { .kind = CORE_KIND_QB_SHM, .service = CORE_CPG };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void map(int i, const char *path)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = open(path, O_RDWR);
	struct stat st;
	char *area;

	if (fd < 0 || fstat(fd, &st) != 0)
		die(path);
	area = mmap(NULL, (size_t)st.st_size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED || mmap(area + page, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		die("mmap");
	close(fd);
	record.maps[i].addr = area + page;
	record.maps[i].len = (uint64_t)st.st_size;
}

static void hex(const void *bytes, size_t n)
{
	size_t i;

	putchar('.'); /* so that nothing is a field too */
	for (i = 0; i < n; i++)
		printf("%02x", ((const unsigned char *)bytes)[i]);
}

/* exact gives memory that ends where it must not be exceeded: the allocator's checks see the rest. */
static void *exact(size_t n)
{
	void *p = malloc(n != 0 ? n : 1);

	if (p == NULL)
		die("malloc");
	return p;
}

static void mcast(unsigned int seed, size_t n, size_t cut)
{
	unsigned char *a = exact(cut), *b = exact(n - cut);
	struct iovec iov[3] = { { a, cut }, { NULL, 0 }, { b, n - cut } };
	struct core_call call = { .op = OP_CPG_MCAST, .a = { 2 }, .iov = iov, .iovcnt = 3 };
	size_t i;

	for (i = 0; i < n; i++)
		*(i < cut ? a + i : b + i - cut) = (unsigned char)(seed + i * 7);
	printf("%d\n", direct_request(&record, &call));
	free(a);
	free(b);
}

/* unhex is the reverse of hex. */
static struct iovec unhex(const char *text)
{
	size_t n = strlen(++text) / 2, i;
	unsigned char *b = exact(n);

	for (i = 0; i < n; i++) {
		unsigned int v;

		sscanf(text + 2 * i, "%2x", &v);
		b[i] = (unsigned char)v;
	}
	return (struct iovec){ b, n };
}

static void request(uint32_t op, const unsigned long *a, const char *first, const char *second)
{
	struct core_call call = { .op = op, .a = { a[0], a[1], a[2] }, .in = { unhex(first), unhex(second) } };

	printf("%d\n", direct_request(&record, &call));
	free(call.in[0].iov_base);
	free(call.in[1].iov_base);
}

static void reply(uint32_t op, size_t room)
{
	char *out = exact(room);
	struct core_call call = { .op = op, .out = { { room != 0 ? out : NULL, room } } };
	int rc = -2, i;

	memset(out, 0xee, room);
	if (sem_trywait(record.reply_sem) == 0)
		rc = direct_reply(&record, &call);
	printf("%d %u", rc, call.status);
	for (i = 0; i < 9; i++)
		printf(" %lu", (unsigned long)call.r[i]);
	printf(" %zu ", call.out[0].iov_len);
	hex(out, rc == 0 ? room : 0);
	putchar('\n');
	free(out);
}

static void discard(void) { printf("%d\n", sem_trywait(record.reply_sem) == 0 ? direct_reply(&record, NULL) : -2); }

/* name_bytes is how much of the name an event of this kind has, data_bytes how much data. */
static size_t name_bytes(const struct core_event *e)
{
	return e->id == EV_CMAP_NOTIFY ? 257 : e->id >= EV_CPG_DELIVER && e->id <= EV_CPG_CONFCHG ? 129 : 0;
}

static size_t data_bytes(const struct core_event *e)
{
	size_t n = e->n[0] + e->n[1] + e->n[2];

	switch (e->id) {
	case EV_CPG_DELIVER: case EV_CPG_PARTIAL: case EV_CMAP_NOTIFY: return n;
	case EV_CPG_CONFCHG: return n * 12;
	case EV_VQ_QUORUM: return n * 8;
	}
	return n * 4;
}

static void events(unsigned int service, uint64_t most, size_t size)
{
	char *room = aligned_alloc(16, size != 0 ? size : 16), *at = room;
	struct core_batch batch;
	uint64_t i;
	int rc, j;

	if (room == NULL)
		die("aligned_alloc");
	memset(room, 0xff, size);
	record.service = service;
	rc = direct_events(&record, room, size, most, &batch);
	printf("%d %lu %lu %lu\n", rc, (unsigned long)batch.count, (unsigned long)batch.used, (unsigned long)batch.need);
	for (i = 0; rc == 0 && i < batch.count; i++) {
		struct core_event *e = (struct core_event *)at;

		printf("%u %u", e->id, e->size);
		for (j = 0; j < 4; j++)
			printf(" %lu", (unsigned long)e->w[j]);
		for (j = 0; j < 3; j++)
			printf(" %lu", (unsigned long)e->n[j]);
		printf(" %u ", e->name_length);
		hex(e->name, name_bytes(e));
		putchar(' ');
		hex(e->data, data_bytes(e));
		putchar('\n');
		at += e->size;
	}
	free(room);
}

int main(int argc, char **argv)
{
	static char line[16384], first[8192], second[8192];
	unsigned long a, b, c, v[3];
	int i;

	if (argc != 10 && argc != 7)
		return 2;
	for (i = 0; i < (argc == 10 ? 6 : 4); i++)
		map(i, argv[1 + i]);
	record.max_message = strtoul(argv[argc - 2], NULL, 10);
	record.fd = record.live_fd = record.byte_fd = atoi(argv[argc - 1]);
	if (argc == 10) {
		for (i = 0; i < 3; i++)
			record.words[i] = strtoul(argv[7], NULL, 10);
		record.reply_sem = (char *)record.maps[2].addr + 8208;
		record.event_sem = (char *)record.maps[4].addr + 8208;
	} else {
		record.kind = CORE_KIND_COROIPC;
		record.words[0] = 40; /* a service of 3.x */
		record.event_sem = (char *)record.maps[0].addr + 48;
		record.reply_sem = (char *)record.maps[0].addr + 112;
	}
	setvbuf(stdout, NULL, _IOFBF, 65536);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (sscanf(line, "mcast %lu %lu %lu", &a, &b, &c) == 3)
			mcast((unsigned int)a, b, c);
		else if (sscanf(line, "request %lu %lu %lu %lu %8191s %8191s", &a, v, v + 1, v + 2, first, second) == 6)
			request((uint32_t)a, v, first, second);
		else if (sscanf(line, "reply %lu %lu", &a, &b) == 2)
			reply((uint32_t)a, b);
		else if (strcmp(line, "discard\n") == 0)
			discard();
		else if (sscanf(line, "events %lu %lu %lu", &a, &b, &c) == 3)
			events((unsigned int)a, b, c);
		else
			return 3;
		fflush(stdout);
	}
	return 0;
}
