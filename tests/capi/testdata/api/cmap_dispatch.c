#include "api_cmap.h"

static void use(HANDLE h)
{
	R(cmap_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(cmap_dispatch(h, CS_DISPATCH_ALL));
}

static void deeper(cmap_handle_t h, cmap_track_handle_t t, int32_t event, const char *key, struct cmap_notify_value new_value,
		   struct cmap_notify_value old_value, void *user)
{
	on_notify(h, t, event, key, new_value, old_value, user);
	if (event == CMAP_TRACK_ADD) {
		R(cmap_set_uint32(h, key, 5));
		R(cmap_dispatch(h, CS_DISPATCH_ONE));
	}
}

static void live(void)
{
	cmap_track_handle_t t;
	cmap_handle_t h;
	int i;

	MUST(open_handle(&h));
	R(cmap_dispatch(h, CS_DISPATCH_ALL));
	R(cmap_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	MUST(cmap_track_add(h, "api.dispatch.", CMAP_TRACK_ADD | CMAP_TRACK_MODIFY | CMAP_TRACK_DELETE | CMAP_TRACK_PREFIX, on_notify, NULL, &t));
	for (i = 0; i < 6; i++)
		MUST(cmap_set_uint32(h, "api.dispatch.key", (uint32_t)i));
	nap(300); /* an event may be a moment behind the answer to the write */
	R(cmap_dispatch(h, CS_DISPATCH_ONE));
	R(cmap_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(cmap_dispatch(h, CS_DISPATCH_ALL));
	R(cmap_dispatch(h, CS_DISPATCH_ALL));
	R(cmap_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	MUST(cmap_delete(h, "api.dispatch.key"));
	R(cmap_dispatch(h, CS_DISPATCH_ONE));
	MUST(cmap_track_delete(h, t));
	printf("-- in a callback\n");
	MUST(cmap_track_add(h, "api.dispatch.", CMAP_TRACK_ADD | CMAP_TRACK_MODIFY | CMAP_TRACK_PREFIX, deeper, NULL, &t));
	MUST(cmap_set_uint32(h, "api.dispatch.key", 1));
	R(cmap_dispatch(h, CS_DISPATCH_ONE));
	R(cmap_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	MUST(cmap_delete(h, "api.dispatch.key"));
	R(cmap_finalize(h));
}
