/*
 * tools/targets.c: weir targets: what weir compiles for.
 */
#include "tools/settings.h"

weir_status verb_targets(weir_context *cx, const Options *options)
{
    weir_settings settings = settings_of(options);
    return (weir_status)weir_targets(cx, &settings, options->n_words != 0 ? options->words[0] : NULL, stdout);
}
