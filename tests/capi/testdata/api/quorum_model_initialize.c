#include "api_quorum.h"

static void use(HANDLE h) { (void)h; }

static void track(quorum_handle_t h, int events)
{
	R(quorum_trackstart(h, CS_TRACK_CHANGES));
	while (events--)
		R(quorum_dispatch(h, CS_DISPATCH_ONE));
	R(quorum_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(quorum_finalize(h));
}

static void live(void)
{
	quorum_model_v1_data_t m = model_v1;
	uint32_t type = 77;
	quorum_handle_t h;
	const void *ctx;

	R(quorum_model_initialize(&h, (quorum_model_t)2, (quorum_model_data_t *)&m, &type, NULL));
	R(quorum_model_initialize(&h, (quorum_model_t)-1, (quorum_model_data_t *)&m, &type, NULL));
	R(quorum_model_initialize(&h, QUORUM_MODEL_V0, (quorum_model_data_t *)&model_v0, &type, &m));
	printf("type %u\n", type);
	R(quorum_context_get(h, &ctx));
	printf("context is that of initialize: %d\n", ctx == &m);
	track(h, 1);
	R(quorum_model_initialize(&h, QUORUM_MODEL_V1, (quorum_model_data_t *)&m, NULL, NULL));
	track(h, 2);
	m.quorum_notify_fn = NULL;
	R(quorum_model_initialize(&h, QUORUM_MODEL_V1, (quorum_model_data_t *)&m, NULL, NULL));
	track(h, 2);
	R(quorum_model_initialize(&h, QUORUM_MODEL_V1, NULL, NULL, NULL));
	track(h, 2);
	R(quorum_model_initialize(&h, QUORUM_MODEL_V0, NULL, NULL, NULL));
	track(h, 1);
}
