#define NEEDS_DEVICE
#include "api_votequorum.h"

static void use(HANDLE h) { R(votequorum_qdevice_register(h, "")); }

static void live(void)
{
	votequorum_handle_t h, other;

	MUST(open_handle(&h));
	MUST(open_handle(&other));
	R(votequorum_trackstart(h, 1, CS_TRACK_CHANGES));
	events(h, 2);
	R(votequorum_qdevice_register(h, ""));
	R(votequorum_qdevice_register(h, name_of_length(255)));
	R(votequorum_qdevice_register(h, name_of_length(1000)));
	R(votequorum_qdevice_register(h, "Device"));
	drain(h, 20);
	show_info(h, 0);
	R(votequorum_qdevice_register(h, "Device"));
	R(votequorum_qdevice_register(other, "Device"));
	R(votequorum_qdevice_register(other, "Other"));
	R(votequorum_finalize(other));
	R(votequorum_qdevice_unregister(h, "Device"));
	drain(h, 20);
	R(votequorum_qdevice_register(h, name_of_length(254)));
	drain(h, 20);
	show_info(h, 0);
	R(votequorum_qdevice_unregister(h, name_of_length(254)));
	R(votequorum_finalize(h));
}
