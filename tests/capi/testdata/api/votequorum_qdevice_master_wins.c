#define NEEDS_DEVICE
#include "api_votequorum.h"

static void use(HANDLE h) { R(votequorum_qdevice_master_wins(h, "Device", 1)); }

/* settled waits until the whole cluster knows, and shows it. */
static void settled(votequorum_handle_t h, unsigned int flag)
{
	struct votequorum_info i;
	int n;

	for (n = 0; n < 1000; n++) {
		MUST(votequorum_getinfo(h, 0, &i));
		if ((i.flags & VOTEQUORUM_INFO_QDEVICE_MASTER_WINS) == flag)
			break;
		nap(5);
	}
	show_info(h, 0);
}

static void live(void)
{
	votequorum_handle_t h;

	MUST(open_handle(&h));
	R(votequorum_qdevice_master_wins(h, "Device", 1));
	MUST(votequorum_qdevice_register(h, "Device"));
	R(votequorum_qdevice_master_wins(h, "Other", 1));
	R(votequorum_qdevice_master_wins(h, "", 1));
	R(votequorum_qdevice_master_wins(h, name_of_length(255), 1));
	R(votequorum_qdevice_master_wins(h, "Device", 1));
	settled(h, VOTEQUORUM_INFO_QDEVICE_MASTER_WINS);
	R(votequorum_qdevice_master_wins(h, "Device", 0));
	settled(h, 0);
	R(votequorum_qdevice_unregister(h, "Device"));
	R(votequorum_finalize(h));
}
