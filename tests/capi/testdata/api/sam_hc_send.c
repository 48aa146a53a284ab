#define STATE sam_hc_send
#include "sam_states.h"
