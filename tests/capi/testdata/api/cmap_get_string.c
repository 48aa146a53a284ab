#include "api_cmap.h"

static void use(HANDLE h)
{
	char *s = NULL;

	R(cmap_get_string(h, "totem.cluster_name", &s));
}

static void live(void)
{
	cmap_handle_t h;
	char *s = NULL;

	MUST(open_handle(&h));
	R(cmap_get_string(h, "totem.cluster_name", &s));
	printf("\"%s\"\n", s ? s : "NULL");
	free(s);
	MUST(cmap_set_string(h, "api.get_string", ""));
	s = NULL;
	R(cmap_get_string(h, "api.get_string", &s));
	printf("\"%s\"\n", s ? s : "NULL");
	free(s);
	MUST(cmap_set_string(h, "api.get_string", long_name(1990)));
	s = NULL;
	R(cmap_get_string(h, "api.get_string", &s));
	printf("length %zu\n", s ? strlen(s) : 0);
	free(s);
	printf("-- errors\n");
	s = NULL;
	MUST(cmap_set_uint32(h, "api.get_string", 1));
	R(cmap_get_string(h, "api.get_string", &s));
	MUST(cmap_set(h, "api.get_string", "abc", 3, CMAP_VALUETYPE_BINARY));
	R(cmap_get_string(h, "api.get_string", &s));
	MUST(cmap_delete(h, "api.get_string"));
	R(cmap_get_string(h, "api.get_string", &s));
	R(cmap_get_string(h, NULL, &s));
	R(cmap_get_string(h, long_name(256), &s));
	R(cmap_finalize(h));
}
