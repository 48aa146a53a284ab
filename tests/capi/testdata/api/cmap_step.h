/* A program for STEP, cmap_inc or cmap_dec. */
#include "api_cmap.h"

static void use(HANDLE h) { R(STEP(h, "api.step.use")); }

#define EDGE(type, low, high)                        \
	do {                                         \
		printf(#type "\n");                  \
		MUST(cmap_set_##type(h, key, high)); \
		R(STEP(h, key));                     \
		show_key(h, key);                    \
		MUST(cmap_set_##type(h, key, low));  \
		R(STEP(h, key));                     \
		show_key(h, key);                    \
		R(STEP(h, key));                     \
		show_key(h, key);                    \
	} while (0)

static void live(void)
{
	const char *key = "api.step";
	cmap_handle_t h;

	MUST(open_handle(&h));
	EDGE(int8, INT8_MIN, INT8_MAX);
	EDGE(uint8, 0, UINT8_MAX);
	EDGE(int16, INT16_MIN, INT16_MAX);
	EDGE(uint16, 0, UINT16_MAX);
	EDGE(int32, INT32_MIN, INT32_MAX);
	EDGE(uint32, 0, UINT32_MAX);
	EDGE(int64, INT64_MIN, INT64_MAX);
	EDGE(uint64, 0, UINT64_MAX);
	printf("-- what is no integer\n");
	EDGE(float, -1, 1);
	EDGE(double, -1, 1);
	EDGE(string, "1", "2");
	MUST(cmap_set(h, key, "abcd", 4, CMAP_VALUETYPE_BINARY));
	R(STEP(h, key));
	MUST(cmap_delete(h, key));
	printf("-- errors\n");
	R(STEP(h, key));
	R(STEP(h, NULL));
	R(STEP(h, "x"));
	R(STEP(h, long_name(256)));
	R(STEP(h, "runtime.config.totem.token"));
	R(cmap_finalize(h));
}
