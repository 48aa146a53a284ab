#define STATE sam_stop
#include "sam_states.h"
