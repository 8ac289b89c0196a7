/*
 * tools/dis.c: weir dis: an image as text that `weir as` reads back.
 */
#include "tools/settings.h"

weir_status verb_dis(weir_context *cx, const Options *options)
{
    return for_each_path(cx, options, weir_dis);
}
