/* sam_data_restore */
#include "sam_data.h"
