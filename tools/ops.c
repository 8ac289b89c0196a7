/*
 * tools/ops.c: weir ops: the operators weir lowers, or those a model needs.
 */
#include "tools/settings.h"

weir_status verb_ops(weir_context *cx, const Options *options)
{
    weir_settings settings = settings_of(options);
    return (weir_status)weir_ops(cx, &settings, stdout);
}
