#define SET cmap_set_int32
#define OTHER cmap_set_float
#define A INT32_MIN
#define B INT32_MAX
#include "cmap_set_number.h"
