#include "frontend/x.h"
