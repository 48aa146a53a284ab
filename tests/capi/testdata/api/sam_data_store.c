/* sam_data_store */
#include "sam_data.h"
