#define SET cmap_set_int64
#define OTHER cmap_set_double
#define A INT64_MIN
#define B INT64_MAX
#include "cmap_set_number.h"
