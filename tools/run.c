/*
 * tools/run.c: weir run: a model, or a cascade text, on given inputs.
 */
#include "tools/settings.h"

weir_status verb_run(weir_context *cx, const Options *options)
{
    return for_each_path(cx, options, weir_run);
}
