#define SET cmap_set_uint32
#define OTHER cmap_set_uint64
#define A 0
#define B UINT32_MAX
#include "cmap_set_number.h"
