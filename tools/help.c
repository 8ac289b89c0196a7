/*
 * tools/help.c: --help from the rows of verbs.def and options.def.
 */
#include <string.h>

#include "tools/options.h"

typedef struct OptionDoc {
    char letter;
    const char *text, *argument, *verbs, *doc;
} OptionDoc;

static const OptionDoc option_docs[] = {
#define OPTION(id, letter, text, kind, argument, verbs, doc) {letter, text, argument, verbs, doc},
#include "tools/options.def"
#undef OPTION
};
enum { N_OPTIONS = sizeof option_docs / sizeof *option_docs, LEFT_COLUMNS = 30 };

void help_program(FILE *out)
{
    fputs("usage: weir VERB [options] ..\n\ncompiles model graphs to host code, an RDU and PIM, and proves the result\n\nverbs:\n", out);
    for (const Verb *verb = verbs; verb->text != NULL; verb++)
        fprintf(out, "  %-10s %s\n", verb->text, verb->doc);
    fputs("\nweir VERB --help shows a verb's options; weir --version the version\n"
          "exit code: 0 success, 1 unreadable file, 2 usage, 3 unsupported, 4 invalid model or trap,\n"
          "           5 results differ, 6 a limit, 70 a bug in weir\n",
          out);
}

static void print_option(const OptionDoc *option, FILE *out)
{
    char left[96];
    bool has_text = option->text[0] != '\0', has_argument = option->argument[0] != '\0';
    int n = option->letter != 0 ? snprintf(left, sizeof left, "-%c%s", option->letter, has_text ? ", " : "")
                                : snprintf(left, sizeof left, "    ");
    size_t used = (size_t)n;
    if (has_text)
        snprintf(left + used, sizeof left - used, "--%s%s%s", option->text, has_argument ? "=" : "", option->argument);
    else
        snprintf(left + used, sizeof left - used, " %s", option->argument);
    if (strlen(left) > LEFT_COLUMNS)
        fprintf(out, "  %s\n  %*s %s\n", left, LEFT_COLUMNS, "", option->doc);
    else
        fprintf(out, "  %-*s %s\n", LEFT_COLUMNS, left, option->doc);
}

void help_verb(const Verb *verb, FILE *out)
{
    fprintf(out, "usage: weir %s [options] %s\n\n%s\n\noptions:\n", verb->text, verb->arguments, verb->doc);
    for (int own = 1; own >= 0; own--) /* the verb's own first, then what all have */
        for (int i = 0; i < N_OPTIONS; i++)
            if (option_is_for(option_docs[i].verbs, verb->text) && (option_docs[i].verbs[0] != '*') == (own != 0))
                print_option(&option_docs[i], out);
    fprintf(out, "\nexample: %s\n", verb->example);
}
