/* cmap programs. */
#include <corosync/cmap.h>
#define HANDLE cmap_handle_t
#include "api.h"

static cs_error_t open_handle(HANDLE *h) { return cmap_initialize(h); }
static cs_error_t close_handle(HANDLE h) { return cmap_finalize(h); }
static cs_error_t fd_of(HANDLE h, int *fd) { return cmap_fd_get(h, fd); }

static UNUSED void show_value(const char *what, struct cmap_notify_value v)
{
	printf(" %s type %d length %zu%s", what, (int)v.type, v.len, v.data ? "" : " no data");
	if (v.type == CMAP_VALUETYPE_STRING && v.data)
		printf(" \"%.*s\"", (int)v.len, (const char *)v.data);
	if (v.type == CMAP_VALUETYPE_UINT32 && v.data)
		printf(" %u", *(const uint32_t *)v.data);
}

static UNUSED int notified;

static UNUSED void on_notify(cmap_handle_t h UNUSED, cmap_track_handle_t t UNUSED, int32_t event, const char *key,
			     struct cmap_notify_value new_value, struct cmap_notify_value old_value, void *user)
{
	notified++;
	printf("  notify: event %d key %s", (int)event, key);
	show_value("new", new_value);
	show_value("old", old_value);
	printf(" user %s\n", user ? (const char *)user : "none");
}

/* show_key says what a key has. */
static UNUSED void show_key(cmap_handle_t h, const char *key)
{
	unsigned char buf[512] = {0};
	size_t len = sizeof buf, i;
	cmap_value_types_t type = 0;
	int rc = cmap_get(h, key, buf, &len, &type);

	printf("  %s: %s", key, name_of(rc));
	if (rc == CS_OK) {
		printf(", type %d, length %zu:", (int)type, len);
		for (i = 0; i < len; i++)
			printf(" %02x", buf[i]);
	}
	printf("\n");
}

/* Names that no key can have, and the longest that one can. */
static UNUSED const char *long_name(size_t n)
{
	static char buf[2048];

	memset(buf, 'k', n);
	memcpy(buf, "api.", 4);
	buf[n] = 0;
	return buf;
}
