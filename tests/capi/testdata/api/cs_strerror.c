#include "api_common.h"

static void live(void)
{
	int e;

	for (e = -2; e <= 110; e++)
		printf("%d: %s\n", e, cs_strerror((cs_error_t)e));
	printf("the same string each time: %d\n", cs_strerror(CS_ERR_EXIST) == cs_strerror(CS_ERR_EXIST));
}
