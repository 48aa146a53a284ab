#define SET cmap_set_double
#define OTHER cmap_set_int64
#define A -1.5
#define B 1.0e308
#include "cmap_set_number.h"
