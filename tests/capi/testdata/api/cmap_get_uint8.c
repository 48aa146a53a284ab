#define GET cmap_get_uint8
#define SET cmap_set_uint8
#define TYPE uint8_t
#define FORMAT "%u"
#define A 0
#define B UINT8_MAX
#include "cmap_get_number.h"
