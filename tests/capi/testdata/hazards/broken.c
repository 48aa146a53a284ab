/* What programs see of a daemon whose answers are not as they should be, see broken_test.go; and of lengths that are none. */
#include "common.h"

static void cfg(void)
{
	corosync_cfg_node_address_t addrs[20];
	struct corosync_cfg_node_status_v1 status;
	corosync_cfg_handle_t h;
	char **names = NULL, **states = NULL;
	unsigned int n = 7, i;
	int count = 0;

	OK(corosync_cfg_initialize(&h, NULL));
	/* Refused, as while the nodes synchronise: nothing is told. */
	IS(corosync_cfg_ring_status_get(h, &names, &states, &n), CS_ERR_TRY_AGAIN);
	CHECK(names == NULL && states == NULL && n == 7);
	/* More links than there can be. */
	IS(corosync_cfg_ring_status_get(h, &names, &states, &n), CS_ERR_LIBRARY);
	CHECK(names == NULL && states == NULL && n == 7);
	/* Texts that fill their fields. */
	OK(corosync_cfg_ring_status_get(h, &names, &states, &n));
	CHECK(n == 16);
	for (i = 0; i < n; i++) {
		CHECK(strlen(names[i]) == 128 && strlen(states[i]) == 512);
		free(names[i]);
		free(states[i]);
	}
	free(names);
	free(states);

	memset(addrs, 0, sizeof(addrs));
	OK(corosync_cfg_get_node_addrs(h, 1, 20, &count, addrs));
	CHECK(count <= 16);
	for (i = 0; i < 20; i++)
		CHECK((addrs[i].address_length != 0) == ((int)i < count));

	OK(corosync_cfg_node_status_get(h, 1, CFG_NODE_STATUS_V1, &status));
	for (i = 0; i < CFG_MAX_LINKS; i++)
		CHECK(strnlen(status.link_status[i].src_ipaddr, 256) == 255 && strnlen(status.link_status[i].dst_ipaddr, 256) == 255);
	OK(corosync_cfg_finalize(h));
}

static void cmap(void)
{
	static char room[2 << 20];
	cmap_value_types_t type;
	cmap_handle_t h;
	char *text = NULL;
	uint32_t number = 7;
	size_t n;

	OK(cmap_initialize(&h));
	/* A value that is not sent, one that is longer than the room, and one without its end. */
	memset(room, 'r', 200);
	n = 100;
	IS(cmap_get(h, "value.missing", room, &n, &type), CS_ERR_LIBRARY);
	n = 10;
	IS(cmap_get(h, "value.long", room, &n, &type), CS_ERR_LIBRARY);
	CHECK(n == 10 && room[10] == 'r');
	IS(cmap_get_uint32(h, "value.missing", &number), CS_ERR_LIBRARY);
	CHECK(number == 7);
	OK(cmap_get_string(h, "value.endless", &text));
	CHECK(memchr(text, 0, 101) == text + 100);
	free(text);
	text = NULL;
	CHECK(cmap_get_string(h, "value.immense", &text) != CS_OK);
	/* As much room as one likes. */
	for (n = sizeof(room); n != 0; n = n == SIZE_MAX ? 0 : SIZE_MAX) {
		size_t m = n;

		OK(cmap_get(h, "value.long", room, &m, &type));
		CHECK(m == 100);
	}
	IS(cmap_set(h, "value.set", room, sizeof(room), CMAP_VALUETYPE_BINARY), CS_ERR_TOO_BIG);
	IS(cmap_set(h, "value.set", room, SIZE_MAX, CMAP_VALUETYPE_BINARY), CS_ERR_TOO_BIG);
	OK(cmap_finalize(h));
}

static void cpg(void)
{
	struct iovec parts[2] = { { "one", SIZE_MAX }, { "two", 4 } };
	cpg_handle_t h;
	void *buffer;
	size_t i;

	OK(cpg_initialize(&h, NULL));
	IS(cpg_mcast_joined(h, CPG_TYPE_AGREED, parts, 1), CS_ERR_TOO_BIG);
	IS(cpg_mcast_joined(h, CPG_TYPE_AGREED, parts, 2), CS_ERR_TOO_BIG); /* together they are 3 bytes */
	free(memset(malloc(5000), 'x', 5000));
	OK(cpg_zcb_alloc(h, 5000, &buffer)); /* as empty as a new file */
	for (i = 0; i < 5000; i++)
		CHECK(((char *)buffer)[i] == 0);
	OK(cpg_zcb_free(h, buffer));
	OK(cpg_finalize(h));
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(mode, "cfg") == 0)
		cfg();
	else if (strcmp(mode, "cmap") == 0)
		cmap();
	else if (strcmp(mode, "cpg") == 0)
		cpg();
	else
		return 2;
	return 0;
}
