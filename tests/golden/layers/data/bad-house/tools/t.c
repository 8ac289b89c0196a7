/* the API alone */
#include "weir/weir.h"
#include "ir/a.h"
int main(void)
{
    exit(0);
}
