/*
 * support/text.h: a growing text, and the shortest decimal that reads back.
 */
#ifndef WEIR_SUPPORT_TEXT_H
#define WEIR_SUPPORT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "support/arena.h"
#include "support/dtype.h"

typedef struct Text {
    Arena *arena;
    char *at; /* always NUL-terminated once something was added */
    size_t n, room;
} Text;

void text_init(Text *text, Arena *arena);
void text_add(Text *text, const char *bytes, size_t n);
void text_printf(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Integers without, floats with a point or exponent, or `inf`, `nan`; the shortest digits that read back to the
 * same value when rounded once to `type` (a float type). */
void text_decimal(Text *text, double value, Dtype type);

#endif
