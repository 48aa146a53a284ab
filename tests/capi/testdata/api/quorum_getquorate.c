#include "api_quorum.h"

static void use(HANDLE h)
{
	int q = 77;

	R(quorum_getquorate(h, &q));
}

static void live(void)
{
	quorum_handle_t h;
	int q = 77;

	MUST(open_handle(&h));
	R(quorum_getquorate(h, &q));
	printf("quorate %d\n", q);
	R(quorum_finalize(h));
}
