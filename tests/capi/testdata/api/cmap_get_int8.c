#define GET cmap_get_int8
#define SET cmap_set_int8
#define TYPE int8_t
#define FORMAT "%d"
#define A INT8_MIN
#define B INT8_MAX
#include "cmap_get_number.h"
