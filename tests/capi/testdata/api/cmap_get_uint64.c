#define GET cmap_get_uint64
#define SET cmap_set_uint64
#define TYPE uint64_t
#define FORMAT "%" PRIu64
#define A 0
#define B UINT64_MAX
#include "cmap_get_number.h"
