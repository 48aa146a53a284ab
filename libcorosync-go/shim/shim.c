/*
 * Handles, requests and dispatch of all the libraries. Waiting is done here, in poll and sem_timedwait, where
 * pthread_cancel and signals behave as in any C library; callbacks are made from here, with no lock held.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <corosync/corodefs.h>

#include "direct.h"
#include "process.h"

#define SLICE_MS 200          /* how long a wait for a reply goes without a look at the daemon */
#define BYTE_MS 1000          /* and that for the byte of an event that is there already */
#define END_PAUSE_NS 10000000L /* a dying process lasts a little longer than its sockets: so long, this often */
#define END_TRIES 4
#define CHUNK_BYTES (64 * 1024)
#define SMALL_CHUNK_BYTES 4096 /* what a callback that is left by longjmp costs, with CS_DISPATCH_ONE */

/* Events taken in one call of the core. */
struct shim_chunk {
	uint32_t refs; /* under the events lock: deliveries under way, and 1 while it is the object's */
	size_t size, used, at;
	struct core_event first[] __attribute__((aligned(16)));
};

static struct shim **table;
static uint32_t table_size;

/* --- handles --- */

/* Called with the process lock: the system call, since in glibc's function a cancelled thread would end, with the lock. */
static uint32_t fresh_check(void)
{
	static uint32_t state;
	uint32_t check = 0;

	if (syscall(SYS_getrandom, &check, sizeof(check), GRND_NONBLOCK) != (long)sizeof(check))
		check = state * 2654435761u + (uint32_t)time(NULL);
	state = check;
	return check != 0 ? check : 1;
}

static void init_locks(struct shim *o)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK); /* see lock_requests */
	pthread_mutex_init(&o->requests, &attr);
	pthread_mutexattr_destroy(&attr);
	pthread_mutex_init(&o->events, NULL);
}

cs_error_t shim_new(enum shim_kind kind, struct shim **object)
{
	struct process *p = process_get();
	struct shim *o, **grown, **old;
	uint32_t i;

	if (p == NULL || (o = calloc(1, sizeof(*o))) == NULL)
		return CS_ERR_NO_MEMORY;
	o->kind = kind;
	o->refs = 2; /* the handle's, and the caller's */
	o->record.fd = o->record.live_fd = o->record.byte_fd = o->record.reply_fd = -1;
	init_locks(o);

	process_lock(p);
	for (i = 0; i < table_size && table[i] != NULL; i++)
		;
	if (i == table_size) {
		grown = calloc(table_size + 16, sizeof(*table));
		if (grown == NULL) {
			process_unlock(p);
			free(o);
			return CS_ERR_NO_MEMORY;
		}
		if (table_size > 0)
			memcpy(grown, table, table_size * sizeof(*table));
		/* In this order: at each step a child that is forked by another thread finds a table of that size. */
		old = table;
		__atomic_store_n(&table, grown, __ATOMIC_RELEASE);
		__atomic_store_n(&table_size, table_size + 16, __ATOMIC_RELEASE);
		free(old);
	}
	o->index = i;
	o->handle = (uint64_t)fresh_check() << 32 | i;
	table[i] = o;
	process_unlock(p);
	*object = o;
	return CS_OK;
}

cs_error_t shim_get(uint64_t handle, enum shim_kind kind, struct shim **object)
{
	struct process *p = process_get();
	uint32_t i = (uint32_t)handle;
	cs_error_t error = CS_ERR_BAD_HANDLE;

	if (p == NULL)
		return CS_ERR_NO_MEMORY;
	process_lock(p);
	if (i < table_size && table[i] != NULL && table[i]->handle == handle && table[i]->kind == kind && !table[i]->finalized) {
		*object = table[i];
		table[i]->refs++;
		error = CS_OK;
	}
	process_unlock(p);
	return error;
}

/* current makes sure that the core of this very process knows the connection. */
static struct process *current(struct shim *o, cs_error_t *error)
{
	struct process *p = core_get(error);
	core_mask mask;
	int rc = 0;

	if (p == NULL)
		return NULL;
	if (__atomic_load_n(&o->generation, __ATOMIC_ACQUIRE) == p->generation)
		return p;
	/* Forked. Threads that held these locks are not here. */
	process_lock(p);
	if (o->generation != p->generation) {
		init_locks(o);
		mask = core_enter();
		rc = p->core.adopt(&o->record);
		core_leave(mask);
		if (rc == 0)
			__atomic_store_n(&o->generation, p->generation, __ATOMIC_RELEASE);
	}
	process_unlock(p);
	if (rc != 0) {
		*error = qb_to_cs_error(-rc);
		return NULL;
	}
	return p;
}

/* daemon_gone looks at the descriptor with the system call: it does not wait, and no thread is to be cancelled in here. */
static int daemon_gone(const struct shim *o)
{
	static const struct timespec now = { 0, 0 };
	struct pollfd fd = { o->record.live_fd, POLLIN, 0 };

	return syscall(SYS_ppoll, &fd, 1L, &now, NULL, 8L) > 0 && (fd.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

/* await_end gives a process that has hung up the time to end: then its files are for us to remove. */
static void await_end(pid_t pid)
{
	int i;

	for (i = 0; i < END_TRIES && (kill(pid, 0) == 0 || errno != ESRCH); i++)
		direct_pause(END_PAUSE_NS);
}

/* release is the end of what the core has left of a connection over shared memory, since it takes its time. */
static void release(const struct core_record *r)
{
	size_t i;

	for (i = 0; i < sizeof(r->maps) / sizeof(r->maps[0]); i++)
		if (r->maps[i].len > 0)
			munmap(r->maps[i].addr, r->maps[i].len);
	syscall(SYS_close, r->live_fd); /* the system call: no thread is cancelled in here */
}

static void destroy(struct shim *o)
{
	cs_error_t error;
	struct process *p;
	core_mask mask;

	if (o->release != NULL)
		o->release(o);
	if (o->generation != 0 && (p = current(o, &error)) != NULL) {
		if (o->gone && o->record.server_pid > 0)
			await_end(o->record.server_pid);
		mask = core_enter();
		p->core.close(&o->record);
		core_leave(mask);
		if (o->record.kind != CORE_KIND_QB_SOCKET)
			release(&o->record);
	}
	free(o->chunk);
	free(o->spare);
	pthread_mutex_destroy(&o->requests);
	pthread_mutex_destroy(&o->events);
	free(o);
}

void shim_put(struct shim *o)
{
	struct process *p = process_get();
	uint32_t left;

	process_lock(p);
	left = --o->refs;
	if (left == 0 && o->index < table_size && table[o->index] == o)
		table[o->index] = NULL;
	process_unlock(p);
	if (left == 0)
		destroy(o);
}

cs_error_t shim_finalize(struct shim *o)
{
	struct process *p = process_get();
	core_mask mask;
	cs_error_t error;
	int already;

	process_lock(p);
	already = o->finalized;
	o->finalized = 1;
	process_unlock(p);
	if (already)
		return CS_ERR_BAD_HANDLE;
	/* Threads that wait for this connection wake up. */
	if (o->generation != 0 && (p = current(o, &error)) != NULL) {
		o->gone = o->record.kind != CORE_KIND_COROIPC && daemon_gone(o);
		mask = core_enter();
		p->core.shutdown(&o->record);
		core_leave(mask);
		if (o->record.kind != CORE_KIND_QB_SOCKET) /* wakes the daemon: not with the core beneath */
			shutdown(o->record.live_fd, SHUT_RDWR);
	}
	shim_put(o); /* the handle's own */
	return CS_OK;
}

void shim_each_finalize(enum shim_kind kind, unsigned int word, uint64_t value)
{
	struct process *p = process_get();
	struct shim *o;
	uint32_t i;

	for (i = 0;; i++) {
		process_lock(p);
		for (o = NULL; i < table_size; i++) {
			o = table[i];
			if (o != NULL && o->kind == kind && !o->finalized && o->extra.words[word] == value) {
				o->refs++;
				break;
			}
			o = NULL;
		}
		process_unlock(p);
		if (o == NULL)
			return;
		shim_finalize(o);
		shim_put(o);
	}
}

/* --- connecting --- */

struct opening {
	struct process *p;
	struct shim *o;
};

static void give_up(void *argument)
{
	struct opening *a = argument;
	core_mask mask = core_enter();

	a->p->core.abort(&a->o->record);
	core_leave(mask);
	shim_finalize(a->o);
	shim_put(a->o);
}

cs_error_t shim_open(enum shim_kind kind, struct shim **object)
{
	struct opening a;
	struct pollfd fd;
	cs_error_t error;
	core_mask mask;
	const char *wanted = getenv("COROSYNC_IPC");
	int rc, greeted = -1;

	if (wanted == NULL || *wanted == 0 || strcmp(wanted, "qb") == 0)
		greeted = qb_greet(kind);
	a.p = core_get(&error);
	if (a.p != NULL)
		error = shim_new(kind, &a.o);
	if (error != CS_OK) {
		if (greeted >= 0)
			syscall(SYS_close, greeted); /* nor is one cancelled here, and leaves it */
		return error;
	}
	a.o->record.service = kind;
	a.o->record.wanted = wanted;
	a.o->record.fd = greeted;
	mask = core_enter();
	rc = a.p->core.open(&a.o->record);
	core_leave(mask);
	pthread_cleanup_push(give_up, &a);
	while (rc == EAGAIN && a.o->record.core != NULL) {
		fd.fd = a.o->record.fd;
		fd.events = (short)a.o->record.poll_for;
		poll(&fd, 1, -1);
		mask = core_enter();
		rc = a.p->core.step(&a.o->record);
		core_leave(mask);
	}
	pthread_cleanup_pop(0);
	if (rc != 0) {
		shim_finalize(a.o);
		shim_put(a.o);
		return qb_to_cs_error(-rc);
	}
	a.o->generation = a.p->generation;
	*object = a.o;
	return CS_OK;
}

/* --- requests --- */

static void unlock_mutex(void *mutex) { pthread_mutex_unlock(mutex); }

/* owe gives up the reply that is to come: who comes next throws it away. */
static void owe(void *object)
{
	struct shim *o = object;

	o->owed += o->waiting;
	o->waiting = 0;
}

/*
 * Who has the lock already has left a call by longjmp from a signal handler, or calls in one, on top of a call: that
 * one's reply comes first, and is not for this one.
 */
static unsigned int lock_requests(struct shim *o)
{
	if (pthread_mutex_lock(&o->requests) == EDEADLK)
		owe(o);
	return ++o->turn;
}

/*
 * await_reply waits for the next reply and gives it to the core. Signals do not end it, as in libqb, but where a handler
 * has made a request of its own meanwhile; the end of the daemon does, which no one announces on the semaphore.
 */
static int await_reply(struct process *p, struct shim *o, struct core_call *call, unsigned int turn)
{
	struct timespec until;
	struct pollfd fds[2];
	core_mask mask;
	int taken, rc, gone;

	for (;;) {
		if (__atomic_load_n(&o->turn, __ATOMIC_RELAXED) != turn)
			return EINTR;
		taken = gone = 0;
		pthread_cleanup_push(owe, o);
		if (o->record.reply_sem != NULL) {
			if (sem_trywait(o->record.reply_sem) == 0) {
				taken = 1;
			} else {
				clock_gettime(CLOCK_REALTIME, &until);
				until.tv_nsec += SLICE_MS * 1000000L;
				if (until.tv_nsec >= 1000000000L) {
					until.tv_sec++;
					until.tv_nsec -= 1000000000L;
				}
				if (sem_timedwait(o->record.reply_sem, &until) == 0)
					taken = 1;
				else
					gone = daemon_gone(o); /* after a signal too: with a timer, no wait may ever last a slice */
			}
		} else {
			fds[0].fd = o->record.reply_fd;
			fds[0].events = POLLIN;
			fds[1].fd = o->record.live_fd;
			fds[1].events = 0;
			poll(fds, 2, -1);
		}
		pthread_cleanup_pop(0);
		if (o->record.reply_sem != NULL && !taken && !gone)
			continue;
		rc = taken && !o->failed ? direct_reply(&o->record, call) : DIRECT_ASK;
		if (rc == DIRECT_ASK) {
			mask = core_enter();
			rc = p->core.reply(&o->record, call, taken);
			core_leave(mask);
		}
		if (rc != EAGAIN)
			return rc;
	}
}

/* note_failure remembers that the core has given the connection up: it has the answers from then on. */
static void note_failure(struct shim *o, int rc)
{
	if (rc == ENOTCONN || rc == EBADMSG)
		o->failed = 1;
}

static cs_error_t exchange(struct shim *o, struct core_call *call, int expect)
{
	cs_error_t error;
	struct process *p = current(o, &error);
	unsigned int turn;
	core_mask mask;
	int rc = 0;

	if (p == NULL)
		return error;
	pthread_testcancel(); /* what follows does not end in the middle, and may never wait: as in C, a thread that only sends can be ended */
	turn = lock_requests(o);
	pthread_cleanup_push(unlock_mutex, &o->requests);
	if (o->finalized == 1)
		rc = EBADF;
	/* Where a request needs no descriptor, one that the program has closed is to end the connection all the same. */
	if (rc == 0 && o->record.answered && daemon_gone(o))
		rc = ENOTCONN;
	if (rc == 0 && o->record.answered && o->owed > 0) {
		o->owed = 0;
		o->waiting = 1; /* who is cancelled meanwhile owes it again */
		rc = await_reply(p, o, NULL, turn);
		if (rc != 0 && o->turn == turn)
			owe(o);
		else if (o->turn == turn)
			o->waiting = 0;
	}
	if (rc == 0)
		rc = o->failed ? DIRECT_ASK : direct_request(&o->record, call);
	if (rc == DIRECT_ASK) {
		mask = core_enter();
		rc = p->core.request(&o->record, call);
		core_leave(mask);
		if (rc == 0)
			coroipc_ask(o);
	}
	if (rc == 0 && expect) {
		o->waiting = 1;
		while (rc == 0 && o->owed > 0) {
			rc = await_reply(p, o, NULL, turn);
			if (rc == 0)
				o->owed--;
		}
		if (rc == 0)
			rc = await_reply(p, o, call, turn);
		if (o->turn == turn)
			o->waiting = 0;
	}
	note_failure(o, rc);
	pthread_cleanup_pop(1);
	return qb_to_cs_error(-rc);
}

cs_error_t shim_call_raw(struct shim *o, struct core_call *call) { return exchange(o, call, 1); }

/* What is answered nevertheless can say that it came too early. Else a call of 3.1 that has no reply succeeds. */
cs_error_t shim_send(struct shim *o, struct core_call *call)
{
	cs_error_t error = exchange(o, call, o->record.answered);

	return error == CS_OK && o->record.answered && call->status == CS_ERR_TRY_AGAIN ? CS_ERR_TRY_AGAIN : error;
}

cs_error_t shim_call(struct shim *o, struct core_call *call)
{
	cs_error_t error = exchange(o, call, 1);

	return error == CS_OK ? (cs_error_t)call->status : error;
}

static void put_object(void *object) { shim_put(object); }

cs_error_t shim_request(uint64_t handle, enum shim_kind kind, struct core_call *call)
{
	struct shim *o;
	cs_error_t error = shim_get(handle, kind, &o);

	if (error != CS_OK)
		return error;
	pthread_cleanup_push(put_object, o);
	error = shim_call(o, call);
	pthread_cleanup_pop(1);
	return error;
}

/* --- events --- */

/* receive takes up to n bytes that came with events. It does not wait, and no thread is cancelled in it. */
static ssize_t receive(const struct shim *o, void *bytes, size_t n)
{
	return syscall(SYS_recvfrom, o->record.byte_fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, NULL);
}

/*
 * settle receives the bytes of events that were taken, all but `keep`: the descriptor is readable exactly as long as
 * events wait, those in the chunk included. A thread that is cancelled must not end in it: it has an event in its hands, and
 * glibc may lose what a system call has done.
 */
static void settle(struct shim *o, unsigned int keep)
{
	char bytes[256];
	struct pollfd fd = { o->record.byte_fd, POLLIN, 0 };
	struct timespec limit = { BYTE_MS / 1000, BYTE_MS % 1000 * 1000000L };
	int patient = 1;

	if (o->record.byte_fd < 0)
		o->debt = 0;
	while (o->debt > keep) {
		size_t want = o->debt - keep < sizeof(bytes) ? o->debt - keep : sizeof(bytes);
		ssize_t n = receive(o, bytes, want);

		if (n > 0) {
			o->debt -= (unsigned int)n;
		} else if (n < 0 && errno == EAGAIN && patient) {
			/* On its way: the daemon sends it after the event. */
			patient = syscall(SYS_ppoll, &fd, 1L, &limit, NULL, 8L) > 0;
		} else if (n == 0 || errno != EINTR) {
			return;
		}
	}
}

static struct shim_chunk *chunk_of(struct shim *o, size_t size)
{
	struct shim_chunk *c = o->spare;

	if (c != NULL && c->size >= size) {
		o->spare = NULL;
	} else {
		c = malloc(sizeof(*c) + size);
		if (c == NULL)
			return NULL;
		c->size = size;
	}
	c->refs = 1;
	c->at = c->used = 0;
	return c;
}

/* chunk_put gives a reference back. Called with the events lock. */
static void chunk_put(struct shim *o, struct shim_chunk *c)
{
	if (--c->refs > 0)
		return;
	if (o->spare == NULL || o->spare->size < c->size) {
		free(o->spare);
		o->spare = c;
	} else {
		free(c);
	}
}

/* fill takes up to `most` events from the daemon. 0 or an errno. Called with the events lock. */
static int fill(struct process *p, struct shim *o, uint64_t most)
{
	struct core_batch batch;
	struct shim_chunk *c;
	core_mask mask;
	size_t size;
	int rc, count = 1;

	/* What was taken from a socket does not show in the descriptor any more, so nothing is taken in advance. */
	if (o->record.kind == CORE_KIND_QB_SOCKET)
		most = 1;
	size = most == 1 ? SMALL_CHUNK_BYTES : CHUNK_BYTES;
	if (o->record.event_sem != NULL && sem_getvalue(o->record.event_sem, &count) == 0 && count == 0) {
		coroipc_hint(o);
		return EAGAIN;
	}
	for (;;) {
		c = chunk_of(o, size);
		if (c == NULL)
			return ENOMEM;
		rc = o->failed ? DIRECT_ASK : direct_events(&o->record, c->first, c->size, most, &batch);
		if (rc == DIRECT_ASK) {
			mask = core_enter();
			rc = p->core.events(&o->record, c->first, c->size, most, &batch);
			core_leave(mask);
			note_failure(o, rc);
		}
		if (rc == 0 && batch.count > 0) {
			coroipc_hint(o);
			c->used = batch.used;
			o->chunk = c;
			o->debt += (unsigned int)batch.count;
			return 0;
		}
		chunk_put(o, c);
		if (rc != 0 || batch.need == 0)
			return rc != 0 ? rc : EAGAIN;
		size = batch.need;
	}
}

/*
 * next takes the oldest event and a reference to its chunk. EAGAIN: none. Called with the events lock, and returns with it.
 */
static int next(struct process *p, struct shim *o, uint64_t most, struct shim_chunk **chunk, struct core_event **event)
{
	struct shim_chunk *c;
	int rc;

	if (o->chunk == NULL) {
		rc = fill(p, o, most);
		if (rc != 0)
			return rc;
	}
	c = o->chunk;
	*event = (struct core_event *)((char *)c->first + c->at);
	*chunk = c;
	c->at += (*event)->size;
	if (c->at >= c->used) {
		o->chunk = NULL; /* the object's reference becomes the caller's */
		settle(o, 0);
	} else {
		c->refs++;
		settle(o, 1);
	}
	return 0;
}

#define GONE (POLLHUP | POLLERR | POLLNVAL)

/* look says what the connection is ready for. */
static int look(const struct shim *o, int timeout)
{
	struct pollfd fds[2] = { { o->record.fd, POLLIN, 0 }, { o->record.live_fd, 0, 0 } };

	if (poll(fds, o->record.fd == o->record.live_fd ? 1 : 2, timeout) <= 0)
		return 0;
	return fds[0].revents | (fds[1].revents & GONE);
}

/*
 * idle finds out what an empty ring means: the end, a byte that came without an event, on which nobody must spin, or
 * nothing. An event may have come just before the look: then it is taken. Called with the events lock.
 */
static int idle(struct process *p, struct shim *o, uint64_t most, struct shim_chunk **chunk, struct core_event **event)
{
	int ready, rc;
	char byte;

	settle(o, 0);
	ready = look(o, 0);
	if (ready == 0)
		return EAGAIN;
	rc = next(p, o, most, chunk, event);
	if (rc != EAGAIN)
		return rc;
	if ((ready & GONE) != 0)
		return ENOTCONN;
	if (o->record.byte_fd >= 0 && o->debt == 0 && receive(o, &byte, 1) == 0)
		return ENOTCONN; /* the end, by a daemon that has closed one direction only */
	return EAGAIN;
}

/* take takes the next event, and waits for it if it may. Threads are cancelled before they have one. */
static int take(struct process *p, struct shim *o, int wait, uint64_t most, struct shim_chunk **chunk, struct core_event **event)
{
	int rc, ready = 0;

	for (;;) {
		pthread_testcancel();
		pthread_mutex_lock(&o->events);
		pthread_cleanup_push(unlock_mutex, &o->events);
		rc = o->finalized ? EBADF : next(p, o, most, chunk, event);
		if (rc == EAGAIN && (!wait || ready != 0))
			rc = idle(p, o, most, chunk, event);
		pthread_cleanup_pop(1);
		if (rc != EAGAIN || !wait)
			return rc;
		ready = look(o, -1);
		if (o->finalized)
			return EBADF;
	}
}

struct delivery {
	struct shim *o;
	struct shim_chunk *chunk;
};

static void delivered(void *argument)
{
	struct delivery *d = argument;
	cs_error_t error;

	/* A child that the callback has forked may have the lock from a thread that is not here: then it is made anew, or not touched. */
	if (current(d->o, &error) == NULL)
		return;
	pthread_mutex_lock(&d->o->events);
	chunk_put(d->o, d->chunk);
	pthread_mutex_unlock(&d->o->events);
}

static cs_error_t dispatch(struct shim *o, cs_dispatch_flags_t flags, shim_deliver deliver)
{
	int wait = flags != CS_DISPATCH_ALL && flags != CS_DISPATCH_ONE_NONBLOCKING;
	int one = flags == CS_DISPATCH_ONE || flags == CS_DISPATCH_ONE_NONBLOCKING;
	struct core_event *event = NULL;
	struct delivery d = { o, NULL };
	struct process *p;
	cs_error_t error;
	int rc;

	for (;;) {
		p = current(o, &error);
		if (p == NULL)
			return error;
		rc = take(p, o, wait, one ? 1 : UINT64_MAX, &d.chunk, &event);
		if (rc == EAGAIN)
			return flags == CS_DISPATCH_ONE_NONBLOCKING ? CS_ERR_TRY_AGAIN : CS_OK;
		if (rc != 0)
			return qb_to_cs_error(-rc);
		pthread_cleanup_push(delivered, &d);
		error = event->id == EV_UNKNOWN ? CS_ERR_LIBRARY : deliver(o, event);
		pthread_cleanup_pop(1);
		if (error != CS_OK)
			return error;
		if (o->finalized)
			return CS_ERR_BAD_HANDLE;
		if (one)
			return CS_OK;
	}
}

cs_error_t shim_dispatch(uint64_t handle, enum shim_kind kind, cs_dispatch_flags_t flags, shim_deliver deliver)
{
	struct shim *o;
	cs_error_t error = shim_get(handle, kind, &o);

	if (error != CS_OK)
		return error;
	pthread_cleanup_push(put_object, o);
	error = dispatch(o, flags, deliver);
	pthread_cleanup_pop(1);
	return error;
}

/* --- what needs no core --- */

cs_error_t shim_fd(uint64_t handle, enum shim_kind kind, int *fd)
{
	struct shim *o;
	cs_error_t error = shim_get(handle, kind, &o);

	if (error != CS_OK)
		return error;
	*fd = o->record.fd;
	shim_put(o);
	return CS_OK;
}

cs_error_t shim_context_get(uint64_t handle, enum shim_kind kind, void **context)
{
	struct shim *o;
	cs_error_t error = shim_get(handle, kind, &o);

	if (error != CS_OK)
		return error;
	*context = o->context;
	shim_put(o);
	return CS_OK;
}

cs_error_t shim_context_set(uint64_t handle, enum shim_kind kind, const void *context)
{
	struct shim *o;
	cs_error_t error = shim_get(handle, kind, &o);

	if (error != CS_OK)
		return error;
	o->context = (void *)context;
	shim_put(o);
	return CS_OK;
}
