/*
 * tools/as.c: weir as: assembly to an image.
 */
#include "tools/settings.h"

weir_status verb_as(weir_context *cx, const Options *options)
{
    return for_each_path(cx, options, weir_as);
}
