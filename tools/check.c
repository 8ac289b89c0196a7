/*
 * tools/check.c: weir check: does the target compute what the model means?
 */
#include "tools/settings.h"

weir_status verb_check(weir_context *cx, const Options *options)
{
    return for_each_path_apart(cx, options, weir_check);
}
