#define NEEDS_DEVICE
#include "api_votequorum.h"

static void use(HANDLE h) { R(votequorum_qdevice_update(h, "Device", "New")); }

static void live(void)
{
	votequorum_handle_t h;

	MUST(open_handle(&h));
	R(votequorum_trackstart(h, 1, CS_TRACK_CHANGES));
	events(h, 2);
	R(votequorum_qdevice_update(h, "Device", "New"));
	MUST(votequorum_qdevice_register(h, "Device"));
	drain(h, 20);
	R(votequorum_qdevice_update(h, "Other", "New"));
	R(votequorum_qdevice_update(h, "", "New"));
	R(votequorum_qdevice_update(h, "Device", ""));
	R(votequorum_qdevice_update(h, "Device", name_of_length(255)));
	R(votequorum_qdevice_update(h, name_of_length(255), "New"));
	R(votequorum_qdevice_update(h, "Device", "New"));
	drain(h, 20);
	show_info(h, 0);
	R(votequorum_qdevice_update(h, "Device", "New"));
	R(votequorum_qdevice_unregister(h, "New"));
	R(votequorum_finalize(h));
}
