#define GET cmap_get_uint16
#define SET cmap_set_uint16
#define TYPE uint16_t
#define FORMAT "%u"
#define A 0
#define B UINT16_MAX
#include "cmap_get_number.h"
