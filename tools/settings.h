/*
 * tools/settings.h: the parsed command line as the library's settings.
 */
#ifndef WEIR_TOOLS_SETTINGS_H
#define WEIR_TOOLS_SETTINGS_H

#include "tools/options.h"
#include "weir/weir.h"

weir_settings settings_of(const Options *options);

/* A function of the library on each word; the largest exit code wins. */
typedef int PathCall(weir_context *cx, const weir_settings *settings, const char *path, FILE *out);
weir_status for_each_path(weir_context *cx, const Options *options, PathCall *call);
/* Likewise, each path in a context of its own whose messages are printed after it: one bad path doesn't stop the next. */
weir_status for_each_path_apart(weir_context *cx, const Options *options, PathCall *call);

#endif
