/*
 * The signal mask of a thread that has its connections: while it blocks signals, one for the process goes to another
 * thread, and interrupts what that waits in. So nothing that comes and goes on a connection may change it.
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

#include "member.h"

#define LONG (3 * 1024 * 1024)
#define INTERFACES 16

static cmap_handle_t cmap;
static quorum_handle_t quorum;
static votequorum_handle_t votequorum;
static corosync_cfg_handle_t cfg;
static int told;
static volatile int *changes;

/* count is the tracer's life: it counts what the first thread of its parent does with its mask, before it is done. */
static void count(pid_t host, int ready)
{
	int status, sig;
	pid_t tid;

	if (ptrace(PTRACE_SEIZE, host, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE) != 0)
		_exit(1);
	CHECK(write(ready, "x", 1) == 1);
	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		if (!WIFSTOPPED(status))
			continue;
		*changes += tid == host && status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
		sig = status >> 16 == 0 ? WSTOPSIG(status) : 0;
		CHECK(ptrace(PTRACE_CONT, tid, 0, sig) == 0 || errno == ESRCH);
	}
	_exit(0);
}

static void skip(const char *why)
{
	dprintf(1, "skip: %s\n", why);
	_exit(0);
}

/* watch_mask has each further change of this thread's mask counted, by a child: whoever counted them here would change them. */
static void watch_mask(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigprocmask, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };
	pid_t host = getpid(), tracer;
	int ready[2];
	char byte;

	changes = mmap(NULL, sizeof(*changes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(changes != MAP_FAILED && pipe(ready) == 0);
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); /* where the kernel asks for it */
	CHECK((tracer = fork()) >= 0);
	if (tracer == 0)
		count(host, ready[1]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		skip("a process must not be traced by its child here");
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		skip("system calls cannot be filtered here");
}

static void on_key(cmap_handle_t h, cmap_track_handle_t t, int32_t event, const char *key, struct cmap_notify_value now,
	struct cmap_notify_value before, void *data)
{
	(void)h; (void)t; (void)event; (void)key; (void)now; (void)before; (void)data;
	told++;
}

static void on_quorum(quorum_handle_t h, uint32_t quorate, struct quorum_ring_id id, uint32_t n, const uint32_t *list)
{
	(void)h; (void)quorate; (void)id; (void)n; (void)list;
	told++;
}

static void on_nodes(quorum_handle_t h, struct quorum_ring_id id, uint32_t n, const uint32_t *list, uint32_t joined,
	const uint32_t *joined_list, uint32_t left, const uint32_t *left_list)
{
	(void)h; (void)id; (void)n; (void)list; (void)joined; (void)joined_list; (void)left; (void)left_list;
	told++;
}

static void on_votes(votequorum_handle_t h, uint64_t context, uint32_t quorate, uint32_t n, votequorum_node_t list[])
{
	(void)h; (void)context; (void)quorate; (void)n; (void)list;
	told++;
}

static void on_vote_nodes(votequorum_handle_t h, uint64_t context, votequorum_ring_id_t id, uint32_t n, uint32_t *list)
{
	(void)h; (void)context; (void)id; (void)n; (void)list;
	told++;
}

static void on_expected(votequorum_handle_t h, uint64_t context, uint32_t votes)
{
	(void)h; (void)context; (void)votes;
	told++;
}

static void on_shutdown(corosync_cfg_handle_t h, corosync_cfg_shutdown_flags_t flags) { (void)h; (void)flags; }

static void groups(void)
{
	struct iovec whole = { calloc(1, LONG), LONG };
	struct cpg_iteration_description_t description;
	struct cpg_address list[CPG_MEMBERS_MAX];
	cpg_iteration_handle_t iteration;
	int n, before = got;

	turn();
	turn();
	OK(cpg_mcast_joined(cpg, CPG_TYPE_AGREED, &whole, 1));
	while (got < before + 3)
		OK(cpg_dispatch(cpg, CS_DISPATCH_ONE));
	OK(cpg_dispatch(cpg, CS_DISPATCH_ALL));
	OK(cpg_membership_get(cpg, &group, list, &n));
	CHECK(n == 1);
	OK(cpg_iteration_initialize(cpg, CPG_ITERATION_ALL, NULL, &iteration));
	OK(cpg_iteration_next(iteration, &description));
	OK(cpg_iteration_finalize(iteration));
	OK(cpg_leave(cpg, &group));
	free(whole.iov_base);
}

static void keys(void)
{
	cmap_iter_handle_t iteration;
	cmap_track_handle_t track;
	char name[CMAP_KEYNAME_MAXLEN + 1], *text;
	uint32_t v;

	OK(cmap_track_add(cmap, "masks.", CMAP_TRACK_ADD | CMAP_TRACK_MODIFY | CMAP_TRACK_DELETE | CMAP_TRACK_PREFIX, on_key, NULL, &track));
	OK(cmap_set_uint32(cmap, "masks.n", 1));
	OK(cmap_inc(cmap, "masks.n"));
	OK(cmap_get_uint32(cmap, "masks.n", &v));
	CHECK(v == 2);
	OK(cmap_set_string(cmap, "masks.s", "text"));
	OK(cmap_get_string(cmap, "masks.s", &text));
	free(text);
	IS(cmap_get_uint32(cmap, "masks.none", &v), CS_ERR_NOT_EXIST);
	OK(cmap_iter_init(cmap, "masks.", &iteration));
	OK(cmap_iter_next(cmap, iteration, name, NULL, NULL));
	OK(cmap_iter_finalize(cmap, iteration));
	OK(cmap_delete(cmap, "masks.n"));
	OK(cmap_delete(cmap, "masks.s"));
	for (told = 0; told < 5;)
		OK(cmap_dispatch(cmap, CS_DISPATCH_ONE));
	OK(cmap_track_delete(cmap, track));
}

static void votes(void)
{
	struct votequorum_info info;
	votequorum_ring_id_t none = { 0, 0 };
	int quorate;

	OK(quorum_getquorate(quorum, &quorate));
	OK(quorum_trackstart(quorum, CS_TRACK_CURRENT));
	for (told = 0; told < 2;)
		OK(quorum_dispatch(quorum, CS_DISPATCH_ONE));
	OK(quorum_trackstart(quorum, CS_TRACK_CHANGES));
	OK(quorum_trackstop(quorum));
	OK(votequorum_getinfo(votequorum, 0, &info));
	OK(votequorum_trackstart(votequorum, 7, CS_TRACK_CURRENT));
	for (told = 0; told < 1;)
		OK(votequorum_dispatch(votequorum, CS_DISPATCH_ONE));
	OK(votequorum_trackstart(votequorum, 7, CS_TRACK_CHANGES));
	OK(votequorum_trackstop(votequorum));
	OK(votequorum_setvotes(votequorum, info.node_id, (unsigned int)info.node_votes));
	OK(votequorum_setexpected(votequorum, info.node_expected_votes));
	votequorum_qdevice_register(votequorum, "masks"); /* what comes of these is not the point */
	votequorum_qdevice_update(votequorum, "masks", "mask");
	votequorum_qdevice_poll(votequorum, "mask", 1, none);
	votequorum_qdevice_master_wins(votequorum, "mask", 0);
	while (votequorum_qdevice_unregister(votequorum, "mask") == CS_ERR_INVALID_PARAM)
		usleep(1000); /* the new name is on its way through the cluster */
}

static void configuration(void)
{
	corosync_cfg_node_address_t addresses[INTERFACES];
	struct corosync_cfg_node_status_v1 status;
	char **names, **states;
	unsigned int n, i;
	int count;

	OK(corosync_cfg_local_get(cfg, &n));
	OK(corosync_cfg_node_status_get(cfg, n, CFG_NODE_STATUS_V1, &status));
	OK(corosync_cfg_get_node_addrs(cfg, n, INTERFACES, &count, addresses));
	OK(corosync_cfg_ring_status_get(cfg, &names, &states, &n));
	for (i = 0; i < n; i++) {
		free(names[i]);
		free(states[i]);
	}
	free(names);
	free(states);
	IS(corosync_cfg_kill_node(cfg, 4711, "nobody"), CS_ERR_NOT_EXIST);
	OK(corosync_cfg_trackstart(cfg, 0));
	OK(corosync_cfg_dispatch(cfg, CS_DISPATCH_ALL));
	OK(corosync_cfg_trackstop(cfg));
	OK(corosync_cfg_reopen_log_files(cfg));
}

static void mode_exchange(void)
{
	quorum_model_v1_data_t qm = { .model = QUORUM_MODEL_V1, .quorum_notify_fn = on_quorum, .nodelist_notify_fn = on_nodes };
	votequorum_callbacks_t vc = { on_votes, on_expected, on_vote_nodes };
	corosync_cfg_callbacks_t cc = { on_shutdown };
	uint32_t type;

	join(on_message);
	OK(cmap_initialize(&cmap));
	OK(quorum_model_initialize(&quorum, QUORUM_MODEL_V1, (quorum_model_data_t *)&qm, &type, NULL));
	OK(votequorum_initialize(&votequorum, &vc));
	OK(corosync_cfg_initialize(&cfg, &cc));
	watch_mask();
	groups();
	keys();
	votes();
	configuration();
	if (*changes != 0)
		DIE("the mask changed %d times", *changes);
	CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, NULL, 8L) == 0 && *changes == 1); /* they are counted */
	_exit(0); /* the filter stays */
}

static const struct mode modes[] = {
	{ "exchange", mode_exchange, NULL, 0 },
};

int main(int argc, char **argv) { return play(modes, sizeof(modes) / sizeof(modes[0]), argc, argv); }
