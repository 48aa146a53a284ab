#define STEP cmap_inc
#include "cmap_step.h"
