/* A program for the three functions of stored data, which make sense together only. */
#include "api_sam.h"

static void show(void)
{
	char buf[64] = "";
	size_t n = 77;

	R(sam_data_getsize(&n));
	printf("size %zu\n", n);
	R(sam_data_restore(buf, sizeof buf));
	printf("\"%.*s\"\n", (int)n, buf);
}

static void states(void)
{
	static char big[300000], back[300000];
	char buf[64];
	size_t n = 77;

	R(sam_data_store("early", 5));
	R(sam_initialize(0, SAM_RECOVERY_POLICY_RESTART));
	show();
	R(sam_data_getsize(NULL));
	R(sam_data_restore(NULL, 10));
	R(sam_data_restore(buf, 0));
	R(sam_data_store("before", 6));
	show();
	R(sam_data_restore(buf, 5));
	R(sam_data_restore(buf, 6));
	R(sam_register(&instance));
	printf("instance %u\n", instance);
	show();
	if (instance == 1) {
		R(sam_data_store("of the first", 12));
		show();
		R(sam_start());
		R(sam_data_store("of the first, started", 21));
		exit(1 + 1);
	}
	if (instance == 2) {
		memset(big, 'b', sizeof big);
		R(sam_data_store(big, sizeof big));
		R(sam_start());
		exit(3);
	}
	R(sam_data_getsize(&n));
	printf("size %zu\n", n);
	R(sam_data_restore(back, sizeof back));
	printf("whole: %d\n", n == sizeof back && back[0] == 'b' && back[n - 1] == 'b');
	R(sam_data_store(NULL, 5));
	show();
	R(sam_data_store("x", 1));
	R(sam_data_store("x", 0));
	show();
	R(sam_finalize());
	R(sam_data_store("late", 4));
	R(sam_data_getsize(&n));
	R(sam_data_restore(buf, sizeof buf));
	exit(4);
}

static void live(void) { IN_CHILD(states); }
