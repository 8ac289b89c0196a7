/*
 * tools/sim.c: weir sim: an image or assembly on its simulator.
 */
#include "tools/settings.h"

weir_status verb_sim(weir_context *cx, const Options *options)
{
    return for_each_path(cx, options, weir_sim);
}
