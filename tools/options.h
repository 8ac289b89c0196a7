/*
 * tools/options.h: the command line as values: one row of options.def is one field, one row of verbs.def one verb.
 *
 * In:   argv. Out: Options. Keep: after options_parse every value is within what its row allows.
 */
#ifndef WEIR_TOOLS_OPTIONS_H
#define WEIR_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "support/context.h"

typedef struct OptionCount {
    uint64_t value;
    bool given;
} OptionCount;

typedef struct OptionReal {
    double value;
    bool given;
} OptionReal;

/* Texts in the order given. */
typedef VEC(const char *) OptionList;

typedef bool OptionFLAG;
typedef const char *OptionTEXT; /* NULL: not given */
typedef const char *OptionCHOICE;
typedef OptionCount OptionCOUNT;
typedef OptionCount OptionBYTES;
typedef OptionReal OptionREAL;
typedef OptionList OptionPAIRS;

typedef struct Options {
#define OPTION(id, letter, text, kind, argument, verbs, doc) Option##kind id;
#include "tools/options.def"
#undef OPTION
    const char *const *words; /* the arguments that are no options */
    uint32_t n_words;
} Options;

enum { MANY = 1 << 30 };

typedef weir_status VerbBody(weir_context *cx, const Options *options);

typedef struct Verb {
    const char *text, *arguments;
    int least, most;
    VerbBody *body;
    const char *example, *doc;
} Verb;

#define VERB(id, text, arguments, least, most, example, doc) VerbBody verb_##id;
#include "tools/verbs.def"
#undef VERB

/* All verbs, ended by one without text. */
extern const Verb verbs[];

/* argv[0] is the verb's name. What is wrong becomes E_USAGE diagnostics. Arrays of `out` live in cx. */
MUST_USE weir_status options_parse(weir_context *cx, const Verb *verb, int argc, char **argv, Options *out);

void help_program(FILE *out);
void help_verb(const Verb *verb, FILE *out);

/* Whether a row's verbs column names the verb. */
bool option_is_for(const char *option_verbs, const char *verb);

/* Makes a context with the limits asked for, parses, runs the verb, prints the diagnostics. The exit code. */
int run_verb(const Verb *verb, int argc, char **argv);

/* The value of NAME=VALUE under `name`, the last if there are several; NULL if there is none. */
const char *option_pair(const OptionList *pairs, const char *name);

#endif
