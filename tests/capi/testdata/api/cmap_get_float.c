#define GET cmap_get_float
#define SET cmap_set_float
#define TYPE float
#define FORMAT "%g"
#define A -1.5f
#define B 3.0e38f
#include "cmap_get_number.h"
