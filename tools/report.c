/*
 * tools/report.c: weir report: a page that shows where an image's time goes.
 */
#include "tools/settings.h"

weir_status verb_report(weir_context *cx, const Options *options)
{
    return for_each_path(cx, options, weir_report);
}
