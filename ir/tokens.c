/*
 * ir/tokens.c: words and strings of the scanner, and recovery: the parser's view of the tokens.
 */
#include "ir/tokens.h"

#include <stdio.h>
#include <string.h>

#include "support/text.h"

#define YYSTYPE CASCADEYY_STYPE /* for the scanner's header */
#include "ir/cascade.lex.h"

enum { MOST_NAME_BYTES = 255, MOST_ERRORS = 20 };

typedef struct Keyword {
    const char *text;
    int code;
} Keyword;

static const Keyword keywords[] = {
    {"cascade", CASCADE}, {"pinned", PINNED},   {"rank", RANK},     {"in", IN},           {"const", CONST},
    {"tmp", TMP},         {"out", OUT},         {"as", AS},         {"file", FILE_},      {"seeded", SEEDED},
    {"then", THEN},       {"host", HOST},       {"from", FROM},     {"iterate", ITERATE}, {"while", WHILE},
    {"if", IF},           {"else", ELSE},       {"index", INDEX},   {"extent", EXTENT},   {"count", COUNT},
    {"inf", INF},         {"nan", NAN_},        {"true", TRUE},     {"false", FALSE},     {"mx", MX},
    {"int", INTEGER},     {"on", ON},           {"per", PER},       {"or", OR},           {"and", AND},
    {"not", NOT},         {"set", SET},         {"split", RESERVED}, {"fuse", RESERVED},  {"guard", RESERVED},
    {"overlap", RESERVED}, {"pad", RESERVED},   {"for", RESERVED},  {"pipe", RESERVED},   {"unroll", RESERVED},
    {"lane", RESERVED},   {"unit", RESERVED},   {"stage", RESERVED}, {"align", RESERVED}};

static int word_code(const char *text, size_t n)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (strlen(keywords[i].text) == n && memcmp(keywords[i].text, text, n) == 0)
            return keywords[i].code;
    if (reduction_named(text, n) != RED_NONE)
        return RED;
    if (fn_named(text, n) != FN_NONE)
        return FN;
    return n > 2 && dtype_from_text(text, n) != DT_NONE ? TYPE : NAME;
}

bool cascade_reserved(const char *text, size_t n)
{
    return word_code(text, n) != NAME;
}

int word_token(CascadeParse *p, SynAt at, const char *text, size_t n, SynToken *out_token)
{
    if (n > MOST_NAME_BYTES) {
        parse_error(p, at, E_TOKEN, "a name of %zu bytes; %d are allowed", n, MOST_NAME_BYTES);
        n = MOST_NAME_BYTES;
    }
    *out_token = (SynToken){.word = {cx_intern(p->cx, text, n), at}};
    return p->tokens->after_point ? NAME : word_code(text, n);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character an escape after `\` stands for, -1 if there is none. */
static int escape(const char *text, size_t left, size_t *out_used)
{
    *out_used = 1;
    if (text[0] == 'n')
        return '\n';
    if (text[0] != 'x')
        return text[0] == '"' || text[0] == '\\' ? text[0] : -1;
    if (left < 3 || hex_digit(text[1]) < 0 || hex_digit(text[2]) < 0)
        return -1;
    *out_used = 3;
    int value = hex_digit(text[1]) * 16 + hex_digit(text[2]);
    return value == 0 ? -1 : value;
}

int string_token(CascadeParse *p, SynAt at, const char *text, size_t n, SynToken *out_token)
{
    char *bytes = arena_alloc(&p->cx->arena, n);
    size_t length = 0, used;
    for (size_t i = 1; i + 1 < n; i++) {
        int c = (unsigned char)text[i];
        if (c == '\\') {
            c = escape(text + i + 1, n - i - 2, &used);
            i += used;
        }
        if (c <= 0) {
            parse_error(p, at, E_TOKEN, "a string has the escapes \\\" \\\\ \\n \\xHH, and no zero byte");
            c = '?';
        }
        bytes[length++] = (char)c;
    }
    *out_token = (SynToken){.word = {cx_intern(p->cx, bytes, length), at}};
    return STRING;
}

/* ---- the parser's view ---- */

static HeldToken scan(CascadeParse *p)
{
    TokenSource *tokens = p->tokens;
    CASCADEYY_STYPE value = {0};
    HeldToken held = {.code = cascadeyy_lex(&value, tokens->scanner)};
    held.token = value.token;
    held.at = held.code == 0 ? (SynAt){tokens->line, tokens->column, 0} : value.token.word.at;
    held.first = held.at.line != tokens->last_line;
    tokens->last_line = held.at.line;
    tokens->after_point = held.code == '.';
    return held;
}

static bool begins_item(int code)
{
    static const int codes[] = {'}', NAME, CASCADE, PINNED, RANK, IN, CONST, TMP, OUT, ITERATE, IF};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i] == code)
            return true;
    return false;
}

/* Skips to where an item begins; queues its first token. */
static int resync(CascadeParse *p)
{
    TokenSource *tokens = p->tokens;
    HeldToken held = tokens->last;
    while (held.code != 0) {
        bool again = held.at.line == tokens->repeated.line && held.at.column == tokens->repeated.column;
        if (!held.first || again || !begins_item(held.code)) {
            held = scan(p);
            continue;
        }
        tokens->queue[tokens->n_queue++] = held;
        if (held.code != NAME)
            break;
        HeldToken next = scan(p);
        if (next.code == '[') {
            tokens->queue[tokens->n_queue++] = next;
            break;
        }
        tokens->n_queue = 0;
        held = next;
    }
    tokens->repeated = held.at;
    if (held.code == 0)
        tokens->queue[tokens->n_queue++] = held;
    return RESYNC;
}

int cascade_next(CASCADEYY_STYPE *value, SynAt *at, CascadeParse *p)
{
    TokenSource *tokens = p->tokens;
    if (p->errors > MOST_ERRORS)
        return 0;
    if (tokens->recovering) {
        tokens->recovering = false;
        tokens->n_queue = 0;
        return resync(p);
    }
    if (tokens->n_queue != 0) {
        tokens->last = tokens->queue[0];
        tokens->queue[0] = tokens->queue[1];
        tokens->n_queue--;
    } else {
        tokens->last = scan(p);
    }
    value->token = tokens->last.token;
    *at = tokens->last.at;
    return tokens->last.code;
}

/* Keywords and operators in quotes, descriptions not. */
static void add_name(Text *text, const char *name)
{
    bool described = strchr(name, ' ') != NULL || name[0] == '\'';
    text_printf(text, described ? "%s" : "'%s'", name);
}

static bool is_comparison(int code)
{
    return code == EQ || code == NE || code == LESS || code == LE || code == GREATER || code == GE;
}

void syntax_error(CascadeParse *p, SynAt at, int n, const char *const *expected)
{
    const HeldToken *last = &p->tokens->last;
    p->tokens->recovering = true;
    if (n < 0)
        return;
    Text text;
    text_init(&text, &p->cx->arena);
    if (last->code == 0)
        text_printf(&text, "unexpected end of the text");
    else if (last->token.word.name.i != 0)
        text_printf(&text, "unexpected '%.60s'", cx_text(p->cx, last->token.word.name));
    else
        text_printf(&text, "unexpected '%.60s'", cascadeyy_get_text(p->tokens->scanner));
    if (last->code != NAME && last->code != STRING && last->token.word.name.i != 0)
        text_printf(&text, " (a reserved word)");
    for (int i = 0; i < n; i++) {
        text_printf(&text, i == 0 ? "; expected " : i + 1 == n ? " or " : ", ");
        add_name(&text, expected[i]);
    }
    parse_error(p, at, E_SYNTAX, "%s", text.at);
    if (is_comparison(last->code) && n > 0 && strcmp(expected[0], "+") == 0)
        diag_note(&p->cx->diag, "comparisons do not chain: join two of them by 'and'");
}
