/*
 * ir/tokens.h: the tokens of a cascade text as the parser wants them: with recovery after errors.
 *
 * Keep: after an error the parser gets RESYNC, then the first token of the next line that begins an item; no token is
 * given more than twice.
 */
#ifndef WEIR_IR_TOKENS_H
#define WEIR_IR_TOKENS_H

#include "ir/cascade.tab.h"
#include "ir/syntax.h"

typedef struct HeldToken {
    int code;
    bool first; /* of its line */
    SynToken token;
    SynAt at;
} HeldToken;

typedef struct TokenSource {
    void *scanner;
    uint32_t line, column; /* of the next character */
    uint32_t last_line;    /* of the last token */
    bool after_point;      /* the next word is a modifier or a part, whatever it spells */
    bool recovering;
    HeldToken last;        /* given to the parser */
    HeldToken queue[2];    /* to be given next */
    uint32_t n_queue;
    SynAt repeated;        /* the token that was given twice */
} TokenSource;

/* The parser's source of tokens. */
int cascade_next(CASCADEYY_STYPE *value, SynAt *at, CascadeParse *p);
/* Reports the last token as unexpected (n < 0: it was reported already) and starts recovery. */
void syntax_error(CascadeParse *p, SynAt at, int n, const char *const *expected);

/* For the scanner: the code and value of a word, a string. */
int word_token(CascadeParse *p, SynAt at, const char *text, size_t n, SynToken *out_token);
int string_token(CascadeParse *p, SynAt at, const char *text, size_t n, SynToken *out_token);

/* Whether a word is reserved: never the name of a tensor or rank. */
bool cascade_reserved(const char *text, size_t n);

#endif
