/*
 * recorder - joins a CPG group, sends numbered messages and writes down
 * everything it sends and sees, one line per event, for package history.
 *
 *   recorder -o FILE [-g GROUP] [-r RATE] [-s MIN[:MAX]] [-w WINDOW] [-q] [-R]
 *
 *   -r  messages per second, 0: as fast as the window allows (default 200)
 *   -s  payload size in bytes, uniformly between MIN and MAX (default 64)
 *   -w  at most this many own messages sent and not yet seen (default 32)
 *   -q  quiet: do not send before SIGUSR2
 *   -R  connect again, as a new incarnation, when the daemon goes away
 *
 * SIGUSR2 starts sending. SIGUSR1 stops it, with one last message marked FIN.
 * SIGTERM leaves the group and ends.
 *
 * Lines, each after a monotonic time in microseconds:
 *   I nodeid pid incarnation             connected
 *   J                                    join accepted
 *   S seq size flags                     about to send (flags 1: FIN)
 *   U seq error                          was not accepted after all
 *   D nodeid pid incarnation seq size flags ok    delivered; ok 0: bytes damaged
 *   C members left joined                group confchg: n:p,... n:p:reason,... or -
 *   T nodeid.seq n,n,...                 totem confchg
 *   E reason                             end of this incarnation
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <corosync/cpg.h>

#define MAGIC 0x524f4352u
#define FLAG_FIN 1u

struct head {
	uint32_t magic;
	uint32_t flags;
	uint64_t incarnation;
	uint64_t seq;
	uint32_t size; /* of everything */
	uint32_t sum;  /* of the body */
};

static FILE *out;
static struct cpg_name group;
static uint64_t incarnation, seq, seen;
static uint32_t self;
static int joined, fin_sent;
static volatile sig_atomic_t want_send = 1, want_fin, want_end;

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static uint64_t next_random(void)
{
	static uint64_t x;

	if (x == 0)
		x = now_us() * 2654435761u ^ (uint64_t)getpid() << 32 ^ 0x9e3779b97f4a7c15u;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void stamp(char kind)
{
	fprintf(out, "%" PRIu64 " %c", now_us(), kind);
}

/* The body follows from its number, so that a receiver can rebuild it. */
static uint32_t fill(unsigned char *p, size_t n, uint64_t number)
{
	uint32_t h = 2166136261u;
	size_t i;

	for (i = 0; i < n; i++) {
		p[i] = (unsigned char)(number + i * 7 + (i >> 8));
		h = (h ^ p[i]) * 16777619u;
	}
	return h;
}

static uint32_t sum(const unsigned char *p, size_t n)
{
	uint32_t h = 2166136261u;
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

static void on_deliver(cpg_handle_t h, const struct cpg_name *g, uint32_t nodeid,
		       uint32_t pid, void *msg, size_t len)
{
	struct head hd;
	int ok;

	(void)h;
	stamp('D');
	if (len < sizeof(hd)) {
		fprintf(out, " %u %u 0 0 %zu 0 0\n", nodeid, pid, len);
		return;
	}
	memcpy(&hd, msg, sizeof(hd));
	ok = hd.magic == MAGIC && hd.size == len && g->length == group.length &&
	     memcmp(g->value, group.value, group.length) == 0 &&
	     sum((unsigned char *)msg + sizeof(hd), len - sizeof(hd)) == hd.sum;
	fprintf(out, " %u %u %" PRIu64 " %" PRIu64 " %zu %u %d\n", nodeid, pid,
		hd.incarnation, hd.seq, len, hd.flags, ok);
	if (hd.incarnation == incarnation)
		seen = hd.seq;
}

static void list(const struct cpg_address *a, size_t n, int reasons)
{
	size_t i;

	fputc(' ', out);
	if (n == 0)
		fputc('-', out);
	for (i = 0; i < n; i++) {
		fprintf(out, "%s%u:%u", i ? "," : "", a[i].nodeid, a[i].pid);
		if (reasons)
			fprintf(out, ":%u", a[i].reason);
	}
}

static void on_confchg(cpg_handle_t h, const struct cpg_name *g,
		       const struct cpg_address *m, size_t nm,
		       const struct cpg_address *l, size_t nl,
		       const struct cpg_address *j, size_t nj)
{
	size_t i;

	(void)h;
	(void)g;
	stamp('C');
	list(m, nm, 0);
	list(l, nl, 1);
	list(j, nj, 1);
	fputc('\n', out);
	for (i = 0; i < nj; i++)
		if (j[i].nodeid == self && j[i].pid == (uint32_t)getpid())
			joined = 1;
	for (i = 0; i < nl; i++)
		if (l[i].nodeid == self && l[i].pid == (uint32_t)getpid())
			joined = 0;
}

static void on_totem(cpg_handle_t h, struct cpg_ring_id r, uint32_t n, const uint32_t *m)
{
	uint32_t i;

	(void)h;
	stamp('T');
	fprintf(out, " %u.%" PRIu64 " ", r.nodeid, r.seq);
	for (i = 0; i < n; i++)
		fprintf(out, "%s%u", i ? "," : "", m[i]);
	fputc('\n', out);
}

static void on_signal(int s)
{
	if (s == SIGUSR1)
		want_fin = 1;
	else if (s == SIGUSR2)
		want_send = 1;
	else
		want_end = 1;
}

static void pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

/* connect_join returns 0 with a joined handle, or an error of the library. */
static cs_error_t connect_join(cpg_handle_t *h, int forever)
{
	cpg_model_v1_data_t model;
	uint64_t limit = now_us() + 10 * 1000000;
	cs_error_t rc;

	memset(&model, 0, sizeof(model));
	model.model = CPG_MODEL_V1;
	model.cpg_deliver_fn = on_deliver;
	model.cpg_confchg_fn = on_confchg;
	model.cpg_totem_confchg_fn = on_totem;
	model.flags = CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF;
	for (;;) {
		rc = cpg_model_initialize(h, CPG_MODEL_V1, (cpg_model_data_t *)&model, NULL);
		if (rc == CS_OK)
			break;
		if (want_end || (!forever && now_us() > limit))
			return rc;
		pause_ms(20);
	}
	for (;;) {
		rc = cpg_local_get(*h, &self);
		if (rc != CS_ERR_TRY_AGAIN || want_end)
			break;
		pause_ms(5);
	}
	if (rc == CS_OK) {
		incarnation = next_random() >> 1;
		seq = seen = 0;
		joined = fin_sent = 0;
		stamp('I');
		fprintf(out, " %u %u %" PRIu64 "\n", self, (unsigned)getpid(), incarnation);
		for (;;) {
			rc = cpg_join(*h, &group);
			if (rc != CS_ERR_TRY_AGAIN || want_end)
				break;
			pause_ms(5);
		}
		if (rc == CS_OK) {
			stamp('J');
			fputc('\n', out);
		} else {
			stamp('E');
			fprintf(out, " join-%d\n", rc);
		}
	}
	if (rc != CS_OK)
		cpg_finalize(*h);
	fflush(out);
	return rc;
}

/*
 * send_one sends the next message; 1: sent, 0: not now, -1: connection gone. One that was announced and refused goes out as
 * it was announced, with the flags that are returned, whatever is wanted by then.
 */
static int send_one(cpg_handle_t h, unsigned char *buf, size_t min, size_t max, uint32_t *flags)
{
	static uint64_t announced;
	static uint64_t announced_inc;
	static uint32_t announced_flags;
	static size_t size;
	struct head hd;
	struct iovec iov;
	cs_error_t rc;

	if (announced != seq + 1 || announced_inc != incarnation) {
		announced = seq + 1;
		announced_inc = incarnation;
		announced_flags = *flags;
		size = min + (max > min ? next_random() % (max - min + 1) : 0);
		if (size < sizeof(hd))
			size = sizeof(hd);
		stamp('S');
		fprintf(out, " %" PRIu64 " %zu %u\n", seq + 1, size, *flags);
		fflush(out);
	}
	*flags = announced_flags;
	memset(&hd, 0, sizeof(hd));
	hd.magic = MAGIC;
	hd.flags = announced_flags;
	hd.incarnation = incarnation;
	hd.seq = seq + 1;
	hd.size = size;
	hd.sum = fill(buf + sizeof(hd), size - sizeof(hd), seq + 1);
	memcpy(buf, &hd, sizeof(hd));
	iov.iov_base = buf;
	iov.iov_len = size;
	rc = cpg_mcast_joined(h, CPG_TYPE_AGREED, &iov, 1);
	if (rc == CS_OK) {
		seq++;
		return 1;
	}
	if (rc == CS_ERR_TRY_AGAIN)
		return 0;
	stamp('U');
	fprintf(out, " %" PRIu64 " %d\n", seq + 1, rc);
	return -1;
}

/* session is one incarnation; it returns when that has ended. */
static void session(cpg_handle_t h, unsigned char *buf, size_t min, size_t max,
		    unsigned rate, unsigned window)
{
	uint64_t next = now_us(), ending = 0;
	struct pollfd pfd;
	cs_error_t rc;
	int fd, r;

	rc = cpg_fd_get(h, &fd);
	if (rc != CS_OK) {
		stamp('E');
		fprintf(out, " fd-%d\n", rc);
		return;
	}
	for (;;) {
		int timeout = 100, again = 0;

		if (want_end && !ending) {
			ending = now_us() + 3 * 1000000;
			do {
				rc = cpg_leave(h, &group);
				if (rc == CS_ERR_TRY_AGAIN)
					pause_ms(5);
			} while (rc == CS_ERR_TRY_AGAIN && now_us() < ending);
		}
		if (ending && (!joined || now_us() > ending)) {
			stamp('E');
			fprintf(out, joined ? " leave-timeout\n" : " leave\n");
			return;
		}
		while (joined && !ending && want_send && !fin_sent && !again) {
			uint32_t flags = want_fin ? FLAG_FIN : 0;

			if (!flags && seq - seen >= window)
				break;
			if (!flags && rate && now_us() < next) {
				timeout = (int)((next - now_us()) / 1000) + 1;
				break;
			}
			r = send_one(h, buf, min, max, &flags);
			if (r < 0) {
				stamp('E');
				fprintf(out, " send\n");
				return;
			}
			if (r == 0) {
				again = 1;
				timeout = 1;
				break;
			}
			if (rate) {
				next += 1000000 / rate;
				if (next + 200000 < now_us())
					next = now_us(); /* do not catch up on a pause */
			}
			if (flags)
				fin_sent = 1;
			/* hear before sending more */
			if ((seq & 7) == 0) {
				timeout = 0;
				break;
			}
		}
		pfd.fd = fd;
		pfd.events = POLLIN;
		pfd.revents = 0;
		if (poll(&pfd, 1, timeout) < 0 && errno != EINTR) {
			stamp('E');
			fprintf(out, " poll-%d\n", errno);
			return;
		}
		if (pfd.revents == 0)
			continue;
		rc = cpg_dispatch(h, CS_DISPATCH_ALL);
		fflush(out);
		if (rc != CS_OK && rc != CS_ERR_TRY_AGAIN) {
			stamp('E');
			fprintf(out, " dispatch-%d\n", rc);
			return;
		}
	}
}

int main(int argc, char **argv)
{
	const char *name = "history", *path = NULL;
	unsigned rate = 200, window = 32;
	size_t min = 64, max = 64;
	int c, again = 0;
	struct sigaction sa;
	unsigned char *buf;
	cpg_handle_t h;

	while ((c = getopt(argc, argv, "g:o:r:s:w:qR")) != -1) {
		switch (c) {
		case 'g': name = optarg; break;
		case 'o': path = optarg; break;
		case 'r': rate = strtoul(optarg, NULL, 10); break;
		case 's': {
			char *e;

			min = max = strtoul(optarg, &e, 10);
			if (*e == ':')
				max = strtoul(e + 1, NULL, 10);
			break;
		}
		case 'w': window = strtoul(optarg, NULL, 10); break;
		case 'q': want_send = 0; break;
		case 'R': again = 1; break;
		default: return 2;
		}
	}
	if (path == NULL || max < min || strlen(name) >= CPG_MAX_NAME_LENGTH) {
		fprintf(stderr, "usage: recorder -o FILE [-g GROUP] [-r RATE] [-s MIN[:MAX]] [-w WINDOW] [-q] [-R]\n");
		return 2;
	}
	out = fopen(path, "a");
	buf = malloc(max + sizeof(struct head));
	if (out == NULL || buf == NULL) {
		perror(path);
		return 1;
	}
	group.length = strlen(name);
	memcpy(group.value, name, group.length);
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	do {
		cs_error_t rc = connect_join(&h, again);

		if (rc == CS_OK) {
			session(h, buf, min, max, rate, window);
			fflush(out);
			cpg_finalize(h);
		} else if (!again) {
			fprintf(stderr, "recorder: cannot connect or join: %d\n", rc);
			return 1;
		}
	} while (again && !want_end);
	fclose(out);
	return 0;
}
