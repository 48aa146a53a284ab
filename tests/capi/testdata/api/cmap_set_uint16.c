#define SET cmap_set_uint16
#define OTHER cmap_set_int16
#define A 0
#define B UINT16_MAX
#include "cmap_set_number.h"
