#define NEEDS_DEVICE
#include "api_votequorum.h"

static void use(HANDLE h) { R(votequorum_qdevice_unregister(h, "Device")); }

static void live(void)
{
	votequorum_handle_t h;

	MUST(open_handle(&h));
	R(votequorum_trackstart(h, 1, CS_TRACK_CHANGES));
	events(h, 2);
	R(votequorum_qdevice_unregister(h, "Device"));
	R(votequorum_qdevice_unregister(h, ""));
	R(votequorum_qdevice_unregister(h, name_of_length(255)));
	MUST(votequorum_qdevice_register(h, "Device"));
	drain(h, 20);
	R(votequorum_qdevice_unregister(h, "Other"));
	R(votequorum_qdevice_unregister(h, ""));
	R(votequorum_qdevice_unregister(h, name_of_length(255)));
	R(votequorum_qdevice_unregister(h, "Device"));
	drain(h, 20);
	show_info(h, 0);
	R(votequorum_qdevice_unregister(h, "Device"));
	R(votequorum_finalize(h));
}
