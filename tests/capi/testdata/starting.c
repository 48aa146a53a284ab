/*
 * What a program sees of a daemon that starts. It connects with every library again and again, and makes the first calls of
 * one that is there for the daemon; each result that differs from the one before is told.
 *
 *	starting once     one attempt with each library
 *	starting until    attempts without a pause until each library has had its answers a hundred times
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <corosync/cfg.h>
#include <corosync/cmap.h>
#include <corosync/cpg.h>
#include <corosync/quorum.h>
#include <corosync/votequorum.h>

enum { LIBRARIES = 5, CALLS = 4, SEEN = 64 };

static const char *names[LIBRARIES][CALLS] = {
	{ "cpg_initialize", "cpg_local_get", "cpg_join", "cpg_mcast_joined" },
	{ "cmap_initialize", "cmap_get_string", "cmap_set_uint32", "cmap_iter_init" },
	{ "quorum_initialize", "quorum_getquorate", "quorum_trackstart", NULL },
	{ "votequorum_initialize", "votequorum_getinfo", "votequorum_trackstart", NULL },
	{ "corosync_cfg_initialize", "corosync_cfg_local_get", "corosync_cfg_trackstart", NULL },
};

static int seen[LIBRARIES][CALLS][SEEN], count[LIBRARIES][CALLS];

static cs_error_t note(int lib, int call, cs_error_t rc)
{
	int *n = &count[lib][call];

	if ((*n == 0 || seen[lib][call][*n - 1] != (int)rc) && *n < SEEN)
		seen[lib][call][(*n)++] = (int)rc;
	return rc;
}

static int try_cpg(void)
{
	static int times;
	struct cpg_name group; /* another each time: the process may still be in the last one */
	struct iovec v = { "x", 1 };
	cpg_handle_t h;
	unsigned int node;

	group.length = (uint32_t)snprintf(group.value, sizeof group.value, "starting.%d.%d", (int)getpid(), times++);
	if (note(0, 0, cpg_initialize(&h, NULL)) != CS_OK)
		return 0;
	note(0, 1, cpg_local_get(h, &node));
	if (note(0, 2, cpg_join(h, &group)) == CS_OK)
		note(0, 3, cpg_mcast_joined(h, CPG_TYPE_AGREED, &v, 1));
	cpg_finalize(h);
	return 1;
}

static int try_cmap(void)
{
	cmap_handle_t h;
	cmap_iter_handle_t iter;
	char *text;

	if (note(1, 0, cmap_initialize(&h)) != CS_OK)
		return 0;
	if (note(1, 1, cmap_get_string(h, "totem.cluster_name", &text)) == CS_OK)
		free(text);
	note(1, 2, cmap_set_uint32(h, "starting.key", 1));
	note(1, 3, cmap_iter_init(h, "totem.", &iter));
	cmap_finalize(h);
	return 1;
}

static int try_quorum(void)
{
	quorum_callbacks_t none = { NULL };
	quorum_handle_t h;
	uint32_t type;
	int quorate;

	if (note(2, 0, quorum_initialize(&h, &none, &type)) != CS_OK)
		return 0;
	note(2, 1, quorum_getquorate(h, &quorate));
	note(2, 2, quorum_trackstart(h, CS_TRACK_CHANGES));
	quorum_finalize(h);
	return 1;
}

static int try_votequorum(void)
{
	votequorum_callbacks_t none;
	votequorum_handle_t h;
	struct votequorum_info info;

	memset(&none, 0, sizeof none);
	if (note(3, 0, votequorum_initialize(&h, &none)) != CS_OK)
		return 0;
	note(3, 1, votequorum_getinfo(h, 0, &info));
	note(3, 2, votequorum_trackstart(h, 1, CS_TRACK_CHANGES));
	votequorum_finalize(h);
	return 1;
}

static int try_cfg(void)
{
	corosync_cfg_handle_t h;
	unsigned int node;

	if (note(4, 0, corosync_cfg_initialize(&h, NULL)) != CS_OK)
		return 0;
	note(4, 1, corosync_cfg_local_get(h, &node));
	note(4, 2, corosync_cfg_trackstart(h, 0));
	corosync_cfg_finalize(h);
	return 1;
}

int main(int argc, char **argv)
{
	static int (*const tries[LIBRARIES])(void) = { try_cpg, try_cmap, try_quorum, try_votequorum, try_cfg };
	int done[LIBRARIES] = { 0 }, lib, call, i, left = LIBRARIES;
	int until = argc > 1 && strcmp(argv[1], "until") == 0;

	alarm(60);
	do {
		for (lib = 0; lib < LIBRARIES; lib++)
			if (tries[lib]() && ++done[lib] == 100)
				left--;
	} while (until && left > 0);
	for (lib = 0; lib < LIBRARIES; lib++)
		for (call = 0; call < CALLS && names[lib][call] != NULL; call++) {
			printf("%s:", names[lib][call]);
			for (i = 0; i < count[lib][call]; i++)
				printf(" %d", seen[lib][call][i]);
			printf("\n");
		}
	return 0;
}
