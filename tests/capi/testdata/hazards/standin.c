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
		{ "ticking", mode_ticking }, { "rings", mode_rings }, { "string", mode_string }, { "half-closed", mode_half_closed },
	};
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (argc == 2 && strcmp(modes[i].name, argv[1]) == 0) {
			modes[i].play();
			return 0;
		}
	DIE("no such scene");
}
