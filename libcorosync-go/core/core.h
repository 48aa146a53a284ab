/*
 * What the C side (libcorosync-go/shim) and the Go core tell each other. Private: both are built together, and a core
 * with another CORE_ABI is refused.
 *
 * The C side owns all memory that outlives a call, waits, and makes the callbacks. The core turns calls into messages
 * and messages into results, and moves them through the connection. None of its functions waits.
 */
#ifndef COROSYNC_GO_CORE_H
#define COROSYNC_GO_CORE_H

#include <stdint.h>
#include <sys/uio.h>

#define CORE_ABI 6

#define CORE_MAX_MESSAGE (1024 * 1024) /* bytes, what a connection is asked to carry */

enum core_service { CORE_CPG = 1, CORE_CMAP, CORE_QUORUM, CORE_VOTEQUORUM, CORE_CFG };

/* The protocol a connection speaks. */
enum core_kind { CORE_KIND_QB_SHM = 1, CORE_KIND_QB_SOCKET = 2, CORE_KIND_COROIPC = 3 };

struct core_map {
	void *addr;
	uint64_t len;
};

/*
 * All that a connection is. It lives in memory of the C side, so that the core of a forked child can take up what the
 * parent's core made. Cursors are in the mappings.
 */
struct core_record {
	uint32_t kind;
	uint32_t service;
	const char *wanted; /* for open: the protocol that the user named, or NULL */
	int32_t fd;       /* what *_fd_get returns: readable when an event waits; for open: a socket already greeted, or -1 */
	int32_t poll_for; /* while it opens: what to poll fd for */
	int32_t live_fd;  /* hangs up when the daemon is gone */
	int32_t byte_fd;  /* carries one byte with each event, to be received by the C side; -1 if none does */
	int32_t reply_fd; /* readable when a reply waits; -1 if reply_sem tells */
	void *reply_sem;  /* glibc semaphore, posted with each reply, or NULL */
	void *event_sem;  /* glibc semaphore whose value counts events: nothing to ask for at 0; NULL if none tells */
	int32_t answered; /* every request is, OP_CPG_MCAST too, and takes the place of an answer that is not yet fetched */
	int32_t fds[4];   /* the protocol's own */
	uint64_t max_message;
	int32_t server_pid;
	uint32_t server_uid, server_gid;
	struct core_map maps[8];
	uint64_t words[8]; /* the protocol's own; libqb's shared memory: size of the three rings in words */
	char path[256];
	void *core; /* the core's own state, valid for the core that made it only */
};

/*
 * One request. What a[], in[] and out[] mean is said at the operations. status is the error of the reply.
 */
struct core_call {
	uint32_t op;
	uint32_t status;
	uint64_t a[6];
	struct iovec in[2];
	const struct iovec *iov;
	uint64_t iovcnt;
	uint64_t r[10];
	struct iovec out[2]; /* iov_len: room before, what the reply had after */
};

/* Operations, by service: arguments -> results. */
enum core_op {
	CORE_STATUS_OPS = 0x100, /* their reply is a status only */
	OP_CPG_JOIN,             /* in[0] name, a[0] pid, a[1] flags */
	OP_CPG_LEAVE,            /* in[0] name, a[0] pid */
	OP_CPG_FINALIZE,
	OP_CPG_ITER_FINALIZE, /* a[0] daemon's handle */
	OP_CPG_PARTIAL,       /* a[0] guarantee, a[1] total, a[2] type, in[0] piece */
	OP_CMAP_SET_MAP,      /* a[0] map */
	OP_CMAP_SET,          /* in[0] key, in[1] value, a[0] type */
	OP_CMAP_DELETE,       /* in[0] key */
	OP_CMAP_ADJUST,       /* in[0] key, a[0] step */
	OP_CMAP_ITER_FINALIZE, /* a[0] handle */
	OP_QUORUM_TRACKSTART,  /* a[0] flags */
	OP_QUORUM_TRACKSTOP,
	OP_VQ_SETEXPECTED,  /* a[0] votes */
	OP_VQ_SETVOTES,     /* a[0] node, a[1] votes */
	OP_VQ_TRACKSTART,   /* a[0] context, a[1] flags */
	OP_VQ_TRACKSTOP,
	OP_VQ_QDEVICE_REGISTER,    /* in[0] name */
	OP_VQ_QDEVICE_UNREGISTER,  /* in[0] name */
	OP_VQ_QDEVICE_UPDATE,      /* in[0] old, in[1] new */
	OP_VQ_QDEVICE_POLL,        /* in[0] name, a[0] vote, a[1] ring node, a[2] ring sequence */
	OP_VQ_QDEVICE_MASTER_WINS, /* in[0] name, a[0] allow */
	OP_CFG_TRACKSTART,         /* a[0] flags */
	OP_CFG_TRACKSTOP,
	OP_CFG_KILL_NODE,      /* a[0] node, in[0] reason */
	OP_CFG_TRY_SHUTDOWN,   /* a[0] flags */
	OP_CFG_REPLY_SHUTDOWN, /* a[0] reply */
	OP_CFG_RELOAD,
	OP_CFG_REOPEN_LOGS,

	CORE_VALUE_OPS = 0x200,
	OP_CPG_MEMBERSHIP, /* in[0] name -> r[0] count, out[0] struct cpg_address[] */
	OP_CPG_LOCAL_GET,  /* -> r[0] node */
	OP_CPG_ITER_INIT,  /* in[0] name, a[0] type -> r[0] handle */
	OP_CPG_ITER_NEXT,  /* a[0] handle -> r[0] node, r[1] pid, out[0] name */
	OP_CMAP_GET,       /* in[0] key, a[0] room -> r[0] length, r[1] type, out[0] value */
	OP_CMAP_ITER_INIT, /* in[0] prefix -> r[0] handle */
	OP_CMAP_ITER_NEXT, /* a[0] handle -> r[0] length, r[1] type, out[0] key */
	OP_CMAP_TRACK_ADD, /* in[0] key, a[0] flags, a[1] own mark -> r[0] handle */
	OP_CMAP_TRACK_DELETE, /* a[0] handle -> r[0] own mark */
	OP_QUORUM_GETQUORATE, /* -> r[0] */
	OP_QUORUM_GETTYPE,    /* -> r[0] type */
	OP_QUORUM_MODEL_GETTYPE, /* a[0] model -> r[0] type */
	OP_VQ_GETINFO,        /* a[0] node -> r[0..8] in the order of struct votequorum_info, out[0] device name */
	OP_CFG_RING_STATUS,   /* -> r[0] count, out[0] name NUL status NUL ... */
	OP_CFG_NODE_STATUS,   /* a[0] node, a[1] version -> r[0] version, out[0] structure of that version */
	OP_CFG_GET_NODE_ADDRS, /* a[0] node -> r[0] count, r[1] family, out[0] 16 bytes each */
	OP_CFG_LOCAL_GET,     /* -> r[0] node */

	OP_CPG_MCAST = 0x300, /* a[0] guarantee, iov: has no reply, or a status only where all is answered */
};

/*
 * Events, as core_events puts them into the caller's memory one after the other, each at a multiple of 16. Behind the data of each there
 * is a NUL: a string without an end does not go on in the next event, and programs that put a NUL behind a message, where 3.1's buffer
 * has 1 MiB, do not write into it.
 */
enum core_event_id {
	EV_UNKNOWN,         /* the daemon sent what this library does not know */
	EV_CPG_DELIVER,     /* w[0] node, w[1] pid, name; data: the message, n[0] bytes */
	EV_CPG_PARTIAL,     /* and w[2] total length, w[3] type */
	EV_CPG_CONFCHG,     /* name; data: struct cpg_address: n[0] members, n[1] left, n[2] joined */
	EV_CPG_TOTEM,       /* w[0] ring node, w[1] ring sequence; data: n[0] uint32 */
	EV_CMAP_NOTIFY,     /* w[0] own mark, w[1] event, w[2] new type, w[3] old type, name; data: n[0] new, n[1] old bytes */
	EV_QUORUM_V0,       /* w[0] quorate, w[1] ring sequence; data: n[0] uint32 */
	EV_QUORUM_V1,       /* w[0] quorate, w[1] ring node, w[2] ring sequence; data: n[0] uint32 */
	EV_QUORUM_NODELIST, /* w[1] ring node, w[2] sequence; data: n[0] members, n[1] joined, n[2] left */
	EV_VQ_QUORUM,       /* w[0] context, w[1] quorate; data: n[0] votequorum_node_t */
	EV_VQ_EXPECTED,     /* w[0] context, w[1] votes */
	EV_VQ_NODELIST,     /* w[0] context, w[1] ring node, w[2] ring sequence; data: n[0] uint32 */
	EV_CFG_SHUTDOWN,    /* w[0] flags */
};

struct core_event {
	uint32_t id;
	uint32_t size; /* of the whole, to the next event */
	uint64_t w[4];
	uint64_t n[3];
	uint32_t name_length;
	char name[260]; /* filled up with NULs as far as its C type reaches */
	char data[] __attribute__((aligned(16)));
};

/* Results of core_events. */
struct core_batch {
	uint64_t used;  /* bytes written */
	uint64_t count; /* events written */
	uint64_t need;  /* room that the next event needs, if it did not fit */
};

/*
 * The functions of the core. Those that return int give 0 or an errno. EAGAIN: nothing done, wait first.
 */
struct core_functions {
	int (*open)(struct core_record *);                         /* EAGAIN: poll fd for poll_for, then step */
	int (*step)(struct core_record *);
	void (*abort)(struct core_record *);                       /* of an unfinished open */
	int (*adopt)(struct core_record *);                        /* fills in .core */
	int (*request)(struct core_record *, struct core_call *);
	int (*reply)(struct core_record *, struct core_call *, int taken); /* call NULL: throw the reply away */
	int (*events)(struct core_record *, void *room, uint64_t size, uint64_t max, struct core_batch *);
	void (*shutdown)(struct core_record *);                    /* ends the conversation, keeps the memory */
	void (*close)(struct core_record *);
};

#endif
