#define GET cmap_get_uint32
#define SET cmap_set_uint32
#define TYPE uint32_t
#define FORMAT "%u"
#define A 0
#define B UINT32_MAX
#include "cmap_get_number.h"
