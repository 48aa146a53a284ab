#define SET cmap_set_int8
#define OTHER cmap_set_uint8
#define A INT8_MIN
#define B INT8_MAX
#include "cmap_set_number.h"
