/*
 * tools/bench.c: weir bench: how long a run takes.
 */
#include "tools/settings.h"

weir_status verb_bench(weir_context *cx, const Options *options)
{
    return for_each_path_apart(cx, options, weir_bench);
}
