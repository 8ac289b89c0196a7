/* looks upwards */
#include "passes/p.h"
#include <jansson.h>
#include <stdio.h>
#include "support/b.h"
void f(void)
{
    exit(1);
}
