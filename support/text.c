/*
 * support/text.c: a growing text on an arena, and shortest decimals.
 */
#include "support/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 256, MOST_DIGITS = 17, MOST_F32_DIGITS = 9, PLAIN_LOW = -4, PLAIN_HIGH = 16 };

void text_init(Text *text, Arena *arena)
{
    *text = (Text){.arena = arena};
}

static void text_reserve(Text *text, size_t more)
{
    size_t need;
    if (__builtin_add_overflow(text->n, more, &need) || need > SIZE_MAX / 4)
        arena_unwind(text->arena, WEIR_LIMIT);
    if (need < text->room)
        return;
    size_t room = text->room == 0 ? FIRST_ROOM : text->room;
    while (room <= need)
        room *= 2;
    char *wider = arena_alloc(text->arena, room);
    if (text->n != 0)
        memcpy(wider, text->at, text->n);
    text->at = wider;
    text->room = room;
}

void text_add(Text *text, const char *bytes, size_t n)
{
    text_reserve(text, n);
    if (n != 0)
        memcpy(text->at + text->n, bytes, n);
    text->n += n;
    text->at[text->n] = '\0';
}

void text_printf(Text *text, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    size_t n = length < 0 ? 0 : (size_t)length;
    text_reserve(text, n);
    vsnprintf(text->at + text->n, n + 1, format, again);
    va_end(again);
    text->n += n;
}

/* Whether the decimal `spelled` reads back as `value`. For f32 both ways of reading must agree: directly, and by way
 * of a double. */
static bool reads_back(const char *spelled, double value, Dtype type)
{
    unsigned char want[8] = {0}, got[8] = {0};
    dtype_store_f64(type, want, 0, value);
    dtype_store_f64(type, got, 0, strtod(spelled, NULL));
    if (memcmp(want, got, sizeof want) != 0)
        return false;
    if (type != DT_F32)
        return true;
    dtype_store_f64(type, got, 0, (double)strtof(spelled, NULL));
    return memcmp(want, got, sizeof want) == 0;
}

/* Splits what "%e" printed (the radix character is the locale's) into digits and exponent. */
static size_t take_digits(const char *spelled, char *digits, long *exponent)
{
    size_t n = 0;
    const char *at = spelled;
    for (; *at != 'e' && *at != '\0'; at++)
        if (*at >= '0' && *at <= '9')
            digits[n++] = *at;
    *exponent = *at == 'e' ? strtol(at + 1, NULL, 10) : 0;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

static void add_plain(Text *text, const char *digits, size_t n, long exponent)
{
    if (exponent < 0) {
        text_add(text, "0.0000", (size_t)(1 - exponent));
        text_add(text, digits, n);
        return;
    }
    for (size_t i = 0; i <= (size_t)exponent; i++)
        text_add(text, i < n ? &digits[i] : "0", 1);
    text_add(text, ".", 1);
    if (n > (size_t)exponent + 1)
        text_add(text, digits + exponent + 1, n - (size_t)exponent - 1);
    else
        text_add(text, "0", 1);
}

static void add_scientific(Text *text, const char *digits, size_t n, long exponent)
{
    text_add(text, digits, 1);
    if (n > 1) {
        text_add(text, ".", 1);
        text_add(text, digits + 1, n - 1);
    }
    text_printf(text, "e%ld", exponent);
}

static void add_integer(Text *text, double value)
{
    if (value >= 0x1p63)
        text_printf(text, "%llu", (unsigned long long)value);
    else
        text_printf(text, "%lld", (long long)value);
}

/* The fewest digits that read back, by bisection: a longer rounding of a value is never farther from it. */
static void spell_shortest(char *spelled, size_t room, double value, Dtype type)
{
    int low = 0, high = type == DT_F64 ? MOST_DIGITS - 1 : MOST_F32_DIGITS - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        snprintf(spelled, room, "%.*e", middle, value);
        if (reads_back(spelled, value, type))
            high = middle;
        else
            low = middle + 1;
    }
    snprintf(spelled, room, "%.*e", low, value);
}

void text_decimal(Text *text, double value, Dtype type)
{
    DtypeKind kind = dtype_kind(type);
    if (isnan(value)) {
        text_add(text, "nan", 3);
        return;
    }
    if (signbit(value) && (value < 0 || kind == DK_FLOAT || kind == DK_CODE)) {
        text_add(text, "-", 1);
        value = -value;
    }
    if (isinf(value)) {
        text_add(text, "inf", 3);
        return;
    }
    if (kind != DK_FLOAT && kind != DK_CODE) {
        add_integer(text, value);
        return;
    }
    char spelled[48], digits[48];
    spell_shortest(spelled, sizeof spelled, value, type);
    long exponent;
    size_t n = take_digits(spelled, digits, &exponent);
    if (exponent >= PLAIN_LOW && exponent < PLAIN_HIGH)
        add_plain(text, digits, n, exponent);
    else
        add_scientific(text, digits, n, exponent);
}
