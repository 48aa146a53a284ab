#include "api_quorum.h"

static void use(HANDLE h) { R(quorum_trackstop(h)); }

static void live(void)
{
	quorum_handle_t h;

	MUST(open_handle(&h));
	R(quorum_trackstop(h));
	R(quorum_trackstart(h, CS_TRACK_CHANGES));
	R(quorum_trackstop(h));
	R(quorum_trackstop(h));
	R(quorum_dispatch(h, CS_DISPATCH_ONE));
	R(quorum_trackstart(h, CS_TRACK_CHANGES_ONLY));
	R(quorum_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(quorum_trackstop(h));
	R(quorum_finalize(h));
}
