/*
 * tools/options.c: argv to Options by getopt_long, driven by options.def.
 */
#include "tools/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "support/nearest.h"

typedef enum OptionKind { FLAG, TEXT, CHOICE, COUNT, BYTES, REAL, PAIRS } OptionKind;

typedef struct OptionRow {
    char letter;
    const char *text;
    OptionKind kind;
    const char *argument, *verbs;
    size_t field; /* offset in Options */
} OptionRow;

static const OptionRow option_rows[] = {
#define OPTION(id, letter, text, kind, argument, verbs, doc)                                       \
    {letter, text, kind, argument, verbs, offsetof(Options, id)},
#include "tools/options.def"
#undef OPTION
};
enum { N_OPTIONS = sizeof option_rows / sizeof *option_rows, FIRST_VALUE = 256 };

/* What is being parsed. */
typedef struct Parse {
    weir_context *cx;
    const Verb *verb;
    Options *options;
} Parse;

static bool word_in(const char *words, const char *word, size_t n, char separator)
{
    while (*words != '\0') {
        const char *end = strchr(words, separator);
        size_t length = end == NULL ? strlen(words) : (size_t)(end - words);
        if (length == n && memcmp(words, word, n) == 0)
            return true;
        words += length + (end != NULL);
    }
    return false;
}

bool option_is_for(const char *option_verbs, const char *verb)
{
    return option_verbs[0] == '*' || word_in(option_verbs, verb, strlen(verb), ' ');
}

static weir_status usage(Parse *p, const char *message)
{
    diag(&p->cx->diag, place_none(), E_USAGE, message);
    diag_note(&p->cx->diag, "weir %s --help shows the options", p->verb->text);
    return WEIR_USAGE;
}

/* How messages name a row. */
static const char *spelled(Parse *p, const OptionRow *row)
{
    if (row->text[0] != '\0')
        return arena_printf(&p->cx->arena, "--%s", row->text);
    return arena_printf(&p->cx->arena, "-%c", row->letter);
}

static weir_status bad_value(Parse *p, const OptionRow *row, const char *value, const char *wanted)
{
    return usage(p, arena_printf(&p->cx->arena, "%s: '%s' is not %s", spelled(p, row), value, wanted));
}

/* ---- values by kind ---- */

static weir_status take_count(Parse *p, const OptionRow *row, const char *value, OptionCount *out)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    bool fine = isdigit((unsigned char)value[0]) && errno == 0;
    if (row->kind == BYTES && *end != '\0') {
        const char *unit = strchr("KMGT", toupper((unsigned char)*end));
        unsigned shift = unit == NULL ? 0 : 10 * (unsigned)(unit - "KMGT" + 1);
        fine = fine && unit != NULL && (n << shift >> shift) == n;
        n <<= shift;
        end++;
    }
    if (!fine || *end != '\0')
        return bad_value(p, row, value, row->kind == BYTES ? "a number of bytes (with K, M, G or T)" : "a whole number");
    const char *range = strstr(row->argument, "..");
    if (range != NULL && (n < strtoull(row->argument, NULL, 10) || n > strtoull(range + 2, NULL, 10)))
        return bad_value(p, row, value, arena_printf(&p->cx->arena, "within %s", row->argument));
    *out = (OptionCount){n, true};
    return WEIR_OK;
}

static weir_status take_real(Parse *p, const OptionRow *row, const char *value, OptionReal *out)
{
    char *end;
    double x = strtod(value, &end);
    if (end == value || *end != '\0' || !isfinite(x) || x <= 0)
        return bad_value(p, row, value, "a number above 0");
    *out = (OptionReal){x, true};
    return WEIR_OK;
}

static weir_status take_value(Parse *p, const OptionRow *row, const char *value)
{
    void *field = (char *)p->options + row->field;
    switch (row->kind) {
    case FLAG:
        *(bool *)field = true;
        return WEIR_OK;
    case CHOICE:
        if (!word_in(row->argument, value, strlen(value), '|'))
            return bad_value(p, row, value, arena_printf(&p->cx->arena, "one of %s", row->argument));
        *(const char **)field = value;
        return WEIR_OK;
    case TEXT:
        if (value[0] == '\0')
            return bad_value(p, row, value, row->argument);
        *(const char **)field = value;
        return WEIR_OK;
    case COUNT:
    case BYTES:
        return take_count(p, row, value, field);
    case REAL:
        return take_real(p, row, value, field);
    case PAIRS:
        if (strchr(value, '=') == NULL || value[0] == '=')
            return bad_value(p, row, value, row->argument);
        vec_push(&p->cx->arena, (OptionList *)field, value);
        return WEIR_OK;
    }
    return WEIR_OK;
}

/* ---- refusals ---- */

static weir_status unknown_option(Parse *p, const char *word)
{
    Arena *arena = &p->cx->arena;
    bool is_long = strncmp(word, "--", 2) == 0;
    const char *name = is_long ? word + 2 : word;
    size_t n = strcspn(name, "=");
    Nearest nearest = nearest_to(name, n);
    for (int i = 0; i < N_OPTIONS; i++) {
        const OptionRow *row = &option_rows[i];
        if (!is_long || row->text[0] == '\0')
            continue;
        if (strlen(row->text) == n && memcmp(row->text, name, n) == 0) {
            if (option_is_for(row->verbs, p->verb->text))
                return usage(p, arena_printf(arena, "--%s takes no value", row->text));
            return usage(p, arena_printf(arena, "--%s is no option of '%s' (it is one of: %s)", row->text, p->verb->text, row->verbs));
        }
        if (option_is_for(row->verbs, p->verb->text))
            nearest_offer(&nearest, row->text);
    }
    if (nearest.best == NULL)
        return usage(p, arena_printf(arena, "'%s' has no option '%s'", p->verb->text, word));
    return usage(p, arena_printf(arena, "'%s' has no option '%s'; did you mean '--%s'?", p->verb->text, word, nearest.best));
}

static weir_status count_words(Parse *p)
{
    int n = (int)p->options->n_words;
    Arena *arena = &p->cx->arena;
    if (n < p->verb->least)
        return usage(p, arena_printf(arena, "'%s' needs %s", p->verb->text, p->verb->arguments));
    if (n > p->verb->most)
        return usage(p, arena_printf(arena, "'%s' does not take '%s'", p->verb->text, p->options->words[p->verb->most]));
    return WEIR_OK;
}

/* ---- getopt's tables ---- */

typedef struct Tables {
    struct option longs[N_OPTIONS + 1];
    char shorts[2 * N_OPTIONS + 2];
} Tables;

static void build_tables(const Verb *verb, Tables *out)
{
    size_t n_long = 0, n_short = 0;
    out->shorts[n_short++] = ':'; /* tells a missing value from an unknown option */
    for (int i = 0; i < N_OPTIONS; i++) {
        const OptionRow *row = &option_rows[i];
        if (!option_is_for(row->verbs, verb->text))
            continue;
        int has_value = row->kind == FLAG ? no_argument : required_argument;
        if (row->text[0] != '\0')
            out->longs[n_long++] = (struct option){row->text, has_value, NULL, FIRST_VALUE + i};
        if (row->letter == 0)
            continue;
        out->shorts[n_short++] = row->letter;
        if (row->kind != FLAG)
            out->shorts[n_short++] = ':';
    }
}

static const OptionRow *row_of(int found)
{
    if (found >= FIRST_VALUE)
        return &option_rows[found - FIRST_VALUE];
    for (int i = 0; i < N_OPTIONS; i++)
        if (option_rows[i].letter != 0 && option_rows[i].letter == found)
            return &option_rows[i];
    return NULL;
}

static weir_status take(Parse *p, int found, char **argv)
{
    const OptionRow *row = row_of(found);
    if (row != NULL)
        return take_value(p, row, optarg);
    const char *word = argv[optind - 1];
    if (found == ':') {
        row = row_of(optopt);
        return usage(p, arena_printf(&p->cx->arena, "%s needs a value (%s)", row != NULL ? spelled(p, row) : word,
                                     row != NULL ? row->argument : ""));
    }
    if (optopt != 0 && optopt < FIRST_VALUE)
        word = arena_printf(&p->cx->arena, "-%c", optopt);
    return unknown_option(p, word);
}

weir_status options_parse(weir_context *cx, const Verb *verb, int argc, char **argv, Options *out)
{
    Parse p = {cx, verb, out};
    memset(out, 0, sizeof *out);
    Tables *tables = ARENA_NEW(&cx->arena, Tables);
    build_tables(verb, tables);
    char **words = ARENA_ARRAY(&cx->arena, char *, (size_t)argc + 1);
    for (int i = 0; i < argc; i++)
        words[i] = strcmp(argv[i], "-MF") == 0 ? arena_string(&cx->arena, "--MF", 4) : argv[i];
    weir_status status = WEIR_OK;
    opterr = 0;
    optind = 0; /* glibc: start anew */
    for (int found; (found = getopt_long(argc, words, tables->shorts, tables->longs, NULL)) != -1;) {
        weir_status taken = take(&p, found, words);
        if (taken != WEIR_OK)
            status = taken;
    }
    if (status != WEIR_OK || out->help)
        return status;
    const char **rest = ARENA_ARRAY(&cx->arena, const char *, (size_t)argc + 1);
    for (int i = optind; i < argc; i++)
        rest[out->n_words++] = words[i];
    out->words = rest;
    return count_words(&p);
}

const char *option_pair(const OptionList *pairs, const char *name)
{
    size_t n = strlen(name);
    for (uint32_t i = pairs->n; i-- > 0;)
        if (strncmp(pairs->at[i], name, n) == 0 && pairs->at[i][n] == '=')
            return pairs->at[i] + n + 1;
    return NULL;
}
