#include "api_quorum.h"

static void use(HANDLE h)
{
	R(quorum_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(quorum_dispatch(h, CS_DISPATCH_ALL));
	R(quorum_dispatch(h, (cs_dispatch_flags_t)0));
	R(quorum_dispatch(h, (cs_dispatch_flags_t)5));
}

static void live(void)
{
	quorum_handle_t h;
	int i;

	MUST(open_handle(&h));
	R(quorum_dispatch(h, CS_DISPATCH_ALL));
	R(quorum_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(quorum_dispatch(h, (cs_dispatch_flags_t)0));
	R(quorum_dispatch(h, (cs_dispatch_flags_t)-1));
	for (i = 0; i < 4; i++)
		MUST(quorum_trackstart(h, CS_TRACK_CURRENT));
	R(quorum_dispatch(h, CS_DISPATCH_ONE));
	R(quorum_dispatch(h, CS_DISPATCH_ONE));
	while (notified < 4)
		MUST(quorum_dispatch(h, CS_DISPATCH_ALL));
	R(quorum_dispatch(h, CS_DISPATCH_ALL));
	R(quorum_finalize(h));
}
