/*
 * tests/harness/tables.c: the tables of the manual that no verb of weir prints, from the .def files.
 *
 * In:   tables verbs|options|exits|functions|reductions|hostops|passes, or one of tables_pim.c. Out: a Markdown table.
 * Keep: nothing is written here that a row could say.
 */
#include "tests/harness/tables.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct Table {
    const char *name;
    void (*print)(void);
} Table;

/* Text in a cell: a bar would end it. */
static void cell(const char *text)
{
    for (; *text != 0; text++)
        if (*text == '|')
            fputs("\\|", stdout);
        else
            putchar(*text);
}

/* ---- the command line ---- */

static void print_verb(const char *text, const char *arguments, const char *example, const char *doc)
{
    printf("| `weir %s%s%s` | ", text, arguments[0] != 0 ? " " : "", arguments);
    cell(doc);
    printf(" | `%s` |\n", example);
}

static void print_verbs(void)
{
    puts("| verb | | example |\n|---|---|---|");
#define VERB(id, text, arguments, least, most, example, doc) print_verb(text, arguments, example, doc);
#include "tools/verbs.def"
#undef VERB
}

static bool is_verb(const char *word, size_t n)
{
    static const char *const names[] = {
#define VERB(id, text, arguments, least, most, example, doc) text,
#include "tools/verbs.def"
#undef VERB
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == n && strncmp(names[i], word, n) == 0)
            return true;
    return false;
}

/* A row that no verb there is takes prints nothing. */
static void print_option(char letter, const char *text, const char *argument, const char *verbs_of, const char *doc)
{
    char list[256] = "";
    for (const char *at = verbs_of; *at != 0; at += strspn(at, " ")) {
        size_t n = strcspn(at, " "), used = strlen(list);
        if (*at == '*' || is_verb(at, n))
            snprintf(list + used, sizeof list - used, "%s%.*s", used != 0 ? " " : "", *at == '*' ? 3 : (int)n, *at == '*' ? "all" : at);
        at += n;
    }
    if (list[0] == 0)
        return;
    printf("| `");
    if (letter != 0)
        printf("-%c%s", letter, text[0] != 0 ? "`, `" : argument[0] != 0 ? " " : "");
    if (text[0] != 0)
        printf("--%s%s", text, argument[0] != 0 ? "=" : "");
    cell(argument);
    printf("` | %s | ", list);
    cell(doc);
    puts(" |");
}

static void print_options(void)
{
    puts("| option | verbs | |\n|---|---|---|");
#define OPTION(id, letter, text, kind, argument, verbs_of, doc) print_option(letter, text, argument, verbs_of, doc);
#include "tools/options.def"
#undef OPTION
}

static void print_exits(void)
{
    puts("| exit code | |\n|---|---|");
#define STATUS(id, code, text) printf("| %d | %s |\n", code, text);
#include "support/status.def"
#undef STATUS
}

/* ---- the cascade language ---- */

/* The stated error of a function in f32; 0: none stated, the value is exact or rounded once. */
static double ulp_of(const char *id)
{
#define ELEMENTARY(function, inputs, ulp, text)                                                    \
    if (strcmp(id, #function) == 0)                                                                \
        return ulp;
#include "ir/elementary.def"
#undef ELEMENTARY
    return 0;
}

static void print_function(const char *id, const char *text, int arity, int precedence, const char *rule, const char *doc)
{
    static const char *const arguments[] = {"", "x", "x, y", "x, y, z", "x, y, z, w"};
    if (precedence == 0)
        printf("| `%s(%s)` | ", text, arguments[arity]);
    else
        printf("| `%s%s%s` | ", arity == 1 ? "" : "x ", text, arity == 1 ? " x" : " y");
    for (const char *at = rule; *at != 0; at++)
        putchar(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
    if (ulp_of(id) > 0)
        printf(" | %g", ulp_of(id));
    else
        printf(" | ");
    printf(" | ");
    cell(doc);
    puts(" |");
}

static void print_functions(void)
{
    puts("| function | types | ulp | |\n|---|---|---|---|");
#define FN(id, text, arity, precedence, rule, doc) print_function(#id, text, arity, precedence, #rule, doc);
#include "ir/functions.def"
#undef FN
}

static void print_reductions(void)
{
    puts("| reduction | order matters | |\n|---|---|---|");
#define RED(id, text, combine, start, ordered, arg, doc) printf("| `%s` | %s | %s |\n", text, (ordered) != 0 ? "yes" : "no", doc);
#include "ir/reductions.def"
#undef RED
}

static void print_hostops(void)
{
    puts("| operation | results | |\n|---|---|---|");
#define HOSTOP(id, text, results, inputs, floats, form, doc, ...) printf("| `%s` | %d | %s |\n", text, results, doc);
#include "ir/hostops.def"
#undef HOSTOP
}

/* ---- passes ---- */

static void print_passes(void)
{
    puts("| pass | |\n|---|---|");
#define PASS(id, name, run, doc) printf("| `%s` | %s |\n", name, doc);
#include "passes/passes.def"
#undef PASS
}

static const Table tables[] = {
    {"verbs", print_verbs},           {"options", print_options}, {"exits", print_exits},   {"functions", print_functions},
    {"reductions", print_reductions}, {"hostops", print_hostops}, {"passes", print_passes},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof tables / sizeof *tables; i++) {
        if (strcmp(tables[i].name, argv[1]) == 0) {
            tables[i].print();
            return fflush(stdout) == 0 ? 0 : 1;
        }
    }
    if (argc > 1 && print_pim_table(argv[1], argc > 2 ? argv[2] : ""))
        return fflush(stdout) == 0 ? 0 : 1;
    fputs("usage: tables NAME, one of:", stderr);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        fprintf(stderr, " %s", tables[i].name);
    fputs("\n", stderr);
    return 2;
}
