#define NEEDS_DEVICE
#include "api_votequorum.h"

static void use(HANDLE h) { R(votequorum_qdevice_poll(h, "Device", 1, ring_seen)); }

static void live(void)
{
	votequorum_ring_id_t wrong;
	votequorum_handle_t h;

	MUST(open_handle(&h));
	R(votequorum_trackstart(h, 1, CS_TRACK_CHANGES));
	events(h, 2);
	R(votequorum_qdevice_poll(h, "Device", 1, ring_seen));
	MUST(votequorum_qdevice_register(h, "Device"));
	drain(h, 20);
	wrong = ring_seen;
	wrong.seq += 4;
	R(votequorum_qdevice_poll(h, "Device", 1, wrong));
	wrong = ring_seen;
	wrong.nodeid++;
	R(votequorum_qdevice_poll(h, "Device", 1, wrong));
	R(votequorum_qdevice_poll(h, "Other", 1, ring_seen));
	R(votequorum_qdevice_poll(h, "", 1, ring_seen));
	R(votequorum_qdevice_poll(h, name_of_length(255), 1, ring_seen));
	printf("-- alive, with its vote\n");
	R(votequorum_qdevice_poll(h, "Device", 1, ring_seen));
	events(h, 1);
	show_info(h, 0);
	printf("-- without its vote\n");
	R(votequorum_qdevice_poll(h, "Device", 0, ring_seen));
	events(h, 1);
	show_info(h, 0);
	R(votequorum_qdevice_poll(h, "Device", 1, ring_seen));
	events(h, 1);
	printf("-- silent for longer than it may be\n");
	events(h, 1);
	show_info(h, 0);
	R(votequorum_qdevice_unregister(h, "Device"));
	R(votequorum_finalize(h));
}
