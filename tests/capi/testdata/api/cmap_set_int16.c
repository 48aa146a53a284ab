#define SET cmap_set_int16
#define OTHER cmap_set_int8
#define A INT16_MIN
#define B INT16_MAX
#include "cmap_set_number.h"
