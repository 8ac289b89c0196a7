/*
 * tools/compile.c: weir compile: a model to a target's files, or to a text on the way.
 */
#include "tools/settings.h"

weir_status verb_compile(weir_context *cx, const Options *options)
{
    return for_each_path(cx, options, weir_compile);
}
