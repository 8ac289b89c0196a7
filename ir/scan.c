/*
 * ir/scan.c: memory and literals for the scanners.
 */
#include "ir/scan.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCAN_HEADER = 16, SHOWN_BYTES = 40 };

void *scan_alloc(weir_context *cx, size_t bytes)
{
    if (bytes > SIZE_MAX - SCAN_HEADER)
        arena_unwind(&cx->arena, WEIR_LIMIT);
    char *block = arena_alloc(&cx->arena, bytes + SCAN_HEADER);
    memcpy(block, &bytes, sizeof bytes);
    return block + SCAN_HEADER;
}

void *scan_realloc(weir_context *cx, void *old, size_t bytes)
{
    char *wider = scan_alloc(cx, bytes);
    if (old != NULL) {
        size_t had;
        memcpy(&had, (char *)old - SCAN_HEADER, sizeof had);
        memcpy(wider, old, had < bytes ? had : bytes);
    }
    return wider;
}

bool scan_number(const char *text, size_t length, double *out_number, bool *out_integer)
{
    char digits[SCAN_NAME_BYTES + 1];
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '_')
            continue;
        if (n == SCAN_NAME_BYTES)
            return false;
        digits[n++] = text[i];
    }
    digits[n] = '\0';
    bool hex = n > 1 && (digits[1] == 'x' || digits[1] == 'X');
    *out_integer = hex || strpbrk(digits, ".eE") == NULL;
    *out_number = strtod(digits, NULL);
    return isfinite(*out_number) && (!*out_integer || *out_number < 0x1p53);
}

static int hex_digit(char c)
{
    if (isdigit((unsigned char)c))
        return c - '0';
    return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* One escape at text[*i]; -1 if there is none of that name. */
static int escape(const char *text, size_t length, size_t *i)
{
    char c = *i < length ? text[(*i)++] : '\0';
    if (c == '"' || c == '\\')
        return c;
    if (c == 'n')
        return '\n';
    if (c != 'x' || *i + 2 > length || hex_digit(text[*i]) < 0 || hex_digit(text[*i + 1]) < 0)
        return -1;
    int value = hex_digit(text[*i]) * 16 + hex_digit(text[*i + 1]);
    *i += 2;
    return value;
}

Name scan_string(weir_context *cx, const char *text, size_t length, bool *out_ok)
{
    char *plain = arena_alloc(&cx->arena, length + 1);
    size_t n = 0;
    *out_ok = true;
    for (size_t i = 0; i < length;) {
        if (text[i] != '\\') {
            plain[n++] = text[i++];
            continue;
        }
        i++;
        int value = escape(text, length, &i);
        *out_ok = *out_ok && value > 0;
        plain[n++] = (char)value;
    }
    return cx_intern(cx, plain, n);
}

const char *scan_shown(weir_context *cx, const char *text, size_t length)
{
    char shown[SHOWN_BYTES + 4];
    size_t n = 0;
    for (; n < length && n < SHOWN_BYTES; n++)
        shown[n] = isprint((unsigned char)text[n]) ? text[n] : '?';
    if (n < length) {
        memcpy(shown + n, "...", 3);
        n += 3;
    }
    return arena_string(&cx->arena, shown, n);
}
