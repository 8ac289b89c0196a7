/*
 * tests/conformance/counts.c: how many cases of each operator pass, as the table that `weir ops` shows.
 *
 * In:   plain cases with their outcomes; the file of counts: rows PASSES("domain", operator, since, cases, interp, c).
 * Out:  the differences, or with --bless the file again; the column of the target that was not run is kept.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/file.h"
#include "support/text.h"
#include "tests/conformance/conform.h"

typedef struct Row {
    const char *domain, *op;
    long long since;
    int cases, passes[2]; /* interp, c */
} Row;

typedef struct Counts {
    Conform *c;
    VEC(Row) rows;
} Counts;

static Row *row_of(Counts *counts, const char *domain, const char *op, long long since)
{
    for (uint32_t i = 0; i < counts->rows.n; i++) {
        Row *row = &counts->rows.at[i];
        if (strcmp(row->domain, domain) == 0 && strcmp(row->op, op) == 0 && row->since == since)
            return row;
    }
    vec_push(&counts->c->cx->arena, &counts->rows, ((Row){.domain = domain, .op = op, .since = since}));
    return &counts->rows.at[counts->rows.n - 1];
}

static void read_counts(Counts *counts, const Source *source)
{
    for (const char *line = source->text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        char domain[64], op[64];
        Row row;
        int n = sscanf(line, "PASSES(\"%63[^\"]\", %63[^,], %lld, %d, %d, %d)", domain, op, &row.since, &row.cases,
                       &row.passes[0], &row.passes[1]);
        if (n != 6)
            continue;
        Arena *arena = &counts->c->cx->arena;
        Row *to = row_of(counts, arena_string(arena, domain, strlen(domain)), arena_string(arena, op, strlen(op)),
                         row.since);
        to->cases = row.cases;
        memcpy(to->passes, row.passes, sizeof to->passes);
    }
}

static int by_name(const void *a, const void *b)
{
    const Row *x = a, *y = b;
    int order = strcmp(x->domain, y->domain);
    order = order != 0 ? order : strcmp(x->op, y->op);
    return order != 0 ? order : (x->since > y->since) - (x->since < y->since);
}

static void count(Counts *counts, int column)
{
    for (uint32_t i = 0; i < counts->rows.n; i++)
        counts->rows.at[i].cases = counts->rows.at[i].passes[column] = 0;
    for (uint32_t i = 0; i < counts->c->cases.n; i++) {
        const Case *one = &counts->c->cases.at[i];
        if (one->excluded != NULL || one->op == NULL || one->variant != VARIANT_PLAIN)
            continue;
        Row *row = row_of(counts, one->domain[0] == '\0' ? "ai.onnx" : one->domain, one->op, one->since);
        row->cases++;
        row->passes[column] += strcmp(one->status, "pass") == 0;
    }
    qsort(counts->rows.at, counts->rows.n, sizeof *counts->rows.at, by_name);
}

/* What stands before the first row is the file's own. */
static void print_counts(const Counts *counts, const Source *source, Text *out)
{
    const char *first = strstr(source->text, "\nPASSES(\""), *end = strstr(source->text, "\n#undef");
    const char *head = first != NULL ? first : end;
    text_add(out, source->text, head != NULL ? (size_t)(head - source->text) + 1 : source->bytes);
    for (uint32_t i = 0; i < counts->rows.n; i++) {
        const Row *row = &counts->rows.at[i];
        if (row->cases != 0)
            text_printf(out, "PASSES(\"%s\", %s, %lld, %d, %d, %d)\n", row->domain, row->op, row->since, row->cases,
                        row->passes[0], row->passes[1]);
    }
    text_printf(out, "#undef PASSES\n");
}

/* Lines of `now` that `before` lacks. */
static uint32_t print_differences(const char *path, const char *before, const char *now)
{
    uint32_t n = 0;
    for (const char *line = now; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t length = strcspn(line, "\n");
        char text[256];
        snprintf(text, sizeof text, "\n%.*s\n", (int)length, line);
        if (length != 0 && line != now && strstr(before, text) == NULL)
            printf("UNEXPECTED %s: the run gives %.*s\n", path, (int)length, line), n++;
    }
    return n;
}

uint32_t counts_compare(Conform *c)
{
    Counts counts = {.c = c};
    const Source *source;
    Text text;
    if (c->counts == NULL)
        return 0;
    if (file_source(c->cx, c->counts, &source) != WEIR_OK) {
        fprintf(stderr, "conform: cannot read %s\n", c->counts);
        exit(2);
    }
    read_counts(&counts, source);
    count(&counts, strcmp(c->target, "interp") == 0 ? 0 : 1);
    text_init(&text, &c->cx->arena);
    print_counts(&counts, source, &text);
    if (strcmp(text.at, source->text) == 0)
        return 0;
    if (!c->bless) {
        uint32_t n = print_differences(c->counts, source->text, text.at) + print_differences(c->counts, text.at, source->text);
        printf("%s: the target bless-conformance writes it again\n", c->counts);
        return n != 0 ? n : 1;
    }
    return file_write(c->cx, c->counts, text.at, text.n) != WEIR_OK;
}
