/* The same calls as for the other one of the pair. */
#include "cpg_context_get.c"
