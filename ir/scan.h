/*
 * ir/scan.h: what the scanners of mapping and machine texts share: memory from the arena, literals, places.
 *
 * Keep: a scanner allocates only through scan_alloc, so the arena's landing pad may cross it without a leak.
 */
#ifndef WEIR_IR_SCAN_H
#define WEIR_IR_SCAN_H

#include <stdbool.h>

#include "support/context.h"

enum { SCAN_NAME_BYTES = 255, SCAN_STACK = 2000 };

/* yyalloc and yyrealloc on an arena; freeing does nothing. */
void *scan_alloc(weir_context *cx, size_t bytes);
void *scan_realloc(weir_context *cx, void *old, size_t bytes);

/* A number literal: decimal with point or exponent, or 0x; `_` between digits. False: too large, or not finite. */
bool scan_number(const char *text, size_t length, double *out_number, bool *out_integer);
/* The text between the quotes, escapes resolved (\" \\ \n \xHH); *out_ok false on another escape. */
Name scan_string(weir_context *cx, const char *text, size_t length, bool *out_ok);
/* `NAME`, shortened for a message where it is long or holds control characters. */
const char *scan_shown(weir_context *cx, const char *text, size_t length);

#endif
