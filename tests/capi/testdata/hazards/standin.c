/* Against a daemon that the test plays, and which does what no daemon should; one scene per mode (argv[1]). */
#include "common.h"

static volatile int ticks;

static void tick(int sig)
{
	(void)sig;
	ticks++;
}

/* The daemon ends while a call waits for it, and signals come more often than the wait is looked at. */
static void mode_ticking(void)
{
	struct sigaction sa = { .sa_handler = tick, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } };
	cmap_handle_t cmap;
	uint32_t value;

	OK(cmap_initialize(&cmap));
	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
	IS(cmap_get_uint32(cmap, "key", &value), CS_ERR_LIBRARY);
	CHECK(ticks > 0);
}

static sigjmp_buf away;

static void leave(int sig)
{
	(void)sig;
	siglongjmp(away, 1);
}

/* A handler leaves a call that waits. The answer comes too late for it, and not for the next one. */
static void mode_left(void)
{
	struct itimerval once = { { 0, 0 }, { 0, 100000 } };
	cmap_handle_t cmap;
	uint32_t value = 0;

	OK(cmap_initialize(&cmap));
	signal(SIGALRM, leave);
	if (sigsetjmp(away, 1) == 0) {
		CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
		cmap_get_uint32(cmap, "key", &value);
		DIE("the answer was in time");
	}
	OK(cmap_get_uint32(cmap, "key", &value));
	if (value != 2)
		DIE("answer %u", value);
}

static cmap_handle_t shared;
static volatile uint32_t second;

static void calls(int sig)
{
	uint32_t value = 0;

	(void)sig;
	OK(cmap_get_uint32(shared, "key", &value));
	second = value;
}

/* A handler makes a call on top of one that waits: it gets its own answer, and the other one an error. */
static void mode_on_top(void)
{
	struct itimerval once = { { 0, 0 }, { 0, 100000 } };
	uint32_t value = 0;

	OK(cmap_initialize(&shared));
	signal(SIGALRM, calls);
	CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
	IS(cmap_get_uint32(shared, "key", &value), CS_ERR_INTERRUPT);
	CHECK(second == 2);
	OK(cmap_get_uint32(shared, "key", &value));
	CHECK(value == 3);
}

/* Every text of the answer fills its field, without a NUL. */
static void mode_rings(void)
{
	corosync_cfg_handle_t cfg;
	char **names, **status;
	unsigned int i, n;

	OK(corosync_cfg_initialize(&cfg, NULL));
	OK(corosync_cfg_ring_status_get(cfg, &names, &status, &n));
	CHECK(n == 16);
	for (i = 0; i < n; i++) {
		CHECK(strlen(names[i]) == 128 && strspn(names[i], "n") == 128);
		CHECK(strlen(status[i]) == 512 && strspn(status[i], "s") == 512);
	}
}

/* A string has no NUL. The allocator fills its memory (MALLOC_PERTURB_). */
static void mode_string(void)
{
	cmap_handle_t cmap;
	char *text;

	OK(cmap_initialize(&cmap));
	OK(cmap_get_string(cmap, "key", &text));
	CHECK(strlen(text) == 3000 && strspn(text, "x") == 3000);
}

/* The daemon says that nothing more will come, and stays. */
static void mode_half_closed(void)
{
	cpg_handle_t cpg;
	unsigned int node;

	OK(cpg_initialize(&cpg, NULL));
	OK(cpg_local_get(cpg, &node));
	IS(cpg_dispatch(cpg, CS_DISPATCH_ONE), CS_ERR_LIBRARY);
}

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*play)(void); } modes[] = {
		{ "ticking", mode_ticking }, { "left", mode_left }, { "on-top", mode_on_top }, { "rings", mode_rings }, { "string", mode_string }, { "half-closed", mode_half_closed },
	};
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (argc == 2 && strcmp(modes[i].name, argv[1]) == 0) {
			modes[i].play();
			return 0;
		}
	DIE("no such scene");
}
