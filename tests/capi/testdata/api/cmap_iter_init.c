#include "api_cmap.h"

static void use(HANDLE h)
{
	cmap_iter_handle_t it = 7;

	R(cmap_iter_init(h, "totem.", &it));
}

static void count(cmap_handle_t h, const char *prefix)
{
	char key[CMAP_KEYNAME_MAXLEN + 1], last[CMAP_KEYNAME_MAXLEN + 1] = "";
	cmap_iter_handle_t it;
	int n = 0, sorted = 1, rc;

	R(cmap_iter_init(h, prefix, &it));
	while ((rc = cmap_iter_next(h, it, key, NULL, NULL)) == CS_OK) {
		if (strcmp(last, key) >= 0)
			sorted = 0;
		if (prefix && strncmp(prefix, key, strlen(prefix)) != 0)
			printf("not asked for: %s\n", key);
		strcpy(last, key);
		n++;
	}
	printf("prefix %s: end %s, some %d, sorted %d\n", prefix ? prefix : "NULL", name_of(rc), n > 0, sorted);
	R(cmap_iter_finalize(h, it));
}

static void live(void)
{
	cmap_iter_handle_t it;
	cmap_handle_t h;

	MUST(open_handle(&h));
	count(h, NULL);
	count(h, "");
	count(h, "totem.");
	count(h, "totem.version");
	count(h, "nodelist.node.0");
	count(h, "nothing.begins.so");
	R(cmap_iter_init(h, "totem.", NULL));
	R(cmap_iter_init(h, NULL, NULL));
	R(cmap_iter_init(h, long_name(255), &it));
	R(cmap_iter_init(h, long_name(256), &it));
	R(cmap_finalize(h));
}
