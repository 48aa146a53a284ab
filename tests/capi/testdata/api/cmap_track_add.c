#include "api_cmap.h"

static void use(HANDLE h)
{
	cmap_track_handle_t t = 7;

	R(cmap_track_add(h, "api.track.use", CMAP_TRACK_ADD, on_notify, NULL, &t));
}

static cmap_handle_t h;

static int fence;

static void on_fence(cmap_handle_t handle UNUSED, cmap_track_handle_t t UNUSED, int32_t event UNUSED, const char *key UNUSED,
		     struct cmap_notify_value new_value UNUSED, struct cmap_notify_value old_value UNUSED, void *user UNUSED)
{
	fence = 1;
}

/* What came of the writes so far: an event may be behind the answer to the write, but not behind that of a later one. */
static void see(void)
{
	fence = 0;
	MUST(cmap_inc(h, "api.fence"));
	while (!fence)
		MUST(cmap_dispatch(h, CS_DISPATCH_ONE));
}

static void writes(const char *key)
{
	MUST(cmap_set_uint32(h, key, 1));
	MUST(cmap_set_uint32(h, key, 1));
	MUST(cmap_set_uint32(h, key, 2));
	MUST(cmap_set_string(h, key, "three"));
	MUST(cmap_inc(h, "api.track.number"));
	MUST(cmap_delete(h, key));
	see();
}

static void live(void)
{
	static const int32_t all = CMAP_TRACK_ADD | CMAP_TRACK_MODIFY | CMAP_TRACK_DELETE;
	cmap_track_handle_t t, u;
	int32_t bits;

	MUST(open_handle(&h));
	MUST(cmap_set_uint32(h, "api.fence", 0));
	MUST(cmap_track_add(h, "api.fence", CMAP_TRACK_MODIFY, on_fence, NULL, &t));
	MUST(cmap_set_uint32(h, "api.track.number", 5));
	printf("-- every combination\n");
	for (bits = 0; bits < 8; bits++) {
		printf("bits %d\n", (int)bits);
		if (R(cmap_track_add(h, "api.track.key", bits, on_notify, "user", &t)) != CS_OK)
			continue;
		writes("api.track.key");
		R(cmap_track_delete(h, t));
	}
	printf("-- prefix\n");
	R(cmap_track_add(h, "api.track.", all | CMAP_TRACK_PREFIX, on_notify, NULL, &t));
	writes("api.track.key");
	writes("api.tracked");
	R(cmap_track_delete(h, t));
	printf("-- two at once\n");
	R(cmap_track_add(h, "api.track.key", all, on_notify, "first", &t));
	R(cmap_track_add(h, "api.track.key", CMAP_TRACK_MODIFY, on_notify, "second", &u));
	printf("handles differ: %d\n", t != u);
	writes("api.track.key");
	R(cmap_track_delete(h, t));
	R(cmap_track_delete(h, u));
	printf("-- everything\n");
	R(cmap_track_add(h, NULL, all | CMAP_TRACK_PREFIX, on_notify, NULL, &t));
	MUST(cmap_set_uint32(h, "api.track.key", 1));
	MUST(cmap_dispatch(h, CS_DISPATCH_ONE));
	R(cmap_track_delete(h, t));
	MUST(cmap_delete(h, "api.track.key"));
	see();
	printf("-- errors\n");
	R(cmap_track_add(h, NULL, all, on_notify, NULL, &t));
	R(cmap_track_add(h, "api.track.key", all, NULL, NULL, &t));
	R(cmap_track_add(h, "api.track.key", all, on_notify, NULL, NULL));
	R(cmap_track_add(h, "api.track.key", 16, on_notify, NULL, &t));
	R(cmap_track_add(h, "api.track.key", -1, on_notify, NULL, &t));
	R(cmap_track_add(h, "x", all, on_notify, NULL, &t));
	R(cmap_track_add(h, long_name(255), all, on_notify, NULL, &t));
	R(cmap_track_add(h, long_name(256), all, on_notify, NULL, &t));
	MUST(cmap_delete(h, "api.track.number"));
	MUST(cmap_delete(h, "api.fence"));
	R(cmap_finalize(h));
}
