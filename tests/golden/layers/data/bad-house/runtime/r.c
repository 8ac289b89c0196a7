/* on its own */
#include "support/b.h"
