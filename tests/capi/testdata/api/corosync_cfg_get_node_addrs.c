#include "api_cfg.h"

static corosync_cfg_node_address_t a[8];

static void use(HANDLE h)
{
	int n = 7;

	R(corosync_cfg_get_node_addrs(h, 1, 8, &n, a));
}

static void show(corosync_cfg_handle_t h, unsigned int node, size_t room)
{
	char text[64] = "";
	int n = 7, rc, i;

	memset(a, 0, sizeof a);
	rc = corosync_cfg_get_node_addrs(h, node, room, &n, a);
	printf("node %u room %zu: %s", node, room, name_of(rc));
	if (rc == CS_OK) {
		printf(", number %d", n);
		for (i = 0; i < n && i < (int)room; i++) {
			struct sockaddr_in *in = (struct sockaddr_in *)(void *)a[i].address;

			inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
			printf(" length %d family %d %s", a[i].address_length, (int)in->sin_family, text);
		}
	}
	printf("\n");
}

static void live(void)
{
	corosync_cfg_handle_t h;
	int n;

	MUST(open_handle(&h));
	show(h, 0, 8);
	show(h, 1, 8);
	show(h, 1, 1);
	show(h, 2, 8);
	show(h, UINT32_MAX, 8);
	R(corosync_cfg_get_node_addrs(h, 2, 8, &n, a));
	R(corosync_cfg_finalize(h));
}
