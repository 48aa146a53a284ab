#include "api_cfg.h"

static struct corosync_cfg_node_status_v1 s;

static void use(HANDLE h) { R(corosync_cfg_node_status_get(h, 1, CFG_NODE_STATUS_V1, &s)); }

static void show(corosync_cfg_handle_t h, unsigned int node)
{
	int rc, i;

	memset(&s, 0, sizeof s);
	rc = corosync_cfg_node_status_get(h, node, CFG_NODE_STATUS_V1, &s);
	printf("node %u: %s", node, name_of(rc));
	if (rc == CS_OK) {
		printf(" version %d node %u reachable %u remote %u external %u onwire %u %u %u\n", (int)s.version, s.nodeid, s.reachable,
		       s.remote, s.external, s.onwire_min, s.onwire_max, s.onwire_ver);
		for (i = 0; i < CFG_MAX_LINKS; i++)
			printf("  link %u %u %u mtu %u from \"%s\" to \"%s\"", s.link_status[i].enabled, s.link_status[i].connected,
			       s.link_status[i].dynconnected, s.link_status[i].mtu, s.link_status[i].src_ipaddr, s.link_status[i].dst_ipaddr);
	}
	printf("\n");
}

static void live(void)
{
	corosync_cfg_handle_t h;

	MUST(open_handle(&h));
	show(h, 1);
	show(h, 0);
	show(h, 2);
	show(h, UINT32_MAX);
	R(corosync_cfg_node_status_get(h, 1, (corosync_cfg_node_status_version_t)0, &s));
	R(corosync_cfg_node_status_get(h, 1, (corosync_cfg_node_status_version_t)2, &s));
	R(corosync_cfg_node_status_get(h, 1, CFG_NODE_STATUS_V1, NULL));
	R(corosync_cfg_finalize(h));
}
