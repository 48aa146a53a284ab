#define GET cmap_get_double
#define SET cmap_set_double
#define TYPE double
#define FORMAT "%g"
#define A -1.5
#define B 1.0e308
#include "cmap_get_number.h"
