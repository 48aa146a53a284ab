#define STEP cmap_dec
#include "cmap_step.h"
