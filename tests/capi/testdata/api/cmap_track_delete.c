#include "api_cmap.h"

static void use(HANDLE h) { R(cmap_track_delete(h, 12345)); }

static cmap_track_handle_t t;

static void removing(cmap_handle_t h, cmap_track_handle_t track, int32_t event, const char *key, struct cmap_notify_value new_value,
		     struct cmap_notify_value old_value, void *user)
{
	on_notify(h, track, event, key, new_value, old_value, user);
	printf("its own handle: %d\n", track == t);
	R(cmap_track_delete(h, track));
}

static void live(void)
{
	static const int32_t all = CMAP_TRACK_ADD | CMAP_TRACK_MODIFY | CMAP_TRACK_DELETE;
	cmap_handle_t h, other;

	MUST(open_handle(&h));
	MUST(open_handle(&other));
	MUST(cmap_track_add(h, "api.untrack", all, on_notify, NULL, &t));
	R(cmap_track_delete(other, t));
	R(cmap_track_delete(h, t));
	R(cmap_track_delete(h, t));
	R(cmap_track_delete(h, 0));
	R(cmap_set_uint32(h, "api.untrack", 1));
	R(cmap_dispatch(h, CS_DISPATCH_ALL));
	printf("-- with events queued\n");
	MUST(cmap_track_add(h, "api.untrack", all, on_notify, NULL, &t));
	R(cmap_set_uint32(h, "api.untrack", 2));
	R(cmap_track_delete(h, t));
	R(cmap_dispatch(h, CS_DISPATCH_ALL));
	printf("-- in the callback\n");
	MUST(cmap_track_add(h, "api.untrack", all, removing, NULL, &t));
	R(cmap_set_uint32(h, "api.untrack", 3));
	R(cmap_set_uint32(h, "api.untrack", 4));
	nap(300); /* an event may be a moment behind the answer to the write */
	R(cmap_dispatch(h, CS_DISPATCH_ALL));
	MUST(cmap_delete(h, "api.untrack"));
	R(cmap_dispatch(h, CS_DISPATCH_ALL));
	R(cmap_finalize(h));
	R(cmap_track_delete(h, t));
	R(cmap_finalize(other));
}
