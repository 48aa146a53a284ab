#include "api_cmap.h"

static void use(HANDLE h)
{
	char key[CMAP_KEYNAME_MAXLEN + 1];

	R(cmap_iter_next(h, 12345, key, NULL, NULL));
}

static void live(void)
{
	char key[CMAP_KEYNAME_MAXLEN + 1];
	cmap_iter_handle_t it, gone;
	cmap_value_types_t type;
	cmap_handle_t h, other;
	size_t len;
	int rc;

	MUST(open_handle(&h));
	MUST(open_handle(&other));
	MUST(cmap_set_uint8(h, "api.iter.a", 1));
	MUST(cmap_set_string(h, "api.iter.b", "two"));
	MUST(cmap_set(h, "api.iter.c", "xyz", 3, CMAP_VALUETYPE_BINARY));
	MUST(cmap_set_double(h, "api.iter.d", 4));
	MUST(cmap_iter_init(h, "api.iter.", &it));
	while ((rc = cmap_iter_next(h, it, key, &len, &type)) == CS_OK)
		printf("%s length %zu type %d\n", key, len, (int)type);
	report("end", rc);
	R(cmap_iter_next(h, it, key, &len, &type));
	R(cmap_iter_finalize(h, it));
	printf("-- without places for the answers\n");
	MUST(cmap_iter_init(h, "api.iter.", &it));
	R(cmap_iter_next(h, it, NULL, &len, &type));
	R(cmap_iter_next(h, it, key, NULL, &type));
	printf("%s\n", key);
	R(cmap_iter_next(h, it, key, &len, NULL));
	printf("%s\n", key);
	R(cmap_iter_next(h, it, key, NULL, NULL));
	printf("%s\n", key);
	R(cmap_iter_next(other, it, key, NULL, NULL));
	R(cmap_iter_finalize(h, it));
	printf("-- an iterator that is none\n");
	R(cmap_iter_next(h, it, key, NULL, NULL));
	R(cmap_iter_next(h, 0, key, NULL, NULL));
	R(cmap_iter_next(h, 0x123456789ULL, key, NULL, NULL));
	printf("-- keys that go meanwhile\n");
	MUST(cmap_iter_init(h, "api.iter.", &gone));
	R(cmap_iter_next(h, gone, key, NULL, NULL));
	printf("%s\n", key);
	MUST(cmap_delete(h, "api.iter.b"));
	R(cmap_iter_next(h, gone, key, NULL, NULL));
	printf("%s\n", key);
	MUST(cmap_delete(h, "api.iter.a"));
	MUST(cmap_delete(h, "api.iter.c"));
	MUST(cmap_delete(h, "api.iter.d"));
	R(cmap_iter_next(h, gone, key, NULL, NULL));
	R(cmap_iter_finalize(h, gone));
	R(cmap_finalize(h));
	R(cmap_finalize(other));
}
