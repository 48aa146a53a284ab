/* sam_data_getsize */
#include "sam_data.h"
