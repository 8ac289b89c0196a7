/*
 * backends/text.h: where a printed text goes.
 */
#ifndef WEIR_BACKENDS_TEXT_H
#define WEIR_BACKENDS_TEXT_H

#include <stdio.h>

#include "support/context.h"
#include "support/text.h"

/* To the file `path`, or to `out` if it is NULL. */
MUST_USE weir_status text_deliver(weir_context *cx, const Text *text, const char *path, FILE *out);

#endif
