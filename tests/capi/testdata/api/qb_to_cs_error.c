#include "api_common.h"

static void live(void)
{
	int e;

	for (e = -200; e <= 40; e++)
		printf("%d: %d\n", e, (int)qb_to_cs_error(e));
	printf("%d\n", (int)qb_to_cs_error(INT32_MIN));
	printf("%d\n", (int)qb_to_cs_error(INT32_MAX));
}
