/* The same calls as for the other one of the pair. */
#include "votequorum_context_get.c"
