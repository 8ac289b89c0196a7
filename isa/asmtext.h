/*
 * isa/asmtext.h: the lexer under both assemblers: lines of words, numbers, strings and single characters.
 *
 * In:   a Source and the character that starts a comment.
 * Out:  one token at a time; every diagnostic has line and column, names the field and what it takes.
 * Keep: a line's end is a token; blank and comment lines give none.
 */
#ifndef WEIR_ISA_ASMTEXT_H
#define WEIR_ISA_ASMTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "support/context.h"
#include "support/text.h"

typedef enum AsmKind { ASM_EOF, ASM_LINE, ASM_WORD, ASM_NUMBER, ASM_STRING, ASM_CHAR } AsmKind;

typedef struct AsmToken {
    AsmKind kind;
    const char *at; /* WORD, NUMBER: in the source; STRING: in the arena, without quotes */
    uint32_t length;
    uint32_t line, column, end_column;
} AsmToken;

typedef struct AsmText {
    weir_context *cx;
    const Source *source;
    const char *at, *end, *line_start;
    uint32_t line;
    char comment;
    AsmToken now;
} AsmText;

/* Positions at the first token. Words are letters, digits, `_` and `.` (not a digit first). */
void asm_open(AsmText *text, weir_context *cx, const Source *source, char comment);
void asm_next(AsmText *text);

/* Is the current token this word or character? */
bool asm_is(const AsmText *text, const char *word);
/* Takes it if so. */
bool asm_accept(AsmText *text, const char *word);
MUST_USE weir_status asm_expect(AsmText *text, const char *word);
/* Ends the line: anything else on it is an error. */
MUST_USE weir_status asm_line_end(AsmText *text);
/* A number with an optional sign, lowest..highest (at least one of them within i64). */
MUST_USE weir_status asm_integer(AsmText *text, const char *field, int64_t lowest, int64_t highest, int64_t *out_value);
MUST_USE weir_status asm_u32(AsmText *text, const char *field, uint32_t highest, uint32_t *out_value);
MUST_USE weir_status asm_u64(AsmText *text, const char *field, uint64_t *out_value);
/* A word or string, copied. */
MUST_USE weir_status asm_name(AsmText *text, const char *what, const char **out_name);
/* The bytes up to white space (machine names hold `-`). */
MUST_USE weir_status asm_raw(AsmText *text, const char *what, const char **out_text);
/* The rest of the line behind the current one-character token, verbatim; the next token is the line's end. */
const char *asm_rest(AsmText *text, size_t *out_length);
/* E_ISA_TEXT at the current token; WEIR_MALFORMED. */
weir_status asm_fail(AsmText *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints a name as a word if it is one, else as a string. */
void asm_print_name(Text *out, const char *name);
void asm_print_string(Text *out, const char *string);

#endif
