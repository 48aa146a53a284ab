/* A library whose constructor makes the first call of its process, while the dynamic linker is at work. */
#include "common.h"

static __attribute__((constructor)) void begin(void)
{
	cmap_handle_t cmap;
	uint32_t version;

	OK(cmap_initialize(&cmap));
	OK(cmap_get_uint32(cmap, "totem.version", &version));
	OK(cmap_finalize(cmap));
}
