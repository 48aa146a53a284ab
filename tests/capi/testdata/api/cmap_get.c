#include "api_cmap.h"

static void use(HANDLE h)
{
	unsigned char buf[100];
	cmap_value_types_t type;
	size_t len = sizeof buf;

	R(cmap_get(h, "totem.version", buf, &len, &type));
}

static void live(void)
{
	unsigned char buf[100] = {0};
	cmap_value_types_t type = 0;
	cmap_handle_t h;
	size_t len;

	MUST(open_handle(&h));
	MUST(cmap_set(h, "api.get", "0123456789", 10, CMAP_VALUETYPE_BINARY));
	for (len = 8; len <= 12; len++) {
		size_t n = len;

		memset(buf, '-', sizeof buf);
		printf("room %zu\n", len);
		R(cmap_get(h, "api.get", buf, &n, &type));
		printf("length %zu type %d %.15s\n", n, (int)type, buf);
	}
	len = 0;
	R(cmap_get(h, "api.get", buf, &len, NULL));
	printf("length %zu\n", len);
	printf("-- length and type alone\n");
	len = 77;
	type = 0;
	R(cmap_get(h, "api.get", NULL, &len, &type));
	printf("length %zu type %d\n", len, (int)type);
	R(cmap_get(h, "api.get", NULL, NULL, &type));
	R(cmap_get(h, "api.get", NULL, &len, NULL));
	R(cmap_get(h, "api.get", NULL, NULL, NULL));
	len = sizeof buf;
	R(cmap_get(h, "api.get", buf, &len, NULL));
	MUST(cmap_delete(h, "api.get"));
	printf("-- errors\n");
	len = 77;
	R(cmap_get(h, "api.get", buf, &len, &type));
	R(cmap_get(h, NULL, buf, &len, &type));
	R(cmap_get(h, "totem.version", buf, NULL, &type));
	R(cmap_get(h, "x", buf, &len, &type));
	R(cmap_get(h, "with space", buf, &len, &type));
	R(cmap_get(h, long_name(255), buf, &len, &type));
	R(cmap_get(h, long_name(256), buf, &len, &type));
	R(cmap_get(h, long_name(1500), buf, &len, &type));
	printf("length %zu\n", len);
	printf("-- what the configuration has\n");
	show_key(h, "totem.version");
	show_key(h, "totem.cluster_name");
	show_key(h, "nodelist.node.0.nodeid");
	show_key(h, "nodelist.local_node_pos");
	R(cmap_finalize(h));
}
