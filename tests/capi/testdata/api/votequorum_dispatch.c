#include "api_votequorum.h"

static void use(HANDLE h)
{
	R(votequorum_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(votequorum_dispatch(h, CS_DISPATCH_ALL));
	R(votequorum_dispatch(h, (cs_dispatch_flags_t)0));
	R(votequorum_dispatch(h, (cs_dispatch_flags_t)5));
}

static void live(void)
{
	votequorum_handle_t h;

	MUST(open_handle(&h));
	R(votequorum_dispatch(h, CS_DISPATCH_ALL));
	R(votequorum_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(votequorum_dispatch(h, (cs_dispatch_flags_t)0));
	R(votequorum_dispatch(h, (cs_dispatch_flags_t)-1));
	MUST(votequorum_trackstart(h, 1, CS_TRACK_CURRENT));
	R(votequorum_dispatch(h, CS_DISPATCH_ONE));
	R(votequorum_dispatch(h, CS_DISPATCH_ONE));
	drain(h, 20);
	R(votequorum_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(votequorum_finalize(h));
}
