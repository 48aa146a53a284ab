/* A program for the getter of one type: GET, SET, TYPE, FORMAT, A and B. */
#include "api_cmap.h"

#define STR2(x) #x
#define STR(x) STR2(x)
#define KEY "api." STR(GET)

static void use(HANDLE h)
{
	TYPE v = 0;

	R(GET(h, "totem.version", &v));
}

static void live(void)
{
	static const char *const types[] = {"int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float", "double"};
	cmap_handle_t h;
	TYPE v = 0;
	size_t i;
	char key[64];

	MUST(open_handle(&h));
	MUST(SET(h, KEY, A));
	R(GET(h, KEY, &v));
	printf(FORMAT "\n", v);
	MUST(SET(h, KEY, B));
	R(GET(h, KEY, &v));
	printf(FORMAT "\n", v);
	MUST(cmap_delete(h, KEY));
	printf("-- keys of every type\n");
	MUST(cmap_set_int8(h, KEY ".int8", -1));
	MUST(cmap_set_uint8(h, KEY ".uint8", 1));
	MUST(cmap_set_int16(h, KEY ".int16", -1));
	MUST(cmap_set_uint16(h, KEY ".uint16", 1));
	MUST(cmap_set_int32(h, KEY ".int32", -1));
	MUST(cmap_set_uint32(h, KEY ".uint32", 1));
	MUST(cmap_set_int64(h, KEY ".int64", -1));
	MUST(cmap_set_uint64(h, KEY ".uint64", 1));
	MUST(cmap_set_float(h, KEY ".float", -1));
	MUST(cmap_set_double(h, KEY ".double", -1));
	for (i = 0; i < sizeof types / sizeof *types; i++) {
		snprintf(key, sizeof key, KEY ".%s", types[i]);
		v = 77;
		printf("%s: %s " FORMAT "\n", types[i], name_of(GET(h, key, &v)), v);
		MUST(cmap_delete(h, key));
	}
	v = 77;
	R(GET(h, "totem.cluster_name", &v));
	MUST(cmap_set(h, KEY ".binary", "12345678", 8, CMAP_VALUETYPE_BINARY));
	R(GET(h, KEY ".binary", &v));
	MUST(cmap_delete(h, KEY ".binary"));
	printf("-- errors\n");
	R(GET(h, KEY, &v));
	R(GET(h, NULL, &v));
	R(GET(h, "x", &v));
	R(GET(h, long_name(256), &v));
	printf(FORMAT "\n", v);
	R(cmap_finalize(h));
}
