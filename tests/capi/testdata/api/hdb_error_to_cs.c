#include "api_common.h"

static void live(void)
{
	int e;

	for (e = -140; e <= 40; e++)
		printf("%d: %d\n", e, (int)hdb_error_to_cs(e));
	printf("%d\n", (int)hdb_error_to_cs(INT32_MIN));
	printf("%d\n", (int)hdb_error_to_cs(INT32_MAX));
}
