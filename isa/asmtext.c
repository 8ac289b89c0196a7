/* isa/asmtext.c: see isa/asmtext.h. */
#include "isa/asmtext.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void asm_open(AsmText *text, weir_context *cx, const Source *source, char comment)
{
    *text = (AsmText){.cx = cx, .source = source, .at = source->text, .end = source->text + source->bytes,
                      .line_start = source->text, .line = 1, .comment = comment};
    text->now.kind = ASM_LINE;
    asm_next(text);
}

/* Strings: \" \\ \n and \xHH; unfinished ones end with the line and are no token of the language. */
static void lex_string(AsmText *text)
{
    Text out;
    text_init(&out, &text->cx->arena);
    text_add(&out, "", 0);
    const char *p = text->at + 1;
    while (p < text->end && *p != '"' && *p != '\n') {
        char c = *p++;
        if (c == '\\' && p < text->end) {
            c = *p++;
            if (c == 'n')
                c = '\n';
            else if (c == 'x' && text->end - p >= 2 && hex_digit(p[0]) >= 0 && hex_digit(p[1]) >= 0) {
                c = (char)(hex_digit(p[0]) * 16 + hex_digit(p[1]));
                p += 2;
            }
        }
        text_add(&out, &c, 1);
    }
    bool closed = p < text->end && *p == '"';
    text->now.kind = closed ? ASM_STRING : ASM_CHAR;
    text->now.at = closed ? (out.at != NULL ? out.at : "") : text->at;
    text->now.length = closed ? (uint32_t)out.n : 1;
    text->at = closed ? p + 1 : text->at + 1;
}

static void lex_number(AsmText *text)
{
    const char *p = text->at;
    bool hex = text->end - p > 1 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
    while (p < text->end && (is_digit(*p) || is_letter(*p) ||
                             ((*p == '+' || *p == '-') && !hex && (p[-1] == 'e' || p[-1] == 'E'))))
        p++;
    text->now.kind = ASM_NUMBER;
    text->now.length = (uint32_t)(p - text->at);
    text->at = p;
}

/* Skips blanks, comments and lines without tokens (after a line's end was given). */
static void skip(AsmText *text, bool lines)
{
    while (text->at < text->end) {
        char c = *text->at;
        if (c == text->comment) {
            while (text->at < text->end && *text->at != '\n')
                text->at++;
        } else if (c == '\n' && lines) {
            text->at++;
            text->line++;
            text->line_start = text->at;
        } else if (c == ' ' || c == '\t' || c == '\r') {
            text->at++;
        } else {
            return;
        }
    }
}

void asm_next(AsmText *text)
{
    skip(text, text->now.kind == ASM_LINE);
    AsmToken *now = &text->now;
    bool after_token = now->kind != ASM_LINE && now->kind != ASM_EOF;
    *now = (AsmToken){.at = text->at, .line = text->line, .column = (uint32_t)(text->at - text->line_start) + 1, .length = 1};
    if (text->at == text->end) {
        now->kind = after_token ? ASM_LINE : ASM_EOF;
        now->length = 0;
    } else if (*text->at == '\n') {
        now->kind = ASM_LINE;
    } else if (*text->at == '"') {
        lex_string(text);
    } else if (is_digit(*text->at)) {
        lex_number(text);
    } else if (is_letter(*text->at)) {
        const char *p = text->at;
        while (p < text->end && (is_letter(*p) || is_digit(*p)))
            p++;
        now->kind = ASM_WORD;
        now->length = (uint32_t)(p - text->at);
        text->at = p;
    } else {
        now->kind = ASM_CHAR;
        text->at++;
    }
    now->end_column = (uint32_t)(text->at - text->line_start) + 1;
}

bool asm_is(const AsmText *text, const char *word)
{
    return (text->now.kind == ASM_WORD || text->now.kind == ASM_CHAR) && strlen(word) == text->now.length &&
           memcmp(word, text->now.at, text->now.length) == 0;
}

bool asm_accept(AsmText *text, const char *word)
{
    if (!asm_is(text, word))
        return false;
    asm_next(text);
    return true;
}

weir_status asm_fail(AsmText *text, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    const AsmToken *t = &text->now;
    diag(&text->cx->diag, place_text(text->source, t->line, t->column, t->end_column), E_ISA_TEXT, message);
    return WEIR_MALFORMED;
}

static const char *found(AsmText *text)
{
    if (text->now.kind == ASM_EOF)
        return "the end of the text";
    if (text->now.kind == ASM_LINE)
        return "the end of the line";
    return arena_printf(&text->cx->arena, "'%.*s'", (int)text->now.length, text->now.at);
}

weir_status asm_expect(AsmText *text, const char *word)
{
    if (asm_accept(text, word))
        return WEIR_OK;
    return asm_fail(text, "expected '%s', found %s", word, found(text));
}

weir_status asm_line_end(AsmText *text)
{
    if (text->now.kind == ASM_EOF)
        return WEIR_OK;
    if (text->now.kind != ASM_LINE)
        return asm_fail(text, "expected the end of the line, found %s", found(text));
    asm_next(text);
    return WEIR_OK;
}

weir_status asm_integer(AsmText *text, const char *field, int64_t lowest, int64_t highest, int64_t *out_value)
{
    bool minus = asm_accept(text, "-");
    char digits[32], *stop = digits;
    long long value = 0;
    bool fits = text->now.kind == ASM_NUMBER && text->now.length < sizeof digits - 1;
    if (fits) {
        digits[0] = minus ? '-' : '+';
        memcpy(digits + 1, text->now.at, text->now.length);
        digits[text->now.length + 1] = 0;
        errno = 0;
        value = strtoll(digits, &stop, digits[1] == '0' && (digits[2] == 'x' || digits[2] == 'X') ? 16 : 10);
        fits = errno == 0 && *stop == 0;
    }
    if (!fits || value < lowest || value > highest)
        return asm_fail(text, "field '%s' takes %" PRId64 "..%" PRId64 ", found %s%s", field, lowest, highest,
                        minus ? "-" : "", found(text));
    asm_next(text);
    *out_value = value;
    return WEIR_OK;
}

weir_status asm_u32(AsmText *text, const char *field, uint32_t highest, uint32_t *out_value)
{
    int64_t value = 0;
    TRY(asm_integer(text, field, 0, highest, &value));
    *out_value = (uint32_t)value;
    return WEIR_OK;
}

weir_status asm_u64(AsmText *text, const char *field, uint64_t *out_value)
{
    int64_t value = 0;
    TRY(asm_integer(text, field, 0, INT64_MAX, &value));
    *out_value = (uint64_t)value;
    return WEIR_OK;
}

weir_status asm_name(AsmText *text, const char *what, const char **out_name)
{
    if (text->now.kind != ASM_WORD && text->now.kind != ASM_STRING)
        return asm_fail(text, "expected %s, found %s", what, found(text));
    if (memchr(text->now.at, 0, text->now.length) != NULL)
        return asm_fail(text, "%s holds a zero byte", what);
    *out_name = arena_string(&text->cx->arena, text->now.at, text->now.length);
    asm_next(text);
    return WEIR_OK;
}

weir_status asm_raw(AsmText *text, const char *what, const char **out_text)
{
    if (text->now.kind == ASM_EOF || text->now.kind == ASM_LINE)
        return asm_fail(text, "expected %s, found %s", what, found(text));
    const char *start = text->now.at, *p = start;
    while (p < text->end && *p != ' ' && *p != '\t' && *p != '\n' && *p != '\r' && *p != 0)
        p++;
    *out_text = arena_string(&text->cx->arena, start, (size_t)(p - start));
    text->at = p;
    asm_next(text);
    return WEIR_OK;
}

const char *asm_rest(AsmText *text, size_t *out_length)
{
    const char *start = text->now.at + text->now.length, *p = start;
    while (p < text->end && *p != '\n')
        p++;
    *out_length = (size_t)(p - start);
    text->at = p;
    text->now.kind = ASM_CHAR;
    asm_next(text);
    return start;
}

void asm_print_string(Text *out, const char *string)
{
    text_add(out, "\"", 1);
    for (const char *p = string; *p != 0; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            text_printf(out, "\\%c", c);
        else if (c == '\n')
            text_printf(out, "\\n");
        else if (c < 32 || c >= 127)
            text_printf(out, "\\x%02x", c);
        else
            text_add(out, p, 1);
    }
    text_add(out, "\"", 1);
}

void asm_print_name(Text *out, const char *name)
{
    bool word = is_letter(name[0]) && name[0] != '.';
    for (const char *p = name; *p != 0; p++)
        word = word && (is_letter(*p) || is_digit(*p));
    if (word)
        text_add(out, name, strlen(name));
    else
        asm_print_string(out, name);
}
