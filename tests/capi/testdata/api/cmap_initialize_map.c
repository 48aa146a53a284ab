#include "api_cmap.h"

static void use(HANDLE h) { (void)h; }

/* On the map of statistics other rules hold. */
static void stats(void)
{
	cmap_iter_handle_t it;
	cmap_track_handle_t t;
	char key[CMAP_KEYNAME_MAXLEN + 1];
	cmap_handle_t h;
	uint64_t u;

	R(cmap_initialize_map(&h, CMAP_MAP_STATS));
	R(cmap_get_uint64(h, "stats.srp.commit_entered", &u));
	R(cmap_get_uint64(h, "stats.nothing", &u));
	R(cmap_get_uint64(h, "totem.version", &u));
	R(cmap_set_uint32(h, "stats.srp.commit_entered", 1));
	R(cmap_set_uint32(h, "stats.mine", 1));
	R(cmap_delete(h, "stats.srp.commit_entered"));
	R(cmap_inc(h, "stats.srp.commit_entered"));
	R(cmap_dec(h, "stats.srp.commit_entered"));
	R(cmap_set_uint32(h, "stats.clear.ipc", 1));
	R(cmap_set_uint32(h, "stats.clear.totem", 1));
	R(cmap_set_uint32(h, "stats.clear.nothing", 1));
	R(cmap_iter_init(h, "stats.srp.commit_", &it));
	R(cmap_iter_next(h, it, key, NULL, NULL));
	printf("key %s\n", key);
	R(cmap_iter_finalize(h, it));
	R(cmap_track_add(h, "stats.ipcs.", CMAP_TRACK_ADD | CMAP_TRACK_MODIFY | CMAP_TRACK_PREFIX, on_notify, NULL, &t));
	R(cmap_track_add(h, "stats.ipcs.", CMAP_TRACK_ADD | CMAP_TRACK_DELETE | CMAP_TRACK_PREFIX, on_notify, NULL, &t));
	R(cmap_track_delete(h, t));
	R(cmap_finalize(h));
}

static void live(void)
{
	cmap_handle_t h;

	R(cmap_initialize_map(&h, CMAP_MAP_DEFAULT));
	show_key(h, "totem.version");
	R(cmap_finalize(h));
	R(cmap_initialize_map(&h, (cmap_map_t)2));
	R(cmap_initialize_map(&h, (cmap_map_t)-1));
	stats();
}
