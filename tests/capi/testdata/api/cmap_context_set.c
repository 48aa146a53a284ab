/* The same calls as for the other one of the pair. */
#include "cmap_context_get.c"
