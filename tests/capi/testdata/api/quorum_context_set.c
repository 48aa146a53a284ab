/* The same calls as for the other one of the pair. */
#include "quorum_context_get.c"
