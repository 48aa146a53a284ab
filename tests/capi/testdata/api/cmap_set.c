#include "api_cmap.h"

static void use(HANDLE h)
{
	uint32_t v = 7;

	R(cmap_set(h, "api.set.use", &v, sizeof v, CMAP_VALUETYPE_UINT32));
}

static void live(void)
{
	static char big[1 << 20];
	uint64_t v = 0x1122334455667788ULL;
	cmap_handle_t h;
	size_t i, n;
	int t;

	MUST(open_handle(&h));
	printf("-- every type with every length\n");
	for (t = 0; t <= 13; t++) {
		static const size_t lens[] = {0, 1, 2, 4, 8};

		for (i = 0; i < sizeof lens / sizeof *lens; i++) {
			printf("type %d length %zu\n", t, lens[i]);
			R(cmap_set(h, "api.set.type", &v, lens[i], (cmap_value_types_t)t));
		}
		show_key(h, "api.set.type");
	}
	R(cmap_set(h, "api.set.type", "ab\0cd", 5, CMAP_VALUETYPE_STRING));
	show_key(h, "api.set.type");
	R(cmap_set(h, "api.set.type", "abc", 4, CMAP_VALUETYPE_STRING));
	show_key(h, "api.set.type");
	R(cmap_set(h, "api.set.type", "abc", 3, CMAP_VALUETYPE_STRING));
	show_key(h, "api.set.type");
	R(cmap_delete(h, "api.set.type"));
	printf("-- pointers\n");
	R(cmap_set(h, NULL, &v, 4, CMAP_VALUETYPE_UINT32));
	R(cmap_set(h, "api.set.null", NULL, 4, CMAP_VALUETYPE_UINT32));
	R(cmap_set(h, "api.set.null", NULL, 0, CMAP_VALUETYPE_BINARY));
	printf("-- names\n");
	R(cmap_set(h, "", &v, 4, CMAP_VALUETYPE_UINT32));
	R(cmap_set(h, "ab", &v, 4, CMAP_VALUETYPE_UINT32));
	R(cmap_set(h, "abc", &v, 4, CMAP_VALUETYPE_UINT32));
	R(cmap_delete(h, "abc"));
	R(cmap_set(h, "a.B-9_/:z", &v, 4, CMAP_VALUETYPE_UINT32));
	R(cmap_delete(h, "a.B-9_/:z"));
	R(cmap_set(h, "with space", &v, 4, CMAP_VALUETYPE_UINT32));
	R(cmap_set(h, "with*star", &v, 4, CMAP_VALUETYPE_UINT32));
	R(cmap_set(h, "with\nline", &v, 4, CMAP_VALUETYPE_UINT32));
	R(cmap_set(h, "with\xc3\xa4", &v, 4, CMAP_VALUETYPE_UINT32));
	for (n = 253; n <= 257; n++) {
		printf("%zu characters\n", n);
		R(cmap_set(h, long_name(n), &v, 4, CMAP_VALUETYPE_UINT32));
		R(cmap_delete(h, long_name(n)));
	}
	R(cmap_set(h, long_name(1500), &v, 4, CMAP_VALUETYPE_UINT32));
	printf("-- what clients may not write\n");
	R(cmap_set(h, "runtime.config.totem.token", &v, 4, CMAP_VALUETYPE_UINT32));
	R(cmap_set(h, "internal_configuration.service.0.name", &v, 4, CMAP_VALUETYPE_UINT32));
	R(cmap_set(h, "config.reload_in_progress", &v, 1, CMAP_VALUETYPE_UINT8));
	R(cmap_set(h, "config.totemconfig_reload_in_progress", &v, 1, CMAP_VALUETYPE_UINT8));
	printf("-- long values\n");
	memset(big, 'b', sizeof big);
	R(cmap_set(h, "api.set.long", big, 4096, CMAP_VALUETYPE_BINARY));
	n = sizeof big;
	R(cmap_get(h, "api.set.long", NULL, &n, NULL));
	printf("length %zu\n", n);
	R(cmap_set(h, "api.set.long", big, 100000, CMAP_VALUETYPE_BINARY));
	R(cmap_get(h, "api.set.long", NULL, &n, NULL));
	printf("length %zu\n", n);
	R(cmap_set(h, "api.set.long", big, 1000000, CMAP_VALUETYPE_BINARY));
	R(cmap_set(h, "api.set.long", big, sizeof big, CMAP_VALUETYPE_BINARY));
	R(cmap_delete(h, "api.set.long"));
	R(cmap_finalize(h));
}
