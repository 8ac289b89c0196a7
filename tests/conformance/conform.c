/*
 * tests/conformance/conform.c: runs operator cases in ONNX backend-test form and compares with what is expected of them.
 *
 * In:   conform [options] LABEL=FOLDER..: folders of cases. tests/README.md describes the options.
 *       FOLDER env:VARIABLE: what the variable names.
 * Out:  what is unexpected, a tally, `conform: N cases run, M unexpected`; exit 1 if something is unexpected, 77 (skipped)
 *       if no folder is there.
 */
#include "tests/conformance/conform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <spawn.h>
#include <unistd.h>

extern char **environ;

enum { SKIPPED = 77 };

static _Noreturn void usage(const char *what)
{
    fprintf(stderr, "conform: %s\nusage: conform --weir=PROGRAM [--target=T] [--bit-exact] [--variants=A,B] [--expect=FILE].. "
                    "[--counts=FILE] [--bless] [--left-out] [--jobs=N] [--batch=N] [--seconds=S] LABEL=FOLDER..\n", what);
    exit(2);
}

static const char *value_of(const char *argument, const char *option)
{
    size_t n = strlen(option);
    return strncmp(argument, option, n) == 0 ? argument + n : NULL;
}

static void choose_variants(Conform *c, const char *list)
{
    memset(c->variants, 0, sizeof c->variants);
    while (*list != '\0') {
        size_t n = strcspn(list, ",");
        int v = 0;
        while (v < VARIANTS &&
               (strlen(variant_name((VariantId)v)) != n || memcmp(variant_name((VariantId)v), list, n) != 0))
            v++;
        if (v == VARIANTS)
            usage("no such variant");
        c->variants[v] = true;
        list += n + (list[n] == ',');
    }
}

static void add_set(Conform *c, char *argument)
{
    char *equals = strchr(argument, '=');
    struct stat info;
    if (equals == NULL || c->n_sets == MOST_WORDS)
        usage("LABEL=FOLDER is expected");
    *equals = '\0';
    const char *folder = equals + 1, *variable = value_of(folder, "env:");
    if (variable != NULL)
        folder = getenv(variable);
    if (folder == NULL || stat(folder, &info) != 0 || !S_ISDIR(info.st_mode))
        printf("conform: skipped: %s: no folder %s\n", argument, folder != NULL ? folder : equals + 1);
    else
        c->sets[c->n_sets++] = (Set){argument, folder};
}

static void read_arguments(Conform *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value;
        if ((value = value_of(argv[i], "--weir=")) != NULL)
            c->weir = value;
        else if ((value = value_of(argv[i], "--target=")) != NULL)
            c->target = value;
        else if ((value = value_of(argv[i], "--counts=")) != NULL)
            c->counts = value;
        else if ((value = value_of(argv[i], "--jobs=")) != NULL)
            c->jobs = (uint32_t)strtoul(value, NULL, 10);
        else if ((value = value_of(argv[i], "--batch=")) != NULL)
            c->batch = (uint32_t)strtoul(value, NULL, 10);
        else if ((value = value_of(argv[i], "--seconds=")) != NULL)
            c->seconds = strtod(value, NULL);
        else if ((value = value_of(argv[i], "--variants=")) != NULL)
            choose_variants(c, value);
        else if ((value = value_of(argv[i], "--expect=")) != NULL && c->n_expect < MOST_WORDS)
            c->expect[c->n_expect++] = value;
        else if (strcmp(argv[i], "--bit-exact") == 0)
            c->bit_exact = true;
        else if (strcmp(argv[i], "--left-out") == 0)
            c->left_out = true;
        else if (strcmp(argv[i], "--bless") == 0)
            c->bless = true;
        else if (argv[i][0] == '-')
            usage(argv[i]);
        else
            add_set(c, argv[i]);
    }
    if (c->weir == NULL || c->jobs < 1 || c->batch < 1 || c->seconds <= 0)
        usage("--weir, and numbers above 0");
}

/* Left out and passed, a line a set and variant. */
static void print_tally(const Conform *c)
{
    for (uint32_t s = 0; s < c->n_sets; s++) {
        uint32_t out = 0;
        for (uint32_t i = 0; i < c->cases.n; i++)
            out += c->cases.at[i].set == &c->sets[s] && c->cases.at[i].excluded != NULL;
        for (int v = 0; v < VARIANTS; v++) {
            uint32_t n = 0, passed = 0;
            for (uint32_t i = 0; i < c->cases.n; i++) {
                const Case *one = &c->cases.at[i];
                if (one->set != &c->sets[s] || one->variant != (VariantId)v || one->excluded != NULL)
                    continue;
                n++;
                passed += strcmp(one->status, "pass") == 0;
            }
            if (n != 0)
                printf("%s, %s, %s: %u of %u pass, %u left out\n", c->sets[s].label, variant_name((VariantId)v), c->target,
                       passed, n, out);
        }
    }
}

static void remove_tree(const char *path)
{
    char rm[] = "rm", rf[] = "-rf", *folder = strdup(path), *words[] = {rm, rf, folder, NULL};
    pid_t child;
    int status;
    if (posix_spawnp(&child, "rm", NULL, NULL, words, environ) == 0)
        waitpid(child, &status, 0);
    free(folder);
}

int main(int argc, char **argv)
{
    char scratch[] = "/tmp/weir-conform-XXXXXX";
    Conform c = {.cx = weir_context_new(), .target = "interp", .jobs = 2, .batch = 64, .seconds = 30};
    c.variants[VARIANT_PLAIN] = true;
    read_arguments(&c, argc, argv);
    if (c.n_sets == 0)
        return c.bless ? 0 : SKIPPED;
    if (c.cx == NULL || mkdtemp(scratch) == NULL)
        return 2;
    c.scratch = scratch;
    for (uint32_t i = 0; i < c.n_sets; i++)
        cases_collect(&c, &c.sets[i]);
    for (uint32_t i = 0; i < c.cases.n && c.left_out; i++)
        c.cases.at[i].excluded = c.cases.at[i].excluded != NULL ? NULL : "the other ones";
    cases_run(&c);
    remove_tree(scratch);
    uint32_t n_run = 0;
    for (uint32_t i = 0; i < c.cases.n; i++)
        n_run += c.cases.at[i].excluded == NULL;
    uint32_t wrong = outcomes_compare(&c) + counts_compare(&c);
    print_tally(&c);
    printf("conform: %u cases run, %u unexpected\n", n_run, wrong);
    weir_context_free(c.cx);
    return !c.bless && (wrong != 0 || n_run == 0);
}
