#define STATE sam_start
#include "sam_states.h"
