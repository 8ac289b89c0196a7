/*
 * tests/conformance/expect.c: outcomes against the checked-in lists.
 *
 * In:   files of lines NAME STATUS REASON (# begins a comment line), NAME as Case.id; without :VARIANT the line is for
 *       every variant of the case.
 * Keep: everything not listed passes (of what the rules leave out: is refused as unsupported); what is listed has that
 *       status, in one variant at least.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/file.h"
#include "tests/conformance/conform.h"

typedef struct Expected {
    const char *name, *status, *place;
    bool used;
} Expected;

typedef struct List {
    Conform *c;
    VEC(Expected) at;
    uint32_t n_wrong;
} List;

static const char *word(weir_context *cx, char **at)
{
    *at += strspn(*at, " \t");
    size_t n = strcspn(*at, " \t\n");
    const char *text = arena_string(&cx->arena, *at, n);
    *at += n;
    return text;
}

static bool of_a_set(const Conform *c, const char *name)
{
    for (uint32_t i = 0; i < c->n_sets; i++) {
        size_t n = strlen(c->sets[i].label);
        if (strncmp(c->sets[i].label, name, n) == 0 && name[n] == '/')
            return true;
    }
    return false;
}

static void read_list(List *list, const char *path)
{
    weir_context *cx = list->c->cx;
    const Source *source;
    if (file_source(cx, path, &source) != WEIR_OK) {
        fprintf(stderr, "conform: cannot read %s\n", path);
        exit(2);
    }
    int number = 0;
    for (const char *line = source->text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        char *at = arena_string(&cx->arena, line, strcspn(line, "\n"));
        Expected one = {.place = arena_printf(&cx->arena, "%s:%d", path, ++number)};
        one.name = word(cx, &at);
        one.status = word(cx, &at);
        if (one.name[0] == '\0' || one.name[0] == '#')
            continue;
        if (word(cx, &at)[0] == '\0') {
            printf("UNEXPECTED %s: NAME STATUS REASON is expected\n", one.place);
            list->n_wrong++;
        } else if (of_a_set(list->c, one.name)) {
            vec_push(&cx->arena, &list->at, one);
        }
    }
}

static Expected *find(List *list, const char *id, size_t n)
{
    for (uint32_t i = 0; i < list->at.n; i++)
        if (strlen(list->at.at[i].name) == n && memcmp(list->at.at[i].name, id, n) == 0)
            return &list->at.at[i];
    return NULL;
}

static void compare_case(List *list, const Case *one)
{
    Expected *expected = find(list, one->id, strlen(one->id));
    if (expected == NULL)
        expected = find(list, one->id, strcspn(one->id, ":"));
    const char *usual = list->c->left_out ? "unsupported" : "pass", *wanted = expected != NULL ? expected->status : usual;
    if (expected != NULL)
        expected->used = true;
    if (strcmp(one->status, wanted) == 0)
        return;
    list->n_wrong++;
    if (expected != NULL)
        printf("UNEXPECTED %s: %s, %s says %s\n", one->id, one->status, expected->place, wanted);
    else
        printf("UNEXPECTED %s: %s: %s\n", one->id, one->status, one->reason);
}

/* A line for a variant that this run does not make has no say. */
static bool in_this_run(const Conform *c, const char *name)
{
    const char *colon = strchr(name, ':');
    for (int v = 0; v < VARIANTS; v++)
        if (c->variants[v] && (colon == NULL || strcmp(colon + 1, variant_name((VariantId)v)) == 0))
            return true;
    return false;
}

uint32_t outcomes_compare(Conform *c)
{
    List list = {.c = c};
    for (uint32_t i = 0; i < c->n_expect; i++)
        read_list(&list, c->expect[i]);
    for (uint32_t i = 0; i < c->cases.n; i++)
        if (c->cases.at[i].excluded == NULL)
            compare_case(&list, &c->cases.at[i]);
    for (uint32_t i = 0; i < list.at.n; i++) {
        if (!list.at.at[i].used && !c->left_out && in_this_run(c, list.at.at[i].name)) {
            printf("UNEXPECTED %s: no such case is run: %s\n", list.at.at[i].place, list.at.at[i].name);
            list.n_wrong++;
        }
    }
    return list.n_wrong;
}
