/*
 * tools/opt.c: weir opt: passes, mappings and pinning on text.
 */
#include "tools/settings.h"

weir_status verb_opt(weir_context *cx, const Options *options)
{
    return for_each_path(cx, options, weir_opt);
}
