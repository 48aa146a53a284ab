#include "api_cmap.h"

static void use(HANDLE h) { R(cmap_finalize(h)); }

static void closing(cmap_handle_t h, cmap_track_handle_t t, int32_t event, const char *key, struct cmap_notify_value new_value,
		    struct cmap_notify_value old_value, void *user)
{
	on_notify(h, t, event, key, new_value, old_value, user);
	R(cmap_finalize(h));
	R(cmap_finalize(h));
}

static cmap_handle_t with_closing(void)
{
	cmap_track_handle_t t;
	cmap_handle_t h;

	MUST(cmap_initialize(&h));
	MUST(cmap_track_add(h, "api.finalize", CMAP_TRACK_ADD | CMAP_TRACK_MODIFY | CMAP_TRACK_DELETE, closing, NULL, &t));
	MUST(cmap_set_uint32(h, "api.finalize", 1));
	MUST(cmap_set_uint32(h, "api.finalize", 2));
	MUST(cmap_delete(h, "api.finalize"));
	return h;
}

static void live(void)
{
	cmap_track_handle_t t;
	cmap_iter_handle_t it;
	cmap_handle_t h;
	char key[CMAP_KEYNAME_MAXLEN + 1];

	MUST(open_handle(&h));
	MUST(cmap_iter_init(h, "totem.", &it));
	MUST(cmap_track_add(h, "api.x", CMAP_TRACK_ADD, on_notify, NULL, &t));
	R(cmap_finalize(h));
	R(cmap_finalize(h));
	R(cmap_iter_next(h, it, key, NULL, NULL));
	R(cmap_track_delete(h, t));
	printf("-- in a callback, dispatch of one\n");
	h = with_closing();
	R(cmap_dispatch(h, CS_DISPATCH_ONE));
	printf("-- in a callback, dispatch of all\n");
	h = with_closing();
	nap(300); /* an event may be a moment behind the answer to the write */
	R(cmap_dispatch(h, CS_DISPATCH_ALL));
	printf("-- in a callback, endless dispatch\n");
	h = with_closing();
	R(cmap_dispatch(h, CS_DISPATCH_BLOCKING));
}
