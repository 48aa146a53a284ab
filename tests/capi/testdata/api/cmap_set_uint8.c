#define SET cmap_set_uint8
#define OTHER cmap_set_int8
#define A 0
#define B UINT8_MAX
#include "cmap_set_number.h"
