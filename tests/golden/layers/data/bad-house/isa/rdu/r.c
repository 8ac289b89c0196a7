/* a sibling */
#include "isa/pim/p.h"
#include "isa/image.h"
