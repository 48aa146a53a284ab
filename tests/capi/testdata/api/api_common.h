/* Programs of libcorosync_common, which has no handles and needs no daemon. */
#define NO_HANDLES
#include "api.h"
