#define SET cmap_set_float
#define OTHER cmap_set_int32
#define A -1.5f
#define B 3.0e38f
#include "cmap_set_number.h"
