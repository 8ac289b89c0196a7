/*
 * tools/main.c: the program weir: finds the verb.
 */
#include <stdio.h>
#include <string.h>

#include "support/nearest.h"
#include "tools/options.h"

const Verb verbs[] = {
#define VERB(id, text, arguments, least, most, example, doc)                                       \
    {text, arguments, least, most, verb_##id, example, doc},
#include "tools/verbs.def"
#undef VERB
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

static const Verb *find_verb(const char *text)
{
    for (const Verb *verb = verbs; verb->text != NULL; verb++)
        if (strcmp(verb->text, text) == 0)
            return verb;
    return NULL;
}

static int unknown_verb(const char *text)
{
    Nearest nearest = nearest_to(text, strlen(text));
    for (const Verb *verb = verbs; verb->text != NULL; verb++)
        nearest_offer(&nearest, verb->text);
    fprintf(stderr, "weir: no verb '%s'", text);
    if (nearest.best != NULL)
        fprintf(stderr, "; did you mean '%s'?", nearest.best);
    fputs("\nnote: weir --help lists the verbs\n", stderr);
    return status_exit_code(WEIR_USAGE);
}

static int finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fputs("weir: cannot write to the standard output\n", stderr);
    return code != 0 ? code : status_exit_code(WEIR_MALFORMED);
}

int main(int argc, char **argv)
{
    const char *first = argc > 1 ? argv[1] : NULL;
    if (first == NULL) {
        help_program(stderr);
        return status_exit_code(WEIR_USAGE);
    }
    if (strcmp(first, "--version") == 0) {
        printf("weir %s\n", WEIR_VERSION);
        return finish(0);
    }
    bool asks = strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || strcmp(first, "help") == 0;
    if (asks && argc == 2) {
        help_program(stdout);
        return finish(0);
    }
    const char *text = asks ? argv[2] : first;
    const Verb *verb = find_verb(text);
    if (verb == NULL)
        return unknown_verb(text);
    if (asks) {
        help_verb(verb, stdout);
        return finish(0);
    }
    return finish(run_verb(verb, argc - 1, argv + 1));
}
