#define GET cmap_get_int16
#define SET cmap_set_int16
#define TYPE int16_t
#define FORMAT "%d"
#define A INT16_MIN
#define B INT16_MAX
#include "cmap_get_number.h"
