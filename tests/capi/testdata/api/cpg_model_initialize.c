#include "api_cpg.h"

static void use(HANDLE h) { (void)h; }

static void initial(unsigned int flags)
{
	cpg_model_v1_data_t m = model_v1;
	struct cpg_name g = group("api.model");
	cpg_handle_t h;

	m.flags = flags;
	R(cpg_model_initialize(&h, CPG_MODEL_V1, (cpg_model_data_t *)&m, NULL));
	R(cpg_join(h, &g));
	R(cpg_dispatch(h, CS_DISPATCH_ONE));
	if (flags)
		R(cpg_dispatch(h, CS_DISPATCH_ONE));
	R(cpg_dispatch(h, CS_DISPATCH_ONE_NONBLOCKING));
	R(cpg_finalize(h));
}

static void live(void)
{
	cpg_model_v1_data_t m = model_v1;
	cpg_handle_t h, other;
	void *ctx;

	R(cpg_model_initialize(&h, (cpg_model_t)0, (cpg_model_data_t *)&m, NULL));
	R(cpg_model_initialize(&h, (cpg_model_t)2, (cpg_model_data_t *)&m, NULL));
	m.flags = 2;
	R(cpg_model_initialize(&h, CPG_MODEL_V1, (cpg_model_data_t *)&m, NULL));
	m.flags = 0x80000001;
	R(cpg_model_initialize(&h, CPG_MODEL_V1, (cpg_model_data_t *)&m, NULL));
	/* The member model of the data is not looked at. */
	m = model_v1;
	m.model = (cpg_model_t)7;
	R(cpg_model_initialize(&h, CPG_MODEL_V1, (cpg_model_data_t *)&m, &m));
	R(cpg_context_get(h, &ctx));
	printf("context is that of initialize: %d\n", ctx == &m);
	R(cpg_finalize(h));
	R(cpg_model_initialize(&h, CPG_MODEL_V1, NULL, NULL));
	R(cpg_context_get(h, &ctx));
	printf("context is NULL: %d\n", ctx == NULL);
	R(cpg_model_initialize(&other, CPG_MODEL_V1, (cpg_model_data_t *)&model_v1, NULL));
	R(cpg_finalize(other));
	R(cpg_finalize(h));
	initial(0);
	initial(CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF);
}
