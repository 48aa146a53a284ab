#define GET cmap_get_int32
#define SET cmap_set_int32
#define TYPE int32_t
#define FORMAT "%d"
#define A INT32_MIN
#define B INT32_MAX
#include "cmap_get_number.h"
