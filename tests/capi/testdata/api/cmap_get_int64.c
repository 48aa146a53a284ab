#define GET cmap_get_int64
#define SET cmap_set_int64
#define TYPE int64_t
#define FORMAT "%" PRId64
#define A INT64_MIN
#define B INT64_MAX
#include "cmap_get_number.h"
